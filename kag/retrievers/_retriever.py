"""Retriever: the module that all ways of searching are; inputs in, inputs + query + `result` out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

from pydantic import Field

from kag.data_models.data_model import DataModel, schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import describe, operand
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.module import Module
from kag.retrievers._shapes import result_schema
from kag.retrievers._text import text_of, text_property
from kag.retrievers.base import MAX_K
from kag.schema import Schema, concat
from kag.schema.values import Json

Found = tuple[Json, list[Json]]


class Retriever(Module, ABC):
    """What all retrievers share.

    Args:
        knowledge_base: Where to search; its collection is the only one that is looked into.
        k: At most so many results, 1 to 200.
        threshold: Least score of a result, 0 to 1; higher is better, always.
        return_inputs: Give the inputs' properties before the others.
        return_query: Give what was searched for before the result.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes the instructions and examples of a model inside, where there is one.

    Raises:
        ProgramError: An argument cannot be used.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        *,
        k: int = 10,
        threshold: float = 0.0,
        return_inputs: bool = True,
        return_query: bool = True,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, description, trainable)
        if not isinstance(knowledge_base, KnowledgeBase):
            raise ProgramError(
                f"{self!r} needs knowledge_base=<a KnowledgeBase>; got {type(knowledge_base).__name__}."
            )
        if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MAX_K:
            raise ProgramError(f"k of {self!r} must be a whole number from 1 to {MAX_K}; got {k!r}.")
        if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
            raise ProgramError(f"threshold of {self!r} must be a number from 0 to 1; got {threshold!r}.")
        for flag, value in (("return_inputs", return_inputs), ("return_query", return_query)):
            if not isinstance(value, bool):
                raise ProgramError(f"{flag} of {self!r} must be True or False; got {value!r}.")
        self.knowledge_base = knowledge_base
        self.k = k
        self.threshold = threshold
        self.return_inputs = return_inputs
        self.return_query = return_query

    @property
    @abstractmethod
    def query_schema(self) -> Schema:
        """The schema of what is searched for."""

    @property
    @abstractmethod
    def item_schema(self) -> Json:
        """The JSON schema of one result."""

    @abstractmethod
    async def retrieve(self, inputs: JsonDataModel) -> Found:
        """What was searched for, as `query_schema` says, and the results, best first."""

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """Searches.

        Raises:
            SearchError: There is nothing to search for.
            LanguageModelError: The query was to be written by a model, and there is no answer.
            StoreError: The knowledge base cannot be read.
        """
        if not isinstance(inputs, JsonDataModel):
            raise ProgramError(
                f"{self!r} got {describe(inputs)}; expected one data model, such as Query(...)."
            )
        query, items = await self.retrieve(inputs)
        given = (inputs.data, query, {"result": items})
        wanted = (self.return_inputs, self.return_query, True)
        value, *others = [part for part, is_wanted in zip(given, wanted, strict=True) if is_wanted]
        schema, *schemas = self._parts(inputs.schema)
        for part, more in zip(schemas, others, strict=True):
            joined = concat(schema, part)
            schema, value = joined.schema, joined.value(value, more)
        return JsonDataModel.trusted(schema, value)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with the inputs' properties, those of the query, and `result`."""
        given = operand(inputs)
        known = given.known_schema
        if known is not None:
            self.check_inputs(known)
        elif self.return_inputs:
            return SymbolicDataModel()
        schema, *parts = self._parts(known)
        for part in parts:
            schema = concat(schema, part).schema
        return SymbolicDataModel(schema=schema, exact=given.is_exact or not self.return_inputs)

    def check_inputs(self, schema: Schema) -> None:
        """Refuses inputs that cannot be searched with, when a program is made."""

    def _parts(self, inputs: Schema | None) -> Sequence[Schema]:
        """The schemas that make the output, in order."""
        given = [inputs] if self.return_inputs and inputs is not None else []
        query = [self.query_schema] if self.return_query else []
        return [*given, *query, result_schema(self.item_schema)]


class Searched(DataModel):
    """The words that were searched for."""

    search: str = Field(description="What was searched for")


class TextOptions(TypedDict, total=False):
    """Options of the retrievers that take their words from the inputs; see `TextRetriever`."""

    field: str | None
    k: int
    threshold: float
    return_inputs: bool
    return_query: bool
    name: str | None
    description: str | None
    trainable: bool


class TextRetriever(Retriever, ABC):
    """A retriever that takes its words from the inputs, and needs no model to write a query.

    Args:
        knowledge_base: Where to search.
        **options: As for `Retriever`, and `field`: which property of the inputs holds the words. By default
            the only one that is text, else `query`, `question`, `search` or `text`; of a conversation, the
            last message of the user.
    """

    def __init__(self, knowledge_base: KnowledgeBase, **options: Unpack[TextOptions]) -> None:
        field = options.get("field")
        super().__init__(knowledge_base, **_shared(options))
        if field is not None and (not isinstance(field, str) or not field):
            raise ProgramError(f"field of {self!r} must be the name of a property; got {field!r}.")
        self.field = field

    @property
    def query_schema(self) -> Schema:
        """The words."""
        return schema_of(Searched)

    @abstractmethod
    async def find(self, text: str) -> list[Json]:
        """The results for some words, best first."""

    async def retrieve(self, inputs: JsonDataModel) -> Found:
        """Searches for the words of the inputs."""
        text = text_of(self, inputs, self.field)
        return {"search": text}, await self.find(text)

    def check_inputs(self, schema: Schema) -> None:
        """Refuses inputs in which no property holds the words."""
        text_property(self, schema, self.field)


def _shared(options: TextOptions) -> Any:
    """The options that all retrievers have."""
    return {key: value for key, value in options.items() if key != "field"}
