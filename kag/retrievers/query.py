"""Rows of a query that a language model writes in the store's own language: SQL or Cypher."""

from __future__ import annotations

from typing import Any, Unpack

from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.retrievers._queries import QueryWriter


class QueryRetriever(QueryWriter):
    """Turns the inputs into a read-only query and gives its rows; for counts, lists and comparisons.

    The model sees the shape of the graph and the labels in it. The store refuses all that could write, and a
    query that is refused or fails is corrected once. SQLite takes SQL over documented views, Neo4j and
    Memgraph take Cypher. Gives the inputs, `statement` (the query that ran) and `result`: each with its `row`
    and, for the ids in it, the `provenance`. Rows have no score, so there is no threshold.

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

    languages = frozenset(("sql", "cypher"))

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
