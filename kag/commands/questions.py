"""`kag questions generate`: multi-hop test questions made of the collection's own graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.errors import StoreNotFoundError

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    console.group(app, "questions", "Make test questions for one's own collection.").command()(generate)


def generate(
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="JSON lines file.", show_default="stdout")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="Most questions.")] = 50,
    seed: Annotated[int, typer.Option(help="Another one gives other questions.")] = 0,
    templates: Annotated[
        bool, typer.Option("--templates", help="Phrase by templates, also if a model is set.")
    ] = False,
    store: console.Store = None,
    collection: console.Collection = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
) -> None:
    """Make questions that need two documents each, with the passages that answer them, for `kag evaluate`."""
    flags = {"store": store, "collection": collection, "model": model, "api_base": api_base}

    async def work(base: KnowledgeBase, settings: Settings) -> list[dict[str, Any]]:
        from kag.retrievers._multi_hop import make

        writer = settings.open_language_model(cached=True) if settings.model and not templates else None
        found = [made.row() async for made in make(base, limit, writer, seed=seed)]
        if not found:
            raise StoreNotFoundError(
                f"No question can be made: in collection {base.collection!r} no rare entity ties two "
                "documents together. Ingest more documents on one subject."
            )
        return found

    rows = console.with_store(flags, work)
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if out is None:
        console.emit(rows, lines.rstrip("\n"))
        return
    fresh = out.with_name(f"{out.name}.new")
    try:
        fresh.write_text(lines, encoding="utf-8")
        fresh.replace(out)
    finally:
        fresh.unlink(missing_ok=True)
    console.note(f"{len(rows)} questions in {out}. Next: kag evaluate retrieval {out}")
