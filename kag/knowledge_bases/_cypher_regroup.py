"""Shows what documents contribute as part of other entities, on a graph server, and makes views anew.

What a document says stays with its form or claim. Mentions and support lead to what is shown, with the form
or claim as their property `form` where that is another; so they move with it, there and back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Row, Transaction
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_document import Place, fact_row
from kag.knowledge_bases._cypher_members import ClaimState, Ends, Members, claim_states
from kag.knowledge_bases._cypher_rows import (
    ENTITY_VIEW,
    FACT_VIEW,
    cleared,
    edge_fields,
    entity_fields,
    fact_fields,
    shown_label,
)
from kag.knowledge_bases._cypher_standing import Standing, standing_of, view_of
from kag.knowledge_bases.records import relation_id

_OWN = "[{0}.said, {0}.count, {0}.sources, {0}.names, {0}.votes]"
_OTHER = f"CASE WHEN f IS NULL THEN NULL ELSE {_OWN.format('f')} END"
LEAVE = {
    label: f"UNWIND $rows AS row MATCH (f:{label} {{id: row}})-[r:IN]->() DELETE r"
    for label in ("KagForm", "KagClaim")
}
JOIN = {
    label: (
        f"UNWIND $rows AS row MATCH (f:{label} {{id: row.form}}) MATCH (x:{label} {{id: row.after}}) "
        "CREATE (f)-[:IN]->(x)"
    )
    for label in ("KagForm", "KagClaim")
}
MOVE = {
    type_: (
        f"UNWIND $rows AS row MATCH (b:{label} {{id: row.before}})<-[m:{type_}]-(c:Chunk) "
        f"WHERE coalesce(m.form, b.id) = row.form MATCH (a:{label} {{id: row.after}}) "
        f"CREATE (c)-[n:{type_}]->(a) SET n = properties(m) "
        "SET n.form = CASE WHEN row.form <> row.after THEN row.form END DELETE m"
    )
    for type_, label in (("MENTIONS", "KagForm"), ("TITLE", "KagForm"), ("STATES", "KagClaim"))
}
PROPERTIES_OF = "MATCH (f:KagForm) WHERE f.id IN $ids RETURN f.id, f.properties"
HIDE_FACTS = "UNWIND $rows AS row MATCH (f:KagClaim {id: row}) REMOVE f:Fact"
CLAIMS_AT = (
    "CALL { MATCH (f:KagClaim) WHERE f.subject_id IN $ids RETURN f.id AS id "
    "UNION MATCH (f:KagClaim) WHERE f.object_id IN $ids RETURN f.id AS id } RETURN id"
)
ENTITY_PARTS = (
    "MATCH (e:Entity) WHERE e.id IN $ids OPTIONAL MATCH (e)<-[:IN]-(f:KagForm) "
    f"RETURN e.id, e.label, e.properties, {_OWN.format('e')}, {_OTHER}"
)
FACT_PARTS = (
    "MATCH (x:Fact) WHERE x.id IN $ids OPTIONAL MATCH (x)<-[:IN]-(f:KagClaim) "
    f"RETURN x.id, [x.subject_id, x.type, x.object_id], x.properties, {_OWN.format('x')}, {_OTHER}"
)
DEGREES = (
    "MATCH (e:Entity) WHERE e.id IN $ids MATCH (e)<-[:MENTIONS|TITLE]-(c:Chunk) "
    "RETURN e.id, count(DISTINCT c)"
)
WEIGHTS = (
    "MATCH (x:Fact) WHERE x.id IN $ids MATCH (x)<-[s:STATES]-(c:Chunk) "
    "RETURN x.id, count(DISTINCT [c.id, s.start, s.end, s.quote])"
)
ALL_SHOWN = tuple(f"MATCH (n:{label}) WHERE n.scope = $scope RETURN n.id" for label in ("Entity", "Fact"))


class Regroup:
    """Shows forms as part of other entities, within one transaction.

    Args:
        tx: The transaction; it holds the collection's lock.
        dialect: The kind of server.
        place: The collection.
        members: Its forms; those that move, that lead from now on and that go are known there.
        moves: Forms to the forms that lead their clusters from now on.
        gone: Forms that no document states any more; all forms that they led are in `moves`.

    Attributes:
        tally: How the counts of the collection change.
        removed: How many entities went because no document states them.
    """

    def __init__(
        self,
        tx: Transaction,
        dialect: Dialect,
        place: Place,
        members: Members,
        moves: Mapping[str, str],
        gone: Iterable[str],
    ) -> None:
        self.tx, self.dialect, self.place, self.members = tx, dialect, place, members
        self.moves, self.gone = moves, set(gone)
        self.before = {i: members.states[i].shown for i in {*moves, *self.gone}}
        self.tally: Counter[tuple[str, str]] = Counter()
        self.removed = 0

    async def run(self, stale: tuple[set[str], set[str]], unplaced: set[str]) -> None:
        """Does all of it.

        Args:
            stale: Ids of further entities and facts whose views must be made anew.
            unplaced: Ids of claims that are not shown yet.
        """
        facts = set(stale[1])
        if self.moves:
            await self._raise_leaders()
            await self._move_forms()
            await self._hide_forms()
        if self.moves or unplaced:
            facts |= await self._move_claims(unplaced)
        await self._rebuild_facts(facts)
        await self._remove_forms()
        await self._rebuild_entities({*self.moves.values(), *self.before.values(), *stale[0]} - self.gone)

    def _rows(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        return [{"id": i, "shown": shown_label(self.members.states[i].label)} for i in sorted(ids)]

    async def _raise_leaders(self) -> None:
        """Makes entities of the forms that lead from now on and were part of another entity."""
        states = self.members.states
        heads = {i for i in self.moves.values() if states[i].shown != i}
        for statement, rows in self.dialect.show_entities(self._rows(heads)):
            await self.tx.each(statement, rows)
        self.tally.update(("entity", states[i].label) for i in heads)

    async def _move_forms(self) -> None:
        moved = [
            {"form": i, "before": self.before[i], "after": after} for i, after in sorted(self.moves.items())
        ]
        for type_ in ("MENTIONS", "TITLE"):
            await self.tx.each(MOVE[type_], moved)
        await self.tx.each(LEAVE["KagForm"], sorted(self.moves))
        await self.tx.each(JOIN["KagForm"], [row for row in moved if row["form"] != row["after"]])
        for i, after in self.moves.items():
            self.members.states[i].shown = after

    async def _hide_forms(self) -> None:
        """Leaves nothing of an entity's view on forms that are no entity of their own any more."""
        hidden = {i for i, after in self.moves.items() if i != after and self.before[i] == i}
        if not hidden:
            return
        for statement, rows in self.dialect.hide_entities(self._rows(hidden)):
            await self.tx.each(statement, rows)
        found = await self.tx.many(PROPERTIES_OF, ids=list(hidden))
        fields = [{"id": i, "fields": cleared((*ENTITY_VIEW, "several"), said)} for i, said in found]
        await self.tx.each(statements.UPDATE_FORMS, fields)
        self.tally.subtract(("entity", self.members.states[i].label) for i in hidden)

    async def _move_claims(self, unplaced: set[str]) -> set[str]:
        """Shows relations between the entities that their ends are part of; ids of all facts that differ."""
        found = await self.tx.many(CLAIMS_AT, ids=list(self.moves)) if self.moves else []
        claims = await claim_states(self.tx, {*unplaced, *(i for (i,) in found)})
        claims = {i: claim for i, claim in claims.items() if claim.standing.sources}
        ends = {end for claim in claims.values() for end in (claim.ends[0], claim.ends[2])}
        await self.members.fetch({self.members.states[end].shown for end in await self.members.fetch(ends)})
        targets = {i: self._target(i, claim.ends) for i, claim in claims.items()}
        moved = {i: after for i, after in targets.items() if after != claims[i].shown}
        await self._hide_facts(i for i in moved if claims[i].shown == i)
        await self._show_facts(claims, moved)
        rows = [
            {"form": i, "before": claims[i].shown or i, "after": after or i}
            for i, after in sorted(moved.items())
        ]
        await self.tx.each(MOVE["STATES"], [row for row in rows if row["before"] != row["after"]])
        await self.tx.each(LEAVE["KagClaim"], [i for i in moved if claims[i].shown not in ("", i)])
        await self.tx.each(JOIN["KagClaim"], [row for row in rows if row["form"] != row["after"]])
        return {i for form, after in moved.items() for i in (claims[form].shown, after)} - {""}

    def _target(self, i: str, ends: Ends) -> str:
        """The id of the fact that shows a claim from now on; empty where both ends are one entity."""
        subject, object_ = (self.members.states[end].shown for end in (ends[0], ends[2]))
        if (subject, object_) == (ends[0], ends[2]):
            return i
        return "" if subject == object_ and ends[0] != ends[2] else relation_id(subject, ends[1], object_)

    async def _hide_facts(self, ids: Iterable[str]) -> None:
        """Takes away what shows claims as they are."""
        hidden = await claim_states(self.tx, ids)
        await self.tx.each(statements.DELETE_EDGES, _edges(hidden))
        await self.tx.each(HIDE_FACTS, list(hidden))
        fields = cleared((*FACT_VIEW, "several"), None)
        await self.tx.each(statements.UPDATE_CLAIMS, [{"id": i, "fields": fields} for i in hidden])
        self.tally.subtract(("relation", claim.ends[1]) for claim in hidden.values())

    async def _show_facts(self, claims: Mapping[str, ClaimState], moved: Mapping[str, str]) -> None:
        """Makes the facts that are missing; their views come later."""
        wanted: dict[str, Ends] = {}
        for i, after in moved.items():
            subject, type_, object_ = claims[i].ends
            if after:
                states = self.members.states
                wanted[after] = (states[subject].shown, type_, states[object_].shown)
        known = await claim_states(self.tx, wanted)
        missing = [i for i in sorted(wanted) if i not in known or known[i].shown != i]
        rows = []
        for i in missing:
            labels = (self.members.states[end].label for end in (wanted[i][0], wanted[i][2]))
            standing = known[i].standing if i in known else Standing()
            row = fact_row(i, self.place, wanted[i], (next(labels), next(labels)), view_of(standing))
            row["fields"].update(standing.stored())
            rows.append(row)
        for statement, some in self.dialect.create_facts(rows):
            await self.tx.each(statement, some)
        self.tally.update(("relation", wanted[i][1]) for i in missing)

    async def _rebuild_facts(self, ids: Iterable[str]) -> None:
        """Makes views of facts anew, and takes away those that show nothing any more."""
        parts = await _parts(self.tx, FACT_PARTS, ids)
        if not parts:
            return
        weights = {row[0]: row[1] for row in await self.tx.rows(WEIGHTS, ids=list(parts))}
        fields, edges, empty = [], [], []
        for i, (ends, properties, own, others) in parts.items():
            edge = {"id": i, "subject": ends[0], "object": ends[2]}
            if not own.sources and not others:
                empty.append(edge)
                self.tally["relation", ends[1]] -= 1
                continue
            view = view_of(own, others, weights.get(i, 0), self.members.policies.get(ends[1]))
            fields.append({"id": i, "fields": {**fact_fields(view), "several": True if others else None}})
            edges.append({**edge, "fields": {**cleared((), properties), **edge_fields(view)}})
        await self.tx.each(statements.UPDATE_CLAIMS, fields)
        await self.tx.each(statements.UPDATE_EDGES, edges)
        await self.tx.each(statements.DELETE_EDGES, empty)
        await self.tx.each(statements.DELETE_CLAIMS, [edge["id"] for edge in empty])

    async def _remove_forms(self) -> None:
        """Removes the forms that no document states any more."""
        shown = [i for i in self.gone if self.before[i] == i]
        self.tally.subtract(("entity", self.members.states[i].label) for i in shown)
        self.removed = len(shown)
        await self.tx.each(statements.DELETE_FORMS, sorted(self.gone))

    async def _rebuild_entities(self, ids: Iterable[str]) -> None:
        """Makes views of entities anew."""
        parts = await _parts(self.tx, ENTITY_PARTS, ids)
        if not parts:
            return
        degrees = {row[0]: row[1] for row in await self.tx.rows(DEGREES, ids=list(parts))}
        rows = []
        for i, (label, properties, own, others) in parts.items():
            view = view_of(own, others, degrees.get(i, 0), self.members.policies.get(label))
            fields = {**cleared((), properties), **entity_fields(view, self.place.scope, label)}
            rows.append({"id": i, "fields": {**fields, "several": True if others else None}})
        await self.tx.each(statements.UPDATE_FORMS, rows)


