"""Draws how much of what questions need each way of searching finds, by how deep one looks."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

from kag.errors import ConfigurationError
from kag.plotting.fonts import drawable, style

_INK, _FAINT, _GRID = "#1f2933", "#66707c", "#e4e8ed"
_COLOURS = ("#4c6fae", "#d9822b", "#3a8f6b", "#a2539c", "#8a7f3c", "#5b6b7a")
_SIZE = (9.6, 3.4)  # inches


def plot_recall(tables: Mapping[str, Mapping[str, float]], to_file: str | os.PathLike[str]) -> Path:
    """Draws recall@k as lines, one for each way of searching, and the latency beside it.

    Args:
        tables: Way of searching to its scores: `recall@k` for some k, in 0..1, and `median_ms`.
        to_file: The PNG.

    Returns:
        The path of the PNG.

    Raises:
        ConfigurationError: There is no recall to draw, or the file cannot be written.

    Example:
        >>> plot_recall({"graph": {"recall@2": 0.6, "recall@5": 0.8, "median_ms": 9.0}}, "recall.png")
        PosixPath('recall.png')
    """
    path = Path(to_file)
    if not tables or not all(any(n.startswith("recall@") for n in table) for table in tables.values()):
        raise ConfigurationError(f"There is no recall to draw in {sorted(tables)}; give recall@k for each.")
    if path.suffix.lower() != ".png":
        raise ConfigurationError(f"{path} does not end in .png; the picture is one.")
    content = _png(tables)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write {path}: {error.strerror or error}; choose another file."
        ) from error
    return path


def _png(tables: Mapping[str, Mapping[str, float]]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    figure = Figure(figsize=_SIZE, dpi=160, layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15))
    left, right = figure.subplots(1, 2, width_ratios=[3, 2])
    names = {mode: drawable(mode, longest=24) for mode in tables}
    colours = {mode: _COLOURS[n % len(_COLOURS)] for n, mode in enumerate(tables)}
    for mode, table in tables.items():
        depths = sorted(int(name.partition("@")[2]) for name in table if name.startswith("recall@"))
        values = [table[f"recall@{k}"] for k in depths]
        left.plot(depths, values, color=colours[mode], linewidth=1.8, marker="o", label=names[mode])
        left.set_xticks(depths)
    left.set_ylim(0, 1.03)
    left.set_xlabel("passages looked at (k)", fontsize=9, color=_FAINT)
    left.legend(frameon=False, fontsize=8, loc="lower right")
    rows = list(tables)[::-1]
    spent = [tables[mode].get("median_ms", 0.0) for mode in rows]
    right.barh([names[mode] for mode in rows], spent, color=[colours[mode] for mode in rows], height=0.55)
    right.set_xlabel("milliseconds a search, median", fontsize=9, color=_FAINT)
    for axes, title, grid in ((left, "recall", "y"), (right, "latency", "x")):
        axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold", **style(title))
        axes.grid(axis=grid, color=_GRID, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=8, colors=_FAINT, length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    return out.getvalue()
