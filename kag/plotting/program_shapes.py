"""The boxes of a program, measured in inches: what is written where, and how large that makes them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kag.plotting.fonts import Ruler, drawable
from kag.plotting.program_boxes import Box

INK, FAINT = "#1f2933", "#66707c"
PAD = 0.13

_TRAINABLE, _FROZEN, _TAB_INK = "#1f8a5b", "#9aa5b1", "#8a5a00"
_LINE = 1.45  # height of a line of text, in heights of its font
_BOLD = 1.12  # width of bold text, in widths of plain text, at most
_TITLE, _SIGN, _SUBTITLE, _NOTE, _ROW, _TAB = 10.5, 11, 8.0, 8.5, 8.5, 8.5  # points


@dataclass(slots=True)
class Text:
    """A line of text and where it is.

    Args:
        text: What is written; all of it can be drawn.
        points: Size of the font.
        x: From the left edge of its box to where the text is aligned.
        y: From the upper edge of its box to the middle of the line.
        colour: Of the text.
        weight: `normal` or `bold`.
        align: `left`, `center` or `right`.
    """

    text: str
    points: float
    x: float
    y: float
    colour: str = INK
    weight: str = "normal"
    align: str = "left"


@dataclass(slots=True)
class Shape:
    """A box with its size and texts.

    Args:
        box: What is drawn.
        width: Of all of it.
        height: Of all of it, with the label above.
        header: Height of the coloured part.
        tab: Width and height of the label above.
        texts: What is written in it.
    """

    box: Box
    width: float
    height: float
    header: float
    tab: tuple[float, float] = (0.0, 0.0)
    texts: list[Text] = field(default_factory=list)


class Measuring:
    """Places the texts of one box, line by line, and so finds its size."""

    def __init__(self, box: Box, ruler: Ruler, arriving: int) -> None:
        self._box = box
        self._arriving = arriving  # edges, for which a sign makes room
        self._ruler = ruler
        self._widths: list[float] = [0.0]
        self._texts: list[Text] = []
        self.shape = self._operator() if box.kind == "operator" else self._full()

    def _operator(self) -> Shape:
        text = drawable(self._box.title, longest=24)
        size = max(0.36, self._ruler.measure(text, _SIGN)[0] + 0.24, 0.14 * self._arriving)
        middle = Text(text, _SIGN if len(text) == 1 else _NOTE, size / 2, 0.18, weight="bold", align="center")
        return Shape(self._box, size, 0.36, 0.36, texts=[middle])

    def _full(self) -> Shape:
        box = self._box
        tab = self._label(drawable(box.tab, longest=30)) if box.tab else (0.0, 0.0)
        y = tab[1] + 0.07
        y = self._lines([drawable(box.title, longest=36)], _TITLE, y, weight="bold")
        if box.subtitle or box.trainable is not None:
            y = self._subtitle(drawable(box.subtitle, longest=40), y)
        if box.note:
            note = textwrap.wrap(drawable(box.note, longest=110), width=34)
            y = self._lines(note[:4], _NOTE, y + 0.02, colour=FAINT)
        header = y + 0.07
        y = self._table(header) if box.rows else header
        width = max(max(self._widths) + 2 * PAD, tab[0])
        for text in self._texts:
            if text.align == "right":
                text.x = width - PAD
            elif text.align == "center":
                text.x = width / 2
        return Shape(box, width, y, header - tab[1], tab, self._texts)

    def _label(self, text: str) -> tuple[float, float]:
        self._texts.append(Text(text, _TAB, 0.0, 0.13, _TAB_INK, "bold", "center"))
        return self._ruler.measure(text, _TAB)[0] * _BOLD + 0.24, 0.25

    def _lines(self, lines: Sequence[str], points: float, y: float, **look: Any) -> float:
        step = points / 72 * _LINE
        for line in lines:
            wide = self._ruler.measure(line, points)[0]
            self._widths.append(wide * (_BOLD if look.get("weight") == "bold" else 1.0))
            self._texts.append(Text(line, points, PAD, y + step / 2, **look))
            y += step
        return y

    def _subtitle(self, text: str, y: float) -> float:
        """The class, and the mark of what can be trained at the right end of the line."""
        step = _SUBTITLE / 72 * _LINE
        wide = self._ruler.measure(text, _SUBTITLE)[0] if text else 0.0
        if text:
            self._texts.append(Text(text, _SUBTITLE, PAD, y + step / 2, FAINT))
        if self._box.trainable is not None:
            mark = "● trainable" if self._box.trainable else "○ frozen"
            colour = _TRAINABLE if self._box.trainable else _FROZEN
            wide += self._ruler.measure(mark, _SUBTITLE)[0] + (0.25 if text else 0.0)
            self._texts.append(Text(mark, _SUBTITLE, 0.0, y + step / 2, colour, align="right"))
        self._widths.append(wide)
        return y + step

    def _table(self, y: float) -> float:
        y += 0.05
        step = _ROW / 72 * _LINE
        for name, kind in self._box.rows:
            left, right = drawable(name, longest=28), drawable(kind, longest=30)
            wide = [self._ruler.measure(text, _ROW)[0] if text else 0.0 for text in (left, right)]
            self._widths.append(sum(wide) + 0.3)
            self._texts.append(Text(left, _ROW, PAD, y + step / 2))
            if right:
                self._texts.append(Text(right, _ROW, 0.0, y + step / 2, FAINT, align="right"))
            y += step
        return y + 0.06
