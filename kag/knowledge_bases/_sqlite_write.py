"""The embedded store's writes: each takes the writing connection in a transaction, all or nothing."""

# ruff: noqa: S608  only names from this file are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import apsw

from kag.errors import EmbeddingMismatchError, StoreError, StoreNotFoundError
from kag.knowledge_bases._contribution import Contribution, contribution_of, digest, vectors_of
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_document import DocumentStep, held_by
from kag.knowledge_bases._sqlite_links import splits_of
from kag.knowledge_bases._sqlite_near import renew_near
from kag.knowledge_bases._sqlite_resolution import Resolver, Touched, resolved
from kag.knowledge_bases._sqlite_rows import Place, add_tally, as_json, next_row, row_numbers
from kag.knowledge_bases._sqlite_rules import Context, context_of
from kag.knowledge_bases._sqlite_vectors import (
    claim_space,
    current_space,
    embedded,
    make_current,
    space_row,
    write_vectors,
)
from kag.knowledge_bases._values import clean, to_json
from kag.knowledge_bases.base import DeleteReport, Job, Space, UpsertReport
from kag.knowledge_bases.records import DocumentChange

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector


class DocumentWrite:
    """One document's change, checked and condensed before any lock is taken.

    Args:
        change: All of the document's records.
        space: Vector space of the chunks' embeddings; None for chunks without.
        ontology: What data models allow; None allows everything.

    Raises:
        StoreError: The change does not fit together.
        EmbeddingMismatchError: A chunk lacks its vector, or has one of another size.
    """

    def __init__(self, change: DocumentChange, space: Space | None, ontology: Ontology | None = None) -> None:
        change, refused = ontology.admit(change) if ontology else (change, ())
        self.change, self.space = change, space
        self.new = contribution_of(change)
        self.refused = refused
        self.digest = digest(change, self.new)
        if space is None and any(c.embedding is not None for c in change.chunks):
            raise EmbeddingMismatchError(
                f"{change.document.uri} has vectors, but no space was given; say which model made them."
            )
        self.vectors = vectors_of({c.id: c.embedding for c in change.chunks}, space) if space else {}

    def is_stored(self, db: apsw.Connection) -> bool:
        """Tells whether the store holds exactly this already, vectors included."""
        stored = (self.change.document.id, self.digest)
        if not select(db, "SELECT rid FROM document WHERE id = ? AND digest = ?", stored):
            return False
        if self.space is None:
            return True
        current = current_space(db)
        if current is None or current[1] != self.space:
            return False
        rows = row_numbers(db, "chunk", self.new.chunks)
        return len(embedded(db, current[0], rows.values())) == len(self.new.chunks)

    def run(self, db: apsw.Connection) -> UpsertReport:
        """Writes the difference between what the document held and what it holds now."""
        searched = current_space(db)
        space = claim_space(db, self.space) if self.space else None
        place, old = self._place(db)
        context = context_of(db, place.collection)
        self._write_document(db, place)
        new = self.new.renamed(splits_of(db, self.change.document.id))
        step = DocumentStep(db, place, old, new, context.policies)
        step.run()
        if space is not None:
            self._write_vectors(db, step, space)
        resolver = resolved(db, place, context, [step])
        add_tally(db, place)
        if space is not None and (searched is None or searched[0] != space):
            _resolve_all_near(db, space)
        created, merged = step.entities.outcome()
        return UpsertReport(
            document_id=self.change.document.id,
            chunks_created=len(step.created),
            chunks_kept=len(self.new.chunks) - len(step.created),
            chunks_removed=len(step.removed),
            entities_created=created,
            entities_merged=merged,
            relations_created=step.relations.created,
            relations_merged=step.relations.merged,
            rejected=(*self.refused, *self.new.rejected),
            entities_queued=resolver.queued,
            moves=resolver.moves,
        )

    def _place(self, db: apsw.Connection) -> tuple[Place, Contribution]:
        """Finds or makes the place of the document, and reads what it held."""
        document = self.change.document
        name = clean(document.collection)
        db.execute("INSERT INTO collection(name) VALUES (?) ON CONFLICT DO NOTHING", (name,))
        collection = select_value(db, "SELECT rid FROM collection WHERE name = ?", (name,))
        found = select(db, "SELECT rid, collection FROM document WHERE id = ?", (document.id,))
        if not found:
            place = Place(next_row(db, "document"), collection)
            place.tally["document", ""] += 1
            return place, Contribution()
        if found[0][1] != collection:
            raise StoreError(
                f"{document.id} is in another collection than {name!r}; make ids with "
                "document_id(collection, uri). Nothing was written."
            )
        return Place(found[0][0], collection), held_by(db, found[0][0])

    def _write_document(self, db: apsw.Connection, place: Place) -> None:
        document = self.change.document
        origin = (document.uri, document.title, document.media_type)
        state = (document.content_hash, document.ingested_at)
        db.execute(
            "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(rid) DO UPDATE SET "
            "title = excluded.title, media_type = excluded.media_type, content_hash = excluded.content_hash, "
            "ingested_at = excluded.ingested_at, metadata = excluded.metadata, digest = excluded.digest",
            (
                place.document,
                document.id,
                place.collection,
                *map(clean, (*origin, *state)),
                to_json(document.metadata),
                self.digest,
            ),
        )
        db.execute(
            "INSERT INTO document_text VALUES (?, ?) ON CONFLICT DO UPDATE SET text = excluded.text",
            (place.document, clean(document.text)),
        )

    def _write_vectors(self, db: apsw.Connection, step: DocumentStep, space: int) -> None:
        """Writes the vectors of chunks that are new, are found by other words now, or had none."""
        rows = {i: step.chunks[i] for i in self.new.chunks}
        known = embedded(db, space, rows.values())
        place = (step.place.collection, step.place.document)
        wanted = {i: row for i, row in rows.items() if i in step.reworded or row not in known}
        write_vectors(db, "chunk", space, [(row, *place, self.vectors[i]) for i, row in wanted.items()])


