"""Reads from a graph server how entities came to be: decisions, the forms of entities, what documents say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction, plain
from kag.knowledge_bases._cypher_links import read_links
from kag.knowledge_bases._cypher_members import form_of, form_states, members_of
from kag.knowledge_bases._cypher_read import shown
from kag.knowledge_bases._cypher_rows import scopes
from kag.knowledge_bases._cypher_rules import context_of
from kag.knowledge_bases.base import Statement
from kag.resolution.base import Decision, Form, Link, Outcome

_LISTED = (
    "MATCH (d:KagDecision) WHERE d.scope IN $scopes{about} "
    "WITH d, CASE WHEN d.held <> '' THEN 'review' ELSE d.outcome END AS outcome "
    "WHERE ($outcome IS NULL OR outcome = $outcome){after} {undecided}"
    "RETURN d.first, d.second, d.score, outcome, d.evidence, d.held "
    "ORDER BY d.score DESC, d.first, d.second LIMIT $limit"
)
_ABOUT = " AND (d.first IN $ids OR d.second IN $ids)"
_AFTER = (
    " AND (d.score < $score OR (d.score = $score AND (d.first > $first OR "
    "(d.first = $first AND d.second > $second))))"
)
_UNDECIDED = (
    "AND NOT d.pair IN $linked MATCH (a:KagForm {id: d.first}) MATCH (b:KagForm {id: d.second}) "
    "OPTIONAL MATCH (a)-[:IN]->(x:Entity) OPTIONAL MATCH (b)-[:IN]->(y:Entity) "
    "WITH d, outcome, coalesce(x.id, a.id) AS one, coalesce(y.id, b.id) AS other WHERE one <> other "
)
_SAID = (
    "MATCH (f:KagForm) WHERE f.id IN $ids MATCH (d:Document)-[s:SAYS]->(f) "
    "RETURN d.id, f.id, s.name, s.aliases, s.description, s.properties"
)


async def decisions(
    tx: Transaction,
    collections: Sequence[str],
    outcome: Outcome | None,
    ids: Sequence[str],
    after: Decision | None,
    limit: int,
) -> list[Decision]:
    """Lists decisions, best first."""
    keys = scopes(collections) or [key for key, *_ in await tx.rows(statements.COLLECTIONS)]
    statement = _LISTED.format(
        about=_ABOUT if ids else "",
        after=_AFTER if after else "",
        undecided=_UNDECIDED if outcome == "review" else "",
    )
    given = {"score": after.score, "first": after.first, "second": after.second} if after else {}
    if ids:
        entities = await members_of(tx, set((await shown(tx, ids)).values()))
        given["ids"] = [form for group in entities.values() for form in group]
    if outcome == "review":
        given["linked"] = (await read_links(tx)).pairs()
    found = await tx.rows(statement, scopes=keys, outcome=outcome, limit=max(limit, 0), **given)
    return [_decision(*row) for row in found]


async def forms(tx: Transaction, ids: Sequence[str]) -> dict[str, list[Form]]:
    """Fetches the forms of entities, the leading one first, with the number of chunks of each."""
    heads = await shown(tx, ids)
    members = await members_of(tx, set(heads.values()))
    states = await form_states(tx, {form for group in members.values() for form in group})
    contexts = {state.scope: await context_of(tx, state.scope) for state in states.values()}
    names = {key: name for key, name, _ in await tx.rows(statements.COLLECTIONS)}
    known = {
        i: replace(
            form_of(i, names[s.scope], s.label, s.standing, contexts[s.scope].policies),
            degree=s.standing.count,
        )
        for i, s in states.items()
    }
    return {i: [known[form] for form in members[heads[i]]] for i in ids if i in heads}


async def statements_of(tx: Transaction, ids: Sequence[str]) -> dict[str, list[Statement]]:
    """Fetches what each document says of entities, by document and form."""
    heads = await shown(tx, ids)
    members = await members_of(tx, set(heads.values()))
    entity = {form: head for head, group in members.items() for form in group}
    said: dict[str, list[Statement]] = {head: [] for head in members}
    for document, form, name, aliases, description, properties in await tx.many(_SAID, ids=list(entity)):
        held = json.loads(properties)
        said[entity[form]].append(Statement(document, form, name, tuple(aliases), description, held))
    for several in said.values():
        several.sort(key=lambda statement: (statement.document_id, statement.form_id))
    return {i: said[heads[i]] for i in ids if i in heads}


async def links(tx: Transaction, ids: Sequence[str]) -> list[Link]:
    """Lists the links that name one of some forms, or all, by their ids."""
    known = (await read_links(tx)).all
    wanted = set(plain(list(ids)))
    return [link for link in known if not wanted or not wanted.isdisjoint((link.first, link.second))]


def _decision(first: str, second: str, score: float, outcome: Outcome, evidence: str, held: str) -> Decision:
    said = json.loads(evidence)
    return Decision(first, second, score, outcome, {**said, "held": held} if held else said)
