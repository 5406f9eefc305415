"""Copies documents with all that they say from one store to another, or into another collection.

A document is read back as it was written (`read_change`) and written again (`upsert`), so any two stores will
do, and a copy that was interrupted goes on where it stopped: what is there already is left alone. At the end
both sides are read once more and compared by checksums of their content.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from kag.errors import StoreError, StoreNotFoundError
from kag.knowledge_bases._contribution import contribution_of, digest
from kag.knowledge_bases._renaming import Renaming
from kag.knowledge_bases.base import Job, Space, Store
from kag.knowledge_bases.records import Document, DocumentChange
from kag.resolution.base import Link

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

_PAGE = 100
_CLOSE = 1e-5  # two stores may round the numbers of a vector differently
Progress = Callable[[str], None]


@dataclass(slots=True)
class Copied:
    """What was copied, and how both sides compare.

    Args:
        documents: How many were written.
        unchanged: How many were there already.
        source: Counts and checksum of what was to be copied.
        target: The same of what the target now holds of it.
        differences: Documents and links that are not the same on both sides.
    """

    documents: int = 0
    unchanged: int = 0
    source: dict[str, int | str] = field(default_factory=dict)
    target: dict[str, int | str] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)


async def copy(
    source: Store,
    target: Store,
    collections: Sequence[str],
    tell: Progress,
    renaming: Renaming | None = None,
) -> Copied:
    """Copies collections with everything in them, and compares both sides.

    Args:
        source: Where to read.
        target: Where to write; may be the same store where collections are renamed.
        collections: What to copy; empty means all.
        tell: Gets a line about the progress now and then.
        renaming: How the copy's collection is called.

    Raises:
        StoreNotFoundError: The source lacks one of the collections.
        StoreError: A store cannot be read or written; repeating the copy goes on.
    """
    renaming = renaming or Renaming()
    known = (await source.statistics()).collections
    if absent := [name for name in collections if name not in known]:
        raise StoreNotFoundError(
            f"{source.uri} has no collection {', '.join(absent)}; it has: {', '.join(known)}."
        )
    wanted = tuple(collections) or known
    for name in wanted:
        if not (await source.statistics((name,))).documents:
            await target.create_collection(renaming.collection or name)
    total = (await source.statistics(wanted)).documents
    copied = Copied()
    async for document in _documents(source, wanted):
        change, space = await source.read_change(document.id)
        moved = renaming.of(change)
        report = await target.upsert(moved, space)
        copied.unchanged += report.unchanged
        copied.documents += not report.unchanged
        done = copied.documents + copied.unchanged
        if done % _PAGE == 0:
            tell(f"{done:,} of {total:,} documents")
    whole = not renaming.collection and set(wanted) == set(known)
    links = renaming.links(await source.links() if whole else await _links_of(source, renaming.ids))
    await _copy_links(links, target)
    await _copy_entity_vectors(source, target, renaming)
    tell("comparing")
    await _compare(source, target, wanted, renaming, copied)
    await _compare_links(links, target, copied)
    return copied


async def rename(store: Store, old: str, new: str, tell: Progress) -> Copied:
    """Gives a collection another name: copies it, compares, then deletes what it was.

    What was interrupted goes on when it is repeated; until it is done nothing of the old collection is gone.

    Raises:
        StoreNotFoundError: There is no such collection.
        StoreError: The new name is taken, or the copy is not the same; the old collection is still there.
    """
    known = (await store.statistics()).collections
    job = _job(old, new)
    running = any(found.state == "running" for found in await store.jobs(job.id))
    if old not in known and not running:
        raise StoreNotFoundError(f"{store.uri} has no collection {old!r}; it has: {', '.join(known)}.")
    if old == new or (new in known and not running):
        raise StoreError(f"There is a collection {new!r} already; nothing was changed. Choose another name.")
    await store.save_job(job)
    copied = Copied()
    if old in known:
        copied = await copy(store, store, (old,), tell, Renaming(new))
        if copied.differences:
            raise StoreError(
                f"The copy in {new!r} differs from {old!r} in {len(copied.differences)} things, such as "
                f"{copied.differences[0]}; nothing of {old!r} was deleted. Repeat it while nobody writes."
            )
        await _forget_links(store, old)
        await store.delete_collection(old)
    await store.save_job(replace(job, state="done"))
    return copied


def _job(old: str, new: str) -> Job:
    key = hashlib.blake2b(f"{old}\0{new}".encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return Job(f"job_rename_{key}", new, "rename", "running", message=f"{old} becomes {new}")


async def _documents(store: Store, collections: Sequence[str]) -> AsyncIterator[Document]:
    after = ""
    while page := await store.page("document", collections, after=after, limit=_PAGE):
        for record in page:
            if isinstance(record, Document):
                yield record
        after = page[-1].id


async def _entities(store: Store, collections: Sequence[str]) -> AsyncIterator[list[str]]:
    after = ""
    while page := await store.page("entity", collections, after=after, limit=_PAGE):
        yield [record.id for record in page]
        after = page[-1].id


async def _links_of(store: Store, forms: Iterable[str]) -> list[Link]:
    """The links of some forms and of all that links join to them, names that no document has now too."""
    links = await store.links()
    near, found = set(forms), list[Link]()
    while True:
        reached = [link for link in links if not near.isdisjoint((link.first, link.second))]
        if len(reached) == len(found):
            return found
        found = reached
        near.update(end for link in found for end in (link.first, link.second))


async def _copy_links(links: Sequence[Link], target: Store) -> None:
    """Copies what people and models decided about forms."""
    there = {_said(link) for link in await target.links()}
    if new := [link for link in links if _said(link) not in there]:
        await target.set_links(new)


async def _compare_links(links: Sequence[Link], target: Store, copied: Copied) -> None:
    there = {_said(link) for link in await target.links()}
    lost = [link for link in links if _said(link) not in there]
    copied.differences += [f"{link.first} and {link.second} are {link.verdict}" for link in lost]
    copied.source["links"], copied.target["links"] = len(links), len(links) - len(lost)


def _said(link: Link) -> tuple[object, ...]:
    """What a link says, whichever end is named first."""
    documents = tuple(sorted(set(link.document_ids)))
    ends = (link.first, link.second) if documents else tuple(sorted((link.first, link.second)))
    return ends, link.verdict, link.source, link.reason, documents


async def _forget_links(store: Store, collection: str) -> None:
    """Takes back the links of the forms of a collection that goes."""
    ids = {i async for page in _entities(store, (collection,)) for i in page}
    forms = {form.id for found in (await store.forms(sorted(ids))).values() for form in found}
    pairs = {(link.first, link.second) for link in await _links_of(store, forms)}
    if pairs:
        await store.remove_links(sorted(pairs))


async def _copy_entity_vectors(source: Store, target: Store, renaming: Renaming) -> None:
    space = await source.space()
    if space is None:
        return
    ids = sorted(renaming.ids)
    for start in range(0, len(ids), _PAGE):
        vectors = await source.embeddings(ids[start : start + _PAGE])
        if vectors:
            moved = {renaming.ids[i]: vector for i, vector in vectors.items()}
            await target.set_embeddings(space, moved, final=False)


async def _compare(
    source: Store, target: Store, collections: Sequence[str], renaming: Renaming, copied: Copied
) -> None:
    """Reads both sides and notes where they differ."""
    mine, theirs = _Content(), _Content()
    async for document in _documents(source, collections):
        change, space = await source.read_change(document.id)
        moved = renaming.of(change)
        mine.add(moved)
        try:
            there, its_space = await target.read_change(moved.document.id)
        except StoreNotFoundError:
            copied.differences.append(document.uri)
            continue
        theirs.add(there)
        if not _equal(moved, space, there, its_space):
            copied.differences.append(document.uri)
    copied.source, copied.target = mine.summary(), theirs.summary()


@dataclass(slots=True)
class _Content:
    """Counts of what changes hold, and a checksum that does not depend on their order."""

    counts: Counter[str] = field(default_factory=Counter)
    entities: set[str] = field(default_factory=set)
    relations: set[str] = field(default_factory=set)
    digests: list[str] = field(default_factory=list)

    def add(self, change: DocumentChange) -> None:
        self.counts["documents"] += 1
        self.counts["chunks"] += len(change.chunks)
        self.counts["mentions"] += len(change.mentions)
        self.counts["vectors"] += sum(chunk.embedding is not None for chunk in change.chunks)
        self.entities.update(e.id for e in change.entities)
        self.relations.update(r.id for r in change.relations)
        self.digests.append(change.document.id + digest(change, contribution_of(change)))

    def summary(self) -> dict[str, int | str]:
        whole = hashlib.blake2b("".join(sorted(self.digests)).encode(), digest_size=16)
        kinds = ("documents", "chunks", "mentions", "vectors")
        return {
            **{kind: self.counts[kind] for kind in kinds},
            "entities": len(self.entities),
            "relations": len(self.relations),
            "checksum": whole.hexdigest(),
        }


def _equal(one: DocumentChange, space: Space | None, other: DocumentChange, its_space: Space | None) -> bool:
    """Whether two changes say the same, with the same vectors."""
    if digest(one, contribution_of(one)) != digest(other, contribution_of(other)):
        return False
    if (space and asdict(space)) != (its_space and asdict(its_space)):
        return False
    vectors = {chunk.id: chunk.embedding for chunk in other.chunks}
    return all(_close(chunk.embedding, vectors[chunk.id]) for chunk in one.chunks)


def _close(one: Vector | None, other: Vector | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and float(abs(one - other).max(initial=0.0)) <= _CLOSE
