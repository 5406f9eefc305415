"""Draws how rewards and metrics went from epoch to epoch."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kag.errors import TrainingError
from kag.plotting.fonts import drawable, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _FAINT, _GRID = "#1f2933", "#66707c", "#e4e8ed"
_TRAIN, _VALIDATION = "#4c6fae", "#d9822b"
_PANEL = (4.6, 3.0)  # inches
_VAL = "val_"

Curves = Mapping[str, Sequence[float | None]]


class HistoryLike(Protocol):
    """What `fit` returns: values of each epoch by name."""

    history: Curves


def plot_history(
    history: HistoryLike | Curves, to_folder: str | os.PathLike[str] = ".", *, to_file: str = "history"
) -> Path:
    """Draws each metric of a training over its epochs; training and validation of one metric share a panel.

    Args:
        history: What `fit` returned, or a dict of lists, one value for each epoch.
        to_folder: Where the PNG goes; it is made if it is missing.
        to_file: Its name without a suffix.

    Returns:
        The path of the PNG.

    Raises:
        TrainingError: There is nothing to draw, or the file cannot be written.

    Example:
        >>> plot_history({"reward": [0.4, 0.7], "val_reward": [0.3, 0.6]}, to_folder="output")
        PosixPath('output/history.png')
    """
    curves = _curves(history)
    name = re.sub(r"[^\w.-]+", "_", to_file).strip(".") or "history"
    path = Path(to_folder) / f"{name}.png"
    content = _png(curves)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise TrainingError(
            f"Cannot write {path}: {error.strerror or error}; choose another folder."
        ) from error
    return path


def _curves(history: Any) -> dict[str, list[float]]:
    given = history if isinstance(history, Mapping) else getattr(history, "history", None)
    if not isinstance(given, Mapping):
        raise TrainingError(
            f"plot_history draws what fit returns, or a dict of lists; got {type(history).__name__}."
        )
    curves = {}
    for name, values in given.items():
        try:
            curves[str(name)] = [math.nan if value is None else float(value) for value in values]
        except (TypeError, ValueError):
            raise TrainingError(
                f"{name!r} of the history must be a list of numbers; got {values!r}."
            ) from None
    if not any(math.isfinite(value) for values in curves.values() for value in values):
        raise TrainingError("The history has no values to draw; was `fit` run for at least one epoch?")
    return curves


def _png(curves: Mapping[str, list[float]]) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    metrics = list(dict.fromkeys(name.removeprefix(_VAL) for name in curves))
    columns = min(3, math.ceil(math.sqrt(len(metrics))))
    rows = math.ceil(len(metrics) / columns)
    figure = Figure(
        figsize=(_PANEL[0] * columns, _PANEL[1] * rows),
        dpi=160,
        layout=ConstrainedLayoutEngine(w_pad=0.15, h_pad=0.15),
    )
    for place, metric in enumerate(metrics, start=1):
        axes = figure.add_subplot(rows, columns, place)
        lines = {"training": curves.get(metric), "validation": curves.get(_VAL + metric)}
        _panel(axes, metric, {name: values for name, values in lines.items() if values})
    out = io.BytesIO()
    FigureCanvasAgg(figure).print_png(out)
    return out.getvalue()


def _panel(axes: Axes, metric: str, lines: Mapping[str, list[float]]) -> None:
    from matplotlib.ticker import MaxNLocator

    for name, values in lines.items():
        colour = _VALIDATION if name == "validation" else _TRAIN
        epochs = range(1, len(values) + 1)
        axes.plot(epochs, values, color=colour, linewidth=1.8, marker="o", markersize=4, label=name)
    title = drawable(metric, longest=40)
    axes.set_title(title, loc="left", fontsize=11, color=_INK, fontweight="bold", **style(title))
    axes.set_xlabel("epoch", fontsize=9, color=_FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    known = [value for values in lines.values() for value in values if math.isfinite(value)]
    if known and min(known) >= 0 and 0.2 <= max(known) <= 1:  # a share, not a small amount
        axes.set_ylim(-0.03, 1.03)
    axes.grid(axis="y", color=_GRID, linewidth=0.8)
    axes.tick_params(labelsize=8, colors=_FAINT, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_GRID)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=8, loc="best")
