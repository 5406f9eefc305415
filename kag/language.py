"""In which language a text is written: by its script, and among scripts that languages share by common words.

Made for one decision: whether an embedding model that knows some languages only will do for a text. It is
cheap (a sample of the text, no model) and says "" rather than guess.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

_SAMPLE = 4000  # characters that are looked at, from the middle of a text
_LEAST_WORDS = 3  # common words of a language that must be met
_LEAST_SHARE = 0.04  # of all words
_AHEAD = 1.1  # so many times the common words of the next language

# Scripts that one language has nearly to itself, by the first word of their characters' Unicode names.
_OWN_SCRIPT = {
    "HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "THAI": "th", "LAO": "lo", "KHMER": "km",
    "MYANMAR": "my", "HEBREW": "he", "GREEK": "el", "ARMENIAN": "hy", "GEORGIAN": "ka", "TAMIL": "ta",
    "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa", "BENGALI": "bn",
    "SINHALA": "si", "ETHIOPIC": "am", "TIBETAN": "bo",
}  # fmt: skip
_SHARED_SCRIPT = {"CJK": "zh", "CYRILLIC": "ru", "ARABIC": "ar", "DEVANAGARI": "hi"}
# Letters that tell languages of one script apart, the first that is met; else its commonest language.
_LETTERS = (
    ("CYRILLIC", "uk", "їєґ"), ("CYRILLIC", "be", "ў"), ("CYRILLIC", "sr", "ђћџљњ"),
    ("CYRILLIC", "kk", "қғұәө"),
    ("ARABIC", "ur", "ٹڈڑے"), ("ARABIC", "fa", "پچژگ"),
)  # fmt: skip
_COMMON = {
    "en": "the of and to in is that was for with as on are by his from at an which be this it were has not",
    "de": "der die und das den von zu mit ist des sich auf für nicht ein eine dem im werden auch wurde als",
    "fr": "le la les des et est une du dans que qui pour par sur pas au plus avec sont ne ce aux il elle ou",
    "es": "el la de los que y las del en una por con para es se su como más al fue lo esta pero entre",
    "it": "il di che la e per una del della con non sono si da gli dei nel come anche alla più le è i",
    "pt": "de que o e do da em um para os com não uma dos no na por mais as foi ao como se à são",
    "nl": "de het een van en in is dat op te zijn met voor niet aan er door werd ook bij naar uit om",
    "sv": "och att det som en på är av för med den till inte har ett om de var vid från eller",
    "da": "og at det som en på er af for med den til ikke har et om de var ved fra eller blev",
    "nb": "og at det som en på er av for med den til ikke har et om de var ved fra eller ble",
    "fi": "ja on ei se oli että hän mutta joka myös kuin olla sen ovat tai vuonna jonka sekä",
    "pl": "i w na z się do że jest nie to jak o po od przez oraz był dla jego są",
    "cs": "a v na se že je s z do o to jako ale byl za od po pro které jsou",
    "ro": "și în de a la cu pe din că nu este pentru care mai un o au fost sau prin",
    "hu": "a az és hogy nem is egy volt meg ez mint csak már de még vagy el által",
    "tr": "ve bir bu da de için ile olarak olan daha çok en gibi ancak sonra kadar ise",
    "id": "yang dan di dari dengan untuk pada adalah ini dalam tidak itu oleh sebagai akan ke juga",
    "vi": "và của là có trong được cho một các những với không người đã này khi từ như",
}  # fmt: skip
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_MULTILINGUAL = (
    "multilingual", "bge-m3", "text-embedding-3", "gte-qwen", "qwen3-embedding", "embeddinggemma",
    "nomic-embed-text-v2", "jina-embeddings-v3", "gemini-embedding",
)  # fmt: skip
_ENGLISH = re.compile(
    r"minilm|wordllama|[-_]en\b|mxbai-embed-large-v1|nomic-embed-text|e5-(?:small|base|large)"
)
_LETTER_RUN = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """Tells the language that most of a text is in, as a code such as `en` or `ja`; "" where it is not clear.

    Example:
        >>> language_of("The cat sat on the mat and it was not happy with the dog.")
        'en'
    """
    middle = max(0, len(text) - _SAMPLE) // 2
    words = _LETTER_RUN.findall(text[middle : middle + _SAMPLE].lower())
    scripts = Counter[str]()
    for word in words:
        if word.isascii():
            scripts["LATIN"] += len(word)
        else:  # scripts are mixed within a word where words are not set apart
            scripts.update(map(_script, word))
    if not scripts:
        return ""
    script = scripts.most_common(1)[0][0]
    if script == "CJK" and scripts["HIRAGANA"] + scripts["KATAKANA"] > 0.05 * sum(scripts.values()):
        return "ja"
    if script in _OWN_SCRIPT:
        return _OWN_SCRIPT[script]
    return _by_words(words) if script == "LATIN" else _by_letters(script, "".join(words))


def covers(model: str, language: str) -> bool | None:
    """Whether an embedding model was made for a language; None where its name does not tell.

    Args:
        model: Full name, such as `fastembed/sentence-transformers/all-MiniLM-L6-v2`.
        language: As `language_of` gives it.

    Example:
        >>> covers("fastembed/BAAI/bge-small-en-v1.5", "ja")
        False
    """
    if language in ("", "en"):
        return True
    name = model.lower()
    if any(mark in name for mark in _MULTILINGUAL):
        return True
    return False if _ENGLISH.search(name) else None


def _script(character: str) -> str:
    return "LATIN" if character.isascii() else unicodedata.name(character, "").partition(" ")[0]


def _by_letters(script: str, letters: str) -> str:
    for of, language, marks in _LETTERS:
        if of == script and any(mark in letters for mark in marks):
            return language
    return _SHARED_SCRIPT.get(script, "")


def _by_words(words: list[str]) -> str:
    met = Counter({language: sum(word in common for word in words) for language, common in _WORDS.items()})
    (best, n), (_, second) = met.most_common(2)
    return best if n >= max(_LEAST_WORDS, _LEAST_SHARE * len(words)) and n >= _AHEAD * second else ""
