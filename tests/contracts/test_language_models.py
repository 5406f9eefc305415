"""Every provider of the table and every transport, in one suite: typed output, streams, tools, faults."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault, rate_limit

from kag import discover
from kag.errors import (
    AuthenticationError,
    ContentFilteredError,
    ContextLengthError,
    LanguageModelError,
    ModelTimeoutError,
    ProviderError,
    RateLimitError,
    StructuredOutputError,
)
from kag.language_models import LanguageModel, Retry
from kag.language_models._prices import known_price
from kag.language_models.base import Endpoint, Request

# litellm's own warnings, about its own classes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_.*' attribute:DeprecationWarning"),
]

# Nested, with everything that OpenAI's strict mode wants written otherwise.
SCHEMA: dict[str, Any] = {
    "title": "Answer",
    "type": "object",
    "properties": {
        "answer": {"type": "string", "maxLength": 40, "description": "The answer"},
        "score": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "city": {"$ref": "#/$defs/City", "description": "Where it is"},
        "others": {"type": "array", "items": {"$ref": "#/$defs/City"}, "maxItems": 4},
    },
    "required": ["answer", "city"],
    "$defs": {
        "City": {
            "type": "object",
            "properties": {
                "label": {"const": "City", "type": "string"},
                "name": {"type": "string", "minLength": 1},
                "size": {"enum": ["small", "large"], "type": "string", "default": "small"},
            },
            "required": ["label", "name"],
        }
    },
}
TOOL = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
ASK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital of France?"},
]


@dataclass(frozen=True)
class Row:
    """One row of the table of providers."""

    model: str
    fake: str
    options: tuple[tuple[str, Any], ...] = ()

    def build(self, fake: FakeProvider, **options: Any) -> LanguageModel:
        given = {"api_base": fake.url, "api_key": fake.key, "retry": Retry(3, wait=0.0), **dict(self.options)}
        return LanguageModel(self.model, **{**given, **options})


ROWS = [
    Row("openai/gpt-4o-mini", "openai"),
    Row("anthropic/claude-sonnet-4-5", "anthropic"),
    Row("ollama/mistral", "ollama"),
    Row("mistral/mistral-small-latest", "mistral"),
    Row("gemini/gemini-2.5-flash", "gemini"),
    Row("groq/llama-3.1-8b-instant", "groq"),
    Row("groq/llama-2-without-schemas", "groq"),
    Row("groq/compound-beta", "groq"),
    Row(
        "openrouter/meta-llama/llama-3.1-8b-instruct", "openrouter", (("provider", {"only": ["DeepInfra"]}),)
    ),
    Row("openrouter/some/no-schema-model", "openrouter"),
    Row("together_ai/meta-llama/Llama-3.3-70B", "together_ai"),
    Row("deepseek/deepseek-chat", "deepseek"),
    Row("xai/grok-4", "xai"),
    Row("openai/ibm/granite-4-h-tiny", "lm_studio"),
    Row("lm_studio/ibm/granite-4-h-tiny", "lm_studio"),
    Row("hosted_vllm/qwen", "hosted_vllm"),
    Row("vllm/qwen", "hosted_vllm"),
    Row("llama_cpp/any", "llama_cpp"),
    Row("llama_cpp/any", "llama_cpp_python"),
    Row("my_gateway/any", "no_forms"),
    Row("mistral/through-litellm", "mistral", (("transport", "litellm"),)),
    Row("ollama/through-litellm", "ollama", (("transport", "litellm"),)),
]
LOCAL = (
    "ollama",
    "lm_studio",
    "hosted_vllm",
    "llama_cpp",
    "llama_cpp_python",
    "no_forms",
)  # they take any key
CALLS_TOOLS = [row for row in ROWS if "compound" not in row.model]


def name_of(row: Row) -> str:
    return f"{row.model} at {row.fake}"


each_row = pytest.mark.parametrize("row", ROWS, ids=name_of)


@each_row
async def test_text_comes_as_a_message(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        message = await row.build(fake)(ASK)
    assert message == {"role": "assistant", "content": "Paris"}


@each_row
async def test_structured_output_fits_its_schema(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        first, second = await lm(ASK, SCHEMA), await lm(ASK, SCHEMA)
    assert first == second
    assert first["city"]["label"] == "City"
    assert first.get("note") is None
    assert lm.usage.failures == 0
    assert lm.usage.requests == len(fake.requests)


@each_row
async def test_a_refused_form_is_tried_once_and_remembered(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        await lm(ASK, SCHEMA)
        learned = len(fake.requests)
        await lm(ASK, SCHEMA)
    assert learned <= 5
    assert len(fake.requests) == learned + 1


@each_row
async def test_an_answer_that_breaks_its_schema_is_asked_for_again(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        await lm(ASK, SCHEMA)
        sent = len(fake.requests)
        fake.faults.append(Fault("wrong"))
        answer = await lm(ASK, SCHEMA)
    assert answer["answer"].startswith("Paris")
    assert len(fake.requests) == sent + 2
    assert "unexpected" in json.dumps(fake.requests[-1])  # the model is shown what was wrong


@pytest.mark.parametrize("row", [row for row in ROWS if row.fake not in LOCAL], ids=name_of)
async def test_a_wrong_key_is_an_authentication_error_that_does_not_show_it(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        with pytest.raises(LanguageModelError) as caught:
            await row.build(fake, api_key="sk-very-secret-0123456789")(ASK)
    assert "very-secret" not in str(caught.value)
    assert len(fake.requests) == 1
    assert caught.value.model == row.model
    assert row.fake == "gemini" or isinstance(caught.value, AuthenticationError)  # Gemini says 400


@each_row
async def test_a_loopback_server_costs_nothing(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        await lm(ASK)
    assert lm.last_call_cost == 0.0
    assert lm.cumulated_cost == 0.0
    assert (lm.usage.prompt_tokens, lm.usage.completion_tokens) == (10, 5)


@each_row
async def test_a_server_error_is_tried_again(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        fake.faults.extend([Fault("status", 500), Fault("status", 503)])
        message = await row.build(fake)(ASK)
    assert message["content"] == "Paris"
    assert len(fake.requests) == 3


@each_row
async def test_what_the_provider_withholds_is_an_error(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        fake.faults.append(Fault("filter"))
        with pytest.raises(ContentFilteredError):
            await row.build(fake)(ASK)
    assert len(fake.requests) == 1


@each_row
async def test_text_streams_in_pieces(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        fake.answer = lambda body: "Paris is the capital of France."
        lm = row.build(fake)
        stream = await lm(ASK, streaming=True)
        pieces = [piece async for piece in stream]
    assert len(pieces) > 3
    assert "".join(pieces) == stream.result["content"] == "Paris is the capital of France."
    assert lm.usage.prompt_tokens >= 10  # counted by the server, or else estimated


@each_row
async def test_structured_output_streams_as_growing_objects(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        await lm(ASK, SCHEMA)
        stream = await lm(ASK, SCHEMA, streaming=True)
        values = [value async for value in stream]
    assert len(values) > 3
    assert values[-1] == stream.result == grown(values)
    assert all(isinstance(value, dict) for value in values)


def grown(values: list[Any]) -> Any:
    """The last value, after a check that keys only ever appear."""
    for earlier, later in pairwise(values[:-1]):
        assert earlier.keys() <= later.keys()
    return values[-1]


@pytest.mark.parametrize("row", CALLS_TOOLS, ids=name_of)
async def test_tools_are_called_and_their_results_sent_back(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        asked = await lm(ASK, tools=[TOOL])
        (call,) = asked["tool_calls"]
        assert (call["name"], call["arguments"]) == ("weather", {"city": "Paris"})
        result = {"role": "tool", "tool_call_id": call["id"], "content": '{"degrees": 20}', "name": "weather"}
        answer = await lm([*ASK, asked, result], tools=[TOOL])
    assert answer["content"] == "Paris"


@each_row
async def test_empty_tool_fields_are_not_sent(row: Row) -> None:
    async with FakeProvider(row.fake) as fake:
        lm = row.build(fake)
        before = [{"role": "user", "content": "Hello", "tool_calls": [], "tool_call_id": None}]
        await lm([*before, {"role": "assistant", "content": "Hi", "tool_calls": [], "name": None}, *ASK[1:]])
    sent = fake.requests[-1].get("messages") or fake.requests[-1]["contents"]
    assert not any(message.keys() & {"tool_calls", "tool_call_id"} for message in sent)


# ------------------------------------------------------------------------------------------------ transports

TRANSPORTS = [
    name
    for name in discover.names("kag.language_models")
    if hasattr(discover.load("kag.language_models", name), "Transport")
]
each_transport = pytest.mark.parametrize("name", TRANSPORTS)


def transport(name: str, fake: FakeProvider, model: str = "gpt-4o-mini", key: str | None = None) -> Any:
    endpoint = Endpoint("openai", f"openai/{model}", model, fake.url, key or fake.key, local=True)
    return discover.load("kag.language_models", name).Transport(endpoint)


def request(timeout: float = 20.0, **fields: Any) -> Request:
    return Request([{"role": "user", "content": "Hello"}], fields, timeout)


def test_there_are_two_transports() -> None:
    assert set(TRANSPORTS) >= {"direct", "litellm"}


@each_transport
async def test_a_transport_gives_the_whole_reply(name: str) -> None:
    async with FakeProvider("openai") as fake:
        reply = await transport(name, fake).send(request(temperature=0.5))
    assert (reply.content, reply.finish_reason) == ("Paris", "stop")
    assert (reply.tokens.prompt, reply.tokens.completion) == (10, 5)
    assert reply.request_id
    assert fake.requests[0]["temperature"] == 0.5


@each_transport
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("status", 401, body={"error": {"message": "bad key"}}), AuthenticationError),
        (Fault("status", 403), AuthenticationError),
        (rate_limit("7"), RateLimitError),
        (Fault("status", 500), ProviderError),
        (Fault("status", 529), ProviderError),
        (Fault("status", 404, body={"error": {"message": "model not found"}}), ProviderError),
        (
            Fault(
                "status",
                400,
                body={
                    "error": {
                        "message": "This model's maximum context length is 8192 tokens.",
                        "code": "context_length_exceeded",
                    }
                },
            ),
            ContextLengthError,
        ),
        (
            Fault(
                "status",
                400,
                body={"error": {"message": "The response was filtered", "code": "content_filter"}},
            ),
            ContentFilteredError,
        ),
        (Fault("cut"), ProviderError),
        (Fault("nonsense"), ProviderError),
        (Fault("half"), ProviderError),
    ],
    ids=lambda value: (
        getattr(value, "kind", "") + str(getattr(value, "status", "")) if isinstance(value, Fault) else ""
    ),
)
async def test_a_transport_raises_the_narrowest_error_and_does_not_retry(
    name: str, fault: Fault, kind: type[Exception]
) -> None:
    async with FakeProvider("openai") as fake:
        fake.faults.append(fault)
        with pytest.raises(LanguageModelError) as caught:
            await transport(name, fake).send(request())
    assert isinstance(caught.value, kind), repr(caught.value)
    assert caught.value.model == "openai/gpt-4o-mini"
    assert len(fake.requests) == 1
    if fault.status == 429:
        assert caught.value.retry_after == 7.0


@each_transport
async def test_a_transport_gives_up_when_time_is_up(name: str) -> None:
    async with FakeProvider("openai") as fake:
        fake.faults.append(Fault("hang"))
        with pytest.raises(ModelTimeoutError, match=r"0\.2 s"):
            await transport(name, fake).send(request(timeout=0.2))


@each_transport
async def test_a_transport_streams(name: str) -> None:
    async with FakeProvider("openai") as fake:
        stream = transport(name, fake).stream(request(stream_options={"include_usage": True}))
        deltas = [delta async for delta in stream]
    assert "".join(delta.content for delta in deltas) == "Paris"
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] == ["stop"]
    assert [delta.tokens.prompt for delta in deltas if delta.tokens] == [10]


@each_transport
async def test_a_transport_notices_a_broken_stream(name: str) -> None:
    async with FakeProvider("openai") as fake:
        fake.answer = lambda body: "Paris is the capital of France."
        fake.faults.append(Fault("half"))
        with pytest.raises(LanguageModelError):
            async for _ in transport(name, fake).stream(request()):
                pass


async def test_what_a_user_registers_with_litellm_is_the_price() -> None:
    import litellm

    price = {
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "litellm_provider": "openai",
        "mode": "chat",
    }
    litellm.register_model({"openai/my/own-model": price})
    found = known_price(
        Endpoint("openai", "openai/my/own-model", "my/own-model", "https://models.example.com/v1")
    )
    assert found is not None
    assert (found.prompt, found.completion) == pytest.approx((1.0, 2.0))


async def test_an_answer_that_never_fits_is_an_error_with_its_text() -> None:
    async with FakeProvider("openai") as fake:
        fake.faults.extend([Fault("wrong")] * 4)
        with pytest.raises(StructuredOutputError, match="answer") as caught:
            await ROWS[0].build(fake)(ASK, SCHEMA)
    assert caught.value.raw == '{"unexpected": true}'
    assert caught.value.attempts == len(fake.requests) == 4
