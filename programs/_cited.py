"""Answers in sentences with quotes: each quote is looked up in the passage that it names, or does not count.

This is what the ready-made programs end in. What a model wrote and no passage bears out is dropped, and an
answer of which nothing is left abstains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Unpack

from pydantic import Field

from kag import text
from kag.data_models.data_model import DataModel, schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.module import Module
from kag.modules._guarded import GuardedGenerator, numbered
from kag.modules._options import GeneratorOptions
from kag.registry import register_kag_serializable
from kag.retrievers.base import MAX_K
from kag.schema import Schema
from kag.schema.values import Json

INSTRUCTIONS = (
    "Answer the question from the numbered passages only. Write short sentences. For each sentence give the "
    "number of the passage that states it and copy the words that do, exactly. If the passages do not answer "
    "the question, set insufficient to true and give no sentences."
)
_CITATIONS = 2


class Citation(DataModel):
    """A place that states a sentence; the span is in the document's text."""

    passage: int = Field(description="Number of the passage in `result`, from 1")
    chunk_id: str = Field(description="Id of the passage")
    title: str = Field(description="Title of its document")
    uri: str = Field(description="URI of its document")
    page: int | None = Field(default=None, description="Its page, where the format has pages")
    quote: str = Field(description="The words")
    start: int = Field(description="First character of the quote in the document's text")
    end: int = Field(description="One past its last character")


class Sentence(DataModel):
    """A sentence of an answer, with the places that state it; never without one."""

    text: str = Field(description="The sentence")
    citations: list[Citation] = Field(description="Where it is stated")


class CitedAnswer(DataModel):
    """An answer and all that it stands on."""

    answer: str = Field(description="The sentences in one string; empty if it abstains")
    sentences: list[Sentence] = Field(description="What could be shown")
    insufficient: bool = Field(description="Whether it abstains")
    dropped: list[str] = Field(description="Sentences that the model wrote and no passage bears out")
    result: list[dict[str, Any]] = Field(description="The passages that were read, best first")


@contextmanager
def told_sentences(tell: Callable[[Json], None]) -> Iterator[None]:
    """Within it, answers are streamed: `tell` gets each sentence as soon as it is written and checked."""
    token = _listener.set(tell)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def _checked_for_listener(passages: list[Json]) -> Iterator[None]:
    """Lets the listener, if there is one, hear of sentences that are borne out only."""
    tell = _listener.get()
    if tell is None:
        yield
        return

    def told(item: Json) -> None:
        sentence = checked_sentence(item, passages)
        if sentence is not None:
            tell(sentence)

    with told_sentences(told):
        yield


_listener: ContextVar[Callable[[Json], None] | None] = ContextVar("kag_sentences", default=None)


