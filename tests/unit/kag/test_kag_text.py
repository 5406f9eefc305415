"""Sentences, words and quotations in plain text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.text import find_quote, fold, sentences, words


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith came at 3.5 p.m. He left.", ["Dr. Smith came at 3.5 p.m.", "He left."]),
        ("J. R. R. Tolkien wrote it. See Fig. 3.", ["J. R. R. Tolkien wrote it.", "See Fig. 3."]),
        ("The U.S. Army won. Acme Inc. The end.", ["The U.S. Army won.", "Acme Inc.", "The end."]),
        ('"Really?" he asked. "Yes." She left.', ['"Really?" he asked.', '"Yes."', "She left."]),
        ("# Heading\nText goes on\nhere.", ["# Heading", "Text goes on\nhere."]),
        ("- one\n- two is\n  long\n1. three", ["- one", "- two is\n  long", "1. three"]),
        ("First paragraph\n\nSecond", ["First paragraph", "Second"]),
        ("これは文です。これも文です。", ["これは文です。", "これも文です。"]),
        ("| a | b |\n| c | d |", ["| a | b |", "| c | d |"]),
        ("Ed Wood (film)\nEd Wood is a film.", ["Ed Wood (film)", "Ed Wood is a film."]),
        ("", []),
        (" \n\t ", []),
    ],
)
def test_text_is_split_where_sentences_end(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text(max_size=200))
def test_sentences_cover_all_but_white_space_in_order(text: str) -> None:
    place = 0
    for start, end in sentences(text):
        assert place <= start < end
        assert not text[place:start].strip()
        place = end
    assert not text[place:].strip()


def test_folding_takes_case_and_accents_away() -> None:
    assert fold("Médiaș STRASSE") == fold("mediaş straße")
    assert words("The cat's O'Brien, 3.5 – Zürich") == ["the", "cat", "obrien", "3", "5", "zurich"]


PASSAGE = (
    "Marie Curie was born in Warsaw,\nin what was then the “Kingdom of Poland”. "
    "She shared the 1903 Nobel Prize in Physics with her husband Pierre."
)


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("was born in Warsaw", "was born in Warsaw"),
        ("WAS BORN in warsaw, in what", "was born in Warsaw,\nin what"),
        ('"Kingdom of Poland".', "Kingdom of Poland"),
        ("**Marie Curie** was born", "Marie Curie was born"),
        (
            "Curie was born ... Kingdom of Poland",
            "Curie was born in Warsaw,\nin what was then the “Kingdom of Poland",
        ),
        ("She shared the Nobel Prize in Physics with husband Pierre", PASSAGE[PASSAGE.index("She") : -1]),
    ],
)
def test_a_quote_is_found_exactly_or_nearly(quote: str, found: str) -> None:
    span = find_quote(PASSAGE, quote)
    assert span is not None
    assert PASSAGE[slice(*span)] == found


@pytest.mark.parametrize(
    "quote",
    [
        "",
        "...",
        "arie",
        "born in Berlin",
        "Marie Curie was born in Berlin, in what was then the Kingdom of Poland",
        "She shared the 1911 Nobel Prize in Physics with her husband Pierre",
        "an entirely different sentence about something else",
    ],
)
def test_what_does_not_stand_in_the_text_is_not_found(quote: str) -> None:
    assert find_quote(PASSAGE, quote) is None


@given(st.text(max_size=300), st.text(max_size=80))
def test_a_found_quote_is_always_a_span_of_the_text(text: str, quote: str) -> None:
    span = find_quote(text, quote)
    assert span is None or 0 <= span[0] < span[1] <= len(text)


@given(
    st.text(max_size=100),
    st.text(max_size=100),
    st.lists(st.sampled_from(["alpha", "Beta", "7"]), min_size=1),
)
def test_words_of_the_text_are_found_again(before: str, after: str, inner: list[str]) -> None:
    quote = " ".join(inner)
    text = f"{before} {quote} {after}"
    span = find_quote(text, quote)
    assert span is not None
    assert text[slice(*span)] == quote