def delete_document(db: apsw.Connection, document_id: str) -> DeleteReport:
    """Takes back all that a document contributed.

    Raises:
        StoreNotFoundError: There is no such document.
    """
    found = select(db, "SELECT rid, collection FROM document WHERE id = ?", (document_id,))
    if not found:
        raise StoreNotFoundError(
            f"There is no document {document_id!r}; `kag documents list` shows those there are."
        )
    place = Place(found[0][0], found[0][1])
    context = context_of(db, place.collection)
    old = held_by(db, place.document)
    step = _taken_back(db, place, context, old)
    resolver = resolved(db, place, context, [step])
    _forget(db, place)
    return DeleteReport(
        document_id=document_id,
        chunks=len(old.chunks),
        mentions=len(old.mentions),
        entities=resolver.removed,
        relations=step.relations.removed,
    )


def _taken_back(db: apsw.Connection, place: Place, context: Context, old: Contribution) -> DocumentStep:
    """Takes back what a document contributed, and the document; its forms are still to be resolved."""
    step = DocumentStep(db, place, old, Contribution(), context.policies)
    step.run()
    db.execute("DELETE FROM document WHERE rid = ?", (place.document,))
    place.tally["document", ""] -= 1
    return step


def _forget(db: apsw.Connection, place: Place) -> None:
    """Writes the counts, and removes the collection if it is empty."""
    add_tally(db, place)
    db.execute(
        "DELETE FROM collection WHERE rid = ?1 AND NOT EXISTS (SELECT 1 FROM document WHERE collection = ?1)",
        (place.collection,),
    )


def delete_collection(db: apsw.Connection, collection: str) -> int:
    """Deletes all documents of a collection, and returns how many there were."""
    found = select(
        db,
        "SELECT d.rid, c.rid FROM document d JOIN collection c ON c.rid = d.collection WHERE c.name = ?",
        (clean(collection),),
    )
    if not found:
        return 0
    context = context_of(db, found[0][1])
    everything = Place(0, found[0][1])
    steps = []
    for document, row in found:
        place = Place(document, row, everything.tally)
        steps.append(_taken_back(db, place, context, held_by(db, document)))
    resolved(db, everything, context, steps)
    _forget(db, everything)
    return len(found)


