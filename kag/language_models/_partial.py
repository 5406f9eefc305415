"""Reads JSON that is not complete yet: the value that a prefix of JSON text already determines.

Used to show a structured answer while it grows, and to close an answer whose model stopped before the last
bracket.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

# Whole characters of a string, with what an escape or a pair of them stands for.
_WHOLE = re.compile(
    r"(?:[^\\]|\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[0-9a-fA-F]{4}|\\u(?![dD][89abAB])[0-9a-fA-F]{4})*"
)
_CLOSING = {"{": "}", "[": "]"}


class PartialJson:
    """Text of a JSON object or array that arrives in pieces.

    Example:
        >>> partial = PartialJson()
        >>> partial.feed('Here it is: {"answer": "Par')
        >>> partial.value()
        {'answer': 'Par'}
    """

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []  # the text from the first bracket on
        self._brackets: list[str] = []  # those that are open, as what closes them
        self._state = ""  # what the text ends in: "string", "escape", "word", or nothing of these
        self._expects_key = False
        self._member = (
            -1
        )  # where the last member of the current object begins, until its value is known to stand
        self._string = -1  # where the last string begins
        self._word = -1  # where the last number, true, false or null begins
        self.complete = False

    def feed(self, piece: str) -> None:
        """Adds text; what stands before the first bracket or after the last is passed over."""
        if not self.length:
            begin = min((at for at in (piece.find("{"), piece.find("[")) if at >= 0), default=-1)
            piece = piece[begin:] if begin >= 0 else ""
        before = self.length
        for character in piece:
            if self.complete:
                break
            self.length += 1
            self._step(character)
        self._pieces.append(piece[: self.length - before])

    def _step(self, character: str) -> None:
        if self._state == "escape":
            self._state = "string"
        elif self._state == "string":
            self._state = {"\\": "escape", '"': ""}.get(character, "string")
        elif character == '"':
            self._begin_string()
        elif character in _CLOSING:
            self._brackets.append(_CLOSING[character])
            self._state, self._expects_key, self._member = "", character == "{", -1
        elif character in "}]":
            self._brackets.pop()
            self._state, self._expects_key, self._member = "", False, -1
            self.complete = not self._brackets
        elif character == ",":
            self._state, self._expects_key, self._member = "", self._brackets[-1] == "}", -1
        elif character not in ": \t\r\n" and self._state != "word":
            self._state, self._word = "word", self.length - 1

    def _begin_string(self) -> None:
        self._state, self._string = "string", self.length
        if self._expects_key:
            self._member, self._expects_key = self.length - 1, False
        else:
            self._member = -1

    def value(self) -> Any:
        """Returns the value so far, or None while there is none."""
        if not (text := self._joined()):
            return None
        if self._state == "word":
            text = self._without_half_word(text)
        elif self._member >= 0:  # a key that has no value yet
            text = text[: self._member]
        elif self._state:
            whole = _WHOLE.match(text, self._string)
            text = text[: whole.end() if whole else self._string] + '"'
        closing = "".join(reversed(self._brackets))
        try:
            return orjson.loads(text.rstrip().removesuffix(",") + closing)
        except orjson.JSONDecodeError:
            return None

    def lacks_only_brackets(self) -> bool:
        """Tells whether all is whole but for the last brackets: no string, number or member is cut off."""
        text = self._joined()
        if self._state == "word":
            word = text[self._word :]
            return word.strip() in ("true", "false", "null") or word != word.rstrip()
        return not self._state and self._member < 0 and text.rstrip().endswith(('"', "}", "]"))

    def _joined(self) -> str:
        self._pieces = ["".join(self._pieces)]
        return self._pieces[0]

    def _without_half_word(self, text: str) -> str:
        try:
            orjson.loads(text[self._word :])
        except orjson.JSONDecodeError:
            return text[: self._member if self._member >= 0 else self._word]
        return text
