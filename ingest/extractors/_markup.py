"""Takes markup out of a text without moving a character: what is left can be read as prose, span for span.

Code, URLs, addresses and tags become NUL characters, which no pattern of this package matches; emphasis and
link marks become spaces, and what they enclosed is reported as marks.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

MarkKind = Literal["code", "bold", "italic", "link"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of text that its author marked: `text[start:end]` are the words without the marks."""

    kind: MarkKind
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Plain:
    """A text without markup.

    Args:
        text: As long as the original; markup is NUL characters or spaces.
        marks: In the order of the text.
    """

    text: str
    marks: tuple[Mark, ...] = ()


_FENCE = re.compile(r"^[ \t>]*(`{3,}|~{3,})[^\n]*\n(?:.*?\n)??[ \t>]*(?:\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_OPEN_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[^\n`]*\n.*\Z", re.M | re.S)
_BLOB = re.compile(r"(?:data:[\w/+.-]{1,80};base64,)?[A-Za-z0-9_+/=\\]{45,}")
# What is no prose at all; every repetition is bounded, so hostile input costs linear time.
_REMOVED = re.compile(
    r"<!--.{0,2000}?(?:-->|\Z)"
    r"|</?[a-zA-Z][^<>]{0,300}>"
    r"|\{\{[^{}\n]{0,300}\}\}"
    r"|\b(?:https?|ftp|file)://[^\s<>\"'`)\]|]+|\bwww\.[^\s<>\"'`)\]|]+"
    r"|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}"
    r"|\b[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,3}\.(?:com|org|net|io|html|md|php)\b(?:/[^\s)\]]{0,200})?"
    r"|(?<!\w)[~.]{0,2}(?:/[\w.@%+-]{1,60}){2,20}/?"
    r"|&(?:[a-zA-Z]{2,8}|#\d{1,6});"
    r"|^\[[^\]\n]{1,100}\]:[^\n]*$",
    re.M | re.S,
)
# Without any of these signs there is none of it.
_SIGNS = ("<", "/", "@", "{{", "&", "www.", "]:", ".com", ".org", ".net", ".io", ".html", ".md", ".php")
_CODE = re.compile(r"(?<!`)(`{1,2})(?!`)([^`\n]{1,200}(?:\n[^`\n]{1,200})?)\1(?!`)")
_LINK = re.compile(
    r"!?\[([^\[\]]{1,200})\]"
    r"(?:\([^()\s]{0,500}(?:\([^()\s]{0,100}\)[^()\s]{0,100})?(?:[ \n]\"[^\"]{0,200}\")?\)"
    r"|\[[^\[\]\n]{0,100}\])"
)
_STRONG = re.compile(r"(\*\*|__)(?=[^\s*_])([^*\n]{1,160}(?:\n[^*\n]{1,160})?)(?<=[^\s*_])\1")
_EMPHASIS = re.compile(
    r"(?<![\w*\\])([*_])(?=[^\s*_])([^*_\n]{1,160}(?:\n[^*_\n]{1,160})?)(?<=[^\s*_])\1(?![\w*])"
)
_NOT_NEWLINE = re.compile(r"[^\n]")


def plain(text: str) -> Plain:
    """Takes markup out of a text; a text without any comes back as it is."""
    marks: list[Mark] = []
    text = _without_code(text.replace("\0", "\ufffd"), marks)
    if "[" in text:
        text = _LINK.sub(lambda match: _unwrap(match, 1, "link", marks), text)
    text = _BLOB.sub(_blank, text)
    if any(sign in text for sign in _SIGNS):
        text = _REMOVED.sub(_blank, text)
    if "**" in text or "__" in text:
        text = _STRONG.sub(lambda match: _unwrap(match, 2, "bold", marks), text)
    if "*" in text or "_" in text:
        text = _EMPHASIS.sub(lambda match: _unwrap(match, 2, "italic", marks), text)
    return Plain(text, tuple(sorted(marks, key=lambda mark: (mark.start, mark.end))))


def _without_code(text: str, marks: list[Mark]) -> str:
    if "```" in text or "~~~" in text:
        text = _OPEN_FENCE.sub(_blank, _FENCE.sub(_blank, text))
    if "`" in text:
        text = _CODE.sub(lambda match: _code(match, marks), text)
    return text


def _blank(match: re.Match[str]) -> str:
    return _NOT_NEWLINE.sub("\0", match.group())


def _code(match: re.Match[str], marks: list[Mark]) -> str:
    marks.append(Mark("code", *match.span(2)))
    return _blank(match)


def _unwrap(match: re.Match[str], group: int, kind: MarkKind, marks: list[Mark]) -> str:
    """Replaces what surrounds a group by spaces."""
    marks.append(Mark(kind, *match.span(group)))
    whole, inner = match.group(), match.group(group)
    before = match.start(group) - match.start()
    after = len(whole) - before - len(inner)
    return " " * before + inner + " " * after
