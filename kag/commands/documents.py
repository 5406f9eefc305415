"""`kag documents list | show | delete`: the documents of a collection."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.errors import ConfigurationError, StoreNotFoundError
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases.base import DeleteReport
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.knowledge_bases.records import Document
    from kag.settings import Settings

Name = Annotated[str, typer.Argument(help="Id, path, or the end of a path.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

app = typer.Typer(help="List, show and delete documents.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="documents")


@app.command("list")
def list_documents(
    store: console.Store = None,
    collection: console.Collection = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most documents.")] = 1000,
    as_json: console.AsJson = False,
) -> None:
    """List the documents of a collection, in the order of their paths."""

    async def work(base: KnowledgeBase, _: Settings) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after = ""
        while len(found) < limit:
            page = await base.store.page(
                "document", (base.collection,), after=after, limit=min(500, limit - len(found))
            )
            if not page:
                break
            found += [_summary(d) for d in page]  # type: ignore[arg-type]  # a page of documents holds documents
            after = page[-1].id
        return found

    found = console.with_store({"store": store, "collection": collection}, work)
    lines = [printable(f"{d['id']}  {d['ingested_at'][:10]}  {d['title']}  ({d['uri']})") for d in found]
    console.emit({"documents": found}, None if as_json else "\n".join(lines) or "No documents.")


@app.command()
def show(
    name: Name,
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Show a document: where it came from, and its text."""

    async def work(base: KnowledgeBase, _: Settings) -> dict[str, Any]:
        document = await the_document(base, name)
        whole = (await base.store.get([document.id]))[document.id]
        return {**_summary(document), "text": getattr(whole, "text", "")}

    data = console.with_store({"store": store, "collection": collection}, work)
    facts = {**data, **data["metadata"]}
    head = "\n".join(
        printable(f"{key}: {value}") for key, value in facts.items() if key not in ("text", "metadata")
    )
    console.emit(data, None if as_json else f"{head}\n\n{data['text']}")


@app.command()
def delete(
    name: Name,
    store: console.Store = None,
    collection: console.Collection = None,
    yes: Yes = False,
    as_json: console.AsJson = False,
) -> None:
    """Delete a document and all that only it supports."""

    async def work(base: KnowledgeBase, _: Settings) -> DeleteReport:
        document = await the_document(base, name)
        if not yes:
            typer.confirm(f"Delete {document.title} ({document.uri})?", abort=True, err=True)
        return await base.store.delete_document(document.id)

    if not yes and not sys.stdin.isatty():
        raise ConfigurationError("Nothing is deleted: there is nobody to ask. Repeat it with --yes.")
    report = console.with_store({"store": store, "collection": collection}, work, write=True)
    text = (
        f"Deleted {report.document_id}: {report.chunks} passages, {report.mentions} mentions, and "
        f"{report.entities} entities and {report.relations} relations that nothing else supports."
    )
    console.emit(report, None if as_json else text)


async def the_document(base: KnowledgeBase, name: str) -> Document:
    """Finds the one document that a user names.

    Raises:
        StoreNotFoundError: None, or several, have that name.
    """
    found = await base.store.find_documents((base.collection,), name)
    if len(found) == 1:
        return found[0]
    if not found:
        raise StoreNotFoundError(
            f"No document {name!r} in collection {base.collection!r}. `kag documents list` shows all."
        )
    several = "\n  ".join(f"{d.id}  {d.uri}" for d in found[:10])
    raise StoreNotFoundError(f"{len(found)} documents are called {name!r}; give one's id:\n  {several}")


def _summary(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "uri": document.uri,
        "title": document.title,
        "media_type": document.media_type,
        "collection": document.collection,
        "ingested_at": document.ingested_at,
        "metadata": dict(document.metadata),
    }
