"""Writes one document's nodes and relationships: from what it held to what it holds from now on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

from kag.errors import StoreError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Row, Transaction
from kag.knowledge_bases._contribution import (
    Contribution,
    EntitySource,
    MentionRow,
    RelationSource,
)
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_members import (
    ClaimState,
    FormState,
    Policies,
    claim_states,
    form_of,
    form_states,
)
from kag.knowledge_bases._cypher_rows import (
    chunk_fields,
    chunk_row_of,
    difference,
    edge_fields,
    entity_fields,
    fact_fields,
    new_chunk_fields,
    shown_label,
)
from kag.knowledge_bases._cypher_standing import Source, Standing, Step, View, view_of
from kag.resolution.base import Form

_TYPES = ("MENTIONS", "TITLE")  # relationship types, in the order of the kinds of mentions
Said = Literal["KagForm", "KagClaim"]
Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a write takes place.

    Args:
        document_id: The document.
        collection: Its collection's name; needed only where something is created.
        scope: Its collection's key.
    """

    document_id: str
    collection: str
    scope: str


class DocumentStep:
    """The step from an old to a new contribution, in the order that keeps every reference whole.

    What documents say stays with their forms. Where a form is shown as part of another entity, the views of
    that entity and its relations are left to `Regroup`, as is the removal of forms that nothing states.

    Args:
        tx: The transaction; it holds the collection's lock.
        dialect: The kind of server.
        place: The document and its collection.
        old: What the document held.
        new: What it holds from now on; empty to take all back.
        policies: How properties merge.

    Attributes:
        forms: What the store holds of the forms now, by id.
        before: The forms that were there, as they were.
        stale: Ids of entities and of facts whose views must be made anew.
        unplaced: Ids of claims that are not shown yet.
    """

    entities: Step
    relations: Step

    def __init__(
        self,
        tx: Transaction,
        dialect: Dialect,
        place: Place,
        old: Contribution,
        new: Contribution,
        policies: Policies,
    ) -> None:
        self.tx, self.dialect, self.old, self.new, self.policies = tx, dialect, old, new, policies
        self.place = place
        self.created = [i for i in new.chunks if i not in old.chunks]
        self.removed = [i for i in old.chunks if i not in new.chunks]
        self.changed = [i for i in new.chunks if i in old.chunks and old.chunks[i] != new.chunks[i]]
        self.reworded = [i for i in self.changed if old.chunks[i].context != new.chunks[i].context]
        self.forms: dict[str, FormState] = {}
        self.before: dict[str, Form] = {}
        self.stale: tuple[set[str], set[str]] = (set(), set())
        self.unplaced: set[str] = set()
        self._claims: dict[str, ClaimState] = {}
        self._deleted: list[str] = []

    async def run(self) -> None:
        """Does the whole step."""
        await self._prepare()
        await self._write_chunks()
        await self._write_entities()
        await self._write_relations()
        await self._write_mentions()
        await self.tx.each(statements.DELETE_CHUNKS, self.removed)
        await self._write_order()

    def tally(self) -> Counter[tuple[str, str]]:
        """How the counts of the collection change by this step alone."""
        tally: Counter[tuple[str, str]] = Counter()
        tally["chunk", ""] = len(self.created) - len(self.removed)
        tally["mention", ""] = len(self.new.mentions) - len(self.old.mentions)
        tally["bytes", ""] = _size(self.new) - _size(self.old)
        tally.update(("entity", self.new.labels[i]) for i in self.entities.created)
        made = (i for i in self.relations.created if i not in self.unplaced)
        tally.update(("relation", self.new.ends[i][1]) for i in made)
        tally.subtract(("relation", self._claims[i].ends[1]) for i in self._deleted)
        return tally

    def reworded_forms(self) -> set[str]:
        """The forms, new ones too, of which all documents together say something else now."""
        said = {*self.entities.lost, *self.entities.gained}
        return {i for i in said if self.before.get(i) != self._form(i, self.entities.after[i])}

    def around(self) -> set[str]:
        """The forms of which the document says something else now, or in other company."""
        old, new = self.old, self.new
        chunks = {row[0] for row in old.mentions ^ new.mentions}
        return {row[1] for row in (*old.mentions, *new.mentions) if row[0] in chunks}

    def _form(self, i: str, standing: Standing) -> Form:
        form = form_of(i, "", self.forms[i].label, standing, self.policies)
        return replace(form, collection=self.place.collection, degree=0)

    async def _prepare(self) -> None:
        """Reads what the store holds of all that the document says, and works out what becomes of it."""
        known = await self._known_forms()
        degrees = _degrees(self.new)
        degrees.subtract(_degrees(self.old))
        self.entities = Step(
            self.old.entities, self.new.entities, degrees, {i: s.standing for i, s in known.items()}
        )
        for i in self.entities.created:
            label = self.new.labels[i]
            self.forms[i] = FormState(self.place.scope, label, i, False, self.entities.after[i])
        claims = self._claims = await self._known_claims()
        weights = Counter(row[0] for row in self.new.support)
        weights.subtract(row[0] for row in self.old.support)
        self.relations = Step(
            self.old.relations, self.new.relations, weights, {i: c.standing for i, c in claims.items()}
        )
        self.unplaced = {i for i in self.relations.created if not self._is_plain(self.new.ends[i])}

    def _is_plain(self, ends: tuple[str, str, str]) -> bool:
        """Whether a relation's ends are shown as themselves."""
        return all(self.forms[i].shown == i for i in (ends[0], ends[2]))

    async def _known_forms(self) -> dict[str, FormState]:
        known = await form_states(self.tx, {**self.old.entities, **self.new.entities})
        for i, state in known.items():
            if i in self.new.entities and (state.scope, state.label) != (
                self.place.scope,
                self.new.labels[i],
            ):
                raise StoreError(
                    f"{i} is a {state.label!r} in the store and a {self.new.labels[i]!r} in the change, or "
                    "is of another collection; make ids with entity_id(collection, label, name). "
                    "Nothing was written."
                )
        self.forms = dict(known)
        self.before = {i: self._form(i, state.standing) for i, state in known.items()}
        return known

    async def _known_claims(self) -> dict[str, ClaimState]:
        known = await claim_states(self.tx, {**self.old.relations, **self.new.relations})
        for i, state in known.items():
            if self.new.ends.get(i, state.ends) != state.ends:
                raise StoreError(
                    f"{i} is {state.ends} in the store and {self.new.ends[i]} in the change; "
                    "make ids with relation_id(subject_id, type, object_id). Nothing was written."
                )
        return known

    async def _write_chunks(self) -> None:
        rows = [
            new_chunk_fields(self.new.chunks[i], i, self.place.document_id, self.place.collection)
            for i in self.created
        ]
        await self.tx.each(statements.CREATE_CHUNKS, rows, batch=200, document=self.place.document_id)
        await self._update(
            statements.UPDATE_CHUNKS,
            [(i, chunk_fields(self.old.chunks[i]), chunk_fields(self.new.chunks[i])) for i in self.changed],
        )

    async def _write_entities(self) -> None:
        step, labels = self.entities, self.new.labels
        await self._unsay("KagForm", step)
        rows = []
        for i in step.created:
            fixed = {
                "id": i,
                "collection": self.place.collection,
                "scope": self.place.scope,
                "label": labels[i],
            }
            fields = {**fixed, **self._entity_fields(i, step.after[i]), **step.after[i].stored()}
            rows.append({"shown": shown_label(labels[i]), "fields": fields})
        for statement, some in self.dialect.create_entities(rows):
            await self.tx.each(statement, some)
        await self._say("KagForm", step)
        changes = []
        for i, before in step.before.items():
            state, after = self.forms[i], step.after[i]
            was, will = before.stored(), after.stored()
            if state.several or state.shown != i:
                self.stale[0].add(state.shown)
            elif after.sources:
                was |= self._entity_fields(i, before)
                will |= self._entity_fields(i, after)
            changes.append((i, was, will))
        await self._update(statements.UPDATE_FORMS, changes)
        for i, state in self.forms.items():
            state.standing = step.after[i]

    def _entity_fields(self, i: str, standing: Standing) -> dict[str, Any]:
        """What is shown of an entity that is one form."""
        label = self.forms[i].label
        return entity_fields(view_of(standing, policies=self.policies.get(label)), self.place.scope, label)

    async def _write_relations(self) -> None:
        step = self.relations
        await self._unsay("KagClaim", step)
        plain = [self._new_fact(i, step.after[i]) for i in step.created if i not in self.unplaced]
        for statement, some in self.dialect.create_facts(plain):
            await self.tx.each(statement, some)
        hidden = [{"fields": self._new_fact(i, step.after[i])["fields"]} for i in sorted(self.unplaced)]
        await self.tx.each(statements.CREATE_CLAIMS, hidden)
        await self._say("KagClaim", step)
        await self._write_support()
        await self._update_claims()
        gone = [i for i in step.removed if not self._shows_others(i)]
        self._deleted = [i for i in gone if self._claims[i].shown == i]
        await self.tx.each(statements.DELETE_EDGES, [self._edge(i) for i in self._deleted])
        await self.tx.each(statements.DELETE_CLAIMS, gone)

    def _shows_others(self, i: str) -> bool:
        return self._claims[i].several and self._claims[i].shown == i

    async def _update_claims(self) -> None:
        """Writes what differs of the claims that were there before."""
        changes, edges = [], []
        for i, before in self.relations.before.items():
            state, after = self._claims[i], self.relations.after[i]
            if state.shown and (state.several or state.shown != i):
                self.stale[1].add(state.shown)
            was, will = before.stored(), after.stored()
            if state.shown == i and not state.several:
                views = [view_of(s, policies=self.policies.get(state.ends[1])) for s in (before, after)]
                was |= fact_fields(views[0])
                will |= fact_fields(views[1])
                edges.append((i, difference(edge_fields(views[0]), edge_fields(views[1]))))
            if after.sources or self._shows_others(i):
                changes.append((i, was, will))
        await self._update(statements.UPDATE_CLAIMS, changes)
        rows = [{**self._edge(i), "fields": fields} for i, fields in edges if fields]
        await self.tx.each(statements.UPDATE_EDGES, rows)

    def _edge(self, relation_id: str) -> dict[str, Any]:
        subject, _, object_ = self._claims[relation_id].ends
        return {"id": relation_id, "subject": subject, "object": object_}

    def _new_fact(self, relation_id: str, standing: Standing) -> dict[str, Any]:
        ends = self.new.ends[relation_id]
        view = view_of(standing, policies=self.policies.get(ends[1]))
        labels = (self.new.labels[ends[0]], self.new.labels[ends[2]])
        row = fact_row(relation_id, self.place, ends, labels, view)
        row["fields"].update(standing.stored())
        return row

    async def _unsay(self, kind: Said, step: Step) -> None:
        """Takes back what the document said, and finds the descriptions that remain."""
        if step.lost:
            await self.tx.each(statements.UNSAY[kind], step.lost, document=self.place.document_id)
        others: dict[str, list[str]] = {i: [] for i in step.orphaned()}
        if others:
            for i, text in await self.tx.rows(statements.DESCRIPTIONS[kind], ids=list(others)):
                others[i].append(text)
        step.describe(others)

    async def _say(self, kind: Said, step: Step) -> None:
        rows = [{"id": i, "fields": _said(step.new[i])} for i in step.gained]
        await self.tx.each(statements.SAY[kind], rows, document=self.place.document_id)

    async def _update(self, statement: str, changes: Iterable[tuple[str, Fields, Fields]]) -> None:
        """Writes only the fields that differ."""
        rows = [{"id": i, "fields": difference(before, after)} for i, before, after in changes]
        await self.tx.each(statement, [row for row in rows if row["fields"]])

    async def _write_support(self) -> None:
        old, new, removed = self.old.support, self.new.support, set(self.removed)
        gone = [[self._stated_at(row[0]), *row[1:], row[0]] for row in old - new if row[1] not in removed]
        await self.tx.each(statements.DELETE_SUPPORT, gone)
        rows = []
        for i, *row in sorted(new - old):
            at = self._stated_at(i)
            rows.append([at, *row, i if at != i else None])
        await self.tx.each(statements.CREATE_SUPPORT, rows)

    def _stated_at(self, i: str) -> str:
        """The node that the support of a claim leads to."""
        return (self._claims[i].shown if i in self._claims else "") or i

    async def _write_mentions(self) -> None:
        old, new, removed = self.old.mentions, self.new.mentions, set(self.removed)
        gone: list[list[Any]] = []
        for chunk, form, start, end, kind in old - new:
            if chunk not in removed:
                gone.append([chunk, self.forms[form].shown, start, end, _TYPES[kind], form])
        await self.tx.each(statements.DELETE_MENTIONS, gone)
        for number, type_ in enumerate(_TYPES):
            rows: list[list[Any]] = []
            for chunk, form, start, end, kind in sorted(new - old):
                if kind == number:
                    shown = self.forms[form].shown
                    rows.append([chunk, shown, start, end, form if shown != form else None])
            await self.tx.each(statements.CREATE_MENTIONS[type_], rows)

    async def _write_order(self) -> None:
        """Joins each chunk to the next, where chunks came, went or moved."""
        before, after = _in_order(self.old), _in_order(self.new)
        if before == after:
            return
        if before:
            await self.tx.rows(statements.CLEAR_ORDER, id=self.place.document_id)
        await self.tx.each(statements.WRITE_ORDER, [list(pair) for pair in pairwise(after)])


