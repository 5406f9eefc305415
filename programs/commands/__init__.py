"""The commands of programs, one a file (ask, chat, train, evaluate, program); each offers `register(app)`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from kag import discover

if TYPE_CHECKING:
    import typer


def register(app: typer.Typer) -> None:
    """Adds the commands to the `kag` command."""
    for name in discover.names(__name__):
        importlib.import_module(f"{__name__}.{name}").register(app)
