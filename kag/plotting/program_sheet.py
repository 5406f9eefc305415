"""Draws the boxes of a program on a sheet, as PNG and SVG, with matplotlib and without a screen.

Everything is measured in inches before it is placed, so no text leaves its box and no box covers another.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from kag.plotting.fonts import Ruler, drawable, style
from kag.plotting.layers import Layout, Point, lay_out
from kag.plotting.program_boxes import Box, Boxes
from kag.plotting.program_shapes import FAINT, Measuring, Shape, Text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 160
_MOST_PIXELS = 32_000  # of a side; a larger drawing is made with fewer dots
_MARGIN = 0.4
_PAPER, _EDGE = "#ffffff", "#8b97a5"
_PILLS = ("input", "output", "operator")
_TAB = ("#fdf1dc", "#cf9a3c")
# Kind: fill of the header, outline.
_COLOURS = {
    "input": ("#e3ecf9", "#6f8fbf"),
    "output": ("#e6f4ec", "#6aa784"),
    "module": ("#f1f3f6", "#8c98a6"),
    "decision": ("#fdf1dc", "#cf9a3c"),
    "operator": ("#ffffff", "#8c98a6"),
    "learning": ("#e8eefc", "#5b7cc4"),
}


class Sheet:
    """One drawing of a program.

    Args:
        boxes: What to draw.
        title: The heading.
        description: Words below it.
    """

    def __init__(self, boxes: Boxes, title: str, description: str) -> None:
        ruler = Ruler()
        self._boxes = boxes
        self._shapes = [
            Measuring(box, ruler, sum(target == number for _, target in boxes.edges)).shape
            for number, box in enumerate(boxes.boxes)
        ]
        self._layout: Layout = lay_out([(s.width, s.height) for s in self._shapes], boxes.edges)
        self._heading = [Text(drawable(title, longest=60), 14, 0, 0.12, weight="bold")]
        words = " ".join(description.split())
        room = max(40, int(self._layout.width * 11))
        lines = textwrap.wrap(drawable(words, longest=400), width=room)
        self._heading += [Text(line, 9, 0, 0.4 + 0.18 * place, FAINT) for place, line in enumerate(lines[:3])]
        widest = max(
            ruler.measure(t.text, t.points * (1.1 if t.weight == "bold" else 1))[0] for t in self._heading
        )
        self._top = self._heading[-1].y + 0.42
        self.width = max(self._layout.width, widest) + 2 * _MARGIN
        self.height = self._layout.height + self._top + 2 * _MARGIN
        self._left = (self.width - self._layout.width) / 2

    def png(self) -> bytes:
        """The drawing as PNG."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        out = io.BytesIO()
        FigureCanvasAgg(self._figure()).print_png(out)
        return out.getvalue()

    def svg(self) -> bytes:
        """The drawing as SVG; text is drawn as shapes, so it looks the same without the fonts."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        out = io.BytesIO()
        FigureCanvasSVG(self._figure()).print_svg(out, metadata={"Date": None})
        return out.getvalue()

    def _figure(self) -> Figure:
        from matplotlib.figure import Figure

        dpi = min(_DPI, _MOST_PIXELS / max(self.width, self.height))
        figure = Figure(figsize=(self.width, self.height), dpi=dpi, facecolor=_PAPER)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, 0)
        axes.set_axis_off()
        for text in self._heading:
            _write(axes, text, (_MARGIN, _MARGIN))
        origin = (self._left, _MARGIN + self._top)
        for route in self._layout.routes:
            _draw_edge(axes, [_moved(point, origin) for point in route], dashed=self._boxes.inside)
        for shape, centre in zip(self._shapes, self._layout.centres, strict=True):
            x, y = _moved(centre, origin)
            _draw_shape(axes, shape, (x - shape.width / 2, y - shape.height / 2))
        return figure


def _moved(point: Point, by: Point) -> Point:
    return point[0] + by[0], point[1] + by[1]


def _colours(box: Box) -> tuple[str, str]:
    return _COLOURS["learning" if box.kind == "module" and box.trainable is not None else box.kind]


def _draw_shape(axes: Axes, shape: Shape, corner: Point) -> None:
    """The label above, the coloured header, the white table below it, the frame, the texts."""
    fill, outline = _colours(shape.box)
    x, y = corner
    tab_width, tab = shape.tab
    if tab:
        place = x + (shape.width - tab_width) / 2, y
        _round(axes, place, (tab_width, tab + 0.1), fill=_TAB[0], outline=_TAB[1], order=3)
    rounding = 0.175 if shape.box.kind in _PILLS and not shape.box.rows else 0.08
    top, size = (x, y + tab), (shape.width, shape.height - tab)
    _round(axes, top, size, fill=fill, outline="none", rounding=rounding, order=4)
    if shape.header < size[1] - 0.01:
        line = top[1] + shape.header
        _round(axes, (x, line), (size[0], size[1] - shape.header), fill=_PAPER, outline="none", order=4.1)
        _round(axes, (x, line), (size[0], 0.1), fill=_PAPER, outline="none", rounding=0.0, order=4.1)
        axes.plot([x, x + size[0]], [line, line], color=outline, linewidth=0.7, zorder=4.2)
    _round(axes, top, size, fill="none", outline=outline, rounding=rounding, order=4.3)
    for text in shape.texts:
        _write(axes, text, corner)


def _round(
    axes: Axes,
    corner: Point,
    size: Point,
    *,
    fill: str,
    outline: str,
    order: float,
    rounding: float = 0.08,
) -> None:
    from matplotlib.patches import FancyBboxPatch

    patch = FancyBboxPatch(
        corner,
        *size,
        boxstyle=f"round,pad=0,rounding_size={rounding}" if rounding else "square,pad=0",
        facecolor=fill,
        edgecolor=outline,
        linewidth=1.1,
        zorder=order,
    )
    axes.add_patch(patch)


def _draw_edge(axes: Axes, points: Sequence[Point], *, dashed: bool) -> None:
    """A line that goes straight past boxes, bends between layers, and ends in an arrow head pointing down."""
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path

    head = 0.0 if dashed else 0.1
    *others, (x, y) = points
    ends = [*others, (x, y - head)]
    vertices, codes = [ends[0]], [Path.MOVETO]
    for place in range(1, len(ends)):
        (x1, y1), (x2, y2) = ends[place - 1], ends[place]
        if place % 2 == 1:
            vertices.append((x2, y2))
            codes.append(Path.LINETO)
        else:
            middle = (y1 + y2) / 2
            vertices += [(x1, middle), (x2, middle), (x2, y2)]
            codes += [Path.CURVE4] * 3
    line = PathPatch(
        Path(vertices, codes),
        facecolor="none",
        edgecolor=_EDGE,
        linewidth=1.2,
        linestyle=(0, (3, 2)) if dashed else "solid",
        zorder=2,
    )
    axes.add_patch(line)
    if head:
        corners = [(x, y), (x - 0.045, y - head), (x + 0.045, y - head)]
        axes.add_patch(Polygon(corners, closed=True, facecolor=_EDGE, edgecolor="none", zorder=2.5))


def _write(axes: Axes, text: Text, corner: Point) -> None:
    axes.text(
        corner[0] + text.x,
        corner[1] + text.y,
        text.text,
        fontsize=text.points,
        color=text.colour,
        fontweight=text.weight,
        ha=text.align,
        va="center_baseline",
        zorder=6,
        **style(text.text),
    )
