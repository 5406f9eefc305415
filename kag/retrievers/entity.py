"""Entities by type and likeness; a language model writes what to look for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import SimilaritySearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.retrievers import _shapes as shapes
from kag.retrievers._entities import find_entities
from kag.retrievers._items import entity_items
from kag.retrievers._retriever import Found
from kag.retrievers._written import WrittenRetriever, all_labels, checked_models, meanings, query_schema
from kag.schema.values import Json

_ANY = "*"
_INSTRUCTIONS = (
    "Say which entities of a knowledge graph help to answer the input: give their type, and a name or short "
    "description that they are like."
)


class EntityRetriever(WrittenRetriever):
    """Finds entities: a language model picks their type and writes what they are like.

    Gives the inputs, `entity_label` and `similarity_search` (what the model wrote), and `result`: entities
    with their properties, `id`, `label`, `name`, `score` and `provenance`, the passages that name them.

    Args:
        knowledge_base: Where to search.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        entity_models: Data models whose labels the model may choose from; those of the knowledge base by
            default. Without any, entities of all types are searched.
        k: At most so many entities, 1 to 200.
        threshold: Least likeness, 0 to 1: 1 for a name or alias, else the cosine or the words in common.
        return_inputs: Give the inputs' properties before the others.
        return_query: Give what the model wrote before the result.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature` (0), ...

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> found = await EntityRetriever(knowledge_base=base, language_model=lm)(Query(query="Paris?"))
        >>> [entity["name"] for entity in found.get("result")]
        ['Paris']
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        language_model: Any = None,
        *,
        entity_models: Sequence[type] | None = None,
        k: int = 10,
        threshold: float = 0.5,
        return_inputs: bool = True,
        return_query: bool = True,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        known = getattr(knowledge_base, "entity_models", ())
        self.entity_models = checked_models(type(self).__name__, "entity_models", entity_models, known)
        labels = all_labels(self.entity_models) or [_ANY]
        about = meanings(self.entity_models)
        super().__init__(
            knowledge_base,
            language_model,
            query_schema(SimilaritySearch, {"entity_label": labels}),
            f"{_INSTRUCTIONS}\nThe types:\n{about}" if about else _INSTRUCTIONS,
            thoughtful=False,
            k=k,
            threshold=threshold,
            return_inputs=return_inputs,
            return_query=return_query,
            name=name,
            description=description,
            trainable=trainable,
            options=options,
        )

    @property
    def item_schema(self) -> Json:
        """An entity."""
        return shapes.ENTITY

    async def retrieve(self, inputs: JsonDataModel) -> Found:
        """Has the query written, and searches."""
        query = await self.write(inputs)
        label = query["entity_label"]
        found = await find_entities(
            self.knowledge_base,
            query["similarity_search"],
            label=None if label == _ANY else label,
            k=self.k,
            threshold=self.threshold,
        )
        return query, await entity_items(self.knowledge_base.store, found)
