"""Verifies that the store on a graph server is whole: counts that writes keep against what is there."""

from __future__ import annotations

import json

from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._cypher_rows import embedding_property
from kag.knowledge_bases._cypher_spaces import LABELS, current_space
from kag.knowledge_bases.base import Space

_MOST_NAMED = 3
_FAULTS = {
    "chunk without its document": (
        "MATCH (c:Chunk) OPTIONAL MATCH (c)-[:PART_OF]->(d:Document) WITH c, count(d) AS n "
        "WHERE n <> 1 RETURN c.id"
    ),
    "form whose count of sources is wrong": (
        "MATCH (f:KagForm) OPTIONAL MATCH (f)<-[s:SAYS]-(:Document) WITH f, count(s) AS n "
        "WHERE n <> f.sources OR n = 0 RETURN f.id"
    ),
    "form that is shown not once": (
        "MATCH (f:KagForm) OPTIONAL MATCH (f)-[:IN]->(e:Entity) WITH f, count(e) AS n "
        "WHERE n + CASE WHEN 'Entity' IN labels(f) THEN 1 ELSE 0 END <> 1 RETURN f.id"
    ),
    "entity whose degree is wrong": (
        "MATCH (e:Entity) OPTIONAL MATCH (e)<-[:MENTIONS|TITLE]-(c:Chunk) WITH e, count(DISTINCT c) AS n "
        "WHERE n <> e.degree RETURN e.id"
    ),
    "mention of a form that is shown elsewhere": (
        "MATCH (e:Entity)<-[m:MENTIONS|TITLE]-(:Chunk) WHERE m.form IS NOT NULL "
        "OPTIONAL MATCH (f:KagForm {id: m.form})-[:IN]->(e) WITH e, f WHERE f IS NULL RETURN DISTINCT e.id"
    ),
    "relation whose count of sources is wrong": (
        "MATCH (f:KagClaim) OPTIONAL MATCH (f)<-[s:SAYS]-(:Document) WITH f, count(s) AS n "
        "WHERE n <> f.sources RETURN f.id"
    ),
    "relation that nothing states": (
        "MATCH (f:KagClaim) WHERE f.sources = 0 OPTIONAL MATCH (f)<-[:IN]-(o:KagClaim) WITH f, count(o) AS n "
        "WHERE n = 0 RETURN f.id"
    ),
    "relation whose support is not what was counted": (
        "MATCH (f:Fact) OPTIONAL MATCH (f)<-[s:STATES]-(c:Chunk) "
        "WITH f, count(DISTINCT [c.id, s.start, s.end, s.quote]) AS n "
        "WHERE n <> f.weight OR n = 0 RETURN f.id"
    ),
    "key whose count of forms is wrong": (
        "MATCH (k:KagKey) OPTIONAL MATCH (k)-[:KEY]->(f:KagForm) WITH k, count(f) AS n "
        "WHERE n <> k.size OR n = 0 RETURN k.key"
    ),
    "relation without the relationship that shows it": (
        "MATCH (f:Fact) OPTIONAL MATCH (s:Entity {id: f.subject_id}) "
        "OPTIONAL MATCH (o:Entity {id: f.object_id}) OPTIONAL MATCH (s)-[r]->(o) WHERE r.id = f.id "
        "WITH f, count(r) AS n WHERE n <> 1 RETURN f.id"
    ),
}  # what is wrong to the ids of what it is wrong with
_COUNTS = {
    "document": "MATCH (n:Document) RETURN n.scope, count(n)",
    "chunk": "MATCH (n:Chunk) RETURN n.scope, count(n)",
    "entity": "MATCH (n:Entity) RETURN n.scope, count(n)",
    "relation": "MATCH (n:Fact) RETURN n.scope, count(n)",
    "mention": "MATCH (n:Chunk)-[m:MENTIONS|TITLE]->(:Entity) RETURN n.scope, count(m)",
}
_WRONG_LENGTH = (
    "MATCH (n:{target}) WHERE n.{property} IS NOT NULL AND size(n.{property}) <> $dimensions RETURN n.id"
)


async def check(tx: Transaction) -> list[str]:
    """Names what is not whole, with a few ids of each kind."""
    problems: list[str] = []
    for fault, statement in _FAULTS.items():
        problems += _named(fault, [i for (i,) in await tx.rows(statement)])
    problems += await _miscounted(tx)
    if (space := await current_space(tx)) is not None:
        problems += await _wrong_vectors(tx, space)
    return problems


async def _miscounted(tx: Transaction) -> list[str]:
    """Where the counts of collections differ from what is there."""
    kept = {
        key: (name, {kind: sum(counts.values()) for kind, counts in json.loads(tally).items()})
        for key, name, tally in await tx.rows(statements.COLLECTIONS)
    }
    problems = []
    for kind, statement in _COUNTS.items():
        there: dict[str, int] = {row[0]: row[1] for row in await tx.rows(statement)}
        for key in sorted({*kept, *there}, key=str):
            name, counts = kept.get(key, (key, {}))
            if counts.get(kind, 0) != there.get(key, 0):
                problems.append(
                    f"The collection {name!r} counts {counts.get(kind, 0)} of kind {kind} "
                    f"and holds {there.get(key, 0)}."
                )
    return problems


async def _wrong_vectors(tx: Transaction, space: Space) -> list[str]:
    problems = []
    for label in LABELS.values():
        statement = _WRONG_LENGTH.format(target=label, property=embedding_property(space))
        ids = [i for (i,) in await tx.rows(statement, dimensions=space.dimensions)]
        problems += _named(f"vector that has not {space.dimensions} dimensions", ids)
    return problems


def _named(fault: str, ids: list[str]) -> list[str]:
    if not ids:
        return []
    some = ", ".join(str(i) for i in ids[:_MOST_NAMED])
    return [f"{len(ids)} x {fault}: {some}{', ...' if len(ids) > _MOST_NAMED else ''}."]
