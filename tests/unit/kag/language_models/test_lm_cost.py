"""What calls cost, and a budget that is not passed."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault

from kag.errors import BudgetExceeded, ConfigurationError, ModelTimeoutError, ProviderError
from kag.language_models import LanguageModel, Price, Retry
from kag.language_models._prices import known_price
from kag.language_models.base import Endpoint, Tokens

ASK = [{"role": "user", "content": "Hello"}]


def model(fake: FakeProvider, **options: Any) -> LanguageModel:
    given = {"api_base": fake.url, "api_key": fake.key, "retry": 0, **options}
    return LanguageModel("hosted_vllm/qwen", **given)


async def test_a_given_price_is_what_calls_cost() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        fake.tokens = (1000, 500)
        lm = model(fake, price=(2.0, 8.0))
        await lm(ASK)
        assert lm.last_call_cost == pytest.approx(0.006)
        await lm(ASK)
    assert lm.cumulated_cost == pytest.approx(0.012)
    assert lm.usage.unpriced == 0


async def test_tokens_from_the_providers_own_cache_are_cheaper() -> None:
    assert Price(2.0, 8.0, cached=0.5).of(Tokens(1_000_000, 0, cached=400_000)) == pytest.approx(1.4)
    assert Price(2.0, 8.0).of(Tokens(1_000_000, 0, cached=400_000)) == pytest.approx(2.0)


@pytest.mark.parametrize(
    "model_name",
    [
        "openai/gpt-4o-mini",
        "anthropic/claude-sonnet-4-5",
        "gemini/gemini-2.5-flash",
        "mistral/mistral-small-latest",
        "deepseek/deepseek-chat",
    ],
)
def test_list_prices_are_known_without_importing_litellm(model_name: str) -> None:
    provider, _, name = model_name.partition("/")
    had = "litellm" in sys.modules
    price = known_price(Endpoint(provider, model_name, name))
    assert price is not None
    assert 0 < price.prompt < price.completion < 100
    assert had or "litellm" not in sys.modules


def test_a_name_does_not_take_the_price_of_another_provider() -> None:
    assert known_price(Endpoint("my_gateway", "my_gateway/gpt-4o-mini", "gpt-4o-mini")) is None
    assert known_price(Endpoint("groq", "groq/no-such-model", "no-such-model")) is None


def test_what_the_provider_says_a_call_costs_goes_before_list_prices_but_not_before_yours() -> None:
    said = Tokens(1_000_000, 0, cost=0.25)
    assert Price(1.0, 1.0, listed=True).of(said) == 0.25
    assert Price(1.0, 1.0).of(said) == 1.0


async def test_a_call_that_could_pass_the_budget_is_not_sent() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        fake.tokens = (1000, 1000)
        lm = model(fake, price=(1000.0, 1000.0), max_cost=3.0, max_tokens=900, fallback=model(fake))
        await lm(ASK)  # $2 of $3
        with pytest.raises(BudgetExceeded, match=r"max_cost=\$3"):
            await lm(ASK, max_tokens=1100)
        assert len(fake.requests) == 1
        assert (await lm(ASK, max_tokens=10))["content"] == "Paris"


async def test_calls_at_once_do_not_pass_the_budget_together() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        fake.tokens = (100, 900)
        lm = model(fake, price=(0.0, 1000.0), max_cost=5.0, max_tokens=1000)
        answers = await asyncio.gather(*(lm(ASK) for _ in range(20)), return_exceptions=True)
    assert lm.cumulated_cost <= 5.0
    assert len(fake.requests) == 5
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [BudgetExceeded] * 15


async def test_what_is_held_back_for_a_failed_call_is_given_back() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        lm = model(fake, price=(0.0, 1000.0), max_cost=1.5, max_tokens=1000)
        fake.faults.extend([Fault("status", 400), Fault("status", 500)])
        for _ in range(2):
            with pytest.raises(Exception, match="hosted_vllm"):
                await lm(ASK)
        assert (await lm(ASK))["content"] == "Paris"
    assert lm.cumulated_cost == pytest.approx(0.005)


async def test_what_a_lost_answer_could_cost_is_spent() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        lm = model(fake, price=(0.0, 1000.0), max_cost=3.5, max_tokens=1000)
        fake.faults.extend([Fault("cut"), Fault("hang"), Fault("hang")])
        with pytest.raises(ProviderError):
            await lm(ASK)
        with pytest.raises(ModelTimeoutError):
            await lm(ASK, timeout=0.2)
        cancelled = asyncio.create_task(lm(ASK))
        await asyncio.wait_for(fake.hanging.wait(), 5)
        while len(fake.requests) < 3:  # noqa: ASYNC110  the server runs in this loop
            await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.gather(cancelled, return_exceptions=True)
        assert lm.cumulated_cost == pytest.approx(3.0)
        with pytest.raises(BudgetExceeded):
            await lm(ASK)
    gone = LanguageModel("ollama/x", api_base="http://127.0.0.1:9", retry=0, price=(0, 1000), max_cost=9)
    with pytest.raises(ProviderError):
        await gone(ASK)
    assert gone.cumulated_cost == 0.0  # nothing was sent


async def test_an_answer_of_unbounded_length_is_bounded_by_what_is_held_back() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        await model(fake, price=(1.0, 10.0), max_cost=1.0)(ASK)
        await model(fake, price=Price(1.0, 10.0, longest=777), max_cost=1.0)(ASK)
        await model(fake, max_cost=1.0)(ASK)  # costs nothing
    assert [body.get("max_tokens") for body in fake.requests] == [4096, 777, None]


@pytest.mark.parametrize("wrong", [-5, 0, "100", 1.5, True])
async def test_an_answer_length_that_cannot_be_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_tokens"):
        await LanguageModel("ollama/x")(ASK, max_tokens=wrong)


async def test_tool_calls_and_tools_count_as_prompt() -> None:
    words = "word " * 20_000
    calls = [{"id": "1", "name": "f", "arguments": {"a": words}}]
    said = [*ASK, {"role": "assistant", "content": "", "tool_calls": calls}]
    said.append({"role": "tool", "tool_call_id": "1", "content": "y"})
    tool = {"name": "f", "description": words, "parameters": {"type": "object", "properties": {}}}
    schema = {"type": "object", "description": words, "properties": {"a": {"type": "string"}}}
    async with FakeProvider("hosted_vllm") as fake:
        lm = model(fake, price=(1.0, 1.0), max_cost=0.01, max_tokens=10)
        with pytest.raises(BudgetExceeded):
            await lm(said)
        with pytest.raises(BudgetExceeded):
            await lm(ASK, tools=[tool])
        with pytest.raises(BudgetExceeded):
            await lm(ASK, schema)
        assert fake.requests == []


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_without_end_are_refused(number: float) -> None:
    for wrong in ({"max_cost": number}, {"timeout": number}, {"price": (number, 1.0)}):
        with pytest.raises(ConfigurationError, match=next(iter(wrong))):
            LanguageModel("openai/x", **wrong)
    with pytest.raises(ConfigurationError, match="price="):
        LanguageModel("openai/x", price=Price(1.0, number))
    for wrong in ({"wait": number}, {"longest": number}):
        with pytest.raises(ConfigurationError, match="Retry"):
            Retry(**wrong)


async def test_a_budget_needs_a_price() -> None:
    lm = LanguageModel("my_gateway/any", api_base="https://models.example.com/v1", api_key="x", max_cost=1.0)
    with pytest.raises(ConfigurationError, match="price="):
        await lm(ASK)


async def test_a_local_server_is_within_any_budget() -> None:
    async with FakeProvider("hosted_vllm") as fake:
        lm = model(fake, max_cost=0.001)
        await asyncio.gather(*(lm(ASK) for _ in range(5)))
    assert lm.cumulated_cost == 0.0


@pytest.mark.parametrize("price", [(1,), (1, -2), "cheap", 5, (1, "2"), {"prompt": 1}])
def test_what_is_no_price_is_refused(price: Any) -> None:
    with pytest.raises(ConfigurationError, match="price="):
        LanguageModel("openai/x", price=price)
