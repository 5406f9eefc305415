"""A graph server's writes: one document's change is the difference to what it held, in one transaction.

Writers of one collection take turns: each first writes to the collection's node, which locks it until the
transaction ends. What a write reads after that no other writer can change.
"""

from __future__ import annotations

import json
from functools import partial

from kag.errors import EmbeddingMismatchError, StoreError, StoreNotFoundError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Bolt, Transaction
from kag.knowledge_bases._contribution import Contribution, contribution_of, digest, vectors_of
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_document import DocumentStep, Place, held_by
from kag.knowledge_bases._cypher_members import members_of
from kag.knowledge_bases._cypher_relink import prepare, resolve_near
from kag.knowledge_bases._cypher_resolution import Resolver, resolved
from kag.knowledge_bases._cypher_rows import embedding_property, facets, scope
from kag.knowledge_bases._cypher_rules import context_of
from kag.knowledge_bases._cypher_spaces import claim_space, current_space, require_room, write_vectors
from kag.knowledge_bases._cypher_tally import add_tally, lock_collection, token
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._values import clean, to_json
from kag.knowledge_bases.base import DeleteReport, Job, Resolution, Space, UpsertReport
from kag.knowledge_bases.records import DocumentChange

_DELETED_AT_ONCE = 2000
_MOST_AT_ONCE = 20_000  # records that go in one transaction, for a server of little memory


