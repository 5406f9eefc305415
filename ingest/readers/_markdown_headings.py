"""Finds the headings of a Markdown text: `# Title` and underlined ones, outside of code and comments."""

from __future__ import annotations

import re

from ingest.readers.base import Heading

_FENCE = re.compile(r" {0,3}(`{3,}(?=[^`]*$)|~{3,})")
_HASHES = re.compile(r" {0,3}(#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_NOT_A_PARAGRAPH = re.compile(r"(?: {4}|\t| {0,3}(?:[-*+>|]|\d{1,9}[.)])(?:\s|$))")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_ATTRIBUTES = re.compile(r"\s*\{[#.:][^{}]*\}\s*$")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>|<!--.*?-->")
_EMPHASIS = re.compile(r"(\*\*|__|\*|`+|~~)(?=\S)(.+?)(?<=\S)\1")
_UNDERSCORES = re.compile(r"\b_(\S(?:.*?\S)?)_\b")
_LONGEST = 500
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def find(text: str) -> tuple[Heading, ...]:
    """Lists the headings of a Markdown text, in order.

    Args:
        text: The source, with line feeds as line ends.

    Returns:
        Headings with their plain words; those without words are left out.
    """
    found: list[Heading] = []
    fence = ""
    comment = False
    start = previous_start = 0
    previous = ""
    for line in text.split("\n"):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark.group(1).startswith(fence) and not line[mark.end() :].strip():
                fence = ""
            line_kind = ""
        elif comment or (line.lstrip().startswith("<!--") and "-->" not in line):
            comment = "-->" not in line
            line_kind = ""
        elif mark:
            fence, line_kind = mark.group(1), ""
        else:
            line_kind = line
            _add(found, line, start, previous, previous_start)
        previous, previous_start = line_kind, start
        start += len(line) + 1
    return tuple(found)


def plain(title: str) -> str:
    """The words of a heading without links, emphasis, code marks and attributes."""
    title = _TAG.sub("", _LINK.sub(r"\1", _ATTRIBUTES.sub("", title)))
    for _ in range(2):
        title = _EMPHASIS.sub(r"\2", title)
    return _ESCAPE.sub(r"\1", _UNDERSCORES.sub(r"\1", title)).strip()


def _add(found: list[Heading], line: str, start: int, previous: str, previous_start: int) -> None:
    if hashes := _HASHES.match(line):
        level, title, where = len(hashes.group(1)), _unclosed(line[hashes.end() :].strip()), start
    elif previous.strip() and not _NOT_A_PARAGRAPH.match(previous) and (under := _UNDERLINE.match(line)):
        if _HASHES.match(previous):
            return
        level, title, where = (1 if "=" in under.group(1) else 2), previous, previous_start
    else:
        return
    if words := plain(title[:_LONGEST]):
        found.append(Heading(level, words, where))


def _unclosed(title: str) -> str:
    """A title without the hashes that may close its line."""
    bare = title.rstrip("#")
    return bare.rstrip() if not bare or bare[-1] in " \t" else title
