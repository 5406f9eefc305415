"""UpdateKnowledge: writes entities and relations into a knowledge base, as facts that a program states."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kag.data_models.data_model import schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import UpdateReport
from kag.data_models.operations import operand
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import EmbeddingMismatchError, ProgramError
from kag.graph.window import sliding
from kag.knowledge_bases._ontology import ontology_of
from kag.knowledge_bases._typed import assertion, sentence_of
from kag.knowledge_bases.base import Space, UpsertReport, VectorSearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import DocumentChange, Entity
from kag.module import Module
from kag.modules._knowledge import EMBEDDING_MODEL, check_knowledge, parts_of
from kag.modules._statements import Statements, statements_of
from kag.resolution.base import Link

_AT_ONCE = 8  # searches for entities that may be the same
_REPORT = schema_of(UpdateReport)


class UpdateKnowledge(Module):
    """Puts knowledge into a knowledge base and reports what became of it.

    What one call writes is one document, `program:<source>#<hash of what is said>`, in one transaction: its
    passages state the facts and support them, so saying the same again changes nothing, and deleting the
    document takes it all back. Entities and relations that are there already get more support. What does not
    fit the knowledge base's models is left out, and the report says why.

    Args:
        knowledge_base: Where to write.
        threshold: Cosine, 0 to 1, from which an entity with a new name is taken for the nearest one with the
            same label: a link says so, which can be taken back (`kag entities unlink`). By default there are
            no such links, and the store's own resolution decides.
        source: What the document is called.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: Nothing in it can be trained.

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> report = await UpdateKnowledge(knowledge_base=base)(graph)
        >>> report.get("entities_created")
        2
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        *,
        threshold: float | None = None,
        source: str = "update_knowledge",
        name: str | None = None,
        description: str | None = None,
        trainable: bool = False,
    ) -> None:
        super().__init__(name, description, trainable)
        if not isinstance(knowledge_base, KnowledgeBase):
            raise ProgramError(
                f"{self!r} needs knowledge_base=<a KnowledgeBase>; got {type(knowledge_base).__name__}."
            )
        if threshold is not None and not (_is_number(threshold) and 0 <= threshold <= 1):
            raise ProgramError(f"threshold of {self!r} must be from 0 to 1, or None; got {threshold!r}.")
        if not isinstance(source, str) or not source.strip():
            raise ProgramError(f"source of {self!r} must be a non-empty string; got {source!r}.")
        self.knowledge_base = knowledge_base
        self.threshold = threshold
        self.source = source

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """Writes the knowledge.

        Raises:
            EmbeddingMismatchError: The vectors are not of the model that the knowledge base searches with.
            ProgramError: It is no knowledge.
            StoreError: The store cannot be written; then nothing was.
        """
        parts = parts_of(self, inputs, getattr(inputs, "data", {}))
        base = self.knowledge_base
        ontology = ontology_of(base.entity_models, base.relation_models)
        said = statements_of(parts, base.collection, ontology)
        space = await self._space(inputs.data.get(EMBEDDING_MODEL), said.vectors)
        allowed, reasons = ontology.admit(self._change(said))
        if reasons:
            said = said.only(allowed, reasons)
        if not said.entities:
            return _report(UpsertReport("", unchanged=True), said.rejected)
        return await self._written(said, space)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with the report."""
        check_knowledge(self, operand(inputs))
        return SymbolicDataModel(UpdateReport)

    async def _space(self, model: Any, vectors: Mapping[str, Sequence[float]]) -> Space | None:
        """The vector space to write in: that of the knowledge base's model, or None without one.

        Raises:
            EmbeddingMismatchError: The given vectors are of another.
        """
        base = self.knowledge_base
        stored = await base.store.space()
        own = base.embedding_model
        space = stored
        if own is not None:
            await own.load(prefer=stored.model if stored else None)
            space = Space(own.name, own.dimensions)
        lengths = {len(vector) for vector in vectors.values()}
        if vectors and (space is None or model not in (None, space.model) or lengths != {space.dimensions}):
            raise EmbeddingMismatchError(
                f"{self!r} got vectors of {model or 'an unnamed model'} ({_listed(lengths)} dimensions); the "
                f"knowledge base searches by {f'{space.model} ({space.dimensions})' if space else 'none'}. "
                "Give EmbedKnowledge and the KnowledgeBase the same embedding_model."
            )
        return space if own is not None or vectors else None

    def _change(self, said: Statements) -> DocumentChange:
        return assertion(
            said.entities.values(),
            said.facts,
            collection=self.knowledge_base.collection,
            uri=f"program:{self.source}#{said.digest()}",
            title=self.source,
            ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    async def _written(self, said: Statements, space: Space | None) -> JsonDataModel:
        """Embeds the passages, and the entities that have no vector yet, and writes what is not there."""
        base, change = self.knowledge_base, self._change(said)
        if await self._is_there(change, space):
            return _report(UpsertReport(change.document.id, unchanged=True), said.rejected)
        vectors: dict[str, Any] = dict(said.vectors)
        embedded = None
        if base.embedding_model is not None:
            bare = {i: sentence_of(e) for i, e in said.entities.items() if i not in vectors}
            texts = list(dict.fromkeys([*(chunk.text for chunk in change.chunks), *bare.values()]))
            rows = dict(zip(texts, await base.embedding_model.embed(texts), strict=True))
            change = replace(
                change, chunks=tuple(replace(chunk, embedding=rows[chunk.text]) for chunk in change.chunks)
            )
            vectors |= {i: rows[text] for i, text in bare.items()}
            embedded = space
        links = await self._same(said, vectors)
        if links:  # before the write, so that one that is broken off here and repeated has them
            await base.store.set_links(links)
        report = await base.store.upsert(change, embedded)
        if space is not None and vectors:
            await base.store.set_embeddings(space, vectors, final=False)
        return _report(report, said.rejected, linked=len(links))

    async def _is_there(self, change: DocumentChange, space: Space | None) -> bool:
        """Whether the store holds all of it, vectors included; a write that was broken off goes on."""
        store, identity = self.knowledge_base.store, change.document.id
        if identity not in await store.get([identity]):
            return False
        wanted = {e.id for e in change.entities}
        if self.knowledge_base.embedding_model is not None:
            wanted |= {c.id for c in change.chunks}
        return space is None or wanted <= (await store.embeddings(sorted(wanted))).keys()

    async def _same(self, said: Statements, vectors: Mapping[str, Any]) -> list[Link]:
        """Links between entities with new names and the nearest known ones, where these are near enough."""
        threshold = self.threshold
        if threshold is None:
            return []
        store = self.knowledge_base.store
        there = await store.get(list(vectors))
        new = [e for i, e in said.entities.items() if i in vectors and i not in there]

        async def nearest(entity: Entity) -> Link | None:
            import numpy as np

            vector = np.asarray(vectors[entity.id], dtype=np.float32)
            search = VectorSearch(vector, 1, (entity.collection,), target="entity", label=entity.label)
            best = next((s for s in await store.vector_search(search) if s.score >= threshold), None)
            if best is None:
                return None
            reason = f"cosine {best.score:.3f}, at least {threshold:g}"
            return Link(entity.id, best.id, "same", "model", reason)

        return [link for link in await sliding(nearest, new, _AT_ONCE) if link is not None]


def _report(report: UpsertReport, rejected: Sequence[str], linked: int = 0) -> JsonDataModel:
    return JsonDataModel.trusted(
        _REPORT,
        {
            "document_id": report.document_id,
            "unchanged": report.unchanged,
            "entities_created": report.entities_created,
            "entities_merged": report.entities_merged,
            "relations_created": report.relations_created,
            "relations_merged": report.relations_merged,
            "linked": linked,
            "queued": report.entities_queued,
            "rejected": [*rejected, *report.rejected],
        },
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _listed(lengths: set[int]) -> str:
    return ", ".join(map(str, sorted(lengths)))
