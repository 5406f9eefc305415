"""A task with a planted optimum: how often a fake model is right depends on what its prompt holds.

The model answers `Ask(question="item-07")` rightly if the question is easy enough for its prompt:

    skill = base + phrase_gain x planted phrases in the instructions + example_gain x planted examples shown

and each question has a difficulty of its own, drawn once. Asked for anything else (by a mutator), it
proposes a random edit of the instructions with phrases of the vocabulary; it does not know which ones are
planted, and neither does anything outside of this file.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import kag
from kag.language_models.usage import Usage
from kag.schema import Schema
from kag.schema.sample import sample

_NOUNS = (
    "anchor basin candle dial ember fabric garden harbor island jacket kettle ladder magnet needle orchard "
    "pebble quarry ribbon saddle timber umbrella valley window yarn zipper bridge copper feather hammer"
).split()
VOCABULARY = tuple(f"Mind the {noun}." for noun in _NOUNS)
_ITEM = re.compile(r"item-\d+")


class Ask(kag.DataModel):
    """A question of the planted task."""

    question: str


class Reply(kag.DataModel):
    """An answer of the planted task."""

    answer: str


def right_answer(question: str) -> str:
    """The answer that is rewarded."""
    return f"answer to {question}"


def items(count: int, first: int = 0) -> tuple[list[Ask], list[Reply]]:
    """Questions and right answers."""
    names = [f"item-{number:03d}" for number in range(first, first + count)]
    return [Ask(question=name) for name in names], [Reply(answer=right_answer(name)) for name in names]


@kag.register_kag_serializable()
class PlantedLanguageModel:
    """The model.

    Args:
        seed: Of what is planted, of difficulties and of edits.
        phrases: How many phrases are planted.
        examples: How many of the items are planted as examples.
        of_items: Items 0 to this one may be planted.
        base: Skill without any.
        phrase_gain: Skill of a planted phrase.
        example_gain: Skill of a planted example in the prompt.
        latency: Median seconds of a call, log-normal with a sigma of 0.6; 0 answers at once.
        jitter: Seed of the order in which calls end; None answers in the order of the calls.

    What it says depends on its prompt and seed only, not on when it is asked.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        phrases: int = 0,
        examples: int = 0,
        of_items: int = 40,
        base: float = 0.1,
        phrase_gain: float = 0.0,
        example_gain: float = 0.0,
        latency: float = 0.0,
        jitter: int | None = None,
    ) -> None:
        self._config = {
            "seed": seed,
            "phrases": phrases,
            "examples": examples,
            "of_items": of_items,
            "base": base,
            "phrase_gain": phrase_gain,
            "example_gain": example_gain,
            "latency": latency,
            "jitter": jitter,
        }
        self.model = "planted/model"
        self.cumulated_cost = 0.0
        self.usage = Usage()
        self.calls = 0
        self.mutations = 0
        self.seed = seed
        self.base, self.phrase_gain, self.example_gain, self.latency = (
            base,
            phrase_gain,
            example_gain,
            latency,
        )
        planted = Random(f"planted {seed}")
        self._phrases = frozenset(planted.sample(VOCABULARY, phrases))
        self._examples = frozenset(planted.sample([f"item-{n:03d}" for n in range(of_items)], examples))
        self._jitter = None if jitter is None else Random(f"jitter {jitter}")
        self._latency = Random(f"latency {seed}")

    async def __call__(
        self,
        messages: Sequence[Mapping[str, Any]],
        schema: Mapping[str, Any] | None = None,
        streaming: bool = False,
        **options: Any,
    ) -> Any:
        """Answers a question, or proposes an edit."""
        self.calls += 1
        self.usage.add(calls=1)
        if self.latency:
            await asyncio.sleep(self.latency * self._latency.lognormvariate(0.0, 0.6))
        if self._jitter is not None:
            for _ in range(self._jitter.randrange(40)):
                await asyncio.sleep(0)
        if schema is not None and set(schema["properties"]) == {"answer"}:
            return self._answer(messages)
        self.mutations += 1
        return self._edit(messages, schema)

    def skill(self, prompt: str) -> float:
        """Share of all questions that is answered rightly with a system message."""
        phrases = sum(phrase in prompt for phrase in self._phrases)
        examples = len(self._examples & set(_ITEM.findall(prompt)))
        return self.base + self.phrase_gain * phrases + self.example_gain * examples

    @property
    def best_skill(self) -> float:
        """The skill with everything planted in the prompt."""
        return self.base + self.phrase_gain * len(self._phrases) + self.example_gain * len(self._examples)

    def get_config(self) -> dict[str, Any]:
        """For saving."""
        return self._config

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> PlantedLanguageModel:
        """For loading."""
        return cls(**config)

    def _answer(self, messages: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        system = "\n".join(str(m["content"]) for m in messages if m["role"] == "system")
        question = _ITEM.findall(str(messages[-1]["content"]))[-1]
        known = _difficulty(f"{self.seed} {question}") < self.skill(system)
        return {"answer": right_answer(question) if known else "no idea"}

    def _edit(self, messages: Sequence[Mapping[str, Any]], schema: Mapping[str, Any] | None) -> Any:
        """Random edit of the instructions that the last message shows first."""
        text = _instructions(str(messages[-1]["content"]))
        random = Random(f"edits {self.seed} {messages!r}")
        phrases = [phrase for phrase in VOCABULARY if phrase in text]
        if phrases and random.random() < 0.4:
            phrases.remove(random.choice(phrases))
        if not phrases or random.random() < 0.8:
            phrases.append(random.choice([p for p in VOCABULARY if p not in phrases]))
        edited = " ".join(phrases)
        if schema is None:
            return {"role": "assistant", "content": edited}
        value = sample(Schema.of(schema))
        return _filled(value, edited)


def _instructions(text: str) -> str:
    """The first text under a key with `instructions` in its name; the whole text if there is none."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    found = next(_texts(value), None)
    return found if found is not None else text


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        for key, item in value.items():
            if "instruction" in key and isinstance(item, str):
                yield item
            else:
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _filled(value: Any, text: str) -> Any:
    """A value with the text under every key with `instructions` in its name."""
    if isinstance(value, dict):
        return {
            key: text if "instruction" in key and isinstance(item, str) else _filled(item, text)
            for key, item in value.items()
        }
    return [_filled(item, text) for item in value] if isinstance(value, list) else value


def _difficulty(name: str) -> float:
    digest = hashlib.sha256(name.encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


async def planted_program(model: PlantedLanguageModel) -> kag.Program:
    """One generator that answers questions."""
    inputs = kag.Input(data_model=Ask)
    generator = kag.Generator(
        data_model=Reply, language_model=model, instructions="Answer.", name="generator"
    )
    return kag.Program(inputs=inputs, outputs=await generator(inputs), name="planted")


def prompt_of(program: kag.Program) -> str:
    """The system message of the program now."""
    module: Any = program.get_module("generator")
    return str(module.messages(Ask(question="item-999").to_json_data_model())[0]["content"])
