"""The lines of a PDF page as they look, from the places of its characters.

A PDF holds characters and where to draw them, in any order. pdfium gives them in the order of drawing with
its guess of blanks and line ends; this module joins what it broke apart, marks wide gaps as borders of
columns, and puts lines that were drawn out of order back in their place.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pypdfium2 import PdfTextPage

COLUMN = " | "
HYPHEN = "\u00ad"  # pdfium's sign for a hyphen that ends a line

_WIDE = 2.0  # line heights of a gap that parts columns; blanks in justified text stay well below
_LEAST_HEIGHT = 4.0
_MOST_LINES = 2000  # of a page that is put in order; more is no page of text
_BROKEN = frozenset((0x0002, 0xFFFE))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page and its box, in points from the lower left corner of the page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Height of the box, at least that of the smallest print."""
        return max(self.top - self.bottom, _LEAST_HEIGHT)

    @property
    def middle(self) -> float:
        """Height of the line's middle on the page."""
        return (self.top + self.bottom) / 2


@dataclass(frozen=True, slots=True)
class _Character:
    code: int
    left: float
    bottom: float
    right: float
    top: float


def lines_of(page: PdfTextPage) -> list[Line]:
    """Lists the lines of a page in reading order.

    Args:
        page: A text page of pdfium.

    Returns:
        Lines that are not blank; columns of a table are parted by `COLUMN`.
    """
    drawn = [line for line in map(_line, _runs(_characters(page))) if line is not None]
    return _by_place(drawn) if _out_of_order(drawn) and not _in_columns(drawn) else drawn


def _characters(page: PdfTextPage) -> Iterator[_Character]:
    import pypdfium2.raw as pdfium

    left, bottom, right, top = (ctypes.c_double() for _ in range(4))
    for index in range(page.count_chars()):
        code = pdfium.FPDFText_GetUnicode(page.raw, index)
        pdfium.FPDFText_GetCharBox(page.raw, index, left, right, bottom, top)
        yield _Character(code, left.value, bottom.value, right.value, top.value)


def _runs(characters: Iterator[_Character]) -> Iterator[list[_Character]]:
    """Parts characters into lines where pdfium ends them, unless the next one goes on beside the last."""
    run: list[_Character] = []
    ended = False
    for character in characters:
        if character.code in (0x0A, 0x0D):
            ended = bool(run)
            continue
        if ended and not _goes_on(run, character):
            yield run
            run = []
        ended = False
        run.append(character)
        ended = character.code in _BROKEN
    if run:
        yield run


def _goes_on(run: Sequence[_Character], following: _Character) -> bool:
    """Whether a character stands directly behind a line, as the lower half of a fraction does."""
    last = next((c for c in reversed(run) if _is_visible(c)), None)
    if last is None or not _is_visible(following) or last.code in _BROKEN:
        return False
    height = max(last.top - last.bottom, following.top - following.bottom, _LEAST_HEIGHT)
    beside = -0.5 * height < following.left - last.right < 0.6 * height
    overlap = min(last.top, following.top) - max(last.bottom, following.bottom)
    return beside and overlap > 0.3 * min(last.top - last.bottom, following.top - following.bottom)


def _is_visible(character: _Character) -> bool:
    return character.right > character.left and character.code not in (0x20, 0xA0)


def _line(run: Sequence[_Character]) -> Line | None:
    visible = [c for c in run if _is_visible(c)]
    if not visible:
        return None
    bottom, top = min(c.bottom for c in visible), max(c.top for c in visible)
    wide = _WIDE * max(top - bottom, _LEAST_HEIGHT)
    units: list[int] = []
    edge: float | None = None
    for character in run:
        if _is_visible(character):
            if edge is not None and character.left - edge > wide:
                units += map(ord, COLUMN)
            edge = character.right
        units.append(0xAD if character.code in _BROKEN else character.code)
    text = " ".join(_text(units).replace(f" {COLUMN}", COLUMN).split())
    return (
        Line(text, min(c.left for c in visible), bottom, max(c.right for c in visible), top) if text else None
    )


def _text(units: Sequence[int]) -> str:
    """Characters from pdfium's code units, in which rare characters take two."""
    text = "".join(map(chr, units))
    return text if text.isprintable() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _out_of_order(lines: Sequence[Line]) -> bool:
    """Whether some line stands above an earlier one that it shares a part of the page's width with."""
    if len(lines) > _MOST_LINES:
        return False
    for index, (before, line) in enumerate(pairwise(lines), start=1):
        above = line.middle > before.middle + 0.7 * before.height
        if above and any(
            other.right > line.left and other.left < line.right and other.middle < line.middle - line.height
            for other in lines[:index]
        ):
            return True
    return False


def _in_columns(lines: Sequence[Line]) -> bool:
    """Whether the page is set in columns of running text, whose order only the drawing tells."""
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    centre, margin = (left + right) / 2, (right - left) * 0.03
    prose = [line for line in lines if len(line.text) > 20 and COLUMN not in line.text]
    crossing = sum(line.left < centre - margin and line.right > centre + margin for line in prose)
    sides = (
        sum(line.right <= centre + margin for line in prose),
        sum(line.left >= centre - margin for line in prose),
    )
    return min(sides) >= 4 and crossing < 0.3 * len(prose)


def _by_place(lines: Sequence[Line]) -> list[Line]:
    """Lines from top to bottom; those beside each other become one."""
    placed: list[Line] = []
    for line in sorted(lines, key=lambda line: (-line.middle, line.left)):
        last = placed[-1] if placed else None
        if last is not None and abs(last.middle - line.middle) < 0.5 * min(last.height, line.height):
            first, second = sorted((last, line), key=lambda line: line.left)
            placed[-1] = replace(
                first,
                text=first.text + (COLUMN if second.left - first.right > first.height else " ") + second.text,
                bottom=min(first.bottom, second.bottom),
                right=max(first.right, second.right),
                top=max(first.top, second.top),
            )
        else:
            placed.append(line)
    return placed
