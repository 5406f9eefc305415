"""Which fonts a picture is written in, what of a name they can show, and how long it gets.

Names come from documents: any script, control characters, emoji, hundreds of characters. matplotlib warns
about each glyph that it lacks; here such glyphs are replaced before it sees them.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

# In the order of preference; those that are installed are used, DejaVu Sans comes with matplotlib.
_WANTED = (
    "DejaVu Sans",
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Zen Hei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Arial Unicode MS",
)
_MISSING = "□"


def drawable(text: str, *, longest: int) -> str:
    """Makes one short line of text of which every character can be drawn.

    Args:
        text: Any text.
        longest: Characters at most; what is cut off leaves an ellipsis.
    """
    line = "".join(_shown(character) for character in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def style() -> dict[str, Any]:
    """How matplotlib sets text: never as mathematics, since names may hold dollar signs."""
    return {"fontfamily": list(_families()), "parse_math": False, "usetex": False, "linespacing": 1.0}


class Ruler:
    """Measures text in inches."""

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure = Figure(dpi=100)
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()

    def measure(self, text: str, points: float) -> tuple[float, float]:
        """Returns the width and height of a drawable text at a font size."""
        artist = self._figure.text(0, 0, text, fontsize=points, **style())
        extent = artist.get_window_extent(self._renderer)
        artist.remove()
        return float(extent.width) / 100, float(extent.height) / 100


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Cf", "Cs"}:
        return ""
    if ord(character) in _glyphs():
        return character
    return "" if category.startswith("M") else _MISSING


@cache
def _families() -> tuple[str, ...]:
    """The font families to draw with, in the order in which a glyph is looked for."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _WANTED if name in installed)


@cache
def _glyphs() -> frozenset[int]:
    """Code points that at least one of the families has."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    files = {Path(str(findfont(FontProperties(family=[name])))) for name in _families()}
    return frozenset().union(*(FT2Font(str(file)).get_charmap() for file in sorted(files)))
