"""Facts by what is known of their ends and type: what the triplet and the knowledge retriever share."""

from __future__ import annotations

import asyncio
from abc import ABC
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any, ClassVar

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import TripletSearch
from kag.knowledge_bases import base as stores
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Relation
from kag.modules._options import GeneratorOptions
from kag.retrievers import _shapes as shapes
from kag.retrievers._entities import find_entities
from kag.retrievers._items import fact_items
from kag.retrievers._retriever import Found
from kag.retrievers._written import WrittenRetriever, all_labels, checked_models, meanings, query_schema
from kag.schema.values import Json

UNKNOWN = ("?", "*", "")
_ENDS = 30  # entities that one end may be
_POOL = 200  # facts that are ranked

Scores = Mapping[str, float]


class FactRetriever(WrittenRetriever, ABC):
    """Finds facts by a triplet that a language model writes, with `unknown` for what is asked.

    Args:
        knowledge_base: Where to search.
        language_model: What writes the triplet.
        entity_models: Data models whose labels the ends may have.
        relation_models: Data models whose labels the facts may have.
        instructions: What the model is told.
        options: Of the generator.
        shared: Arguments that all retrievers take.
    """

    unknown: ClassVar[str]
    """How the model writes what it does not know."""

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        language_model: Any,
        entity_models: Sequence[type] | None,
        relation_models: Sequence[type] | None,
        instructions: str,
        options: GeneratorOptions,
        **shared: Any,
    ) -> None:
        owner = type(self).__name__
        known = (getattr(knowledge_base, kind, ()) for kind in ("entity_models", "relation_models"))
        self.entity_models = checked_models(owner, "entity_models", entity_models, next(known))
        self.relation_models = checked_models(owner, "relation_models", relation_models, next(known))
        ends = [*all_labels(self.entity_models), self.unknown]
        types = [*all_labels(self.relation_models), self.unknown]
        about = meanings((*self.entity_models, *self.relation_models))
        super().__init__(
            knowledge_base,
            language_model,
            query_schema(
                TripletSearch,
                {"subject_label": ends, "relation_label": types, "object_label": ends},
                words=f"; {self.unknown} if it is not known",
            ),
            f"{instructions}\nThe types:\n{about}" if about else instructions,
            thoughtful=True,
            options=options,
            **shared,
        )

    @property
    def item_schema(self) -> Json:
        """A fact."""
        return shapes.FACT

    async def retrieve(self, inputs: JsonDataModel) -> Found:
        """Has the triplet written, and searches."""
        query = await self.write(inputs)
        subjects, objects = await asyncio.gather(self._end(query, "subject"), self._end(query, "object"))
        found = await self._facts(query, subjects, objects)
        return query, await fact_items(self.knowledge_base.store, found)

    async def _end(self, query: Json, side: str) -> Scores | None:
        """The entities that an end may be, by id; None where anything may be."""
        words, label = query[f"{side}_similarity_search"].strip(), query[f"{side}_label"]
        if words in UNKNOWN:
            return None
        found = await find_entities(
            self.knowledge_base,
            words,
            label=_known(label),
            k=max(self.k, _ENDS),
            threshold=self.threshold,
        )
        return {entity.id: likeness for entity, likeness in found}

    async def _facts(
        self, query: Json, subjects: Scores | None, objects: Scores | None
    ) -> list[tuple[Relation, float]]:
        """The facts between the ends, those with the likeliest ends first, then those said most often."""
        if subjects == {} or objects == {}:
            return []
        best = await self._between(query, _likeliest(subjects), _likeliest(objects))
        if len(best) < self.k:  # others are less like
            more = await self._between(query, subjects, objects)
            best = list({relation.id: relation for relation in (*best, *more)}.values())
        scored = [(r, sqrt(_score(subjects, r.subject_id) * _score(objects, r.object_id))) for r in best]
        ranked = sorted(scored, key=lambda item: -item[1])  # stable: equal scores stay in the store's order
        return [item for item in ranked if item[1] >= self.threshold][: self.k]

    async def _between(self, query: Json, subjects: Scores | None, objects: Scores | None) -> list[Relation]:
        type_ = _known(query["relation_label"])
        return await self.knowledge_base.store.triplets(
            stores.TripletSearch(
                collections=self.knowledge_base.collections,
                subject_ids=tuple(subjects or ()),
                object_ids=tuple(objects or ()),
                types=(type_,) if type_ else (),
                subject_label=_known(query["subject_label"]),
                object_label=_known(query["object_label"]),
                limit=max(self.k, _POOL),
            )
        )


def _likeliest(ends: Scores | None) -> Scores | None:
    """The ends that are most like what is asked for."""
    most = max(ends.values(), default=0.0) if ends else 0.0
    return {i: score for i, score in ends.items() if score == most} if ends else ends


def _known(label: str) -> str | None:
    return None if label in UNKNOWN else label


def _score(ends: Scores | None, entity: str) -> float:
    return 1.0 if ends is None else ends.get(entity, 0.0)
