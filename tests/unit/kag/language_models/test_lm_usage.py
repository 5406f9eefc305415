"""Usage: counted in total, for each phase, and on spans."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

from fake_providers import FakeProvider, Fault

from kag.language_models import LanguageModel, Retry, current_phase, phase

ASK = [{"role": "user", "content": "Hello"}]


def model(fake: FakeProvider, **options: Any) -> LanguageModel:
    given = {"api_base": fake.url, "api_key": fake.key, "retry": Retry(2, wait=0.0), **options}
    return LanguageModel("openai/gpt-4o-mini", **given)


async def test_usage_is_counted_in_total_and_for_each_phase() -> None:
    async with FakeProvider() as fake:
        fake.faults.append(Fault("status", 500))
        lm = model(fake, price=(1.0, 2.0))
        await lm(ASK)
        with phase("reward"):
            await asyncio.gather(lm(ASK), lm(ASK))
            with phase("optimizer"):
                assert current_phase() == "optimizer"
                await lm(ASK)
        assert current_phase() == "inference"
    usage = lm.usage
    assert (usage.calls, usage.requests, usage.failures) == (4, 5, 0)
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (40, 20, 60)
    assert {name: part.calls for name, part in usage.phases.items()} == {
        "inference": 1,
        "reward": 2,
        "optimizer": 1,
    }
    assert sum(part.cost for part in usage.phases.values()) == usage.cost == lm.cumulated_cost > 0
    assert usage.latency > 0


async def test_usage_can_be_written_down() -> None:
    async with FakeProvider() as fake:
        lm = model(fake)
        await lm(ASK)
    found = lm.usage.get_json()
    assert found["calls"] == found["phases"]["inference"]["calls"] == 1
    assert found["completion_tokens"] == 5


async def test_a_stream_counts_its_time_to_the_first_piece() -> None:
    async with FakeProvider() as fake:
        lm = model(fake)
        [piece async for piece in await lm(ASK, streaming=True)]
    assert lm.usage.streams == lm.usage.calls == 1
    assert 0 < lm.usage.first_token <= lm.usage.latency


SPANS = """
import asyncio, sys
sys.path[:0] = sys.argv[1:]
from opentelemetry import trace
from fake_providers import FakeProvider, Fault
from kag.language_models import LanguageModel

class Span(trace.NonRecordingSpan):
    def __init__(self, name, attributes):
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name, self.attributes = name, dict(attributes)
    def set_attribute(self, key, value):
        self.attributes[key] = value
    def end(self, end_time=None):
        print(self.name, sorted(self.attributes.items()))

class Tracer(trace.NoOpTracer):
    def start_span(self, name, context=None, kind=None, attributes=None, *args, **options):
        return Span(name, attributes)
    def start_as_current_span(self, name, **options):
        return trace.use_span(self.start_span(name, attributes=options["attributes"]), end_on_exit=True)

class Provider(trace.NoOpTracerProvider):
    def get_tracer(self, *args, **options):
        return Tracer()

trace.set_tracer_provider(Provider())

async def main():
    async with FakeProvider() as fake:
        lm = LanguageModel("openai/gpt-4o-mini", api_base=fake.url, api_key=fake.key, price=(1.0, 2.0))
        fake.faults.append(Fault("hang"))  # the first call spans the second, and must not count it
        first = asyncio.ensure_future(lm("Hello"))
        await fake.hanging.wait()
        await lm("Hello again")
        fake.release()
        await first
asyncio.run(main())
"""


def test_a_call_is_a_span_where_opentelemetry_is_in_use() -> None:
    paths = [path for path in sys.path if path]
    out = subprocess.check_output([sys.executable, "-c", SPANS, *paths], text=True)
    assert out.count("chat gpt-4o-mini") == 2
    for attribute in (
        "('gen_ai.usage.output_tokens', 5)",
        "('kag.requests', 1)",
        "('kag.cost', 2e-05)",
        "('kag.latency', 0.",
        "('gen_ai.usage.input_tokens', 10)",
        "('gen_ai.provider.name', 'openai')",
        "('kag.phase', 'inference')",
    ):
        assert out.count(attribute) == 2
