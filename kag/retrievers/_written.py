"""What retrievers share whose query a language model writes: the labels it may name, and the generator."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any

from kag.data_models.data_model import schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import allowed_labels, labels_of
from kag.errors import ProgramError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.module import Module
from kag.modules._options import GeneratorOptions
from kag.modules.chain_of_thought import ChainOfThought
from kag.modules.generator import Generator
from kag.retrievers._retriever import Retriever
from kag.schema import Schema
from kag.schema.values import Json

_THINKING = "thinking"


class WrittenRetriever(Retriever, ABC):
    """A retriever whose query a language model writes.

    Args:
        knowledge_base: Where to search.
        language_model: What writes the query: a `LanguageModel`, or its name.
        query: The query's schema.
        instructions: What the model is told.
        thoughtful: Whether it thinks before it writes.
        k: At most so many results.
        threshold: Least score of a result.
        return_inputs: Give the inputs' properties before the others.
        return_query: Give the query before the result.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        options: Of the generator.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        language_model: Any,
        query: Schema,
        instructions: str,
        *,
        thoughtful: bool,
        k: int,
        threshold: float,
        return_inputs: bool,
        return_query: bool,
        name: str | None,
        description: str | None,
        trainable: bool,
        options: GeneratorOptions,
    ) -> None:
        super().__init__(
            knowledge_base,
            k=k,
            threshold=threshold,
            return_inputs=return_inputs,
            return_query=return_query,
            name=name,
            description=description,
            trainable=trainable,
        )
        if options.get("instructions") is None:
            options["instructions"] = instructions
        options.setdefault("temperature", 0.0)
        self._query = query
        writer = ChainOfThought if thoughtful else Generator
        self.generator: Module = writer(
            schema=query.json,
            language_model=language_model,
            name="generator",
            description=description or "Writes the query of a search",
            **options,
        )

    @property
    def query_schema(self) -> Schema:
        """What the model writes, without its thinking."""
        return self._query

    async def write(self, inputs: JsonDataModel) -> Json:
        """The query for some inputs, by the model."""
        written = await self.generator(inputs)
        return {key: value for key, value in written.data.items() if key != _THINKING}


def query_schema(model: Any, labels: Mapping[str, Sequence[str]], words: str = "") -> Schema:
    """The schema of a query in which some properties take given labels only.

    Args:
        model: The query's data model class.
        labels: Property to the labels that it takes.
        words: What to add to the description of all other properties.
    """
    schema = schema_of(model).copy()
    for name, kind in schema["properties"].items():
        if name in labels:
            kind["enum"] = list(labels[name])
        else:
            kind["description"] += words
    return Schema.of(schema, trusted=True)


def checked_models(module: str, argument: str, given: Any, known: Sequence[type]) -> tuple[type, ...]:
    """The models to search with: those given, else those of the knowledge base.

    Raises:
        ProgramError: They are not data model classes.
        DataModelError: One does not say its label.
    """
    models = known if given is None else given
    if not isinstance(models, list | tuple) or not all(isinstance(each, type) for each in models):
        raise ProgramError(f"{argument} of {module} must be a list of data model classes; got {given!r}.")
    for model in models:
        labels_of(model)
    return tuple(models)


def all_labels(models: Sequence[type]) -> list[str]:
    """All labels of some models, in order, each once."""
    return list(dict.fromkeys(label for model in models for label in labels_of(model)))


def meanings(models: Sequence[type]) -> str:
    """What the models say of themselves, one line each: labels, the ends of relations, the docstring."""
    lines = []
    for model in models:
        schema = schema_of(model)
        ends = [
            " or ".join(allowed_labels(model, end)) or "any"
            for end in ("subj", "obj")
            if end in schema.properties
        ]
        leads = f" (from {ends[0]} to {ends[1]})" if len(ends) == 2 else ""
        about = " ".join(str(schema.json.get("description") or "").split())
        lines.append(f"- {', '.join(labels_of(model))}{leads}{': ' if about else ''}{about}")
    return "\n".join(lines)
