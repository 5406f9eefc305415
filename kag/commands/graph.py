"""`kag graph plot`: draws the graph, or what lies around an entity, as a picture and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kag import console
from kag.errors import StoreNotFoundError

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.knowledge_bases.records import Subgraph
    from kag.plotting import GraphPlot, Source
    from kag.settings import Settings

_MOST_SEEN = 5000  # entities looked at to find the best connected
_MOST_RELATIONS = 5000


def register(app: typer.Typer) -> None:
    """Adds the command to the group `kag graph`, to which ingestion adds `import`."""
    console.group(app, "graph", "Draw the graph, or bring facts into it.").command()(plot)


def plot(
    around: Annotated[
        str | None, typer.Argument(help="Entity to draw the neighbourhood of; all without.")
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="File that ends in .png or .html; may be repeated."),
    ] = None,
    hops: Annotated[int, typer.Option(min=1, max=4, help="How far from the entity.")] = 2,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Most entities drawn.")] = None,
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Draw the graph as a picture (.png) and as a page to explore (.html)."""
    files = out or [Path("graph.png"), Path("graph.html")]

    async def work(base: KnowledgeBase, _: Settings) -> list[GraphPlot]:
        from kag.plotting import plot_graph

        subgraph = await (neighbourhood(base, around, hops) if around else overview(base))
        if not subgraph.entities:
            raise StoreNotFoundError(f"Nothing to draw: collection {base.collection!r} has no entities.")
        sources = await sources_of(base, subgraph)
        title = around or f"Collection {base.collection}"
        return [
            await plot_graph(subgraph, to_file=file, title=title, sources=sources, limit=limit)
            for file in files
        ]

    plots = console.with_store({"store": store, "collection": collection}, work)
    console.emit({"files": plots}, None if as_json else "\n".join(_line(p) for p in plots))


async def neighbourhood(base: KnowledgeBase, name: str, hops: int) -> Subgraph:
    """What lies around the entities of a name."""
    from kag.commands._entity_names import the_entities

    ids = [entity.id for entity in await the_entities(base, name)]
    return await base.store.expand(ids, hops=hops, limit=_MOST_RELATIONS)


async def overview(base: KnowledgeBase) -> Subgraph:
    """The entities that most passages mention, dates aside, and the relations between them."""
    from kag.knowledge_bases.records import Entity, Subgraph

    seen: list[Entity] = []
    after = ""
    while len(seen) < _MOST_SEEN:
        page = await base.store.page("entity", (base.collection,), after=after, limit=500)
        if not page:
            break
        seen += [e for e in page if isinstance(e, Entity) and e.label != "Date"]
        after = page[-1].id
    best = sorted(seen, key=lambda e: (-e.degree, e.name))[:1000]
    around = await base.store.expand([e.id for e in best], hops=1, limit=_MOST_RELATIONS)
    known = {e.id for e in best}
    inside = tuple(r for r in around.relations if {r.subject_id, r.object_id} <= known)
    return Subgraph(tuple(best), inside, around.truncated)


async def sources_of(base: KnowledgeBase, subgraph: Subgraph) -> dict[str, Source]:
    """Where each supporting passage stands."""
    from kag.knowledge_bases.records import Chunk, Document
    from kag.plotting import Source

    ids = sorted({s.chunk_id for r in subgraph.relations for s in r.support})
    chunks = [c for c in (await base.store.get(ids)).values() if isinstance(c, Chunk)]
    documents = await base.store.get(sorted({c.document_id for c in chunks}))
    return {
        c.id: Source(title=d.title, uri=d.uri, page=c.page)
        for c in chunks
        if isinstance(d := documents.get(c.document_id), Document)
    }


def _line(plot: GraphPlot) -> str:
    left = f" ({plot.entities_left_out} entities left out)" if plot.entities_left_out else ""
    return f"{plot.path}: {plot.entities} entities, {plot.relations} relations{left}"
