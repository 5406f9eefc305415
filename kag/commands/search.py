"""`kag search`: evidence for a question, with where it stands and how it was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kag import console, evidence
from kag.retrievers import searcher
from kag.retrievers.base import Mode, Search

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.retrievers.base import Evidence
    from kag.settings import Settings

Words = Annotated[str, typer.Argument(help="A question, or words.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", "-k", min=1, max=100, help="Most passages.")]
ModeName = Annotated[Mode, typer.Option("--mode", help="How to search.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(search)


def search(
    text: Words,
    mode: ModeName = "graph",
    limit: Limit = 5,
    store: console.Store = None,
    collection: console.Collection = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Find passages; `graph` also follows what they mention into other documents."""
    flags = {
        "store": store,
        "collection": collection,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }

    async def work(base: KnowledgeBase, _: Settings) -> Evidence:
        return await searcher(base, mode).search(Search(text, k=limit))

    found = console.with_store(flags, work)
    console.emit(evidence.as_data(found), None if as_json else evidence.as_text(found))
