"""A graph server's reads of records, each in one reading transaction."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from kag.errors import SearchError, StoreNotFoundError
from kag.knowledge_bases import _cypher_rows as rows
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction, plain
from kag.knowledge_bases._contribution import MENTION_KINDS
from kag.knowledge_bases._cypher_document import mention_row_of
from kag.knowledge_bases._cypher_rows import embedding_property, scopes
from kag.knowledge_bases._cypher_spaces import current_space
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Job, Kind, Space, Statistics
from kag.knowledge_bases.records import Chunk, Document, Entity, Mention, Record, Relation, Support, normalise

MOST_SUPPORT = 10  # given with each relation of a walk; `get` gives all of it
_LABELS = {"chunk": "Chunk", "entity": "Entity", "relation": "Fact"}
_KINDS = ("document", *_LABELS)
_COUNTED = ("document", "chunk", "entity", "relation", "mention")


async def get(tx: Transaction, ids: Sequence[str]) -> dict[str, Record]:
    """Fetches records of any kind, in the order asked for; unknown ids are left out."""
    found: dict[str, Record] = {}
    for prefix, fetch in _PREFIXES.items():
        wanted = [clean(i) for i in ids if i.startswith(f"{prefix}_")]
        if wanted:
            found.update(await fetch(tx, wanted))
            hidden = [i for i in wanted if i not in found] if prefix in statements.SHOWN else []
            asked = await shown(tx, hidden, prefix) if hidden else {}
            heads = await fetch(tx, set(asked.values())) if asked else {}
            found.update((i, heads[head]) for i, head in asked.items() if head in heads)
    return {i: found[i] for i in ids if i in found}


async def shown(tx: Transaction, ids: Iterable[str], prefix: str = "ent") -> dict[str, str]:
    """What ids of forms (or, with `rel`, of claims) are shown as; unknown ids are left out."""
    ids = plain(list(ids))
    return dict(await tx.many(statements.SHOWN[prefix], ids=ids)) if ids else {}


async def documents(tx: Transaction, ids: Iterable[str]) -> dict[str, Document]:
    """Fetches documents with their texts."""
    found = await tx.rows(statements.GET_DOCUMENTS, ids=list(ids))
    return {row[0]: rows.document_of(row, text) for text, *row in found}


async def chunks(tx: Transaction, ids: Iterable[str]) -> dict[str, Chunk]:
    """Fetches chunks without their vectors."""
    found = await tx.many(statements.GET_CHUNKS, ids=list(ids))
    return {row[0]: rows.chunk_of(row) for row in found}


async def entities(tx: Transaction, ids: Iterable[str]) -> dict[str, Entity]:
    """Fetches entities."""
    found = await tx.many(statements.GET_ENTITIES, ids=list(ids))
    return {row[0]: rows.entity_of(row) for row in found}


async def relations(
    tx: Transaction, ids: Iterable[str], most_support: int | None = None
) -> dict[str, Relation]:
    """Fetches relations, of each only so much support as asked for."""
    found = await tx.many(statements.GET_FACTS, ids=list(ids))
    cut = [row[0] for row in found if most_support is not None and row[7] > most_support]
    whole = [row[0] for row in found if most_support is None or row[7] <= most_support]
    said = await tx.many(statements.SUPPORT_OF, ids=whole) if whole else []
    if cut:
        said += await tx.many(statements.SOME_SUPPORT_OF, ids=cut, most=most_support)
    support: dict[str, list[Support]] = {}
    for i, *one in said:
        support.setdefault(i, []).append(Support(*one))
    return {row[0]: rows.relation_of(row, support.get(row[0], ())) for row in found}


_PREFIXES: dict[str, Callable[[Transaction, Iterable[str]], Awaitable[dict[str, Any]]]] = {
    "doc": documents,
    "chk": chunks,
    "ent": entities,
    "rel": relations,
}


async def page(
    tx: Transaction, kind: Kind, collections: Sequence[str], after: str, limit: int
) -> list[Record]:
    """Lists records in a stable order: documents by URI, others by id."""
    if kind not in _KINDS:
        raise SearchError(f"kind is {kind!r}; expected one of: {', '.join(_KINDS)}.")
    wanted, limit, after = scopes(collections), max(limit, 0), clean(after)
    if kind == "document":
        return list(await _document_page(tx, wanted or await _all_scopes(tx), after, limit))
    label = _LABELS[kind]
    if wanted:
        found: list[str] = []
        for key in wanted:
            part = await tx.rows(statements.PAGE_SCOPE[label], scope=key, after=after, limit=limit)
            found += [i for (i,) in part]
        ids = sorted(found)[:limit]
    else:
        ids = [i for (i,) in await tx.rows(statements.PAGE_ALL[label], after=after, limit=limit)]
    return list((await get(tx, ids)).values())


async def _document_page(tx: Transaction, wanted: list[str], after: str, limit: int) -> list[Document]:
    last = await tx.one(statements.URI_OF, id=after) if after else [""]
    if last is None:
        raise StoreNotFoundError(
            f"There is no document {after!r} to go on after; start again at the first page."
        )
    found = await tx.rows(statements.PAGE_DOCUMENTS, scopes=wanted, uri=last[0], after=after, limit=limit)
    return [rows.document_of(row) for row in found]


async def find_documents(tx: Transaction, collections: Sequence[str], uri_or_id: str) -> list[Document]:
    """Finds documents by id or exact URI, else by the end of the URI at a path boundary, in URI order."""
    wanted = clean(uri_or_id)
    if not wanted:
        return []
    keys = scopes(collections) or await _all_scopes(tx)
    found = await tx.rows(statements.FIND_EXACTLY, scopes=keys, wanted=wanted)
    found = found or await tx.rows(
        statements.FIND_BY_TAIL, scopes=keys, slash=f"/{wanted.lstrip('/')}", backslash=f"\\{wanted}"
    )
    return [rows.document_of(row) for row in found]


async def lookup(
    tx: Transaction, found: Iterable[str], collections: Sequence[str], names: Sequence[str]
) -> dict[str, list[Entity]]:
    """Sorts entities to the names that are theirs; those that most chunks mention come first.

    Args:
        tx: A transaction.
        found: Ids of the entities that have any of the names.
        collections: Namespaces; empty means all.
        names: The names that are looked up.
    """
    wanted = set(scopes(collections))
    by_key: dict[str, list[Entity]] = {}
    for entity in (await entities(tx, found)).values():
        if not wanted or rows.scope(entity.collection) in wanted:
            for key in {normalise(form) for form in (entity.name, *entity.aliases)}:
                by_key.setdefault(key, []).append(entity)
    same = {name: by_key.get(normalise(clean(name)), []) for name in names}
    return {name: sorted(those, key=lambda e: (-e.degree, e.id)) for name, those in same.items() if those}


async def mentions(
    tx: Transaction, chunk_ids: Sequence[str], entity_ids: Sequence[str], max_degree: int | None
) -> list[Mention]:
    """Fetches the mentions in chunks and those of entities, each once."""
    found = []
    if chunk_ids:
        found += await tx.many(statements.MENTIONS_IN, ids=plain(chunk_ids))
    if entity_ids:
        found += await tx.many(statements.MENTIONS_OF, ids=plain(entity_ids), most=max_degree)
    unique = sorted({mention_row_of(row) for row in found}, key=lambda m: (m[0], m[2], m[3], m[1], m[4]))
    return [Mention(c, e, start, end, MENTION_KINDS[kind]) for c, e, start, end, kind in unique]


async def statistics(tx: Transaction, collections: Sequence[str]) -> Statistics:
    """Reads the counts that writes keep."""
    wanted = set(scopes(collections))
    names: list[str] = []
    counts: dict[str, dict[str, int]] = {}
    for key, name, tally in await tx.rows(statements.COLLECTIONS):
        if wanted and key not in wanted:
            continue
        names.append(name)
        for kind, those in json.loads(tally).items():
            counted = counts.setdefault(kind, {})
            for one, n in those.items():
                counted[one] = counted.get(one, 0) + n
    space = await current_space(tx)
    totals = {kind: sum(counts.get(kind, {}).values()) for kind in (*_COUNTED, "bytes")}
    return Statistics(
        documents=totals["document"],
        chunks=totals["chunk"],
        entities=totals["entity"],
        relations=totals["relation"],
        mentions=totals["mention"],
        collections=tuple(sorted(names)),
        space=space,
        labels=_most_first(counts.get("entity", {})),
        relation_types=_most_first(counts.get("relation", {})),
        size_bytes=totals["bytes"] + totals["chunk"] * 4 * (space.dimensions if space else 0),
    )


async def unembedded(tx: Transaction, space: Space, after: str, limit: int) -> list[Chunk]:
    """Lists chunks that have no vector in a space, in the order of their ids."""
    statement = statements.UNEMBEDDED.format(property=embedding_property(space))
    found = await tx.rows(statement, after=clean(after), limit=max(limit, 0))
    return [rows.chunk_of(row) for row in found]


async def jobs(tx: Transaction, job_id: str | None) -> list[Job]:
    """Reads one job, or all, newest first."""
    found = await tx.rows(statements.JOBS, id=None if job_id is None else clean(job_id))
    return [rows.job_of(row) for row in found]


async def _all_scopes(tx: Transaction) -> list[str]:
    return [key for key, *_ in await tx.rows(statements.COLLECTIONS)]


def _most_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
