"""Limits: in flight at once, in a minute, and after a 429."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault, rate_limit

from kag.errors import ConfigurationError
from kag.language_models import LanguageModel, Limits, Retry
from kag.language_models.limits import Limiter, Window

ASK = [{"role": "user", "content": "Hello"}]


def model(fake: FakeProvider, **options: Any) -> LanguageModel:
    given = {"api_base": fake.url, "api_key": fake.key, "retry": Retry(5, wait=0.0), **options}
    return LanguageModel("openai/gpt-4o-mini", **given)


async def test_no_more_requests_are_in_flight_than_allowed() -> None:
    async with FakeProvider() as fake:
        fake.faults.extend([Fault("hang")] * 4)
        lm = model(fake, limits=Limits(concurrency=4))
        calls = [asyncio.create_task(lm(ASK)) for _ in range(40)]
        async with asyncio.timeout(5):
            while len(fake.requests) < 4:  # noqa: ASYNC110  the server runs in this loop
                await asyncio.sleep(0)
        for _ in range(200):
            await asyncio.sleep(0)
        assert len(fake.requests) == 4
        fake.release()
        answers = await asyncio.gather(*calls)
    assert len(answers) == len(fake.requests) == 40
    assert len(fake.connections) <= 4


async def test_a_cancelled_call_gives_its_slot_back() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("hang"))
        lm = model(fake, limits=Limits(concurrency=1))
        first = asyncio.create_task(lm(ASK))
        await fake.hanging.wait()
        waiting = [asyncio.create_task(lm(ASK)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        first.cancel()
        answers = await asyncio.gather(first, *waiting, return_exceptions=True)
    assert [isinstance(answer, asyncio.CancelledError) for answer in answers] == [True, True, False, False]


async def test_a_slot_handed_to_a_call_that_is_cancelled_goes_to_the_next() -> None:
    limiter = Limiter(Limits(concurrency=1))
    await limiter.acquire()
    second, third = asyncio.create_task(limiter.acquire()), asyncio.create_task(limiter.acquire())
    await asyncio.sleep(0)
    limiter.release(ok=True)  # hands the slot to the second, which has not run yet
    second.cancel()
    async with asyncio.timeout(2):
        await third
    limiter.release(ok=True)
    async with asyncio.timeout(2):
        await limiter.acquire()


async def test_a_429_halves_what_is_in_flight_and_successes_let_it_grow() -> None:
    now = 100.0
    limiter = Limiter(Limits(concurrency=16), clock=lambda: now)
    limiter.slow_down(None)
    assert limiter.allowed == 8
    limiter.slow_down(None)  # the same burst of refusals counts once
    assert limiter.allowed == 8
    now = 102.0
    limiter.slow_down(None)
    assert limiter.allowed == 4
    for _ in range(200):
        await limiter.acquire()
        limiter.release(ok=True)
    assert limiter.allowed == 16


async def test_calls_survive_a_provider_that_refuses_many() -> None:
    async with FakeProvider() as fake:
        fake.misbehave(0.3, rate_limit("0"), seed=1)
        lm = model(fake, retry=Retry(20, wait=0.0), limits=Limits(concurrency=8))
        answers = await asyncio.gather(*(lm(ASK) for _ in range(100)))
    assert len(answers) == 100
    assert fake.injected > 10


def test_a_window_lets_no_more_through_than_its_limit_in_any_minute() -> None:
    window, now, begun = Window(10), 0.0, []
    for _ in range(45):
        now += window.delay(now, 1)
        window.add(now, 1)
        begun.append(now)
        now += 0.01
    for start in begun:
        assert sum(start <= time < start + 59.99 for time in begun) <= 10
    assert begun[-1] < 60 * 5


def test_a_window_waits_for_room_and_takes_what_is_larger_than_itself_when_empty() -> None:
    window = Window(100)
    assert window.delay(0.0, 500) == 0.0
    window.add(0.0, 500)
    assert window.delay(10.0, 1) == 50.0
    assert window.delay(60.0, 1) == 0.0
    entry = window.add(60.0, 80)
    window.correct(61.0, entry, 60)  # the estimate was too high
    assert window.delay(62.0, 80) == 0.0


def test_a_correction_ends_with_what_it_corrects() -> None:
    window = Window(1000)
    entry = window.add(0.0, 1000)
    window.correct(50.0, entry, 900)
    assert window.delay(50.0, 900) == 0.0
    assert window.delay(60.1, 1000) == 0.0
    window.add(60.1, 1000)
    assert window.delay(60.2, 1) > 0
    window.correct(61.0, entry, 100)  # it is in the window no more
    assert window.delay(61.0, 1) > 0


async def test_requests_in_a_minute_are_bounded() -> None:
    now = 0.0
    limiter = Limiter(Limits(requests_per_minute=3), clock=lambda: now)
    for _ in range(3):
        await limiter.acquire()
        limiter.release(ok=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await limiter.acquire()
    now = 60.0
    async with asyncio.timeout(1):
        await limiter.acquire()


@pytest.mark.parametrize(
    "wrong",
    [
        {"concurrency": 0},
        {"concurrency": 1.5},
        {"requests_per_minute": -1},
        {"tokens_per_minute": True},
        {"concurrency": None},
    ],
)
def test_limits_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Limits(**wrong)
