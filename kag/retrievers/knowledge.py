"""Facts of any type: the predecessor of the triplet retriever, in whose queries `*` stands for anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack

from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.retrievers._triplets import FactRetriever

_INSTRUCTIONS = (
    "Say which facts of a knowledge graph answer the input: give the subject, the relation and the object. "
    "Write * for what is asked or not known."
)


class KnowledgeRetriever(FactRetriever):
    """Finds facts: a language model writes a triplet, with `*` for any type and for what is asked.

    Gives the inputs, the triplet, and `result`, as `TripletRetriever` does. Use it where the types on both
    ends may be left open and only close matches are wanted.

    Args:
        knowledge_base: Where to search.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        entity_models: Data models of the ends; those of the knowledge base by default.
        relation_models: Data models of the facts; those of the knowledge base by default.
        k: At most so many facts, 1 to 200.
        threshold: Least likeness of the ends, and least score, 0 to 1.
        return_inputs: Give the inputs' properties before the others.
        return_query: Give the triplet before the result.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature` (0), ...

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> found = await KnowledgeRetriever(knowledge_base=base, language_model=lm)(Query(query="..."))
        >>> found.get("result")[0]["obj"]["name"]
        'France'
    """

    unknown = "*"

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        language_model: Any = None,
        *,
        entity_models: Sequence[type] | None = None,
        relation_models: Sequence[type] | None = None,
        k: int = 10,
        threshold: float = 0.8,
        return_inputs: bool = True,
        return_query: bool = True,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(
            knowledge_base,
            language_model,
            entity_models,
            relation_models,
            _INSTRUCTIONS,
            options,
            k=k,
            threshold=threshold,
            return_inputs=return_inputs,
            return_query=return_query,
            name=name,
            description=description,
            trainable=trainable,
        )
