from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kag.errors import ConfigurationError
from kag.observability import enable_logging

ROOT = Path(__file__).resolve().parents[3]

PROGRAM = """
import asyncio
from kag.data_models.data_model import DataModel
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.observability import enable_logging, enable_observability
from kag.program import Program
from kag.testing import ScriptedLanguageModel

class Query(DataModel):
    query: str

class Answer(DataModel):
    answer: str

async def run(answers=None):
    inputs = Input(data_model=Query)
    outputs = await Generator(Answer, ScriptedLanguageModel(answers), name="writer")(inputs)
    return await Program(inputs=inputs, outputs=outputs, name="qa")(Query(query="top secret"))
"""

# A provider of one's own, as an application may have: it prints each span when it ends.
PROVIDER = """
import json
from contextlib import contextmanager
from opentelemetry import trace

class Span(trace.NonRecordingSpan):
    def __init__(self, name, parent, attributes):
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name, self.parent, self.attributes, self.errors = name, parent, dict(attributes or {}), []

    def is_recording(self):
        return True

    def set_attribute(self, key, value):
        self.attributes[key] = value

    def record_exception(self, exception, *args, **kwargs):
        self.errors.append(type(exception).__name__)

    def end(self, *args, **kwargs):
        print(json.dumps([self.name, self.parent, self.attributes, self.errors]))

class Tracer(trace.NoOpTracer):
    def start_span(self, name, context=None, kind=None, attributes=None, **kwargs):
        return Span(name, getattr(trace.get_current_span(), "name", None), attributes)

    @contextmanager
    def start_as_current_span(self, name, context=None, attributes=None, **kwargs):
        with trace.use_span(self.start_span(name, attributes=attributes), end_on_exit=True) as span:
            yield span

class Provider(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return Tracer()

trace.set_tracer_provider(Provider())
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own, since what is enabled holds for a whole process."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    env = {**kept, "PYTHONPATH": paths, **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], env=env, capture_output=True, text=True, check=False
    )


def spans_of(done: subprocess.CompletedProcess[str]) -> list[list[Any]]:
    """Name, parent's name, attributes and errors of each span, in the order in which they ended."""
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_each_call_is_logged_once_however_often_logging_is_enabled() -> None:
    done = run(PROGRAM + "enable_logging(); enable_logging('debug'); asyncio.run(run([{'answer': 'Paris'}]))")
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "DEBUG kag: qa/writer gave (answer) in" in lines[0]
    assert "DEBUG kag: qa gave (answer) in" in lines[1]
    assert "Paris" not in done.stderr
    assert "secret" not in done.stderr


def test_a_failing_call_is_logged_as_failed() -> None:
    failing = "try:\n    asyncio.run(run([]))\nexcept Exception as error:\n    print(type(error).__name__)"
    done = run(PROGRAM + "enable_logging()\n" + failing)
    assert done.stdout == "ProviderError\n"
    assert "qa/writer failed in" in done.stderr


def test_a_higher_level_says_nothing_about_calls() -> None:
    done = run(PROGRAM + "enable_logging('debug'); enable_logging('info'); asyncio.run(run())")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("level", ["loud", "", None, -1, True, 1.5])
def test_an_unknown_level_is_refused(level: object) -> None:
    with pytest.raises(ConfigurationError, match="use one of: debug, info"):
        enable_logging(level)  # type: ignore[arg-type]


def test_spans_nest_as_the_calls_do_in_the_providers_of_the_application() -> None:
    code = "enable_observability(); enable_observability(); asyncio.run(run())"
    done = run(PROVIDER + PROGRAM + code)
    spans = spans_of(done)
    assert [span[:2] for span in spans] == [["Generator writer", "Program qa"], ["Program qa", None]]
    assert spans[0][2] == {
        "kag.module.path": "qa/writer",
        "kag.module.class": "Generator",
        "kag.training": False,
        "kag.outputs": ["answer"],
    }
    assert "secret" not in done.stdout


def test_a_model_call_is_a_span_with_tokens_and_cost_inside_its_module() -> None:
    code = """
from aiohttp import web
from kag.language_models import LanguageModel

async def answer(request):
    message = {"role": "assistant", "content": '{"answer": "Paris"}'}
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    return web.json_response({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})

async def main():
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/v1"
    lm = LanguageModel("openai/x", api_base=url, api_key="k", price=(1.0, 2.0))
    await Generator(Answer, lm, name="writer")(Query(query="x"))
    await runner.cleanup()

enable_observability()
asyncio.run(main())
"""
    done = run(PROVIDER + PROGRAM + code)
    spans = spans_of(done)
    assert [span[:2] for span in spans] == [["chat x", "Generator writer"], ["Generator writer", None]]
    attributes = spans[0][2]
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["gen_ai.usage.output_tokens"] == 5
    assert attributes["kag.cost"] == pytest.approx(20e-6)


def test_an_error_is_on_the_spans() -> None:
    code = "enable_observability()\ntry:\n    asyncio.run(run([]))\nexcept Exception:\n    pass"
    done = run(PROVIDER + PROGRAM + code)
    spans = spans_of(done)
    assert [span[3] for span in spans] == [["ProviderError"], ["ProviderError"]]


def test_without_an_address_nothing_is_exported_and_programs_run() -> None:
    done = run(PROGRAM + "enable_logging('info'); enable_observability(); asyncio.run(run()); print('ok')")
    assert done.stdout == "ok\n"
    assert done.stderr.count("\n") == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in done.stderr


@pytest.mark.parametrize("variables", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_what_is_switched_off_stays_off(variables: dict[str, str]) -> None:
    code = PROGRAM + "enable_observability(); asyncio.run(run()); print('ok')"
    done = run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **variables)
    assert (done.stdout, done.stderr) == ("ok\n", "")


def test_an_address_where_nobody_is_costs_one_hint_and_no_error() -> None:
    """With the SDK nobody takes the spans, without it nobody sends them: the program runs in both cases."""
    code = PROGRAM + "enable_logging('info'); enable_observability(); asyncio.run(run()); print('ok')"
    done = run(code, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert done.stderr.count("\n") == 1
    assert "export" in done.stderr


def test_an_exporter_that_does_not_exist_is_refused() -> None:
    code = PROGRAM + "enable_observability()"
    done = run(code, OTEL_TRACES_EXPORTER="zipkin")
    assert "ConfigurationError: OTEL_TRACES_EXPORTER has 'zipkin'" in done.stderr


def test_nothing_of_opentelemetry_is_loaded_unless_it_is_enabled() -> None:
    loaded = "import sys; print([name for name in sys.modules if 'telemetry.' in name])"
    assert run(PROGRAM + "asyncio.run(run()); enable_logging()\n" + loaded).stdout == "[]\n"
