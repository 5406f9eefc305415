"""Names in Cypher: whatever comes in, one quoted name comes out, or an error."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.errors import StoreError
from kag.knowledge_bases._identifiers import LONGEST, identifier

hostile = st.text(st.sampled_from(list("`\\u0060'\"\n\0/*-{}()[]:;aZ é\u2028\ud800")), max_size=12)


@given(st.text(max_size=40) | hostile)
def test_any_text_becomes_exactly_one_quoted_name_or_is_refused(name: str) -> None:
    try:
        quoted = identifier(name, "label")
    except StoreError as error:
        assert "cannot be the name of a label" in str(error)
        return
    assert re.fullmatch(r"`(?:[^`]|``)+`", quoted)
    assert quoted[1:-1].replace("``", "`") == name
    assert "\\u" not in quoted.lower()


@given(
    st.text(
        st.characters(categories=["L", "N", "P", "S"], exclude_characters="\\"), min_size=1, max_size=LONGEST
    )
)
def test_printable_names_in_any_script_are_kept_to_the_letter(name: str) -> None:
    assert identifier(name, "property")[1:-1].replace("``", "`") == name


def test_a_backtick_cannot_end_the_name() -> None:
    assert identifier("x`) DETACH DELETE (n) //", "label") == "`x``) DETACH DELETE (n) //`"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("", "is blank"),
        (" \t ", "is blank"),
        ("a" * (LONGEST + 1), "has 1001 characters"),
        ("x\\u0060y", "unicode escape"),
        ("x\\U00000060y", "unicode escape"),
        ("x\\\\uu0060", "unicode escape"),
        ("nul\0", "U+0000"),
        ("line\nbreak", "U+000A"),
        ("\x7f", "U+007F"),
        ("\x85", "is blank"),
        ("a\u2028b", "U+2028"),
        ("\ud800", "U+D800"),
    ],
)
def test_a_name_that_cannot_be_safe_is_refused_with_the_reason(name: str, problem: str) -> None:
    with pytest.raises(StoreError, match=re.escape(problem)):
        identifier(name, "relation type")


def test_the_error_does_not_repeat_a_long_name() -> None:
    with pytest.raises(StoreError) as caught:
        identifier("secret" * 1000, "property")
    assert len(str(caught.value)) < 300
