"""`kag collections list | create | rename | delete`: the namespaces of a store."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.errors import ConfigurationError, StoreNotFoundError
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases._copying import Copied
    from kag.knowledge_bases.base import Store
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings

Name = Annotated[str, typer.Argument(help="Name of the collection.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

app = typer.Typer(help="List, make, rename and delete collections.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="collections")


@app.command("list")
def list_collections(store: console.Store = None, as_json: console.AsJson = False) -> None:
    """List the collections with what is in them."""

    async def work(base: KnowledgeBase, _: Settings) -> list[dict[str, Any]]:
        names = (await base.store.statistics()).collections
        return [await _counts(base.store, name) for name in names]

    found = console.with_store({"store": store}, work)
    lines = [
        printable(
            f"{c['name']}: {c['documents']:,} documents, {c['chunks']:,} passages, "
            f"{c['entities']:,} entities, {c['relations']:,} relations"
        )
        for c in found
    ]
    console.emit({"collections": found}, None if as_json else "\n".join(lines) or "No collections.")


@app.command()
def create(name: Name, store: console.Store = None, as_json: console.AsJson = False) -> None:
    """Make an empty collection; adding documents makes one by itself."""

    async def work(base: KnowledgeBase, _: Settings) -> bool:
        return await base.store.create_collection(name)

    made = console.with_store({"store": store}, work, create=True)
    text = f"Made the collection {name}." if made else f"The collection {name} was there already."
    console.emit({"name": name, "created": made}, None if as_json else printable(text))


@app.command()
def rename(
    old: Annotated[str, typer.Argument(help="Name of the collection.", show_default=False)],
    new: Annotated[str, typer.Argument(help="Its new name.", show_default=False)],
    store: console.Store = None,
    as_json: console.AsJson = False,
) -> None:
    """Rename a collection; repeat it to go on after a stop. Needs room for a second copy meanwhile."""
    if not new.strip():
        raise ConfigurationError(f"A collection cannot be called {new!r}; give it a name.")

    async def work(base: KnowledgeBase, _: Settings) -> Copied:
        from kag.knowledge_bases._copying import rename as rename_collection

        return await rename_collection(base.store, old, new, console.note)

    moved = console.with_store({"store": store}, work, write=True)
    data = {"old": old, "new": new, **asdict(moved)}
    documents = moved.documents + moved.unchanged
    text = f"Renamed {old} to {new}: {documents:,} documents."
    console.emit(data, None if as_json else printable(text))


@app.command()
def delete(
    name: Name, store: console.Store = None, yes: Yes = False, as_json: console.AsJson = False
) -> None:
    """Delete a collection with all its documents."""
    if not yes and not sys.stdin.isatty():
        raise ConfigurationError("Nothing is deleted: there is nobody to ask. Repeat it with --yes.")

    async def work(base: KnowledgeBase, _: Settings) -> int:
        if name not in (await base.store.statistics()).collections:
            raise StoreNotFoundError(f"No collection {name!r}. `kag collections list` shows all.")
        counts = await _counts(base.store, name)
        if not yes:
            question = f"Delete {name} with {counts['documents']:,} documents?"
            typer.confirm(printable(question), abort=True, err=True)
        return await base.store.delete_collection(name)

    documents = console.with_store({"store": store}, work, write=True)
    text = f"Deleted the collection {name} with {documents:,} documents."
    console.emit({"name": name, "documents": documents}, None if as_json else printable(text))


async def _counts(store: Store, name: str) -> dict[str, Any]:
    counts = await store.statistics((name,))
    kinds = ("documents", "chunks", "entities", "relations", "mentions")
    return {"name": name, **{kind: getattr(counts, kind) for kind in kinds}}
