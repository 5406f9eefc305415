"""`kag status`: what is in the store, and with which models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console

if TYPE_CHECKING:
    from kag.knowledge_bases.base import Statistics
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(status)


def status(
    store: console.Store = None,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Only this namespace.", show_default="all")
    ] = None,
    as_json: console.AsJson = False,
) -> None:
    """Show what the knowledge base holds."""

    async def work(base: KnowledgeBase, settings: Settings) -> dict[str, Any]:
        chosen = (base.collection,) if collection else ()
        return _data(await base.store.statistics(chosen), base, settings)

    data = console.with_store({"store": store, "collection": collection}, work)
    console.emit(data, None if as_json else _text(data))


def _data(counts: Statistics, base: KnowledgeBase, settings: Settings) -> dict[str, Any]:
    return {
        "store": base.store.uri,
        "size_bytes": counts.size_bytes,
        "collections": counts.collections,
        "documents": counts.documents,
        "chunks": counts.chunks,
        "entities": counts.entities,
        "mentions": counts.mentions,
        "relations": counts.relations,
        "labels": counts.labels,
        "relation_types": counts.relation_types,
        "embedding_model": counts.space.model if counts.space else None,
        "dimensions": counts.space.dimensions if counts.space else None,
        "language_model": settings.model,
        "settings": settings.source,
    }


def _text(data: dict[str, Any]) -> str:
    embedding = f"{data['embedding_model']} ({data['dimensions']} dimensions)"
    lines = {
        "store": f"{data['store']} ({data['size_bytes'] / 1e6:.1f} MB)",
        "collections": ", ".join(data["collections"]) or "none",
        "documents": f"{data['documents']:,} in {data['chunks']:,} passages",
        "entities": f"{data['entities']:,} ({_shares(data['labels'])}), mentioned {data['mentions']:,} times",
        "relations": f"{data['relations']:,} ({_shares(data['relation_types'])})",
        "embeddings": embedding if data["embedding_model"] else "none",
        "language model": data["language_model"] or "none (kag ask needs one)",
        "settings": data["settings"] or "defaults, KAG_* and flags",
    }
    return "\n".join(f"{name + ':':16} {value}" for name, value in lines.items())


def _shares(counts: dict[str, int], most: int = 5) -> str:
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{name} {count:,}" for name, count in ranked[:most]]
    return ", ".join(shown + (["…"] if len(ranked) > most else [])) or "none"