class DocumentWrite:
    """One document's change, checked and condensed before any lock is taken.

    Args:
        change: All of the document's records.
        space: Vector space of the chunks' embeddings; None for chunks without.
        ontology: What data models allow; None allows everything.
        resolution: How forms become entities; None leaves it as it is in the store.

    Raises:
        StoreError: The change does not fit together.
        EmbeddingMismatchError: A chunk lacks its vector, or has one of another size.
    """

    def __init__(
        self,
        change: DocumentChange,
        space: Space | None,
        ontology: Ontology | None,
        resolution: Resolution | None,
    ) -> None:
        self.ontology, self.resolution = ontology, resolution
        change, self.refused = ontology.admit(change) if ontology else (change, ())
        self.change, self.space = change, space
        self.new = contribution_of(change)
        self.digest = digest(change, self.new)
        if space is None and any(c.embedding is not None for c in change.chunks):
            raise EmbeddingMismatchError(
                f"{change.document.uri} has vectors, but no space was given; say which model made them."
            )
        self.vectors = vectors_of({c.id: c.embedding for c in change.chunks}, space) if space else {}
        self.collection = clean(change.document.collection)
        self.scope = scope(change.document.collection)

    async def is_stored(self, tx: Transaction) -> bool:
        """Tells whether the store holds exactly this already, vectors included."""
        document_id = clean(self.change.document.id)
        stored = await tx.one(statements.STORED_DIGEST, id=document_id)
        if stored is None or stored != [self.scope, self.digest]:
            return False
        if self.space is None:
            return True
        if await current_space(tx) != self.space:
            return False
        bare = statements.COUNT_BARE_CHUNKS.format(property=embedding_property(self.space))
        return await tx.one(bare, id=document_id) == [0]

    async def _state(self, tx: Transaction) -> tuple[bool, bool]:
        """Whether exactly this is stored, and whether the store is resolved as it is to be."""
        context = await context_of(tx, self.scope)
        return await self.is_stored(tx), context.fits(self.resolution, self.ontology)

    async def run(self, bolt: Bolt, dialect: Dialect) -> UpsertReport:
        """Writes the difference between what the document held and what it holds now."""
        stored, prepared = await bolt.read(self._state)
        if not prepared and not bolt.read_only:
            await prepare(bolt, dialect, self.scope, self.resolution, self.ontology)
        if stored:
            return UpsertReport(
                self.change.document.id,
                unchanged=True,
                chunks_kept=len(self.change.chunks),
                rejected=self.refused,
            )
        if self.space is not None:
            await bolt.read(partial(require_room, space=self.space))
            await dialect.index_vectors(bolt, self.space, len(self.vectors))
        return await bolt.write(lambda tx: self._write(tx, dialect))

    async def _write(self, tx: Transaction, dialect: Dialect) -> UpsertReport:
        await lock_collection(tx, self.scope, self.collection)
        searched = await current_space(tx) if self.space is not None else None
        if self.space is not None:
            await claim_space(tx, self.space, token())
        document_id = clean(self.change.document.id)
        stored = await tx.one(statements.STORED_DIGEST, id=document_id)
        if stored is not None and stored[0] != self.scope:
            raise StoreError(
                f"{document_id} is in another collection than {self.collection!r}; make ids with "
                "document_id(collection, uri). Nothing was written."
            )
        old = await held_by(tx, document_id) if stored else Contribution()
        context = await context_of(tx, self.scope)
        await self._write_document(tx)
        place = Place(document_id, self.collection, self.scope)
        new = self.new.renamed(context.links.splits_of(document_id))
        step = DocumentStep(tx, dialect, place, old, new, context.policies)
        await step.run()
        if self.space is not None:
            await self._write_vectors(tx, dialect, step, self.space)
        resolver = await resolved(tx, dialect, place, context, [step])
        tally = step.tally()
        tally.update(resolver.tally)
        tally["document", ""] += 0 if stored else 1
        await add_tally(tx, self.scope, tally)
        if self.space is not None and searched not in (None, self.space):
            await resolve_near(tx, dialect, self.space, None)
        return await self._report(tx, step, resolver)

    async def _report(self, tx: Transaction, step: DocumentStep, resolver: Resolver) -> UpsertReport:
        created, merged = await _outcome(tx, step, resolver)
        return UpsertReport(
            document_id=self.change.document.id,
            chunks_created=len(step.created),
            chunks_kept=len(self.new.chunks) - len(step.created),
            chunks_removed=len(step.removed),
            entities_created=created,
            entities_merged=merged,
            relations_created=len(step.relations.created),
            relations_merged=step.relations.merged,
            rejected=(*self.refused, *self.new.rejected),
            entities_queued=resolver.queued,
            moves=resolver.moves,
        )

    async def _write_document(self, tx: Transaction) -> None:
        document = self.change.document
        metadata = to_json(document.metadata)
        fields = {
            "collection": self.collection,
            "scope": self.scope,
            "uri": clean(document.uri),
            "title": clean(document.title),
            "media_type": clean(document.media_type),
            "content_hash": clean(document.content_hash),
            "ingested_at": clean(document.ingested_at),
            "text": clean(document.text),
            "metadata": metadata,
            "facets": facets(metadata),
            "digest": self.digest,
        }
        await tx.rows(statements.WRITE_DOCUMENT, id=clean(document.id), fields=fields)

    async def _write_vectors(
        self, tx: Transaction, dialect: Dialect, step: DocumentStep, space: Space
    ) -> None:
        """Writes the vectors of chunks that are new, are found by other words now, or had none."""
        bare = statements.BARE_CHUNKS.format(property=embedding_property(space))
        wanted = {i for (i,) in await tx.rows(bare, id=clean(self.change.document.id))}
        wanted.update(step.reworded)
        await write_vectors(tx, dialect, space, {i: v for i, v in self.vectors.items() if i in wanted})


async def _outcome(tx: Transaction, step: DocumentStep, resolver: Resolver) -> tuple[int, int]:
    """How many entities are new, and how many known ones are added to, as they are shown now."""
    states, fresh = resolver.members.states, resolver.touched.fresh
    shown = {states[i].shown for i in step.entities.gained}
    several = {e for e in shown if e not in states or states[e].several or resolver.moves}
    members = await members_of(tx, several) if several else {}
    new = [e for e in shown if fresh.issuperset(members.get(e, [e]))]
    return len(new), len(shown) - len(new)


async def create_collection(tx: Transaction, collection: str) -> bool:
    """Makes a collection that stays without documents until it is deleted; False where it is there.

    Raises:
        StoreError: The name is blank.
    """
    if not collection.strip():
        raise StoreError(f"The collection's name is {collection!r}; expected a name, such as 'default'.")
    key = scope(collection)
    if not await lock_collection(tx, key, clean(collection)):
        return False
    await tx.rows(statements.KEEP_COLLECTION, scope=key)
    return True


