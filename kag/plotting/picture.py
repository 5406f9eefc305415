"""Draws a view of the graph as a PNG that a person can read, with matplotlib and without a screen.

Everything is placed in inches, so that text has the same size in a small and in a large graph: the sheet
grows.
"""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, cos, degrees, hypot, sin, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from kag.plotting.fonts import Ruler, drawable, style
from kag.plotting.layout import Floats, place
from kag.plotting.legend import PLAIN_LINK, TYPED_LINK, Legend
from kag.plotting.selection import Link, View, backbone

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DPI = 160
_HOP = (1.75, 1.0)  # inches
_EXTRA_LINKS = 1.0  # for each entity, beyond those that hold the graph together
_PAD = 0.08
_MARGIN = 0.45
_HEADER = 0.85
_SMALLEST = (8.0, 4.5)
_LINK_POINTS = 6.5
_INK, _FAINT, _PAPER = "#1f2933", "#66707c", "#ffffff"


def draw_picture(view: View, seed: int) -> tuple[bytes, int]:
    """Draws the view.

    Args:
        view: What to draw.
        seed: Of the layout.

    Returns:
        The PNG, and how many relations it shows.
    """
    links = backbone(view, extra=_EXTRA_LINKS)
    dots = _dots(view)
    boxes = np.array([dot.box for dot in dots]).reshape(-1, 2)
    centres = place(len(dots), [(link.a, link.b) for link in links], boxes, hop=_HOP, seed=seed)
    return _Sheet(view, links, dots, centres).png(), sum(len(link.relations) for link in links)


@dataclass(frozen=True, slots=True)
class _Dot:
    """An entity on the sheet: its radius, and its name below with the size that this takes, in inches."""

    radius: float
    name: str
    points: float
    width: float
    height: float

    @property
    def box(self) -> tuple[float, float]:
        """Width and height of dot and name together."""
        return max(2 * self.radius, self.width) + _PAD, 2 * self.radius + self.height + 1.5 * _PAD


def _dots(view: View) -> list[_Dot]:
    ruler = Ruler()
    dots = []
    for entity, degree in zip(view.entities, view.degrees, strict=True):
        points = min(12.0, 7.5 + 0.7 * sqrt(degree))
        name = "\n".join(textwrap.wrap(drawable(entity.name, longest=44), width=24)) or "·"
        radius = min(0.3, 0.06 + 0.027 * sqrt(degree))
        dots.append(_Dot(radius, name, points, *ruler.measure(name, points)))
    return dots