def set_embeddings(db: apsw.Connection, space: Space, vectors: Mapping[str, Vector], *, final: bool) -> None:
    """Writes vectors of chunks and entities in a space; with `final` that space is searched from now on.

    Vectors of records that are gone meanwhile are left out.
    """
    data = vectors_of(vectors, space)
    row = space_row(db, space)
    chunks = select(
        db,
        "SELECT c.id, c.rid, c.collection, c.document FROM json_each(?) j "
        "CROSS JOIN chunk c ON c.id = j.value",
        (as_json(data),),
    )
    entities = select(
        db,
        "SELECT e.id, e.rid, e.collection, 0 FROM json_each(?1) j CROSS JOIN entity e ON e.id = j.value "
        "UNION ALL "
        "SELECT f.id, f.rid, f.collection, 0 FROM json_each(?1) j CROSS JOIN form f ON f.id = j.value",
        (as_json(data),),
    )
    write_vectors(db, "chunk", row, [(*place, data[i]) for i, *place in chunks])
    write_vectors(db, "entity", row, [(*place, data[i]) for i, *place in entities])
    if final:
        _require_all_embedded(db, space, row)
        make_current(db, space)
        _resolve_all_near(db, row)
        return
    current = current_space(db)
    if current and current[0] == row:
        _resolve_near(db, [(owner, collection) for _, owner, collection, *_ in entities])


def _resolve_all_near(db: apsw.Connection, space: int) -> None:
    """Compares by the vectors of another space, and takes back what those of the old one led to."""
    near = "SELECT first AS rid FROM near UNION SELECT second FROM near"
    held = " UNION ".join(
        f"SELECT t.rid, t.collection FROM ({near}) n CROSS JOIN {table} t ON t.rid = n.rid"
        for table in ("entity", "form")
    )
    forms = set(select(db, held))
    forms.update(select(db, "SELECT owner, collection FROM entity_vector WHERE space = ?", (space,)))
    db.execute("DELETE FROM near")
    _resolve_near(db, forms)


def _resolve_near(db: apsw.Connection, forms: Iterable[tuple[int, int]]) -> None:
    """Compares the forms whose vectors are new with those that are close to them."""
    forms = set(forms)
    for collection in sorted({collection for _, collection in forms}):
        rows = {row for row, here in forms if here == collection}
        place = Place(0, collection)
        renew_near(db, collection, rows)
        Resolver(db, place, context_of(db, collection), Touched(reworded=rows)).run()
        add_tally(db, place)


def _require_all_embedded(db: apsw.Connection, space: Space, row: int) -> None:
    total = select_value(db, "SELECT count(*) FROM chunk")
    done = select_value(db, "SELECT count(*) FROM chunk_vector WHERE space = ?", (row,))
    if done < total:
        raise EmbeddingMismatchError(
            f"{total - done} of {total} chunks have no vector of {space.model} yet; embed them, then switch "
            "(`kag reembed` goes on where it stopped). The store keeps its old vectors."
        )


def save_job(db: apsw.Connection, job: Job) -> None:
    """Writes a job in the place of what it was."""
    failed = to_json([dict(item) for item in job.failed])
    db.execute(
        "INSERT INTO job(id, collection, kind, state, message, created_at, updated_at, done, total, failed) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET "
        "collection = excluded.collection, kind = excluded.kind, state = excluded.state, "
        "message = excluded.message, created_at = excluded.created_at, updated_at = excluded.updated_at, "
        "done = excluded.done, total = excluded.total, failed = excluded.failed",
        (
            *map(clean, (job.id, job.collection, job.kind, job.state)),
            *map(clean, (job.message, job.created_at, job.updated_at)),
            job.done,
            job.total,
            failed,
        ),
    )