def fact_row(
    relation_id: str, place: Place, ends: tuple[str, str, str], labels: tuple[str, str], view: View
) -> dict[str, Any]:
    """What shows a relation: its fact and its relationship."""
    subject, type_, object_ = ends
    fixed = {
        "id": relation_id,
        "collection": place.collection,
        "scope": place.scope,
        "type": type_,
        "subject_id": subject,
        "object_id": object_,
        "subject_label": labels[0],
        "object_label": labels[1],
    }
    return {
        "id": relation_id,
        "shown": shown_label(type_),
        "subject": subject,
        "object": object_,
        "edge": {"id": relation_id, "collection": place.collection, **edge_fields(view)},
        "fields": {**fixed, **fact_fields(view)},
    }


async def held_by(tx: Transaction, document_id: str) -> Contribution:
    """Reads what a document holds in the graph."""
    chunks = await tx.many(statements.HELD_CHUNKS, id=document_id)
    entities = await tx.many(statements.HELD_ENTITIES, id=document_id)
    relations = await tx.many(statements.HELD_RELATIONS, id=document_id)
    mentions = await tx.many(statements.HELD_MENTIONS, id=document_id)
    support = await tx.many(statements.HELD_SUPPORT, id=document_id)
    return Contribution(
        chunks={i: chunk_row_of(row) for i, *row in chunks},
        entities={i: EntitySource(name, tuple(forms), *rest) for i, name, forms, *rest, _ in entities},
        relations={i: RelationSource(*said) for i, *said, _, _, _ in relations},
        mentions={mention_row_of(row) for row in mentions},
        support={(relation, chunk, *rest) for relation, chunk, *rest in support},
        labels={row[0]: row[-1] for row in entities},
        ends={row[0]: (row[-3], row[-2], row[-1]) for row in relations},
    )


def mention_row_of(row: Row) -> MentionRow:
    """Builds a mention's row, its kind as a number."""
    chunk, entity, start, end, type_ = row
    return (chunk, entity, start, end, _TYPES.index(type_))


def _degrees(contribution: Contribution) -> Counter[str]:
    """How many of the document's chunks mention each entity."""
    return Counter(entity for _, entity in {(row[0], row[1]) for row in contribution.mentions})


def _said(source: Source) -> dict[str, Any]:
    fields: dict[str, Any] = {"description": source.description, "properties": source.properties}
    if isinstance(source, EntitySource):
        fields |= {"name": source.name, "aliases": list(source.aliases)}
    return fields


def _in_order(contribution: Contribution) -> list[str]:
    return sorted(contribution.chunks, key=lambda i: contribution.chunks[i].position)


def _size(contribution: Contribution) -> int:
    return sum(len(row.text.encode()) for row in contribution.chunks.values())