async def rebuild_all(tx: Transaction, dialect: Dialect, place: Place, members: Members) -> None:
    """Makes all views of a collection anew, where other policies are to be followed."""
    ids = [
        {
            i
            for (i,) in await tx.many(
                f"MATCH (n:{label}) WHERE n.scope = $scope RETURN n.id", scope=place.scope
            )
        }
        for label in ("Entity", "Fact")
    ]
    await Regroup(tx, dialect, place, members, {}, ()).run((ids[0], ids[1]), set())


_Part = tuple[Any, str | None, Standing, list[Standing]]  # label or ends, properties, own, others'


async def _parts(tx: Transaction, statement: str, ids: Iterable[str]) -> dict[str, _Part]:
    """What is said of entities or facts, by all of their forms."""
    ids = list(ids)
    found: list[Row] = await tx.many(statement, ids=ids) if ids else []
    parts: dict[str, _Part] = {}
    for i, head, properties, own, other in found:
        if i not in parts:
            parts[i] = (head, properties, standing_of(*own), [])
        if other is not None:
            parts[i][3].append(standing_of(*other))
    return parts


def _edges(claims: Mapping[str, ClaimState]) -> list[dict[str, str]]:
    return [{"id": i, "subject": claim.ends[0], "object": claim.ends[2]} for i, claim in claims.items()]
