"""`kag backup TARGET`: a consistent copy of the store, while it is in use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kag import console
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings

Target = Annotated[
    str, typer.Argument(help="A new file, or a folder for it; nothing is replaced.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(backup)


def backup(target: Target, store: console.Store = None, as_json: console.AsJson = False) -> None:
    """Copy the whole store to a new file, while others read and write it."""

    async def work(base: KnowledgeBase, _: Settings) -> int:
        await base.store.backup(target)
        return (await base.store.statistics()).documents

    documents = console.with_store({"store": store}, work)
    text = f"Copied {documents:,} documents to {target}; open it with --store {target}."
    console.emit({"target": target, "documents": documents}, None if as_json else printable(text))
