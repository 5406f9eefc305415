"""Stand-ins for models, and a sample graph, for tests without a network: yours as well as ours.

lm = ScriptedLanguageModel([{"answer": "Paris"}])
program = Program(inputs=inputs, outputs=await Generator(data_model=Answer, language_model=lm)(inputs))
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, final

from kag.data_models.knowledge import Entity, KnowledgeGraph, Relation
from kag.errors import (
    EmbeddingModelError,
    LanguageModelError,
    ProviderError,
    SchemaError,
    StructuredOutputError,
)
from kag.graph.recording import refuse_while_recording
from kag.language_models.usage import Usage
from kag.schema import Schema, copy_json
from kag.schema.sample import sample
from kag.schema.values import Json

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Answer = Json | str | Exception
Script = Sequence[Answer] | Callable[[list[Json], Json | None], Answer]


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call that a scripted model got.

    Args:
        messages: The prompt, as dicts with `role` and `content`.
        schema: JSON schema that was asked for, None for a chat answer.
        options: Further options of the call, such as `temperature`.
    """

    messages: list[Json]
    schema: Json | None
    options: Json


@final
class ScriptedLanguageModel:
    """A language model that answers from a script, at once, and remembers what it was asked.

    Args:
        script: Answers in order: a dict (checked against the schema), a text, or an exception to raise. Or a
            function of messages and schema that gives one. Without a script, every schema is answered with a
            small valid value, every chat with "Paris".
        model: Its name.

    Raises:
        StructuredOutputError: When called: the scripted answer does not fit the schema.
        ProviderError: When called: the script has ended.
    """

    def __init__(self, script: Script | None = None, model: str = "scripted/model") -> None:
        self.model = model
        self.calls: list[ModelCall] = []
        self.cumulated_cost = 0.0
        self.usage = Usage()
        self._script = script

    async def __call__(
        self,
        messages: Sequence[Mapping[str, Any]],
        schema: Mapping[str, Any] | None = None,
        streaming: bool = False,
        **options: Any,
    ) -> Any:
        """Answers: a value for a schema, else a message; with `streaming`, the message's words one by one."""
        refuse_while_recording("A language model", LanguageModelError)
        call = ModelCall([copy_json(dict(m)) for m in messages], dict(schema) if schema else None, options)
        self.calls.append(call)
        self.usage.add(calls=1)
        answer = self._next(call)
        if isinstance(answer, Exception):
            raise answer
        if call.schema is not None:
            return self._fitting(call.schema, answer)
        text = answer if isinstance(answer, str) else answer.get("content", "")
        if streaming:
            return _words(str(text))
        return (
            {"role": "assistant", "content": answer}
            if isinstance(answer, str)
            else {"role": "assistant", **answer}
        )

    def get_config(self) -> Json:
        """What `from_config` needs; only models without a script can be saved."""
        return {"model": self.model}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ScriptedLanguageModel:
        """A model like the one that gave this configuration."""
        return cls(**config)

    def _next(self, call: ModelCall) -> Answer:
        if self._script is None:
            return "Paris" if call.schema is None else sample(Schema.of(call.schema))
        if callable(self._script):
            return self._script(call.messages, call.schema)
        place = len(self.calls) - 1
        if place >= len(self._script):
            raise ProviderError(
                f"{self.model} was called {place + 1} times; its script has {len(self._script)} answers.",
                provider="scripted",
                model=self.model,
            )
        return self._script[place]

    def _fitting(self, schema: Json, answer: Answer) -> Any:
        value = copy_json(answer)
        try:
            Schema.of(schema).check(value)
        except SchemaError as error:
            raise StructuredOutputError(
                f"{self.model}: {error}", provider="scripted", model=self.model
            ) from None
        return value


@final
class FakeEmbeddingModel:
    """An embedding model without a model: equal texts have equal vectors, like texts have like ones.

    Args:
        dimensions: Length of the vectors.
        model: Its name.
    """

    def __init__(self, dimensions: int = 64, model: str = "fake/bag-of-words") -> None:
        self.dimensions = dimensions
        self.model = model
        self.name = model
        self.calls: list[list[str]] = []

    async def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors `(len(texts), dimensions)`."""
        import numpy as np

        refuse_while_recording("An embedding model", EmbeddingModelError)
        self.calls.append(list(texts))
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in str(text).lower().split() or [""]:
                digest = hashlib.sha256(word.encode()).digest()
                row[int.from_bytes(digest[:4], "big") % self.dimensions] += 1 if digest[4] % 2 else -1
            row /= np.linalg.norm(row) or 1.0
        return rows

    async def load(self, prefer: str | None = None) -> FakeEmbeddingModel:
        """It is always ready."""
        return self

    async def embed_query(self, text: str) -> npt.NDArray[np.float32]:
        """The unit vector `(dimensions,)` of a query."""
        vector: npt.NDArray[np.float32] = (await self.embed([text]))[0]
        return vector

    async def __call__(self, texts: Sequence[str]) -> Json:
        """`{"embeddings": [[...], ...]}`."""
        return {"embeddings": (await self.embed(texts)).tolist()}

    def get_config(self) -> Json:
        """What `from_config` needs."""
        return {"dimensions": self.dimensions, "model": self.model}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> FakeEmbeddingModel:
        """A model like the one that gave this configuration."""
        return cls(**config)


class City(Entity):
    """A city of the sample graph."""

    label: Literal["City"] = "City"
    name: str


class Country(Entity):
    """A country of the sample graph."""

    label: Literal["Country"] = "Country"
    name: str


class IsCapitalOf(Relation):
    """Which city is whose capital, in the sample graph."""

    subj: City
    label: Literal["IsCapitalOf"] = "IsCapitalOf"
    obj: Country


def sample_graph() -> KnowledgeGraph:
    """Three capitals and their countries."""
    pairs = [("Paris", "France"), ("Rome", "Italy"), ("Madrid", "Spain")]
    facts = [IsCapitalOf(subj=City(name=city), obj=Country(name=country)) for city, country in pairs]
    entities: list[Any] = [end for fact in facts for end in (fact.subj, fact.obj)]
    return KnowledgeGraph(entities=entities, relations=list(facts))


async def _words(text: str) -> AsyncIterator[str]:
    for place, word in enumerate(text.split(" ")):
        yield word if place == 0 else f" {word}"
