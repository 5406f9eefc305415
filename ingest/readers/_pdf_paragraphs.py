"""Paragraphs from the lines of a PDF page: lines of running text are joined, hyphens at their ends undone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from statistics import median

from ingest.readers._pdf_lines import COLUMN, HYPHEN, Line

_GAP = 1.45  # usual distances between lines, above which a paragraph ends
_RAGGED = 0.85  # of the width of its block, from which on a line counts as full
_LEAST_PROSE = 40  # characters of a paragraph that may go on in the next column
_ITEM = re.compile(r"(?:[•◦▪‣·*–—-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST = re.compile(r"([^\W\d_]+)$")
_FIRST = re.compile(r"[^\W\d_]+")


def words_of(lines: Iterable[Line]) -> Counter[str]:
    """Counts the words of some lines, in lower case, without those that are broken at a line's end."""
    counts: Counter[str] = Counter()
    for line in lines:
        text = line.text
        if text.endswith((HYPHEN, "-")):
            text = text[:-1].rpartition(" ")[0]
        counts.update(word.lower() for word in _WORD.findall(text))
    return counts


def text_of(lines: Sequence[Line], known: Counter[str]) -> str:
    """The text of a page.

    Args:
        lines: In reading order.
        known: The words of the document, which tell `chat-optimized` from `rea-soning` where a line broke.

    Returns:
        Paragraphs with an empty line between them; lines that were ended on purpose stay lines.
    """
    paragraphs: list[str] = []
    for paragraph in (_joined(block, known) for block in _blocks(lines)):
        if paragraphs and _goes_on(paragraphs[-1], paragraph):
            paragraphs[-1] = _continued(paragraphs[-1], paragraph, known)
        else:
            paragraphs.append(paragraph)
    return "\n\n".join(paragraphs).replace(HYPHEN, "")


def _goes_on(before: str, paragraph: str) -> bool:
    """Whether a paragraph was parted only by the end of a column."""
    broken = before[-1:].isalpha() or before[-1:] in (",", HYPHEN)
    return paragraph[:1].islower() and broken and min(len(before), len(paragraph)) > _LEAST_PROSE


def _continued(text: str, following: str, known: Counter[str]) -> str:
    """Joins two lines of running text."""
    if text.endswith(HYPHEN) or (text.endswith("-") and following[:1].islower()):
        return _unbroken(text, following, known)
    return f"{text} {following}"


def _blocks(lines: Sequence[Line]) -> list[list[Line]]:
    """Parts a page where the distance between lines grows, or where it goes on elsewhere."""
    steps = [a.middle - b.middle for a, b in pairwise(lines) if 0 < a.middle - b.middle < 4 * a.height]
    usual = median(steps) if steps else 0.0
    blocks: list[list[Line]] = [[lines[0]]] if lines else []
    for before, line in pairwise(lines):
        step = before.middle - line.middle
        if 0 < step <= _GAP * max(usual, 0.9 * before.height):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _joined(block: Sequence[Line], known: Counter[str]) -> str:
    left, right = min(line.left for line in block), max(line.right for line in block)
    text = block[0].text
    for before, line in pairwise(block):
        if text.endswith((HYPHEN, "-")) or _runs_on(before, line, left + _RAGGED * (right - left)):
            text = _continued(text, line.text, known)
        else:
            text += "\n" + line.text
    return text


def _runs_on(before: Line, line: Line, full: float) -> bool:
    """Whether a sentence may go on from one line to the next."""
    if COLUMN in before.text or COLUMN in line.text or _ITEM.match(line.text):
        return False
    return before.right >= full or (line.text[:1].islower() and before.text[-1:] not in ".:;!?")


def _unbroken(text: str, following: str, known: Counter[str]) -> str:
    """Joins a word that was broken at the end of a line, keeping a hyphen that belongs to it."""
    text = text[:-1]
    first, second = _LAST.search(text), _FIRST.match(following)
    if first is None or second is None:
        return f"{text}-{following}"
    head, tail = first.group().lower(), second.group().lower()
    whole, compound = known[head + tail], known[f"{head}-{tail}"]
    parts = len(head) > 2 and len(tail) > 2 and known[head] and known[tail]
    keeps = compound > whole or (not whole and parts)
    return f"{text}-{following}" if keeps else text + following
