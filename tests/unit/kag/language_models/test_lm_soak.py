"""Many calls with faults: every one ends in its own answer or a typed error, and memory does not grow."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections import Counter
from typing import Any

import pytest
from fake_providers import FakeProvider, Fault, rate_limit

from kag.errors import LanguageModelError
from kag.language_models import LanguageModel, Limits, Retry

SCHEMA = {"type": "object", "properties": {"echo": {"type": "string"}}, "required": ["echo"]}
FAULTS = (
    rate_limit("0"), Fault("status", 500), Fault("status", 503), Fault("cut"), Fault("half"),
    Fault("nonsense"), Fault("wrong"), Fault("thinking"), Fault("empty"), Fault("length"),
    Fault("filter"), Fault("status", 400),
)  # fmt: skip


def memory() -> float:
    """Resident megabytes now, or at most where the system only tells that."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize() / 2**20
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
            2**20 if sys.platform == "darwin" else 2**10
        )


async def soak(calls: int) -> tuple[Counter[str], float]:
    """How calls ended, and megabytes grown after the first tenth."""
    ends: Counter[str] = Counter()
    before = 0.0
    async with FakeProvider("no_forms") as fake:
        fake.misbehave(0.05, *FAULTS)
        fake.echo = True
        lm = LanguageModel(
            "my_gateway/any", api_base=fake.url, retry=Retry(3, wait=0.0), limits=Limits(concurrency=64)
        )
        numbers = iter(range(calls))

        async def worker() -> None:
            nonlocal before
            for number in numbers:
                if number == calls // 10:
                    before = memory()
                ends[await end_of(lm, number)] += 1

        await asyncio.gather(*(worker() for _ in range(64)))
        fake.requests.clear()
        assert fake.injected > calls * 0.03
        assert len(fake.connections) >= 1
    assert lm.usage.calls == calls
    return ends, memory() - before


async def end_of(lm: LanguageModel, number: int) -> str:
    try:
        answer: Any = await lm(f"Say number-{number}.", SCHEMA)
    except LanguageModelError as error:
        return type(error).__name__
    assert answer == {"echo": f"number-{number}"}, json.dumps(answer)
    return "answer"


async def test_every_call_ends_in_its_own_answer_or_a_typed_error() -> None:
    ends, _ = await soak(600)
    assert sum(ends.values()) == 600
    assert ends["answer"] > 570


@pytest.mark.slow
async def test_twenty_thousand_calls_lose_nothing_and_leak_nothing() -> None:
    ends, grown = await soak(20_000)
    assert sum(ends.values()) == 20_000
    assert ends["answer"] > 19_000
    assert grown < 20, f"{grown:.1f} MB"
