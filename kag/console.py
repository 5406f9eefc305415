"""What all commands share: data on stdout, progress and errors on stderr, `--json`, and exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 partly done, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from kag import settings
from kag.errors import ConfigurationError, KagError, StoreNotFoundError

if TYPE_CHECKING:
    from rich.console import Console

    from kag.knowledge_bases.knowledge_base import KnowledgeBase

FAILED, USAGE, PARTIAL = 1, 2, 3
T = TypeVar("T")

Store = Annotated[
    str | None,
    typer.Option("--store", "-s", help="Folder or URI of the knowledge base.", show_default=".kag"),
]
Collection = Annotated[
    str | None,
    typer.Option("--collection", "-c", help="Namespace in the knowledge base.", show_default="default"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="Language model, such as ollama/mistral.", show_default=False),
]
ApiBase = Annotated[
    str | None, typer.Option("--api-base", help="URL of an OpenAI-compatible server.", show_default=False)
]
EmbeddingModel = Annotated[
    str | None,
    typer.Option("--embedding-model", help="Embedding model, such as wordllama.", show_default=False),
]
EmbeddingFolder = Annotated[
    str | None,
    typer.Option("--embedding-folder", help="Folder with an ONNX embedding model.", show_default=False),
]


def group(app: typer.Typer, name: str, about: str) -> typer.Typer:
    """The group of commands of a name, such as `kag evaluate`; several packages may add commands to it."""
    known = next((one.typer_instance for one in app.registered_groups if one.name == name), None)
    if known is not None:
        return known
    made = typer.Typer(help=about, no_args_is_help=True)
    made.callback()(_keeps_its_name)
    app.add_typer(made, name=name, help=about)
    return made


def _keeps_its_name() -> None:
    """With a callback, also the only command of a group keeps its name."""


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs a command's coroutine in an event loop of its own."""

    async def main() -> T:
        return await work()

    return asyncio.run(main())


def with_store(
    flags: Mapping[str, Any],
    work: Callable[[KnowledgeBase, settings.Settings], Awaitable[T]],
    *,
    write: bool = False,
    create: bool = False,
) -> T:
    """Opens the knowledge base that settings and flags name, and runs a command's coroutine on it.

    Args:
        flags: Settings from the command line; None counts as not given.
        work: The command; gets the open knowledge base and the settings.
        write: The command changes the store; otherwise a read-only folder will do.
        create: Make the store where there is none; otherwise that is an error.
    """
    chosen = settings.load(flags)

    async def main() -> T:
        base = chosen.open_knowledge_base()
        try:
            await base.open(create=False, read_only=not (write or create))
        except StoreNotFoundError:
            if not create:
                raise
            if base.embedding_model is not None:  # what cannot be had must not leave an empty store behind
                await base.embedding_model.load()
            await base.open()
        try:
            return await work(base, chosen)
        finally:
            await base.close()

    return asyncio.run(main())


def emit(data: object, text: str | None = None) -> None:
    """Prints a result on stdout: `text` where given, else `data` as JSON."""
    print(text if text is not None else to_json(data))  # noqa: T201


def flush() -> None:
    """Shows what was printed so far at once, also where the output is no terminal."""
    sys.stdout.flush()


def to_json(data: object) -> str:
    """Writes any result as JSON, with records as objects."""
    return json.dumps(data, ensure_ascii=False, indent=2, default=_plain)


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name != "embedding"}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def note(text: str) -> None:
    """Prints a line for a person on stderr."""
    print(text, file=sys.stderr)  # noqa: T201


def fail(error: KagError) -> int:
    """Prints an error as one clear message and tells the exit code that goes with it."""
    note(f"error: {error}")
    return USAGE if isinstance(error, ConfigurationError) else FAILED


def stdout() -> Console:
    """Makes the console for results: colours only on a terminal, and none with NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())
