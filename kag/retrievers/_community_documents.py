"""Keeps communities in the store, on every back-end alike: each is a document of a collection of its own.

The communities of `notes` are the documents of `notes/communities`, so that no search of passages meets them,
and the store's own searches by words and vectors find them. Title, metadata and the only passage of such a
document hold its name, sources and summary; its text goes on with the ids of its passages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kag.errors import SearchError
from kag.graph.window import sliding
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Document, DocumentChange, chunk_id, document_id
from kag.retrievers._communities import Group, divide, read_mesh
from kag.retrievers._community_summary import Community, Source, Statement, describe

_AT_ONCE = 4  # communities that a model describes
_PAGE = 100
_MOST_READ = 20_000  # passages of a collection whose communities are found when a search needs them
_SUFFIX = "/communities"


@dataclass(frozen=True, slots=True)
class Built:
    """What building did: how many communities there are, were kept as they were, are new, and went."""

    communities: int
    kept: int
    written: int
    removed: int


def namespace(collection: str) -> str:
    """The collection that holds the communities of another."""
    return f"{collection}{_SUFFIX}"


async def build(
    base: KnowledgeBase,
    model: Any = None,
    *,
    resolution: float = 1.0,
    anew: bool = False,
    progress: Callable[[Community], None] | None = None,
) -> Built:
    """Brings the communities of a knowledge base's collection up to date, and describes those that changed.

    A run that is broken off goes on where it stopped. With a model, those that no model described are
    described again; a passage that stands alone is described by its own sentences all the same.

    Args:
        base: Its collection is divided; the communities are written beside it.
        model: A language model for the summaries; without one they are the passages' own sentences.
        resolution: More gives more and smaller communities.
        anew: Divide and describe everything, as if there were none.
        progress: Called after each community that was written.

    Raises:
        LanguageModelError: The model could not be reached; what was written stays.
        StoreError: The store cannot be written.
    """
    mesh = await read_mesh(base.store, base.collections)
    there = {community.group.fingerprint: community async for community in stored(base, members=True)}
    groups = divide(mesh, () if anew else [c.group for c in there.values()], resolution=resolution)
    space = await _space(base)

    def holds(group: Group) -> bool:
        before = there.get(group.fingerprint)
        told = model is None or len(group.passages) == 1 or (before is not None and bool(before.written_by))
        return not anew and before is not None and told

    async def write(group: Group) -> None:
        community = await describe(base.store, mesh, group, model if len(group.passages) > 1 else None)
        await base.store.upsert(await _document(base, community, space), space)
        if progress is not None:
            progress(community)

    fresh = [group for group in groups if not holds(group)]
    await sliding(write, fresh, _AT_ONCE)
    gone = there.keys() - {group.fingerprint for group in groups}
    for fingerprint in sorted(gone):
        await base.store.delete_document(_identity(base, fingerprint))
    return Built(len(groups), len(groups) - len(fresh), len(fresh), len(gone))


async def communities(base: KnowledgeBase) -> tuple[list[Community], bool]:
    """The communities of a knowledge base's collection, the largest first, and whether they are stored.

    Where none are stored they are found, from the passages' own sentences; nothing is written.

    Raises:
        SearchError: None are stored, and the collection is too large to find them now.
    """
    there = [community async for community in stored(base, members=False)]
    if there:
        return there, True
    passages = (await base.store.statistics(base.collections)).chunks
    if passages > _MOST_READ:
        raise SearchError(
            f"Collection {base.collection!r} has {passages:,} passages and no communities; "
            "find them once with `kag communities build`."
        )
    mesh = await read_mesh(base.store, base.collections)
    return [await describe(base.store, mesh, group) for group in divide(mesh)], False


async def stored(base: KnowledgeBase, *, members: bool) -> AsyncIterator[Community]:
    """The communities in the store, the largest first.

    Args:
        base: Whose collection's communities.
        members: With the ids of their passages; otherwise these are left out, which reads less.
    """
    found: list[Document] = []
    while page := await base.store.page(
        "document", (namespace(base.collection),), after=found[-1].id if found else "", limit=_PAGE
    ):
        found += [document for document in page if isinstance(document, Document)]
    found.sort(key=lambda d: (-int(d.metadata.get("passages", 0)), d.id))
    for document in found:
        whole = (await base.store.get([document.id])).get(document.id) if members else document
        if isinstance(whole, Document) and "statements" in whole.metadata:
            yield _community(whole)


def document_of(base: KnowledgeBase, community: Community) -> str:
    """The id of the document that holds a community."""
    return _identity(base, community.group.fingerprint)


def _identity(base: KnowledgeBase, fingerprint: str) -> str:
    return document_id(namespace(base.collection), _uri(fingerprint))


def _uri(fingerprint: str) -> str:
    return f"program:communities/{fingerprint}"


def _community(document: Document) -> Community:
    said = json.loads(str(document.metadata["statements"]))
    fingerprint = document.uri.rpartition("/")[2]
    members = document.text.rpartition("\n\n")[2].split("\n") if document.text else []
    return Community(
        id=f"com_{fingerprint}",
        name=document.title,
        entities=tuple(json.loads(str(document.metadata["entities"]))),
        statements=tuple(
            Statement(one["text"], tuple(Source(*source) for source in one["sources"])) for one in said
        ),
        written_by=str(document.metadata["written_by"]),
        size=int(document.metadata["passages"]),
        group=Group(tuple(members), fingerprint),
    )


async def _document(base: KnowledgeBase, community: Community, space: Space | None) -> DocumentChange:
    """A community as a document."""
    identity = document_of(base, community)
    summary = community.summary
    statements = [
        {"text": s.text, "sources": [[i.chunk_id, i.start, i.end, i.quote] for i in s.sources]}
        for s in community.statements
    ]
    said = json.dumps(statements, ensure_ascii=False)
    document = Document(
        id=identity,
        collection=namespace(base.collection),
        uri=_uri(community.group.fingerprint),
        title=community.name,
        media_type="text/plain",
        content_hash=hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
        text="\n\n".join((summary, "\n".join(community.group.passages))),
        ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        metadata={
            "passages": community.size,
            "written_by": community.written_by,
            "entities": json.dumps(community.entities, ensure_ascii=False),
            "statements": said,
        },
    )
    chunk = Chunk(
        id=chunk_id(identity, summary),
        document_id=identity,
        collection=document.collection,
        order=0,
        text=summary,
        start=0,
        end=len(summary),
        embedding=await _vector(base, f"{community.name}\n{summary}") if space else None,
    )
    return DocumentChange(document, (chunk,))


async def _vector(base: KnowledgeBase, words: str) -> Any:
    return (await base.embedding_model.embed([words]))[0] if base.embedding_model is not None else None


async def _space(base: KnowledgeBase) -> Space | None:
    """The vector space that communities are written in: that of the store, where the model fits it."""
    space, model = await base.store.space(), base.embedding_model
    if space is None or model is None:
        return None
    await model.load(prefer=space.model)
    return space if space.model == model.name else None
