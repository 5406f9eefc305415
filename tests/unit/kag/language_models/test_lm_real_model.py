"""A real model behind a real server: nested extraction fits its schema every time, whatever it says."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from real_models import LanguageModelServer

from kag.errors import ContextLengthError
from kag.language_models import LanguageModel

NAME = {"type": "string", "maxLength": 12}
SCHEMA: dict[str, Any] = {
    "title": "Graph",
    "type": "object",
    "properties": {
        "entities": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/Entity"}},
        "relations": {"type": "array", "maxItems": 1, "items": {"$ref": "#/$defs/Relation"}},
    },
    "required": ["entities", "relations"],
    "additionalProperties": False,
    "$defs": {
        "Entity": {
            "type": "object",
            "properties": {"name": NAME, "label": {"enum": ["Person", "Place", "Thing"], "type": "string"}},
            "required": ["name", "label"],
            "additionalProperties": False,
        },
        "Relation": {
            "type": "object",
            "properties": {
                "subj": {"$ref": "#/$defs/Entity"},
                "label": NAME,
                "obj": {"$ref": "#/$defs/Entity"},
            },
            "required": ["subj", "label", "obj"],
            "additionalProperties": False,
        },
    },
}
SENTENCES = (
    "Marie Curie discovered radium in Paris.",
    "The Danube flows through Vienna, Budapest and Belgrade.",
    "Ada Lovelace wrote to Charles Babbage about the engine.",
    "Kenji moved from Osaka to Lima in 1998.",
    "The orchard belongs to nobody; the bees do not mind.",
)


async def extract(server: LanguageModelServer, calls: int) -> None:
    lm = LanguageModel(server.model, api_base=server.url, max_tokens=400, retry=0)
    check = Draft202012Validator(SCHEMA)
    for number in range(calls):
        text = f"Extract entities and relations: {SENTENCES[number % len(SENTENCES)]}"
        answer = await lm([{"role": "user", "content": text}], SCHEMA, seed=number, temperature=0.7)
        assert check.is_valid(answer)
    assert (lm.usage.requests, lm.usage.failures, lm.cumulated_cost) == (calls, 0, 0.0)
    assert lm.usage.completion_tokens > calls


async def test_extraction_is_valid_every_time(language_model_server: LanguageModelServer) -> None:
    await extract(language_model_server, 20)


@pytest.mark.slow
async def test_extraction_is_valid_a_hundred_times(language_model_server: LanguageModelServer) -> None:
    await extract(language_model_server, 100)


async def test_a_pattern_that_no_grammar_can_hold_does_not_unbind_the_rest(
    language_model_server: LanguageModelServer,
) -> None:
    lm = LanguageModel(language_model_server.model, api_base=language_model_server.url, retry=0)
    text = {"type": "string", "pattern": "[a-zA-Z]", "minLength": 3, "maxLength": 12}
    schema = {
        "type": "object",
        "properties": {"city": text, "mark": {"type": "string", "pattern": "^[A-C]{2}$"}},
        "required": ["city", "mark"],
        "additionalProperties": False,
    }
    ask = [{"role": "user", "content": "Name the city: The Danube flows through Vienna."}]
    answer = await lm(ask, schema, temperature=0, max_tokens=100)
    assert Draft202012Validator(schema).is_valid(answer)


async def test_a_real_answer_streams(language_model_server: LanguageModelServer) -> None:
    lm = LanguageModel(language_model_server.model, api_base=language_model_server.url, temperature=0)
    stream = await lm([{"role": "user", "content": "Count to five."}], streaming=True, max_tokens=20)
    pieces = [piece async for piece in stream]
    assert len(pieces) > 3
    assert stream.result["content"] == "".join(pieces).strip() or stream.result["content"] == "".join(pieces)
    assert lm.usage.completion_tokens == 20 or lm.usage.completion_tokens == len(pieces)


async def test_a_real_structured_answer_streams(language_model_server: LanguageModelServer) -> None:
    lm = LanguageModel(language_model_server.model, api_base=language_model_server.url, temperature=0)
    ask = [{"role": "user", "content": f"Extract entities and relations: {SENTENCES[0]}"}]
    values = [value async for value in await lm(ask, SCHEMA, streaming=True, max_tokens=700)]
    assert len(values) > 3
    assert Draft202012Validator(SCHEMA).is_valid(values[-1])


async def test_a_real_answer_cut_off_is_said_to_be(language_model_server: LanguageModelServer) -> None:
    lm = LanguageModel(language_model_server.model, api_base=language_model_server.url, temperature=0)
    with pytest.raises(ContextLengthError, match="max_tokens"):
        await lm([{"role": "user", "content": SENTENCES[0]}], SCHEMA, max_tokens=5)


async def test_a_prompt_longer_than_the_context_is_said_to_be(
    language_model_server: LanguageModelServer,
) -> None:
    lm = LanguageModel(language_model_server.model, api_base=language_model_server.url)
    with pytest.raises(ContextLengthError):
        await lm([{"role": "user", "content": "word " * 20_000}])
    assert lm.usage.requests == 1
