"""`kag communities build | list | show`: the groups that passages form, and what each is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.errors import StoreNotFoundError
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.retrievers._community_summary import Community
    from kag.settings import Settings

app = typer.Typer(help="Find groups of passages, and what each is about.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="communities")


@app.command()
def build(
    resolution: Annotated[
        float, typer.Option(min=0.05, max=20.0, help="More gives more and smaller communities.")
    ] = 1.0,
    anew: Annotated[bool, typer.Option("--anew", help="Do everything anew, not only what changed.")] = False,
    extractive: Annotated[
        bool, typer.Option("--extractive", help="Take the passages' own sentences, also if a model is set.")
    ] = False,
    store: console.Store = None,
    collection: console.Collection = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Find communities and describe those that changed; a language model writes, where one is set."""
    from kag.retrievers._community_documents import build as build_communities

    flags = {
        "store": store,
        "collection": collection,
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }

    async def work(base: KnowledgeBase, settings: Settings) -> dict[str, Any]:
        writer = settings.open_language_model(cached=True) if settings.model and not extractive else None
        done = await build_communities(
            base, writer, resolution=resolution, anew=anew, progress=lambda c: console.note(printable(c.name))
        )
        return {
            "collection": base.collection,
            "communities": done.communities,
            "kept": done.kept,
            "written": done.written,
            "removed": done.removed,
        }

    data = console.with_store(flags, work, write=True)
    text = "{communities:,} communities: {written:,} written, {kept:,} as before; {removed:,} gone."
    console.emit(data, None if as_json else text.format(**data))


@app.command("list")
def list_communities(
    question: Annotated[str | None, typer.Argument(help="Those that a question is about come first.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Most communities.")] = 20,
    store: console.Store = None,
    collection: console.Collection = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """List communities with their summaries, the largest first, or those that a question is about."""
    flags = {
        "store": store,
        "collection": collection,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }

    async def work(base: KnowledgeBase, _: Settings) -> list[Community]:
        from kag.retrievers.community import CommunityRetriever

        ranked = await CommunityRetriever(base).rank(question or "topics")
        return [community for community, _ in ranked[:limit]]

    found = console.with_store(flags, work)
    text = "\n\n".join(_text(community) for community in found) or "No communities."
    console.emit({"communities": [_data(c) for c in found]}, None if as_json else text)


@app.command()
def show(
    community: Annotated[
        str, typer.Argument(help="Its id, or the beginning of its name.", show_default=False)
    ],
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Show a community: its summary with the words that it stands on, and where they are."""

    async def work(base: KnowledgeBase, _: Settings) -> dict[str, Any]:
        return await _shown(base, community)

    data = console.with_store({"store": store, "collection": collection}, work)
    console.emit(data, None if as_json else _shown_text(data))


async def _shown(base: KnowledgeBase, wanted: str) -> dict[str, Any]:
    from kag.retrievers._community_documents import communities
    from kag.retrievers._items import Place, sources

    known = (await communities(base))[0]
    found = [c for c in known if c.id == wanted] or [
        c for c in known if c.name.casefold().startswith(wanted.casefold())
    ]
    if not found:
        raise StoreNotFoundError(
            f"Collection {base.collection!r} has no community {wanted!r}; `kag communities list` shows them."
        )
    places = {
        str(n): [Place(source.chunk_id, source.start, source.end, exact=True) for source in statement.sources]
        for n, statement in enumerate(found[0].statements)
    }
    said = await sources(base.store, places)
    statements = [
        {"text": statement.text, "provenance": said[str(n)]}
        for n, statement in enumerate(found[0].statements)
    ]
    return {**_data(found[0]), "statements": statements}


def _data(community: Community) -> dict[str, Any]:
    return {
        "id": community.id,
        "name": community.name,
        "passages": community.size,
        "entities": list(community.entities),
        "summary": community.summary,
        "written_by": community.written_by or None,
    }


def _text(community: Community) -> str:
    head = f"{community.name} — {community.size:,} passages, {community.id}"
    return "\n".join([printable(head), printable(f"  {community.summary}")])


def _shown_text(data: dict[str, Any]) -> str:
    author = f", summary by {data['written_by']}" if data["written_by"] else ""
    lines = [f"{data['name']} — {data['passages']:,} passages, {data['id']}{author}"]
    lines += [f"  ties: {', '.join(data['entities'])}"] if data["entities"] else []
    for statement in data["statements"]:
        lines.append(f"  {statement['text']}")
        for source in statement["provenance"]:
            start, end = source["span"]
            page = f", page {source['page']}" if "page" in source else ""
            lines.append(f"      {source['title']} ({source['uri']}{page}, characters {start}–{end})")
            if " ".join(source["quote"].split()) != statement["text"]:
                lines.append(f"      “{' '.join(source['quote'].split())}”")
    return "\n".join(printable(line) for line in lines)
