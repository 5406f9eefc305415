"""Draws programs: modules, operators and the data between them, for a report or a notebook."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from kag.errors import ProgramError
from kag.module import Module
from kag.plotting.program_boxes import Drawable, Shown, boxes_of
from kag.plotting.program_sheet import Sheet


class ProgramPlot(NamedTuple):
    """The files of a drawing.

    Args:
        png: The picture.
        svg: The same, for any size.
    """

    png: Path
    svg: Path


def plot_program(
    program: Any,
    to_folder: str | os.PathLike[str] = ".",
    *,
    to_file: str | None = None,
    show_module_names: bool = True,
    show_schemas: bool = False,
    show_trainable: bool = True,
) -> ProgramPlot:
    """Draws a program from its inputs at the top to its outputs at the bottom, as PNG and SVG.

    Branches stand side by side below their decision; small circles are operators.

    Args:
        program: A program. One without a graph (a subclass with its own `call`, or one that is not built yet)
            is drawn as the tree of its modules.
        to_folder: Where the files go; it is made if it is missing.
        to_file: Their name without a suffix; the program's name by default.
        show_module_names: Show names beside classes.
        show_schemas: Show the properties that each module gives, with their types.
        show_trainable: Mark what can be trained and what is frozen.

    Returns:
        The paths of both files.

    Raises:
        ProgramError: It is not a program, or the files cannot be written.

    Example:
        >>> plot_program(program, to_folder="output", show_schemas=True).png
        PosixPath('output/simple_qa.png')
    """
    shown = Shown(module_names=show_module_names, schemas=show_schemas, trainable=show_trainable)
    sheet = _sheet(program, shown)
    name = re.sub(r"[^\w.-]+", "_", to_file or program.name).strip(".") or "program"
    folder = Path(to_folder)
    plot = ProgramPlot(folder / f"{name}.png", folder / f"{name}.svg")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plot.png.write_bytes(sheet.png())
        plot.svg.write_bytes(sheet.svg())
    except OSError as error:
        raise ProgramError(
            f"Cannot write {plot.png}: {error.strerror or error}; choose another to_folder."
        ) from error
    return plot


def program_html(program: Any) -> str:
    """A program's drawing as HTML, which notebooks show for a program at the end of a cell."""
    svg = _sheet(program, Shown(schemas=True)).svg().decode()
    return f'<div style="max-width: 100%; overflow-x: auto">{svg[svg.index("<svg") :]}</div>'


def _sheet(program: Any, shown: Shown) -> Sheet:
    if not isinstance(program, Module) or not hasattr(program, "function"):
        raise ProgramError(f"plot_program draws programs; got {type(program).__name__}.")
    drawn: Drawable = program
    return Sheet(boxes_of(drawn, shown), drawn.name, drawn.description)
