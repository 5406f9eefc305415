"""What a model wrote, and what the caller gets of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault

from kag.errors import (
    ConfigurationError,
    ContextLengthError,
    LanguageModelError,
    ProviderError,
    SchemaError,
    StructuredOutputError,
)
from kag.language_models import LanguageModel, Retry

ASK = [{"role": "user", "content": "What is the capital of France?"}]
SCHEMA: dict[str, Any] = {
    "title": "Answer",
    "type": "object",
    "properties": {"answer": {"type": "string"}, "why": {"type": "string"}},
    "required": ["answer"],
}


def model(fake: FakeProvider, name: str = "openai/gpt-4o-mini", **options: Any) -> LanguageModel:
    return LanguageModel(
        name, api_base=fake.url, api_key=fake.key, **{"retry": Retry(2, wait=0.0), **options}
    )


@pytest.mark.parametrize("dress", ["thinking", "fenced", "talk", "python", "unclosed"])
async def test_an_answer_is_found_in_what_the_model_wrote_around_it(dress: str) -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault(dress))
        answer = await model(fake)(ASK, SCHEMA)
    assert answer["answer"] == "Paris"
    assert len(fake.requests) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answer": "Paris", "why": null}', {"answer": "Paris"}),
        ('{"answer": "Paris",}', {"answer": "Paris"}),
        ('"{\\"answer\\": \\"Paris\\"}"', {"answer": "Paris"}),
        ('{"result": {"answer": "Paris"}}', {"answer": "Paris"}),
        ('{"no": 1} {"answer": "Paris"}', {"answer": "Paris"}),
        ('{"answer": "two\nlines"}', {"answer": "two\nlines"}),
        ('so it is</think>{"answer": "Paris"}', {"answer": "Paris"}),
        ('{"answer": "a {brace} and a \\"quote\\""}', {"answer": 'a {brace} and a "quote"'}),
        ('Set {x}. Then: ```\n{"answer": "Paris"}\n```', {"answer": "Paris"}),
        ('[{"answer": "Paris"}', {"answer": "Paris"}),
        ('{"answer": 1}', None),
        ('{"answer": NaN}', None),
        ("{'answer': {'a', 'b'}}", None),
        ("no JSON at all", None),
        ("", None),
        ("[" * 5000, None),
        ('{"answer":' * 2000, None),
    ],
)
async def test_what_can_be_read_is_read_and_the_rest_is_refused(text: str, expected: Any) -> None:
    async with FakeProvider("no_forms") as fake:
        fake.fixed = text
        lm = model(fake, "my_gateway/any", retry=0)
        if expected is None:
            with pytest.raises(LanguageModelError) as caught:
                await lm(ASK, SCHEMA)
            assert isinstance(caught.value, StructuredOutputError)
            assert len(caught.value.raw) < 3000
            assert len(str(caught.value)) < 1500
        else:
            assert await lm(ASK, SCHEMA) == expected


async def test_the_model_is_asked_again_with_what_was_wrong() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("wrong"))
        await model(fake)(ASK, SCHEMA)
    again = fake.requests[1]["messages"]
    assert again[:1] == ASK
    assert again[1] == {"role": "assistant", "content": '{"unexpected": true}'}
    assert "'answer' is a required property" in again[2]["content"]


async def test_an_answer_cut_off_by_max_tokens_is_an_error_at_once() -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([Fault("length"), Fault("length")])
        for schema in (SCHEMA, None):
            fake.answer = lambda body: ""
            with pytest.raises(ContextLengthError, match="max_tokens"):
                await model(fake)(ASK, schema)
    assert len(fake.requests) == 2


async def test_a_text_cut_off_by_max_tokens_is_given_and_counted() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("length"))
        lm = model(fake)
        message = await lm(ASK)
    assert message["content"] == "P"
    assert lm.usage.truncated == 1


async def test_an_empty_answer_is_asked_for_again_and_then_an_error() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("empty"))
        assert (await model(fake)(ASK))["content"] == "Paris"
        fake.faults.extend([Fault("empty")] * 3)
        with pytest.raises(ProviderError, match="empty"):
            await model(fake)(ASK)
    assert len(fake.requests) == 5


async def test_thinking_is_kept_apart_from_the_text() -> None:
    async with FakeProvider() as fake:
        fake.answer = lambda body: "<think>Let me see.</think>\n\nParis"
        message = await model(fake)(ASK)
    assert message == {"role": "assistant", "content": "Paris", "reasoning_content": "Let me see."}


async def test_thinking_that_does_not_end_is_no_answer() -> None:
    async with FakeProvider() as fake:
        fake.answer = lambda body: "<think>Let me see"
        with pytest.raises(ProviderError, match="empty"):
            await model(fake, retry=0)(ASK)


async def test_an_invalid_generation_that_the_provider_reports_is_asked_for_again() -> None:
    body = {
        "error": {
            "message": "Failed to generate JSON.",
            "code": "json_validate_failed",
            "failed_generation": '{"a',
        }
    }
    async with FakeProvider("groq") as fake:
        fake.faults.append(Fault("status", 400, body=body))
        answer = await model(fake, "groq/llama")(ASK, SCHEMA)
    assert answer["answer"] == "Paris"
    assert fake.requests[1]["messages"][1]["content"] == '{"a'


async def test_a_parameter_that_a_model_does_not_take_is_left_out_from_then_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with FakeProvider("openai") as fake:
        lm = model(fake, "openai/o9-mini", temperature=0.0, max_tokens=50)
        assert (await lm(ASK))["content"] == "Paris"
        assert (await lm(ASK))["content"] == "Paris"
    assert [("temperature" in body, "max_completion_tokens" in body) for body in fake.requests[-2:]] == [
        (False, True)
    ] * 2
    assert len(fake.requests) <= 4
    assert "temperature" in caplog.text


async def test_a_schema_that_one_form_cannot_express_leaves_that_form_to_others() -> None:
    open_map = {
        "type": "object",
        "properties": {"m": {"type": "object", "additionalProperties": {"type": "integer"}}},
    }
    async with FakeProvider("openrouter") as fake:
        lm = model(fake, "openrouter/a/b")
        await lm(ASK, open_map)
        await lm(ASK, SCHEMA)
    forms = [body["response_format"]["json_schema"] for body in fake.requests]
    assert ["strict" in form for form in forms] == [False, True]


async def test_messages_may_come_as_data_models() -> None:
    class Chat:
        def get_json(self) -> dict[str, Any]:
            call = {"id": "c1", "name": "f", "arguments": {"a": 1}}
            return {
                "messages": [
                    {"role": "user", "content": {"query": "q"}, "tool_calls": [], "tool_call_id": None},
                    {"role": "assistant", "content": None, "tool_calls": [call], "reasoning_content": "hm"},
                    {"role": "tool", "content": "1", "tool_call_id": "c1", "name": "f"},
                ]
            }

    async with FakeProvider() as fake:
        await model(fake)(Chat())
    user, assistant, tool = fake.requests[0]["messages"]
    assert json.loads(user["content"]) == {"query": "q"}
    assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert assistant.keys() == {"role", "content", "tool_calls"}
    assert tool["tool_call_id"] == "c1"


@pytest.mark.parametrize(
    "messages", [[], 42, [42], [{"content": "x"}], [{"role": "robot", "content": "x"}], None, {}]
)
async def test_what_is_no_message_is_refused_before_anything_is_sent(messages: Any) -> None:
    async with FakeProvider() as fake:
        with pytest.raises(ConfigurationError, match=r"role|messages|message"):
            await model(fake)(messages)
    assert fake.requests == []


@pytest.mark.parametrize(
    "schema", [{"type": "no such type"}, {"type": 5}, "object", 42, {"properties": {"a": 1}}, {"x": {1}}]
)
async def test_what_is_no_schema_is_refused(schema: Any) -> None:
    async with FakeProvider("no_forms") as fake:
        with pytest.raises(SchemaError):
            await model(fake, "my_gateway/any")(ASK, schema)


async def test_a_schema_never_makes_us_fetch_anything() -> None:
    async with FakeProvider("no_forms") as fake, FakeProvider() as elsewhere:
        fake.fixed = '{"a": 1}'
        schema = {"type": "object", "properties": {"a": {"$ref": f"{elsewhere.url}/schema.json"}}}
        with pytest.raises(SchemaError, match=r"schema\.json"):
            await model(fake, "my_gateway/any", retry=0)(ASK, schema)
    assert elsewhere.requests == []


async def test_tool_arguments_that_are_no_json_stay_text() -> None:
    from kag.language_models._messages import to_message
    from kag.language_models.base import Reply

    calls = [
        {"id": None, "function": {"name": "f", "arguments": text}}
        for text in ('{"a": ', "[1]", "", '{"a": 1}')
    ]
    message = to_message(Reply("", tool_calls=calls))
    assert [call["arguments"] for call in message["tool_calls"]] == ['{"a": ', "[1]", {}, {"a": 1}]
    assert len({call["id"] for call in message["tool_calls"]}) == 4


async def test_halves_of_characters_do_not_stop_a_call() -> None:
    async with FakeProvider() as fake:
        await model(fake)([{"role": "user", "content": "é \ud800 \ud83d\ude00 end"}])
    assert fake.requests[0]["messages"][0]["content"] == "é \ufffd \U0001f600 end"


@pytest.mark.parametrize(
    "options",
    [{"stop": object()}, {"seed": 2**70}, {"extra_body": {"x": {1, 2}}}, {"cache": False, "stop": {1}}],
)
async def test_an_option_that_is_no_json_is_refused(options: dict[str, Any]) -> None:
    async with FakeProvider() as fake:
        with pytest.raises(ConfigurationError, match="JSON"):
            await model(fake)(ASK, **options)
        with pytest.raises(ConfigurationError, match="content"):
            await model(fake)([{"role": "user", "content": {"x": {1}}}])
    assert fake.requests == []


@pytest.mark.parametrize(
    "options",
    [
        {"tools": "abc"},
        {"tools": [1]},
        {"tools": [{"name": "f"}], "tool_choice": 5},
        {"extra_body": "x"},
        {"timeout": -1},
    ],
    ids=str,
)
async def test_an_option_of_a_wrong_kind_is_refused(options: dict[str, Any]) -> None:
    async with FakeProvider() as fake:
        with pytest.raises(ConfigurationError, match=r"tools|tool_choice|extra_body|timeout"):
            await model(fake)(ASK, **options)
        for calls in ("x", ["x"], 5):
            with pytest.raises(ConfigurationError, match="tool_calls"):
                await model(fake)([{"role": "assistant", "tool_calls": calls}])
    assert fake.requests == []


async def test_tools_and_a_schema_together_are_refused() -> None:
    async with FakeProvider() as fake:
        with pytest.raises(ConfigurationError, match="not both"):
            await model(fake)(ASK, SCHEMA, tools=[{"name": "f"}])


async def test_an_unknown_option_is_refused() -> None:
    async with FakeProvider() as fake:
        with pytest.raises(ConfigurationError, match="temprature"):
            await model(fake)(ASK, temprature=0.1)
    assert fake.requests == []


async def test_options_of_a_call_go_before_those_of_the_model() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        lm = model(fake, "hosted_vllm/qwen", temperature=0.7, seed=1, extra_body={"min_p": 0.1})
        await lm(ASK)
        await lm(ASK, temperature=0.0, top_p=0.9, extra_body={"min_p": 0.2}, reasoning_effort="disable")
        await lm(ASK, temperature=None)
    first, second, third = fake.requests
    assert (first["temperature"], first["seed"], first["min_p"]) == (0.7, 1, 0.1)
    assert (second["temperature"], second["top_p"], second["min_p"]) == (0.0, 0.9, 0.2)
    assert third["temperature"] == 0.7
    assert "reasoning_effort" not in second