@register_kag_serializable("programs")
class AnswerFromPassages(Module):
    """Answers `question` from the passages in `result`, as a retriever gives them.

    Without passages no model is asked. If the inputs have a conversation in `messages`, the model sees it.

    Args:
        language_model: A `LanguageModel`, or its name.
        task: How the question is put to the model.
        max_sentences: At most so many sentences.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options of the generator inside: `instructions`, `examples`, `temperature`, ...
    """

    def __init__(
        self,
        language_model: Any = None,
        *,
        task: str = "Question: {question}",
        max_sentences: int = 5,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        options.setdefault("instructions", INSTRUCTIONS)
        self.writer = _Writer(
            schema=_schema(max_sentences),
            language_model=language_model,
            name="writer",
            description=description or "Answers a question from passages, with quotes.",
            **options,
        )
        self.writer.task, self.writer.max_sentences = task, max_sentences

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The answer, checked.

        Raises:
            LanguageModelError: The model could not be reached or did not answer in form.
        """
        passages = inputs.data["result"]
        if not passages:
            return checked_answer({"sentences": [], "insufficient": True}, passages)
        with _checked_for_listener(passages):
            reply = await self.writer(inputs)
        return checked_answer(reply.data, passages)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """An answer."""
        return CitedAnswer


class _Writer(GuardedGenerator):
    """Writes the sentences; shows them while they come if somebody listens."""

    task = ""
    max_sentences = 0

    def material(self, data: Json) -> str:
        return numbered(data["result"])

    def request(self, data: Json) -> str:
        return self.task.replace("{question}", data["question"]).strip()

    def before(self, data: Json) -> list[Json]:
        return list(data.get("messages") or ())[:-1]

    def demonstrated(self, data: Json) -> Json:
        passages = [{"title": one["title"], "text": one["text"]} for one in data["result"]]
        return {"passages": passages, "question": data["question"]}

    def shown(self, example: Json) -> Json:
        """Of the passages of an example those that are cited, with their numbers; they are long."""
        inputs, outputs = example.get("inputs") or {}, example.get("outputs") or {}
        if "passages" not in inputs:
            return example
        cited = {c.get("passage") for s in outputs.get("sentences", ()) for c in s.get("citations", ())}
        kept = [{"passage": n, **one} for n, one in enumerate(inputs["passages"], start=1) if n in cited]
        return {"inputs": {**inputs, "passages": kept}, "outputs": outputs}

    async def structured(self, messages: list[Json], schema: Schema, data: Json) -> Any:
        """The reply, held to the numbers that there are; told by sentences if somebody listens."""
        held = _schema(self.max_sentences, len(data["result"]))
        tell = _listener.get()
        if tell is None:
            return await self.language_model(messages, schema=held, **self.options)
        reply = await self.language_model(messages, schema=held, streaming=True, **self.options)
        if not hasattr(reply, "__aiter__"):  # a model that cannot stream has answered
            return reply
        told, last = 0, None
        async for last in reply:
            written = last.get("sentences") or []
            for item in written[told : len(written) - 1]:  # the last one may not be whole
                tell(item)
                told += 1
        for item in (last or {}).get("sentences", ())[told:]:
            tell(item)
        return last


def checked_answer(reply: Json, passages: list[Json]) -> JsonDataModel:
    """Keeps the sentences of a reply whose quotes stand in the passages that they name."""
    kept: list[Json] = []
    dropped: list[str] = []
    for item in reply["sentences"]:
        sentence = checked_sentence(item, passages)
        if sentence is not None:
            kept.append(sentence)
        elif item["text"].strip():
            dropped.append(item["text"].strip())
    if reply["insufficient"]:
        dropped, kept = [*(one["text"] for one in kept), *dropped], []
    answer = {
        "answer": " ".join(one["text"] for one in kept),
        "sentences": kept,
        "insufficient": not kept,
        "dropped": dropped,
        "result": passages,
    }
    return JsonDataModel.trusted(schema_of(CitedAnswer), answer)


def checked_sentence(item: Json, passages: list[Json]) -> Json | None:
    """A sentence with its true citations; None if it has none, or says nothing."""
    citations = [found for raw in item["citations"] if (found := _citation(passages, raw))]
    words = item["text"].strip()
    return {"text": words, "citations": citations} if words and citations else None


def _citation(passages: list[Json], raw: Json) -> Json | None:
    number = raw["passage"]
    if not 1 <= number <= len(passages):
        return None
    passage = passages[number - 1]
    span = text.find_quote(passage["text"], raw["quote"])
    if span is None:
        return None
    (source,) = passage["provenance"][:1]
    begin = source["span"][0]
    return {
        "passage": number,
        "chunk_id": passage["id"],
        "title": passage["title"],
        "uri": source["uri"],
        "page": source.get("page"),
        "quote": passage["text"][slice(*span)],
        "start": begin + span[0],
        "end": begin + span[1],
    }


def _object(**properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@lru_cache(maxsize=256)
def _schema(sentences: int, passages: int = MAX_K) -> Json:
    """The form of a reply; bounded, so that a small model under a grammar comes to an end."""
    number = {"type": "integer", "minimum": 1, "maximum": passages}
    citation = _object(passage=number, quote={"type": "string", "maxLength": 200})
    citations = {"type": "array", "items": citation, "minItems": 1, "maxItems": _CITATIONS}
    sentence = _object(text={"type": "string", "maxLength": 300}, citations=citations)
    listed = {"type": "array", "items": sentence, "maxItems": sentences}
    return {"title": "Answer", **_object(sentences=listed, insufficient={"type": "boolean"})}
