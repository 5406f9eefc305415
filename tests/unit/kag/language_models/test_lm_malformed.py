"""Answers that are malformed or not whole: asked for again, then a clear error, never taken as they are."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError, ProviderError, StructuredOutputError
from kag.language_models import LanguageModel, Limits, Retry
from kag.language_models._partial import PartialJson

ASK = [{"role": "user", "content": "Hello"}]
SCHEMA = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
WHOLE = {"choices": [{"message": {"content": "Paris"}, "finish_reason": "stop"}]}
Answer = Callable[[int], Any]  # the number of the request, from 1 -> a body, or a list of events


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[tuple[str, list[Any]]]:
    """A server that answers so; gives its address and the bodies of the requests."""
    requests: list[Any] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        requests.append(await request.json())
        said = answer(len(requests))
        if isinstance(said, list):
            events = "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in said)
            return web.Response(text=events, content_type="text/event-stream")
        return web.json_response(said)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", requests
    finally:
        await runner.cleanup()


def model(url: str, **options: Any) -> LanguageModel:
    given: dict[str, Any] = {"retry": Retry(1, wait=0.0), "limits": Limits(concurrency=1), **options}
    return LanguageModel("openai/x", api_base=url, **given)


def said(text: str, finish_reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"message": {"content": text}, "finish_reason": finish_reason}]}


def piece(text: str, finish_reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}, "finish_reason": finish_reason}]}


MALFORMED: list[Any] = [
    {"choices": [None]},
    {"choices": "x"},
    {"choices": {"0": {}}},
    {"choices": [{"message": "x"}]},
    {"choices": [{"message": {"content": "x", "tool_calls": [None]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": "x"}]}}]},
    {"choices": [{"message": {"tool_calls": [{"function": {"name": 1, "arguments": [2]}}]}}]},
]


@pytest.mark.parametrize("body", MALFORMED, ids=json.dumps)
async def test_a_malformed_answer_is_asked_for_again_and_then_left_to_the_fallback(body: Any) -> None:
    async with serving(lambda number: body) as (url, requests), serving(lambda number: WHOLE) as (other, _):
        alone = model(url)
        for _attempt in range(2):  # the one slot is free again
            with pytest.raises(ProviderError):
                await alone(ASK)
        assert len(requests) == 4
        assert (await model(url, fallback=model(other))(ASK))["content"] == "Paris"


@pytest.mark.parametrize("details", [[1], "x", 3, {"cached_tokens": "many"}], ids=str)
async def test_counts_that_are_no_numbers_count_as_zero(details: Any) -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": "five", "prompt_tokens_details": details, "cost": "x"}
    async with serving(lambda number: {**WHOLE, "usage": usage}) as (url, _):
        lm = model(url)
        assert [(await lm(ASK))["content"] for _ in range(2)] == ["Paris", "Paris"]
    assert (lm.usage.prompt_tokens, lm.usage.completion_tokens, lm.usage.cached_tokens) == (14, 0, 0)


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [None]},
        {"choices": "x"},
        {"choices": [{"delta": "x"}]},
        {"choices": [{"delta": {"tool_calls": [None]}}]},
    ],
    ids=json.dumps,
)
async def test_a_malformed_piece_of_a_stream_is_an_error_that_leaves_the_slot_free(chunk: Any) -> None:
    async with serving(lambda number: [chunk, "[DONE]"]) as (url, requests):
        lm = model(url)
        for _attempt in range(2):
            with pytest.raises(ProviderError):
                [piece async for piece in await lm(ASK, streaming=True)]
    assert len(requests) == 4


async def test_a_stream_that_breaks_off_before_its_first_piece_is_asked_for_again() -> None:
    def answer(number: int) -> Any:
        return [piece("")] if number == 1 else [piece("Paris", "stop")]

    async with serving(answer) as (url, requests):
        assert [text async for text in await model(url)(ASK, streaming=True)] == ["Paris"]
    assert len(requests) == 2


async def test_a_stream_that_breaks_off_later_is_not_taken_as_whole() -> None:
    async with serving(lambda number: [piece("Par")]) as (url, requests):
        stream = await model(url)(ASK, streaming=True)
        assert await anext(stream) == "Par"
        with pytest.raises(ProviderError, match="broke off"):
            await anext(stream)
    assert len(requests) == 1
    assert stream.result is None


@pytest.mark.parametrize("ending", [[piece("is", "stop")], [piece("is"), "[DONE]"]], ids=["reason", "done"])
async def test_a_finish_reason_or_done_ends_a_stream(ending: list[Any]) -> None:
    async with serving(lambda number: [piece("Par"), *ending]) as (url, _):
        assert "".join([text async for text in await model(url)(ASK, streaming=True)]) == "Paris"


async def test_one_piece_of_a_stream_may_be_of_any_size() -> None:
    async with serving(lambda number: [piece("é" * 400_000, "stop")]) as (url, _):
        assert "".join([text async for text in await model(url)(ASK, streaming=True)]) == "é" * 400_000


async def test_a_long_structured_stream_is_read_again_only_when_it_has_grown() -> None:
    words = [f"{number:05d} " for number in range(4000)]
    pieces = [piece('{"answer": "'), *map(piece, words), piece('"}', "stop"), "[DONE]"]
    async with serving(lambda number: pieces) as (url, _):
        values = [value async for value in await model(url)(ASK, SCHEMA, streaming=True)]
    assert len(values) < 500
    assert values[-1] == {"answer": "".join(words)}


@pytest.mark.parametrize(
    "cut",
    [
        '{"answer": "Par',
        '{"answer": "Paris", "more": 1',
        '{"answer": "Paris", "more":',
        '{"answer": "Paris", "mo',
        '{"answer": "Paris",',
        '{"answer": "Paris", "more": [',
    ],
)
async def test_an_answer_cut_off_inside_a_value_is_asked_for_again(cut: str) -> None:
    async with serving(lambda number: said(cut if number == 1 else '{"answer": "Paris"}')) as (url, requests):
        assert await model(url)(ASK, SCHEMA) == {"answer": "Paris"}
        assert len(requests) == 2


@pytest.mark.parametrize(
    "open_", ['{"answer": "Paris"', '{"answer": "Paris", "more": [true', '```json\n{"answer": "Paris"\n```']
)
async def test_an_answer_that_lacks_only_brackets_is_closed(open_: str) -> None:
    async with serving(lambda number: said(open_)) as (url, requests):
        assert (await model(url)(ASK, SCHEMA))["answer"] == "Paris"
    assert len(requests) == 1


DRAFTS = [
    '<think>Perhaps {"answer": "draft"}, or',
    '<think>Not </b> but {"answer": "draft"}',
    '<think>First.</think>\n<think>{"answer": "draft"}',
    '<THINKING>{"answer": "draft"}',
    'Well. <think>{"answer": "draft"}',
]


@pytest.mark.parametrize("text", DRAFTS)
async def test_a_draft_in_unfinished_thinking_is_no_answer(text: str) -> None:
    async with serving(lambda number: said(text)) as (url, requests):
        with pytest.raises(StructuredOutputError):
            await model(url)(ASK, SCHEMA)
    assert len(requests) == 2


@pytest.mark.parametrize("text", DRAFTS[:4])
async def test_a_draft_in_unfinished_thinking_is_not_streamed(text: str) -> None:
    async with serving(lambda number: [*map(piece, text), piece("", "stop"), "[DONE]"]) as (url, _):
        for schema in (None, SCHEMA):
            stream = await model(url)(ASK, schema, streaming=True)
            with pytest.raises((StructuredOutputError, ProviderError)):
                await anext(stream)  # there is not one piece before the error


async def test_a_draft_in_finished_thinking_is_not_streamed_either() -> None:
    text = '<Think>{"answer": "draft"}</think> <thought>{}</thought>\n\n{"answer": "Paris"}'
    async with serving(lambda number: [*map(piece, text), piece("", "stop"), "[DONE]"]) as (url, _):
        values = [value async for value in await model(url)(ASK, SCHEMA, streaming=True)]
        texts = [value async for value in await model(url)(ASK, streaming=True)]
    assert {"answer": "draft"} not in values
    assert values[-1] == {"answer": "Paris"}
    assert "".join(texts) == '{"answer": "Paris"}'


def test_partial_json_knows_its_length_in_whatever_pieces_it_comes() -> None:
    text = 'So: {"a": [1, "x\\u00e9"], "b": {"c": null}} end'
    partial = PartialJson()
    for character in text:
        partial.feed(character)
    assert partial.complete
    assert partial.value() == {"a": [1, "xé"], "b": {"c": None}}
    assert partial.length == len(text) - len("So: ") - len(" end")


@pytest.mark.parametrize(
    "body",
    [
        {"data": [None]},
        {"data": "xx"},
        {"data": [{"embedding": []}]},
        {"data": [{"embedding": ""}]},
        {"data": None},
        [1],
    ],
    ids=json.dumps,
)
async def test_malformed_embeddings_are_an_embedding_model_error(body: Any) -> None:
    async with serving(lambda number: body) as (url, _):
        with pytest.raises(EmbeddingModelError, match="did not answer with embeddings"):
            await EmbeddingModel("openai/e", api_base=url, retry=0).embed(["a"])
