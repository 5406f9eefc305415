"""The language of a text, and whether an embedding model was made for it."""

from __future__ import annotations

import pytest

from kag.language import covers, language_of

TEXTS = {
    "en": (
        "Ada Lovelace was an English mathematician and writer, known for her work on the engine of Babbage."
    ),
    "de": (
        "Sie war eine britische Mathematikerin, die als eine der ersten nicht nur mit den Zahlen arbeitete."
    ),
    "fr": (
        "Elle est une pionnière de la science et elle est connue pour le premier programme dans les années."
    ),
    "es": (
        "Fue una matemática y escritora británica, célebre por su trabajo con la máquina de los años treinta."
    ),
    "it": (
        "È stata una matematica inglese, nota per il suo lavoro "
        "alla macchina e per una serie di note che sono."
    ),
    "pt": (
        "Foi uma matemática e escritora inglesa, não só "
        "reconhecida por ter escrito um algoritmo para o motor."
    ),
    "nl": (
        "Zij was een Britse wiskundige en schrijfster die bekend werd door het werk aan de machine van hem."
    ),
    "sv": (
        "Hon var en brittisk matematiker som skrev det första programmet "
        "och är känd för att inte ha fått ett ord."
    ),
    "ru": "Она была английским математиком.",
    "uk": "Вона була англійською математикинею, і її праця відома.",
    "ja": "エイダはイギリスの貴族で数学者である。",
    "zh": "她是英国数学家和作家。",
    "ko": "그녀는 영국의 수학자이다.",
    "th": "เธอเป็นนักคณิตศาสตร์ชาวอังกฤษ",
    "ar": "كانت عالمة رياضيات بريطانية",
    "fa": "او ریاضی‌دان و پژوهشگر انگلیسی بود",
    "hi": "वह एक गणितज्ञ थीं",
    "el": "Ήταν Αγγλίδα μαθηματικός",
    "he": "היא הייתה מתמטיקאית",
}


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_the_language_of_a_sentence_is_told(language: str) -> None:
    assert language_of(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "1234 5678", "Xq zkl brrt", "!!!", "x = y + z", "\ud800", "👩🏽‍🚀"])
def test_what_is_no_language_is_not_guessed(text: str) -> None:
    assert language_of(text) == ""


def test_the_language_is_that_of_most_of_the_text() -> None:
    assert language_of(TEXTS["en"] * 20 + TEXTS["ja"]) == "en"
    assert language_of(TEXTS["ja"] * 20 + " Ada Lovelace ") == "ja"


@pytest.mark.parametrize(
    ("model", "language", "wanted"),
    [
        ("fastembed/sentence-transformers/all-MiniLM-L6-v2", "en", True),
        ("fastembed/sentence-transformers/all-MiniLM-L6-v2", "ja", False),
        ("fastembed/sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "ja", True),
        ("fastembed/BAAI/bge-small-en-v1.5", "de", False),
        ("wordllama/l2_supercat", "fr", False),
        ("openai/text-embedding-3-small", "th", True),
        ("some/model", "th", None),
        ("some/model", "", True),
    ],
)
def test_a_model_covers_the_languages_it_was_made_for(model: str, language: str, wanted: bool | None) -> None:
    assert covers(model, language) is wanted
