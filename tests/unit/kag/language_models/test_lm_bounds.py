"""Bounds such as `maxLength` on the wire: who gets them, who does not, and who says no to them."""

from __future__ import annotations

from typing import Any

import pytest
from fake_providers import FakeProvider
from fake_schemas import keywords_in

from kag.errors import StructuredOutputError
from kag.language_models import LanguageModel
from kag.language_models._providers import facts
from kag.language_models._structured import prepare

ASK = [{"role": "user", "content": "What is the capital of France?"}]
SCHEMA: dict[str, Any] = {
    "title": "Answer",
    "type": "object",
    "properties": {
        "answer": {"type": "string", "maxLength": 40, "minLength": 1},
        "format": {"type": "string"},
        "others": {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 4},
    },
    "required": ["answer", "format", "others"],
}
OTHER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "why": {"type": "string", "maxLength": 9},
    },
    "required": ["score", "why"],
}


def model(fake: FakeProvider, name: str = "hosted_vllm/qwen", **options: Any) -> LanguageModel:
    return LanguageModel(name, api_base=fake.url, api_key=fake.key, retry=0, **options)


def sent(body: dict[str, Any]) -> set[str]:
    return keywords_in(body["response_format"]["json_schema"]["schema"])


@pytest.mark.parametrize(
    ("name", "flavour"),
    [
        ("ollama/mistral", "ollama"),
        ("lm_studio/granite", "lm_studio"),
        ("hosted_vllm/qwen", "hosted_vllm"),
        ("llama_cpp/any", "llama_cpp"),
        ("openai/local", "llama_cpp"),
        ("my_gateway/any", "hosted_vllm"),
    ],
)
async def test_a_local_server_gets_all_bounds(name: str, flavour: str) -> None:
    async with FakeProvider(flavour) as fake:
        await model(fake, name)(ASK, SCHEMA)
    assert {"maxLength", "minLength", "maxItems"} <= sent(fake.requests[0])


async def test_bounds_reach_a_server_that_wants_the_schema_beside_json_object() -> None:
    async with FakeProvider("llama_cpp_python") as fake:
        await model(fake, "llama_cpp/any")(ASK, SCHEMA)
    assert {"maxLength", "maxItems"} <= keywords_in(fake.requests[-1]["response_format"]["schema"])


async def test_strict_mode_goes_without_the_bounds_that_openai_refuses() -> None:
    async with FakeProvider("openrouter") as fake:
        await model(fake, "openrouter/any/model")(ASK, SCHEMA)
    assert fake.requests[0]["response_format"]["json_schema"]["strict"] is True
    assert not {"maxLength", "minLength"} & sent(fake.requests[0])
    assert "maxItems" in sent(fake.requests[0])


@pytest.mark.parametrize(
    ("base", "first"),
    [
        (None, "strict"),
        ("https://api.openai.com/v1", "strict"),
        ("https://eu.api.openai.com/v1", "strict"),
        ("https://models.example.com/v1", "bounded"),
        ("https://notopenai.com/v1", "bounded"),
        ("http://10.1.2.3:8000", "json_schema"),
        ("http://localhost:8000/v1", "json_schema"),
    ],
)
def test_only_openai_itself_is_spared_the_bounds(
    base: str | None, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_BASE", raising=False)
    known = facts("openai/gpt-4o-mini", base)
    assert known.modes[0] == first
    form = prepare(SCHEMA).form(known.modes[0])
    assert form is not None
    keywords = keywords_in(form.fields["response_format"]["json_schema"]["schema"])
    assert ("maxLength" in keywords) is (first != "strict")


async def test_a_server_that_names_a_bound_never_gets_it_again() -> None:
    async with FakeProvider("no_lengths") as fake:
        lm = model(fake)
        await lm(ASK, SCHEMA)
        learning = len(fake.requests)
        await lm(ASK, SCHEMA)
        await lm(ASK, OTHER)
    assert learning == 3  # it names one keyword at a time
    assert len(fake.requests) == learning + 2
    assert [body["response_format"]["type"] for body in fake.requests] == ["json_schema"] * 5
    assert not {"maxLength", "minLength"} & (sent(fake.requests[3]) | sent(fake.requests[4]))
    assert "maxItems" in sent(fake.requests[3])
    assert {"minimum", "maximum"} <= sent(fake.requests[4])


async def test_a_schema_too_rich_for_a_server_goes_without_bounds_and_others_keep_theirs() -> None:
    plain = {
        "type": "object",
        "properties": {"score": {"type": "integer", "minimum": 1, "maximum": 5}},
        "required": ["score"],
    }
    async with FakeProvider("vllm_without_lengths") as fake:
        lm = model(fake)
        await lm(ASK, SCHEMA)
        await lm(ASK, SCHEMA)
        await lm(ASK, plain)
    assert len(fake.requests) == 4
    assert "maxLength" in sent(fake.requests[0])
    assert not {"maxLength", "minLength", "maxItems"} & sent(fake.requests[1])
    assert {"minimum", "maximum"} <= sent(fake.requests[3])
    assert (
        "format" in fake.requests[2]["response_format"]["json_schema"]["schema"]["properties"]
    )  # a name, no keyword


async def test_what_the_wire_does_not_bound_is_checked_all_the_same() -> None:
    async with FakeProvider("vllm_without_lengths") as fake:
        lm = LanguageModel("vllm/qwen", api_base=fake.url, retry=1)
        await lm(ASK, SCHEMA)
        fake.fixed = '{"answer": "Paris", "format": "x", "others": ["much too long a word"]}'
        with pytest.raises(StructuredOutputError, match="is too long"):
            await lm(ASK, SCHEMA)


async def test_a_refused_form_is_not_taken_for_refused_bounds() -> None:
    async with FakeProvider("no_forms") as fake:
        lm = model(fake, "my_gateway/any")
        await lm(ASK, SCHEMA)
    assert len(fake.requests) <= 5
    assert "maxLength" in keywords_in(fake.requests[-1]["tools"][0]["function"]["parameters"])


async def test_a_pattern_that_may_match_a_part_is_only_checked() -> None:
    """llama.cpp answers a grammar that it cannot build with no grammar at all."""
    text = {"type": "string", "pattern": "Pa", "maxLength": 9}
    code = {"type": "string", "pattern": "^[a-z]{3}$"}
    schema = {"type": "object", "properties": {"text": text, "code": code}, "required": ["text", "code"]}
    async with FakeProvider("llama_cpp") as fake:
        fake.fixed = '{"text": "Paris", "code": "fra"}'
        assert (await model(fake)(ASK, schema))["code"] == "fra"
        fake.fixed = '{"text": "Lima", "code": "fra"}'
        with pytest.raises(StructuredOutputError, match="does not match 'Pa'"):
            await model(fake)(ASK, schema)
    wire = fake.requests[0]["response_format"]["json_schema"]["schema"]["properties"]
    assert wire == {"text": {"type": "string", "maxLength": 9}, "code": code}


async def test_bounds_stay_while_an_answer_streams() -> None:
    async with FakeProvider("no_lengths") as fake:
        stream = await model(fake)(ASK, SCHEMA, streaming=True)
        values = [value async for value in stream]
    assert values[-1]["answer"] == "Paris"
    assert "maxItems" in sent(fake.requests[-1])
