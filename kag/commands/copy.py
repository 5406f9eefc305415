"""`kag copy FROM TO`: everything of one store into another, such as from SQLite to Neo4j."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.errors import ConfigurationError
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases._copying import Copied

From = Annotated[str, typer.Argument(metavar="FROM", help="Folder or URI.", show_default=False)]
To = Annotated[str, typer.Argument(metavar="TO", help="Folder or URI.", show_default=False)]
Only = Annotated[
    list[str] | None,
    typer.Option("--collection", "-c", help="Only this one; may be repeated.", show_default="all"),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(copy)


def copy(from_: From, to: To, collection: Only = None, as_json: console.AsJson = False) -> None:
    """Copy all documents with what they say to another store; repeat it to go on after a stop."""
    if from_ == to:
        raise ConfigurationError("FROM and TO are the same store; name another one.")
    copied, place = console.run(lambda: _copy(from_, to, collection or []))
    if as_json:
        console.emit({**asdict(copied), "same": not copied.differences})
    else:
        console.emit(None, _text(copied, place))
    if copied.differences:
        raise typer.Exit(console.PARTIAL)


async def _copy(from_: str, to: str, collections: list[str]) -> tuple[Copied, str]:
    """Copies, and tells where to, without credentials."""
    from kag.knowledge_bases._copying import copy as copy_all
    from kag.knowledge_bases.knowledge_base import KnowledgeBase

    source, target = KnowledgeBase(from_), KnowledgeBase(to)
    try:
        await source.open(create=False, read_only=True)
        await target.open()
        copied = await copy_all(source.store, target.store, collections, console.note)
        return copied, target.store.uri
    finally:
        await source.close()
        await target.close()


def _text(copied: Copied, to: str) -> str:
    counts: dict[str, Any] = {k: v for k, v in copied.target.items() if k != "checksum"}
    lines = [
        f"Wrote {copied.documents:,} documents to {to}; {copied.unchanged:,} were there already.",
        ", ".join(f"{n:,} {kind}" for kind, n in counts.items()),
        f"checksum {copied.source['checksum']} on one side, {copied.target['checksum']} on the other",
    ]
    if copied.differences:
        shown = "\n  ".join(copied.differences[:10])
        lines.append(f"{len(copied.differences)} documents or links differ; copy again:\n  {shown}")
    else:
        lines.append("Both sides hold the same.")
    return "\n".join("\n".join(printable(part) for part in line.split("\n")) for line in lines)