class _Sheet:
    """One picture: places are in inches from the lower left corner."""

    def __init__(self, view: View, links: Sequence[Link], dots: Sequence[_Dot], centres: Floats) -> None:
        self.view, self.links, self.dots = view, links, dots
        self.boxes = np.array([dot.box for dot in dots]).reshape(-1, 2)
        size = (centres + self.boxes / 2).max(axis=0, initial=0.0)
        self.width = max(_SMALLEST[0], float(size[0]) + 2 * _MARGIN)
        self.legend = Legend(view, links, left=_MARGIN, right=self.width - _MARGIN)
        below = self.legend.height
        self.height = max(_SMALLEST[1], float(size[1]) + below + _HEADER + 0.3)
        free = np.array([self.width, self.height - below - _HEADER]) - size
        self.centres = centres + free / 2 + np.array([0.0, below])
        rise = [dot.box[1] / 2 - _PAD / 2 - dot.radius for dot in dots]
        self.nodes = self.centres + np.array([(0.0, up) for up in rise]).reshape(-1, 2)

    def png(self) -> bytes:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        figure = Figure(figsize=(self.width, self.height), dpi=_DPI, facecolor=_PAPER)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_xlim(0, self.width)
        axes.set_ylim(0, self.height)
        axes.set_axis_off()
        for link in self.links:
            self._draw_link(axes, link)
        self._name_links(axes)
        self._draw_dots(axes)
        self._draw_heading(axes)
        self.legend.draw(axes, _INK)
        out = io.BytesIO()
        FigureCanvasAgg(figure).print_png(out, metadata={"Title": drawable(self.view.title, longest=200)})
        return out.getvalue()

    def _draw_link(self, axes: Axes, link: Link) -> None:
        from matplotlib.patches import FancyArrowPatch

        a, b = self.dots[link.a], self.dots[link.b]
        objects = {relation.object_id for relation in link.typed}
        back, forth = (self.view.entities[end].id in objects for end in (link.a, link.b))
        patch = FancyArrowPatch(
            (self.nodes[link.a][0], self.nodes[link.a][1]),
            (self.nodes[link.b][0], self.nodes[link.b][1]),
            arrowstyle="<|" * back + "-" + "|>" * forth,
            mutation_scale=8,
            shrinkA=a.radius * 72 + 1.5,
            shrinkB=b.radius * 72 + 1.5,
            linewidth=0.7 + 0.35 * min(5, len(link.relations[0].support)),
            color=TYPED_LINK if link.typed else PLAIN_LINK,
            zorder=2 if link.typed else 1,
        )
        axes.add_patch(patch)

    def _name_links(self, axes: Axes) -> None:
        """Writes the types of relations along their arrows, where they cover nothing."""
        ruler = Ruler()
        taken: list[tuple[float, float]] = []
        for link in self.links:
            types = dict.fromkeys(relation.type.replace("_", " ").lower() for relation in link.typed)
            text = drawable(" · ".join(types), longest=32)
            if text:
                taken += self._name_link(axes, link, text, ruler.measure(text, _LINK_POINTS), taken)

    def _name_link(
        self,
        axes: Axes,
        link: Link,
        text: str,
        size: tuple[float, float],
        taken: Sequence[tuple[float, float]],
    ) -> list[tuple[float, float]]:
        """Returns the points that the name takes, or none where it does not fit."""
        start, way = self.nodes[link.a], self.nodes[link.b] - self.nodes[link.a]
        if size[0] > hypot(*way) - self.dots[link.a].radius - self.dots[link.b].radius:
            return []
        turn = atan2(way[1], way[0])
        step = size[0] / 4 * np.array([cos(turn), sin(turn)])
        for along in (0.5, 0.4, 0.6, 0.3, 0.7):
            middle = start + along * way
            points = [(float(x), float(y)) for x, y in (middle + part * step for part in range(-2, 3))]
            if self._is_free(np.array(points), size[1], taken):
                upright = (degrees(turn) + 90) % 180 - 90
                place = {"ha": "center", "va": "center", "rotation": upright, "rotation_mode": "anchor"}
                self._write(axes, middle, text, fontsize=_LINK_POINTS, color=_FAINT, zorder=3, **place)
                return points
        return []

    def _is_free(self, points: Floats, height: float, taken: Sequence[tuple[float, float]]) -> bool:
        inside = np.abs(points[:, None] - self.centres) < (self.boxes + height) / 2
        if inside.all(axis=2).any():
            return False
        others = np.array(taken).reshape(-1, 2)
        return bool((np.linalg.norm(points[:, None] - others, axis=2) > height).all())

    def _draw_dots(self, axes: Axes) -> None:
        from matplotlib.patches import Circle

        colours = self.view.colours()
        for entity, dot, node in zip(self.view.entities, self.dots, self.nodes, strict=True):
            x, y = float(node[0]), float(node[1])
            colour = colours[entity.label]
            axes.add_patch(
                Circle((x, y), dot.radius, facecolor=colour, edgecolor=_PAPER, linewidth=1.2, zorder=4)
            )
            below = (x, y - dot.radius - _PAD / 2)
            place = {"ha": "center", "va": "top", "zorder": 5}
            self._write(axes, below, dot.name, fontsize=dot.points, color=_INK, **place)

    def _draw_heading(self, axes: Axes) -> None:
        title = drawable(self.view.title, longest=int(self.width * 7))
        top = self.height - 0.22
        self._write(axes, (_MARGIN, top), title, fontsize=16, color=_INK, va="top", fontweight="bold")
        self._write(axes, (_MARGIN, top - 0.33), self._note(), fontsize=9, color=_FAINT, va="top")
        if not self.dots:
            middle = (self.width / 2, self.height / 2)
            text = "There are no entities to draw."
            self._write(axes, middle, text, fontsize=12, color=_FAINT, ha="center", va="center")

    def _note(self) -> str:
        relations = sum(len(link.relations) for link in self.links)
        left_out, weaker = self.view.entities_left_out, self.view.relations - relations
        note = f"{len(self.dots):,} entities, {relations:,} relations"
        if left_out or weaker:
            note += f" · not drawn: {left_out:,} less connected entities, {weaker:,} relations"
        return note + (" · the store holds more" if self.view.truncated else "")

    def _write(self, axes: Axes, at: tuple[float, float] | Floats, text: str, **more: Any) -> None:
        from matplotlib.patheffects import withStroke

        halo = [withStroke(linewidth=2.5, foreground=_PAPER, alpha=0.85)]
        axes.text(float(at[0]), float(at[1]), text, path_effects=halo, **style(text), **more)
