"""The legend of a picture: a dot for each label, a line for each kind of link, in rows across the sheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kag.plotting.fonts import Ruler, drawable, style
from kag.plotting.selection import Link, View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLAIN_LINK, TYPED_LINK = "#c3cad3", "#5f6b7a"

_POINTS = 9
_ROW = 0.3  # inches
_LABELS = 12


@dataclass(frozen=True, slots=True)
class _Item:
    mark: Literal["o", "-", "-|>"]
    colour: str
    text: str


class Legend:
    """What the colours and lines mean.

    Args:
        view: Whose labels are explained.
        links: Those that are drawn.
        left: Where rows begin, in inches.
        right: Where they end.
    """

    def __init__(self, view: View, links: Sequence[Link], *, left: float, right: float) -> None:
        ruler = Ruler()
        self._rows: list[list[tuple[float, _Item]]] = []
        x = right
        for item in [*_labels(view), *_lines(links)]:
            length = 0.5 + ruler.measure(item.text, _POINTS)[0]
            if x + length > right:
                self._rows.append([])
                x = left
            self._rows[-1].append((x, item))
            x += length

    @property
    def height(self) -> float:
        """Height in inches, with the space below."""
        return _ROW * len(self._rows) + 0.25

    def draw(self, axes: Axes, ink: str) -> None:
        """Draws the rows at the foot of axes that are measured in inches."""
        for number, row in enumerate(reversed(self._rows)):
            for x, item in row:
                _draw(axes, x, _ROW * (number + 1), item, ink)


def _labels(view: View) -> list[_Item]:
    counts = Counter(entity.label for entity in view.entities)
    items = [
        _Item("o", colour, f"{drawable(label, longest=24) or '·'} {counts[label]}")
        for label, colour in view.colours().items()
    ]
    more = len(items) - _LABELS
    return items if more <= 1 else [*items[:_LABELS], _Item("o", items[-1].colour, f"{more} more labels")]


def _lines(links: Sequence[Link]) -> list[_Item]:
    kinds = {bool(link.typed) for link in links}
    items = [_Item("-|>", TYPED_LINK, "stated relation"), _Item("-", PLAIN_LINK, "named together")]
    return [item for item in items if (item.colour == TYPED_LINK) in kinds]


def _draw(axes: Axes, x: float, y: float, item: _Item, ink: str) -> None:
    if item.mark == "o":
        axes.plot([x + 0.05], [y], marker="o", markersize=8, color=item.colour, linestyle="none")
    else:
        arrow = {"arrowstyle": item.mark, "color": item.colour, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (x + 0.22, y), (x - 0.08, y), arrowprops=arrow)
    gap = 0.18 if item.mark == "o" else 0.28
    axes.text(x + gap, y, item.text, fontsize=_POINTS, color=ink, va="center", **style(item.text))
