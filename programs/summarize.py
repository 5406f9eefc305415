"""Summarises a collection, or what it says about a topic; each sentence with the place that states it.

With a language model the sentences are written, and each quote is checked as in `programs.answer`. Without
one they are taken from the passages as they are: those that say what is said most often, without saying it
twice (SumBasic, Nenkova and Vanderwende 2005).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Unpack

from kag import text
from kag.data_models.common import Question
from kag.data_models.json_data_model import JsonDataModel
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Document
from kag.module import Module
from kag.modules._options import GeneratorOptions
from kag.modules.input import Input
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.retrievers._items import passage_item
from kag.retrievers._question import COMMON
from kag.retrievers._shapes import PASSAGE, result_schema
from kag.retrievers.base import Hit
from kag.schema import concat
from kag.schema.values import Json
from programs._cited import AnswerFromPassages, CitedAnswer, checked_answer
from programs._passages import passages

INSTRUCTIONS = (
    "Summarise what the numbered passages say, the most important first. Write short sentences that can be "
    "understood alone. For each sentence give the number of the passage that states it and copy the words "
    "that do, exactly. If the passages say nothing about what is asked, set insufficient to true and give no "
    "sentences."
)
_SCANNED = 2000  # passages of a collection that are looked at
_LEAST_WORDS, _MOST_WORDS = 5, 60  # telling words of a sentence that may stand for others
_POINTING = frozenset("he she it they his her its their this these that those there then so".split())
_TOPIC = 3.0  # how much more a word of the topic counts


@register_kag_serializable("programs")
class PassagesAbout(Module):
    """Gives the passages about `question`; where it is empty, those that stand for the whole collection.

    Args:
        knowledge_base: Where to look.
        k: At most so many passages.
        name: Unique within a program.
        description: What it is for, in words.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        k: int = 12,
        *,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, description, trainable)
        self.retriever = passages(knowledge_base, "graph", k=k, name="retriever")

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The inputs and the passages in `result`."""
        if inputs.data["question"].strip():
            found: JsonDataModel = await self.retriever(inputs)
            return found
        result = await self._of_collection()
        joined = concat(inputs.schema, result_schema(PASSAGE))
        return JsonDataModel.trusted(joined.schema, joined.value(inputs.data, {"result": result}))

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """As of the retriever."""
        return await self.retriever.compute_output_spec(inputs)

    async def _of_collection(self) -> list[Json]:
        """One passage after the other that says most of what is not yet covered."""
        base = self.retriever.knowledge_base
        chunks = await _chunks(base)
        bags = {chunk.id: _bag(chunk.text) for chunk in chunks}
        weights = _weights(bags.values())
        chosen: list[Chunk] = []
        while chunks and len(chosen) < self.retriever.k:
            best = max(chunks, key=lambda chunk: (_worth(bags[chunk.id], weights), chunk.id))
            chosen.append(best)
            chunks.remove(best)
            _said(bags[best.id], weights)
        documents = await base.store.get(sorted({chunk.document_id for chunk in chosen}))
        return [
            passage_item(Hit(chunk, document.title, document.uri, 1.0))
            for chunk in sorted(chosen, key=lambda chunk: (chunk.document_id, chunk.order))
            if isinstance(document := documents.get(chunk.document_id), Document)
        ]


@register_kag_serializable("programs")
class SentencesOfPassages(Module):
    """Takes the sentences of passages that say most, as they are; needs no model.

    Args:
        max_sentences: At most so many.
        name: Unique within a program.
        description: What it is for, in words.
    """

    def __init__(
        self,
        max_sentences: int = 8,
        *,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, description, trainable)
        self.max_sentences = max_sentences

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The sentences, in the order of the passages, each its own quote."""
        result = inputs.data["result"]
        sentences = [
            (number, passage["text"][start:end])
            for number, passage in enumerate(result, start=1)
            for start, end in text.sentences(passage["text"])
        ]
        chosen = _choose(sentences, inputs.data["question"], self.max_sentences)
        listed = [
            {"text": " ".join(words.split()), "citations": [{"passage": number, "quote": words}]}
            for number, words in chosen
        ]
        return checked_answer({"sentences": listed, "insufficient": not listed}, result)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """An answer."""
        return CitedAnswer


