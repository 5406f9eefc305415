"""Streams: pieces as they come, the same result at the end, and nothing left open."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault

from kag.errors import ContentFilteredError, LanguageModelError, ProviderError, StructuredOutputError
from kag.language_models import LanguageModel, Limits, Retry

ASK = [{"role": "user", "content": "Hello"}]
SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "cities": {"type": "array", "items": {"type": "string"}, "minItems": 3},
    },
    "required": ["answer", "cities"],
}


def model(fake: FakeProvider, **options: Any) -> LanguageModel:
    given = {"api_base": fake.url, "api_key": fake.key, "retry": Retry(2, wait=0.0), **options}
    return LanguageModel("openai/gpt-4o-mini", **given)


async def test_a_structured_answer_is_seen_growing() -> None:
    async with FakeProvider() as fake:
        values = [value async for value in await model(fake)(ASK, SCHEMA, streaming=True)]
    assert values[0] in ({}, {"answer": ""}, {"answer": "P"}, {"answer": "Pa"})
    assert {"answer": "Paris", "cities": ["Paris", "Paris"]} in values
    assert values[-1] == {"answer": "Paris", "cities": ["Paris"] * 3}
    assert len(values) == len({str(value) for value in values})


async def test_thinking_is_not_shown_and_is_in_the_result() -> None:
    async with FakeProvider() as fake:
        fake.answer = lambda body: "<think>Let me see: {}.</think>\n\nParis it is"
        stream = await model(fake)(ASK, streaming=True)
        assert "".join([piece async for piece in stream]) == "Paris it is"
    assert stream.result == {
        "role": "assistant",
        "content": "Paris it is",
        "reasoning_content": "Let me see: {}.",
    }


@pytest.mark.parametrize("text", ["<", "<thin", "a < b", "<thing>x</thing>"])
async def test_text_that_only_looks_like_thinking_is_shown(text: str) -> None:
    async with FakeProvider() as fake:
        fake.answer = lambda body: text
        pieces = [piece async for piece in await model(fake)(ASK, streaming=True)]
    assert "".join(pieces) == text


async def test_a_failure_before_the_first_piece_is_repeated() -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([Fault("status", 500), Fault("status", 429)])
        stream = await model(fake)(ASK, streaming=True)
        assert [piece async for piece in stream] == ["Pari", "s"]
    assert len(fake.requests) == 3


async def test_a_failure_at_the_start_goes_to_the_fallback() -> None:
    async with FakeProvider() as fake, FakeProvider("groq") as other:
        fake.faults.append(Fault("status", 401))
        fallback = LanguageModel("groq/llama", api_base=other.url, api_key=other.key)
        stream = await model(fake, fallback=fallback)(ASK, streaming=True)
        assert "".join([piece async for piece in stream]) == "Paris"


async def test_a_stream_that_breaks_off_is_an_error_and_not_repeated() -> None:
    async with FakeProvider() as fake:
        fake.answer = lambda body: "Paris is the capital of France."
        fake.faults.append(Fault("half"))
        lm = model(fake)
        pieces = []
        with pytest.raises(ProviderError):
            async for piece in await lm(ASK, streaming=True):
                pieces.append(piece)  # noqa: PERF401  what came before the error is wanted
    assert pieces
    assert len(fake.requests) == 1
    assert (lm.usage.calls, lm.usage.failures) == (1, 1)


async def test_a_streamed_answer_is_checked_like_any_other() -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([Fault("wrong"), Fault("filter")])
        with pytest.raises(StructuredOutputError):
            [value async for value in await model(fake)(ASK, SCHEMA, streaming=True)]
        with pytest.raises(ContentFilteredError):
            [value async for value in await model(fake)(ASK, streaming=True)]


async def test_leaving_a_stream_early_closes_it_and_gives_its_slot_back() -> None:
    async with FakeProvider() as fake:
        fake.answer = lambda body: "word " * 5000
        lm = model(fake, limits=Limits(concurrency=1), price=(1.0, 1.0))
        stream = await lm(ASK, streaming=True)
        async for _ in stream:
            break
        await stream.aclose()
        async with asyncio.timeout(5):
            fake.answer = lambda body: "Paris"
            assert (await lm(ASK))["content"] == "Paris"
    assert lm.usage.calls == 2
    assert lm.cumulated_cost > 0.000015  # what was streamed is estimated


async def test_a_stream_that_is_cancelled_closes_its_connection() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("hang"))
        call = asyncio.create_task(model(fake)(ASK, streaming=True))
        await fake.hanging.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):
            while not fake.cancelled:  # noqa: ASYNC110  the server runs in this loop
                await asyncio.sleep(0)


async def test_tool_calls_are_put_together_from_their_pieces() -> None:
    tools = [
        {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
    ]
    async with FakeProvider() as fake:
        stream = await model(fake)(ASK, streaming=True, tools=tools)
        assert [piece async for piece in stream] == []
    assert stream.result["tool_calls"] == [
        {"id": "call_1", "name": "weather", "arguments": {"city": "Paris"}}
    ]


async def test_a_server_that_does_not_stream_is_taken_as_one_piece() -> None:
    async with FakeProvider() as fake:
        choice = {"index": 0, "message": {"role": "assistant", "content": "Paris"}, "finish_reason": "stop"}
        fake.faults.append(Fault("status", 200, body={"choices": [choice]}))
        stream = await model(fake)(ASK, streaming=True)
        assert [piece async for piece in stream] == ["Paris"]


async def test_an_error_event_in_a_stream_is_raised() -> None:
    async with FakeProvider() as fake:
        events = [
            {"choices": [{"delta": {"content": "Pa"}}]},
            {"error": {"message": "overloaded", "code": 503}},
        ]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
        fake.faults.append(Fault("status", 200, {"Content-Type": "text/event-stream"}, body))
        with pytest.raises(LanguageModelError, match="overloaded"):
            [piece async for piece in await model(fake)(ASK, streaming=True)]
