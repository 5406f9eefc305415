"""The words of a Cypher query by Neo4j's rules: what is a string, a comment, a name, and what is code.

Texts that versions of the servers read differently (unicode escapes, invisible characters) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from kag.errors import QueryError

LONGEST = 10_000
"""Characters of the longest query that is looked at."""
MOST = 1_000
"""Tokens of the longest query that is looked at."""
DEEPEST = 20
"""How deep brackets may nest, and how many CASE there may be."""

_OPENING = {"(": ")", "[": "]", "{": "}"}
_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n]+ | //[^\r\n]* | /\*.*?\*/)
    | (?P<string>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<parameter>\$(?:[A-Za-z_]\w*|\d+))
    | (?P<name>`(?:[^`]|``)+`)
    | (?P<number>0x[0-9A-Fa-f]+ | 0o[0-7]+ | (?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)
    | (?P<word>[^\W\d]\w*)
    | (?P<mark><> | <= | >= | =~ | :: | \.\. | \|\| | [-+*/%^=<>()\[\]{},.:;|&!])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A piece of a query.

    Args:
        kind: `string`, `parameter`, `name` (in backticks), `number`, `word` or `mark`.
        text: As it was written.
        at: Where it begins in the query, in characters.
    """

    kind: str
    text: str
    at: int

    def says(self, *words: str) -> bool:
        """Whether this is one of some words (given in capitals) or marks."""
        return self.kind in ("word", "mark") and self.text.upper() in words


def refuse(reason: str, at: int | None = None) -> NoReturn:
    """Raises the error of a query that is not run."""
    where = "" if at is None else f" (at character {at + 1})"
    raise QueryError(f"The Cypher query was not run{where}: {reason}")


def tokens(query: str) -> list[Token]:
    """The tokens of a query, without comments and the last semicolon.

    Raises:
        QueryError: The text is too long, nests too deep, or holds what no two readers need read alike.
    """
    if len(query) > LONGEST:
        refuse(f"it has {len(query)} characters, and {LONGEST} are allowed; give values as parameters.")
    if (escape := re.search(r"\\[uU]", query)) is not None:
        refuse(
            "it holds a unicode escape, which versions of Cypher read differently; "
            "write the character itself or use a parameter.",
            escape.start(),
        )
    found = list(_scan(query))
    while found and found[-1].says(";"):
        found.pop()
    if not found:
        refuse("it is empty; write a query such as MATCH (n) RETURN n LIMIT 10.")
    if len(found) > MOST:
        refuse(f"it has {len(found)} words and marks, and {MOST} are allowed; give lists as parameters.")
    _require_shape(found)
    return found


def _scan(query: str) -> Iterator[Token]:
    at = 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            refuse(f"{query[at]!r} is not expected here: a string, name or comment may lack its end.", at)
        kind = str(match.lastgroup)
        if kind in ("number", "parameter") and query[match.end() : match.end() + 1].isidentifier():
            refuse(f"{match[0]!r} runs into what follows it; put a space between them.", at)
        if kind != "space":
            yield Token(kind, match[0], at)
        at = match.end()


def _require_shape(found: Sequence[Token]) -> None:
    """Brackets pair up and nest no deeper than allowed, and there is one statement."""
    expected: list[str] = []
    cases = 0
    for token in found:
        if token.kind == "mark" and token.text in _OPENING:
            expected.append(_OPENING[token.text])
        elif token.says(")", "]", "}") and (not expected or expected.pop() != token.text):
            refuse(f"{token.text!r} closes no bracket.", token.at)
        elif token.says(";"):
            refuse("it holds several statements; send one at a time.", token.at)
        cases += token.says("CASE")
        if len(expected) > DEEPEST or cases > DEEPEST:
            refuse(f"it nests deeper than {DEEPEST} brackets or holds more than {DEEPEST} CASE.", token.at)
    if expected:
        refuse(f"a bracket is never closed; {expected[-1]!r} is missing.")


def end_of_bracket(found: Sequence[Token], opening: int) -> int:
    """The index of the bracket that closes the one at an index."""
    depth = 0
    for index in range(opening, len(found)):
        depth += found[index].says("(", "[", "{") - found[index].says(")", "]", "}")
        if depth == 0:
            return index
    raise ValueError("brackets were checked to pair up")


def calls(found: Sequence[Token]) -> Iterator[tuple[int, str]]:
    """Every word or dotted name before a parenthesis: the index of its first token, and the name."""
    for index, token in enumerate(found):
        if not token.says("(") or index == 0 or found[index - 1].kind not in ("word", "name"):
            continue
        start = index - 1
        while start >= 2 and found[start - 1].says(".") and found[start - 2].kind in ("word", "name"):
            start -= 2
        yield start, "".join(part.text for part in found[start:index])