async def summarize(
    knowledge_base: KnowledgeBase,
    language_model: Any = None,
    *,
    k: int = 12,
    max_sentences: int = 8,
    **options: Unpack[GeneratorOptions],
) -> Program:
    """Makes the program: from a `Question` (a topic; empty for all) to a `CitedAnswer`.

    Args:
        knowledge_base: What is summarised: its collection.
        language_model: What writes; None takes sentences as they are.
        k: Passages that are read.
        max_sentences: At most so many sentences.
        **options: Further options of the generator that writes.

    Example:
        >>> program = await summarize(KnowledgeBase())
        >>> (await program(Question(question="the discovery of radium"))).get("sentences")[0]["text"]
    """
    inputs = Input(data_model=Question)
    found = await PassagesAbout(knowledge_base, k=k, name="passages")(inputs)
    if language_model is None:
        outputs = await SentencesOfPassages(max_sentences, name="summary")(found)
    else:
        options.setdefault("instructions", INSTRUCTIONS)
        outputs = await AnswerFromPassages(
            language_model,
            task="Summarise what the passages say. Topic, if only a part is wanted: {question}",
            max_sentences=max_sentences,
            name="summary",
            **options,
        )(found)
    return Program(
        inputs=inputs,
        outputs=outputs,
        name="summarize_program",
        description="Summarises documents, each sentence with quotes.",
    )


async def _chunks(base: KnowledgeBase) -> list[Chunk]:
    """The first passages of a collection, in the order of their ids, which has nothing to do with content."""
    found: list[Chunk] = []
    after = ""
    while len(found) < _SCANNED:
        page = await base.store.page("chunk", base.collections, after=after, limit=500)
        if not page:
            break
        found += [record for record in page if isinstance(record, Chunk)]
        after = page[-1].id
    return found


def _bag(words: str) -> frozenset[str]:
    return frozenset(word for word in text.words(words) if word not in COMMON and not word.isdigit())


def _weights(bags: Iterable[frozenset[str]]) -> dict[str, float]:
    """How often each word is used, as a share."""
    counts = Counter(word for bag in bags for word in bag)
    total = sum(counts.values()) or 1
    return {word: count / total for word, count in counts.items()}


def _worth(bag: frozenset[str], weights: dict[str, float]) -> float:
    return sum(weights[word] for word in bag) / math.sqrt(len(bag)) if bag else 0.0


def _said(bag: frozenset[str], weights: dict[str, float]) -> None:
    """What was said once counts less from now on."""
    for word in bag:
        weights[word] *= weights[word]


def _stands_alone(words: str, bag: frozenset[str]) -> bool:
    """Whether a sentence is whole, of a usual length, and does not begin with what came before it."""
    whole = words.rstrip()[-1:] in ".!?。"
    first = next(iter(text.words(words)), "")
    return whole and _LEAST_WORDS <= len(bag) <= _MOST_WORDS and first not in _POINTING


def _choose(sentences: list[tuple[int, str]], topic: str, most: int) -> list[tuple[int, str]]:
    bags = [_bag(words) for _, words in sentences]
    weights = _weights(bags)
    for word in _bag(topic) & weights.keys():
        weights[word] *= _TOPIC
    usable = [place for place, (_, words) in enumerate(sentences) if _stands_alone(words, bags[place])]
    usable = [place for place in usable if bags[place] & _bag(topic)] or usable
    chosen: list[int] = []
    while usable and len(chosen) < most:
        best = max(usable, key=lambda place: (_worth(bags[place], weights), -place))
        chosen.append(best)
        usable.remove(best)
        _said(bags[best], weights)
    return [sentences[place] for place in sorted(chosen)]
