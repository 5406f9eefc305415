"""Switches a store to another embedding model: all passages get new vectors, then it changes over at once.

Until the last vector is there the store is searched in the old space, and a run that was stopped goes on
where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ingest.pipeline import text_to_embed
from kag.errors import ConfigurationError
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.records import Chunk, Document

if TYPE_CHECKING:
    from kag.knowledge_bases.base import Store
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.knowledge_bases.records import Vector

_BATCH = 256


async def reembed(base: KnowledgeBase, progress: Callable[[int, int], None] | None = None) -> Space:
    """Embeds every passage of a store, in all collections, with the knowledge base's embedding model.

    Args:
        base: Open knowledge base whose `embedding_model` is the new one.
        progress: Called with passages done and passages in all.

    Returns:
        The space that the store is in now.

    Raises:
        ConfigurationError: The knowledge base has no embedding model.
        EmbeddingModelError: The model cannot be had; the store is as it was.
    """
    model = base.embedding_model
    if model is None:
        raise ConfigurationError("There is no embedding model to embed with; name one (--embedding-model).")
    await model.load()
    space = Space(model.name, model.dimensions)
    total, done = (await base.store.statistics()).chunks, 0
    while chunks := await base.store.unembedded(space, limit=_BATCH):
        rows = await model.embed(await _texts(base.store, chunks))
        vectors: dict[str, Vector] = {c.id: row for c, row in zip(chunks, rows, strict=True)}
        await base.store.set_embeddings(space, vectors, final=False)
        done += len(chunks)
        if progress is not None:
            progress(done, max(done, total))
    await base.store.set_embeddings(space, {}, final=True)
    return space


async def _texts(store: Store, chunks: list[Chunk]) -> list[str]:
    documents = await store.get(sorted({c.document_id for c in chunks}))
    titles = {i: d.title for i, d in documents.items() if isinstance(d, Document)}
    return [text_to_embed(titles.get(c.document_id, ""), c) for c in chunks]
