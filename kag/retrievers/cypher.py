"""Rows of a Cypher query that a language model writes, on Neo4j and Memgraph."""

from __future__ import annotations

from typing import Any, Unpack

from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.retrievers._queries import QueryWriter


class CypherRetriever(QueryWriter):
    """Turns the inputs into a read-only Cypher query and gives its rows.

    As `QueryRetriever`, which writes what the store takes; this one refuses a store that does not take
    Cypher, for programs whose instructions and examples are in Cypher.

    Args:
        knowledge_base: Where to search.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        k: At most so many rows, 1 to 200.
        seconds: Time after which a query is stopped, up to 600.
        across_collections: Read all collections. Cypher cannot be held to one, so there it must be set where
            the store holds others.
        return_inputs: Give the inputs' properties before the others.
        return_query: Give the query before the result.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature` (0), ...

    Raises:
        ProgramError: An argument cannot be used.
    """

    languages = frozenset(("cypher",))

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        language_model: Any = None,
        *,
        k: int = 10,
        seconds: float = 10.0,
        across_collections: bool = False,
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
            seconds=seconds,
            across_collections=across_collections,
            k=k,
            threshold=0.0,
            return_inputs=return_inputs,
            return_query=return_query,
            name=name,
            description=description,
            trainable=trainable,
            options=options,
        )
