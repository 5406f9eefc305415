"""What the commands of programs share: their options, and opening a program with what the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag.errors import ConfigurationError

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.program import Program
    from kag.settings import Settings

ProgramName = Annotated[
    str, typer.Option("--program", "-p", help="A ready-made program, or a saved one (.json).")
]
Limit = Annotated[
    int | None, typer.Option("--limit", "-k", min=1, max=50, help="Passages that are read.", show_default="6")
]
Questions = Annotated[
    Path,
    typer.Argument(
        metavar="QUESTIONS.jsonl",
        help='One {"question": ..., "answer": ...} a line, "gold" (sources) if known.',
        show_default=False,
    ),
]
Rewards = Annotated[
    list[str] | None,
    typer.Option(
        "--reward", help="How answers are judged, such as TokenF1 or CitationPrecision=0.5; may be repeated.",
        show_default="TokenF1",
    ),
]  # fmt: skip
Concurrency = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Questions at a time.", show_default="4")
]


async def open_program(name: str, base: KnowledgeBase, settings: Settings, **options: Any) -> Program:
    """Opens a program for the knowledge base and model of the settings.

    A saved program is asked with the model that is set; where none is set, with its own.

    Raises:
        ConfigurationError: It needs a model, and none is set.
        ProgramError: There is no such program, or its file cannot be used.
    """
    from programs._library import is_file, load, make, needs_model, taken

    if is_file(name) and options.get("k") is not None:
        raise ConfigurationError(f"--limit is part of a saved program; leave it out with {name}.")
    may_do_without = is_file(name) or not needs_model(name)
    model = None if may_do_without and settings.model is None else settings.open_language_model()
    if is_file(name):
        return load(name, base, model)
    if options.get("k") is not None and "k" not in taken(name):
        raise ConfigurationError(f"The program {name!r} reads no passages, so it takes no --limit.")
    given = {key: value for key, value in options.items() if value is not None and key in taken(name)}
    return await make(name, base, model, **given)
