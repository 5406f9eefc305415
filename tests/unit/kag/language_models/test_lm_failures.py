"""What goes wrong on the way: it is repeated where that may help, and told where it may not."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault, rate_limit

from kag.errors import (
    AuthenticationError,
    ContextLengthError,
    LanguageModelError,
    ModelTimeoutError,
    ProviderError,
    RateLimitError,
)
from kag.http import retry_after
from kag.language_models import LanguageModel, Retry

ASK = [{"role": "user", "content": "Hello"}]


def model(fake: FakeProvider, **options: Any) -> LanguageModel:
    given = {"api_base": fake.url, "api_key": fake.key, "retry": Retry(3, wait=0.0), **options}
    return LanguageModel(given.pop("model", "openai/gpt-4o-mini"), **given)


@pytest.mark.parametrize(
    "fault",
    [
        rate_limit(),
        Fault("status", 500),
        Fault("status", 529),
        Fault("cut"),
        Fault("half"),
        Fault("nonsense"),
    ],
)
async def test_what_may_pass_is_repeated(fault: Fault) -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([fault, fault])
        lm = model(fake)
        assert (await lm(ASK))["content"] == "Paris"
    assert len(fake.requests) == lm.usage.requests == 3
    assert lm.usage.failures == 0


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ProviderError),
        (401, AuthenticationError),
        (403, AuthenticationError),
        (404, ProviderError),
        (413, ContextLengthError),
    ],
)
async def test_what_will_not_pass_is_not_repeated(status: int, kind: type[Exception]) -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", status))
        with pytest.raises(kind):
            await model(fake)(ASK)
    assert len(fake.requests) == 1


async def test_an_error_tells_who_failed_and_how_often() -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([Fault("status", 503, {"x-request-id": "req-42"})] * 4)
        with pytest.raises(ProviderError, match=r"openai/gpt-4o-mini.*503") as caught:
            await model(fake)(ASK)
    error = caught.value
    assert (error.provider, error.model, error.status, error.attempts) == (
        "openai",
        "openai/gpt-4o-mini",
        503,
        4,
    )
    assert error.request_id == "req-42"


async def test_retry_after_is_honoured_and_a_long_one_ends_the_call() -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([rate_limit("0"), rate_limit("3600")])
        with pytest.raises(RateLimitError) as caught:
            await model(fake)(ASK)
    assert caught.value.retry_after == 3600
    assert caught.value.attempts == 2


async def test_a_long_retry_after_does_not_hold_up_other_calls() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(rate_limit("3600"))
        lm = model(fake)
        with pytest.raises(RateLimitError):
            await lm(ASK)
        async with asyncio.timeout(5):
            assert (await lm(ASK))["content"] == "Paris"


async def test_a_used_up_quota_is_not_waited_for() -> None:
    body = {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", 429, body=body))
        with pytest.raises(RateLimitError, match="quota"):
            await model(fake)(ASK)
    assert len(fake.requests) == 1


async def test_a_rate_limit_that_speaks_of_a_quota_is_waited_for() -> None:
    body = {
        "error": {"code": 429, "message": "You exceeded your current quota.", "status": "RESOURCE_EXHAUSTED"}
    }
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", 429, body=body))
        assert (await model(fake)(ASK))["content"] == "Paris"


async def test_fallbacks_are_asked_in_turn() -> None:
    async with FakeProvider() as broken, FakeProvider("groq") as also_broken, FakeProvider("mistral") as fine:
        broken.faults.append(Fault("status", 500))
        also_broken.faults.append(Fault("status", 401))
        second = model(also_broken, model="groq/llama")
        third = model(fine, model="mistral/small")
        lm = model(broken, retry=0, fallback=[second, third])
        assert (await lm(ASK))["content"] == "Paris"
    assert [len(fake.requests) for fake in (broken, also_broken, fine)] == [1, 1, 1]
    assert (lm.usage.failures, second.usage.failures, third.usage.failures) == (1, 1, 0)


async def test_when_all_fallbacks_fail_the_last_error_tells_of_those_before() -> None:
    async with FakeProvider() as fake, FakeProvider("groq") as other:
        fake.faults.append(Fault("status", 500))
        other.faults.append(Fault("status", 401))
        with pytest.raises(AuthenticationError) as caught:
            await model(fake, retry=0, fallback=model(other, model="groq/llama"))(ASK)
    assert "openai/gpt-4o-mini" in caught.value.__notes__[0]


async def test_cancelling_a_call_closes_its_connection() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("hang"))
        call = asyncio.create_task(model(fake)(ASK))
        await fake.hanging.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        async with asyncio.timeout(5):
            while not fake.cancelled:  # noqa: ASYNC110  the server runs in this loop
                await asyncio.sleep(0)
    assert len(fake.requests) == 1


async def test_a_slow_answer_is_a_timeout_that_is_not_repeated() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("hang"))
        with pytest.raises(ModelTimeoutError, match="timeout="):
            await model(fake, timeout=0.1)(ASK)
    assert len(fake.requests) == 1


async def test_a_server_that_is_not_there_is_named() -> None:
    lm = LanguageModel("openai/test", api_base="http://127.0.0.1:9/v1", retry=Retry(1, wait=0.0), timeout=2)
    with pytest.raises(ProviderError, match=r"openai/test.*127\.0\.0\.1:9") as caught:
        await lm(ASK)
    assert caught.value.attempts == 2
    assert caught.value.__cause__ is not None


async def test_a_key_never_stands_in_a_message() -> None:
    secret = "sk-live-0123456789abcdef"
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", 400, body={"error": {"message": f"Bad header: Bearer {secret}"}}))
        lm = model(fake, api_key=secret)
        with pytest.raises(LanguageModelError) as caught:
            await lm(ASK)
    for text in (
        str(caught.value),
        repr(caught.value),
        repr(lm),
        str(lm.get_config()),
        str(vars(lm._exchange or lm)),
    ):
        assert secret not in text


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async with FakeProvider() as fake, FakeProvider() as elsewhere:
        fake.faults.append(Fault("status", 307, {"Location": f"{elsewhere.url}/chat/completions"}))
        with pytest.raises(ProviderError, match="307"):
            await model(fake)(ASK)
    assert elsewhere.requests == []


async def test_an_error_inside_a_200_is_an_error() -> None:
    body = {"error": {"message": "Upstream overloaded", "code": 429}}
    async with FakeProvider("openrouter") as fake:
        fake.faults.append(Fault("status", 200, body=body))
        assert (await model(fake, model="openrouter/a/b")(ASK))["content"] == "Paris"
        fake.faults.append(Fault("status", 200, body=body))
        with pytest.raises(RateLimitError, match="Upstream overloaded"):
            await model(fake, model="openrouter/a/b", retry=0)(ASK)
    assert len(fake.requests) == 3


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"choices": []},
        {"choices": [{}]},
        {"choices": None, "usage": 5},
        "text",
        {"choices": [{"message": {"content": None}}]},
    ],
)
async def test_an_answer_of_a_strange_shape_is_a_provider_error(body: Any) -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", 200, body=body))
        with pytest.raises(ProviderError):
            await model(fake, retry=0)(ASK)


def test_models_work_in_one_event_loop_after_another() -> None:
    async def ask(lm: LanguageModel | None) -> LanguageModel:
        async with FakeProvider() as fake:
            fresh = model(fake)
            await fresh(ASK)
            return fresh

    for _ in range(3):
        asyncio.run(ask(None))


async def test_waits_grow_and_are_jittered_and_bounded() -> None:
    retry = Retry(10, wait=0.5, longest=8.0)
    waits = [[retry.seconds(failures, None) for _ in range(50)] for failures in range(1, 9)]
    assert all(0.25 <= wait <= 0.5 for wait in waits[0])
    assert all(4.0 <= wait <= 8.0 for wait in waits[-1])
    assert len(set(waits[3])) > 10
    assert all(3.0 <= retry.seconds(1, 3.0) <= 3.3 for _ in range(50))
    assert retry.seconds(1, 8.0) == 8.0
    assert retry.seconds(1, 99.0) == 99.0  # ends the call
    assert all(retry.seconds(1, none) >= 0.25 for none in (0.0, retry_after({"retry-after": "nan"})))
    assert retry_after({"retry-after": "-5"}) == 0.0


async def test_a_refused_connection_to_this_machine_is_tried_once_more_and_quickly() -> None:
    lm = LanguageModel("ollama/test", api_base="http://127.0.0.1:9/v1", retry=Retry(5, wait=60.0))
    async with asyncio.timeout(10):
        with pytest.raises(ProviderError) as caught:
            await lm(ASK)
    assert caught.value.attempts == 2


async def test_a_key_that_litellm_shows_is_not_in_the_traceback() -> None:
    secret = "not-like-a-key-0123456789"
    async with FakeProvider() as fake:
        said = {"error": {"message": f"Incorrect API key provided: {secret}"}}
        fake.faults.extend([Fault("status", 401, body=said)] * 2)
        lm = model(fake, api_key=secret, transport="litellm", retry=0)
        for streaming in (False, True):
            with pytest.raises(LanguageModelError) as caught:
                await lm(ASK, streaming=streaming)
            assert secret not in "".join(traceback.format_exception(caught.value))


async def test_a_model_that_is_not_there_teaches_nothing_about_schemas() -> None:
    schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
    async with FakeProvider() as fake:
        body = {"error": {"message": "model 'schema-llm' not found"}}
        fake.faults.append(Fault("status", 404, body=body))
        with pytest.raises(ProviderError, match="404"):
            await model(fake)(ASK, schema)
        assert len(fake.requests) == 1
