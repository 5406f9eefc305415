"""Which fonts a picture is written in, what of a name they can show, and how long it gets.

Names come from documents: any script, control characters, emoji, hundreds of characters. matplotlib warns
about each glyph that it lacks; here such glyphs are replaced before it sees them.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

# In the order of preference; those that are installed are used, DejaVu Sans comes with matplotlib.
# A character that none of them has is looked for in all other fonts of the system.
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
_NO_LETTERS = re.compile(r"last ?resort|emoji|color|symbol|icon|math|braille|barcode", re.IGNORECASE)


def drawable(text: str, *, longest: int) -> str:
    """Makes one short line of text of which every character can be drawn.

    Args:
        text: Any text.
        longest: Characters at most; what is cut off leaves an ellipsis.
    """
    line = "".join(_shown(character) for character in " ".join(text.split()))
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def style(text: str = "") -> dict[str, Any]:
    """How matplotlib sets a drawable text: never as mathematics, since names may hold dollar signs."""
    others = (_fallback(ord(character)) for character in set(text) if ord(character) not in _glyphs())
    families = [*_families(), *sorted({name for name in others if name is not None})]
    return {"fontfamily": families, "parse_math": False, "usetex": False, "linespacing": 1.0}


class Ruler:
    """Measures text in inches."""

    def __init__(self) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        self._figure = Figure(dpi=100)
        self._renderer = FigureCanvasAgg(self._figure).get_renderer()

    def measure(self, text: str, points: float) -> tuple[float, float]:
        """Returns the width and height of a drawable text at a font size."""
        artist = self._figure.text(0, 0, text, fontsize=points, **style(text))
        extent = artist.get_window_extent(self._renderer)
        artist.remove()
        return float(extent.width) / 100, float(extent.height) / 100


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"Cc", "Cf", "Cs"}:
        return ""
    if ord(character) in _glyphs() or (_is_letter(category) and _fallback(ord(character)) is not None):
        return character
    return "" if category.startswith("M") else _MISSING


def _is_letter(category: str) -> bool:
    """Whether a character is worth a search in all fonts: a letter, mark, number or punctuation."""
    return category[0] in "LMNP"


@cache
def _families() -> tuple[str, ...]:
    """The font families to draw with, in the order in which a glyph is looked for."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return tuple(name for name in _WANTED if name in installed)


@cache
def _glyphs() -> frozenset[int]:
    """Code points that at least one of the families has."""
    return frozenset().union(*(_charmap(name) for name in _families()))


@cache
def _fallback(code: int) -> str | None:
    """The family of another installed font that has a code point; None if there is none."""
    return next((name for name in _others() if code in _charmap(name)), None)


@cache
def _others() -> tuple[str, ...]:
    """The other installed families that are made of letters, those without serifs first."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist} - set(_families())
    plain = (name for name in installed if not _NO_LETTERS.search(name))
    return tuple(sorted(plain, key=lambda name: (not re.search("sans|gothic", name, re.IGNORECASE), name)))


@cache
def _charmap(family: str) -> frozenset[int]:
    """Code points that a family has; none if its file cannot be read."""
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    try:
        file = Path(str(findfont(FontProperties(family=[family]), fallback_to_default=False)))
        return frozenset(FT2Font(str(file)).get_charmap())
    except (ValueError, RuntimeError, OSError):  # no face of usual weight, or a damaged or removed file
        return frozenset()
