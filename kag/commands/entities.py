"""`kag entities`: shows an entity with its facts and places; reviews how names became entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.commands import _entity_links
from kag.commands._entity_names import the_entities
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.knowledge_bases.records import Entity, Relation
    from kag.settings import Settings

app = typer.Typer(help="Look at entities, and at how names became them.", no_args_is_help=True)
_entity_links.register(app)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="entities")


@app.callback()
def root() -> None:
    """Keeps `show` a command of its own."""


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name, alias or id.", show_default=False)],
    store: console.Store = None,
    collection: console.Collection = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=1000, help="Most facts and mentions.")
    ] = 20,
    as_json: console.AsJson = False,
) -> None:
    """Show an entity: other names, facts with their quotes, and the passages that mention it."""

    async def work(base: KnowledgeBase, _: Settings) -> list[dict[str, Any]]:
        return [await _data(base, entity, limit) for entity in await the_entities(base, name)]

    found = console.with_store({"store": store, "collection": collection}, work)
    console.emit({"entities": found}, None if as_json else "\n\n".join(_text(e) for e in found))


async def _data(base: KnowledgeBase, entity: Entity, limit: int) -> dict[str, Any]:
    from kag.knowledge_bases.records import Chunk, Document
    from kag.knowledge_bases.records import Entity as EntityRecord

    around = await base.store.expand([entity.id], hops=1, limit=limit)
    names = {e.id: e.name for e in around.entities} | {entity.id: entity.name}
    mentions = await base.store.mentions(entity_ids=[entity.id])
    ids = list(dict.fromkeys(m.chunk_id for m in mentions))[:limit]
    chunks = [c for c in (await base.store.get(ids)).values() if isinstance(c, Chunk)]
    documents = await base.store.get(sorted({c.document_id for c in chunks}))
    whole = (await base.store.get([entity.id])).get(entity.id)
    degree = whole.degree if isinstance(whole, EntityRecord) else len(mentions)
    forms = (await base.store.forms([entity.id])).get(entity.id, [])
    return {
        "id": entity.id,
        "name": entity.name,
        "label": entity.label,
        "aliases": entity.aliases,
        "description": entity.description,
        "degree": degree,
        "forms": [{"id": f.id, "name": f.name, "label": f.label, "degree": f.degree} for f in forms],
        "links": await base.store.links([form.id for form in forms]),
        "facts": [_fact(r, names) for r in around.relations],
        "more_facts": around.truncated,
        "passages": [
            {
                "id": c.id,
                "title": d.title,
                "uri": d.uri,
                "page": c.page,
                "headings": c.headings,
                "span": [c.start, c.end],
            }
            for c in chunks
            if isinstance(d := documents.get(c.document_id), Document)
        ],
    }


def _fact(relation: Relation, names: dict[str, str]) -> dict[str, Any]:
    return {
        "id": relation.id,
        "subject": names.get(relation.subject_id, relation.subject_id),
        "type": relation.type,
        "object": names.get(relation.object_id, relation.object_id),
        "support": relation.support,
    }


def _text(entity: dict[str, Any]) -> str:
    aliases = f" (also {', '.join(entity['aliases'])})" if entity["aliases"] else ""
    lines = [f"{entity['name']}{aliases} [{entity['label']}] {entity['id']}, in {entity['degree']} passages"]
    lines += [entity["description"]] if entity["description"] else []
    if len(entity["forms"]) > 1:
        made_of = (f"{f['id']} {f['name']!r} [{f['label']}]" for f in entity["forms"])
        lines.append(printable(f"  made of {'; '.join(made_of)}"))
    for link in entity["links"]:
        lines.append(
            printable(f"  {link.first} and {link.second} are {link.verdict} ({link.source}) {link.reason}")
        )
    for fact in entity["facts"]:
        lines.append(f"  {fact['subject']} —{fact['type']}→ {fact['object']}")
        lines += [f"      “{' '.join(s.quote.split())}”" for s in fact["support"][:1]]
    lines += ["  … and more facts (--limit)"] if entity["more_facts"] else []
    for passage in entity["passages"]:
        page = f", page {passage['page']}" if passage["page"] else ""
        where = " › ".join(dict.fromkeys([passage["title"], *passage["headings"][-1:]]))
        start, end = passage["span"]
        lines.append(printable(f"  in {where} ({passage['uri']}{page}, characters {start}–{end})"))
    return "\n".join(lines)
