"""Cursors: what was signed comes back, and nothing else is taken."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.errors import ToolError
from mcp_server.cursors import Cursors

ALPHABET = string.ascii_letters + string.digits + "-_"


@given(st.text(), st.integers(0, 2**32 - 1))
def test_a_signed_offset_comes_back(question: str, offset: int) -> None:
    cursors = Cursors()
    assert cursors.read(question, cursors.sign(question, offset)) == offset


def test_without_a_cursor_the_list_starts_at_its_beginning() -> None:
    assert Cursors().read("anything", None) == 0


@given(st.integers(0, 39), st.sampled_from(ALPHABET))
def test_no_character_of_a_cursor_can_be_changed(place: int, character: str) -> None:
    cursors = Cursors()
    cursor = cursors.sign("search curie", 8)
    forged = cursor[:place] + character + cursor[place + 1 :]
    if forged == cursor:
        return
    with pytest.raises(ToolError, match="not one that this server gave"):
        cursors.read("search curie", forged)


@given(st.text() | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_what_was_never_signed_is_refused(forged: str) -> None:
    with pytest.raises(ToolError, match="not one that this server gave"):
        Cursors().read("search curie", forged)


def test_a_cursor_of_another_question_is_refused_and_says_so() -> None:
    cursors = Cursors()
    with pytest.raises(ToolError, match="belongs to another question"):
        cursors.read("search radium", cursors.sign("search curie", 8))


def test_servers_that_share_a_key_read_each_others_cursors_and_no_others_do() -> None:
    one, other = Cursors(b"k" * 32), Cursors(b"k" * 32)
    cursor = one.sign("search", 5)
    assert other.read("search", cursor) == 5
    with pytest.raises(ToolError):
        Cursors().read("search", cursor)