async def delete_document(tx: Transaction, dialect: Dialect, document_id: str) -> DeleteReport:
    """Takes back all that a document contributed.

    Raises:
        StoreNotFoundError: There is no such document.
    """
    wanted = clean(document_id)
    stored = await tx.one(statements.STORED_DIGEST, id=wanted)
    locked = None
    if stored is not None:
        locked = await tx.one(statements.LOCK_COLLECTION, scope=stored[0], token=token())
        stored = await tx.one(statements.STORED_DIGEST, id=wanted)
    if stored is None:
        raise StoreNotFoundError(
            f"There is no document {document_id!r}; `kag documents list` shows those there are."
        )
    old = await held_by(tx, wanted)
    context = await context_of(tx, stored[0])
    place = Place(wanted, locked[2] if locked else "", stored[0])
    step = DocumentStep(tx, dialect, place, old, Contribution(), context.policies)
    await step.run()
    resolver = await resolved(tx, dialect, place, context, [step])
    await tx.rows(statements.DELETE_DOCUMENT, id=wanted)
    tally = step.tally()
    tally.update(resolver.tally)
    tally["document", ""] -= 1
    await add_tally(tx, stored[0], tally)
    return DeleteReport(
        document_id=document_id,
        chunks=len(old.chunks),
        mentions=len(old.mentions),
        entities=resolver.removed,
        relations=len(step.relations.removed),
    )


async def delete_collection(bolt: Bolt, collection: str) -> int:
    """Deletes all of a collection, and returns how many documents there were.

    It is one transaction where that fits into a small server's memory. A larger collection first leaves
    all searches and counts, then its records go step by step; deleting it again goes on where that was cut.
    """
    key = scope(collection)
    documents, records = await bolt.write(lambda tx: _leave(tx, key))
    if not records:
        return documents
    for statement in statements.DELETE_ALL_OF.values():
        while await bolt.write(partial(_delete_some, statement=statement, key=key)):
            pass
    await bolt.write(lambda tx: tx.rows(statements.DELETE_COLLECTION, scope=key))
    return documents


async def _leave(tx: Transaction, key: str) -> tuple[int, int]:
    """Deletes a small collection, or hides a large one; how many documents it had, and records are left."""
    found = await tx.one(statements.LOCK_COLLECTION, scope=key, token=token())
    if found is None:
        return 0, 0
    counts: dict[str, dict[str, int]] = json.loads(found[1])
    documents = sum(counts.get("document", {}).values())
    records = sum(sum(names.values()) for kind, names in counts.items() if kind != "bytes")
    if found[0] or records > _MOST_AT_ONCE:
        await tx.rows(statements.LEAVE, scope=key)
        return documents, max(records, 1)
    for statement in statements.DELETE_ALL_OF.values():
        while await _delete_some(tx, statement, key):
            pass
    await tx.rows(statements.DELETE_COLLECTION, scope=key)
    return documents, 0


async def _delete_some(tx: Transaction, statement: str, key: str) -> bool:
    """Deletes some nodes; whether there may be more."""
    found = await tx.one(statement, scope=key, limit=_DELETED_AT_ONCE)
    return bool(found and found[0] == _DELETED_AT_ONCE)


async def save_job(tx: Transaction, job: Job) -> None:
    """Writes a job in the place of what it was."""
    fields = {
        "collection": clean(job.collection),
        "kind": clean(job.kind),
        "state": clean(job.state),
        "done": job.done,
        "total": job.total,
        "failed": to_json([dict(item) for item in job.failed]),
        "message": clean(job.message),
        "created_at": clean(job.created_at),
        "updated_at": clean(job.updated_at),
    }
    key = clean(job.id)
    if await tx.one(statements.UPDATE_JOB, id=key, fields=fields) is None:
        (number,) = await tx.one(statements.NEXT_JOB) or [0]
        await tx.rows(statements.CREATE_JOB, id=key, seq=number, fields=fields)
