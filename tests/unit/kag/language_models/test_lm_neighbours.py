"""A model beside other libraries: litellm stays off the network, keys out of files, spans reach the SDK."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake_providers import FakeProvider

from kag.language_models import LanguageModel
from kag.saving import deserialize_kag_object, serialize_kag_object

# Prints each name that is looked up and each address that is connected to, but for this machine's own.
WATCH = """
import asyncio, sys
touched = []

def watch(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in ("127.0.0.1", "localhost"):
        touched.append(str(arguments[0]))
    if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "localhost"):
        touched.append(str(arguments[1][0]))

sys.addaudithook(watch)
sys.path[:0] = sys.argv[1:]
"""
REGISTER = """
import litellm
litellm.register_model({"openai/my-own": {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6,
    "litellm_provider": "openai", "mode": "chat", "supports_response_schema": True}})
"""
CALL = """
from fake_providers import FakeProvider
from kag.language_models import LanguageModel

async def main(model, flavour):
    async with FakeProvider(flavour) as fake:
        lm = LanguageModel(model, api_base=fake.url, api_key=fake.key)
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]}
        print((await lm("Hello", schema))["answer"], lm.cumulated_cost)
"""


def run(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a process of its own where nothing can reach the network but through a dead proxy."""
    paths = [path for path in sys.path if path]
    dropped = ("LITELLM_LOCAL_MODEL_COST_MAP",)
    kept = {
        key: value for key, value in os.environ.items() if key not in dropped and "proxy" not in key.lower()
    }
    dead = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [sys.executable, "-c", code, *paths],
        env={**kept, **dead, **variables},
        capture_output=True,
        text=True,
    )


def test_litellm_as_we_import_it_never_touches_the_network() -> None:
    code = "asyncio.run(main('anthropic/claude-sonnet-4-5', 'anthropic')); print(touched)"
    embed = """
from kag.embedding_models import EmbeddingModel
try:
    asyncio.run(EmbeddingModel("voyage/any", retry=0).embed(["a"]))
except Exception as error:
    print(type(error).__name__)
import os
print(os.environ["LITELLM_LOCAL_MODEL_COST_MAP"])
"""
    done = run(WATCH + CALL + code)
    assert done.stdout.splitlines() == ["Paris 0.0", "[]"], done.stderr
    assert "Failed to fetch" not in done.stderr
    done = run(WATCH + embed)
    assert done.stdout.splitlines() == ["EmbeddingModelError", "True"], done.stderr
    assert "Failed to fetch" not in done.stderr


def test_a_users_own_registration_works_after_a_call_of_ours_without_network() -> None:
    ours = "asyncio.run(main('anthropic/claude-sonnet-4-5', 'anthropic'))\n"
    done = run(
        WATCH + CALL + ours + REGISTER + "asyncio.run(main('openai/my-own', 'openai')); print(touched)"
    )
    assert done.stdout.splitlines() == ["Paris 0.0", "Paris 0.0", "[]"], done.stderr


@pytest.mark.slow
def test_a_users_own_registration_works_before_any_call_of_ours_without_network() -> None:
    """The user's own import looks for a newer price list, which a dead proxy refuses, and goes on."""
    done = run(WATCH + REGISTER + CALL + "asyncio.run(main('openai/my-own', 'openai'))")
    assert (done.returncode, done.stdout) == (0, "Paris 0.0\n"), done.stderr


def test_a_model_is_saved_and_loaded_without_its_key() -> None:
    key = "sk-very-secret-0123456789"
    lm = LanguageModel(
        "openrouter/some/model",
        api_key=key,
        temperature=0.2,
        price=(0.1, 0.2),
        fallback=LanguageModel("groq/other", api_key=key),
        provider={"only": ["DeepInfra"]},
    )
    text = json.dumps(serialize_kag_object(lm))
    assert "very-secret" not in text
    twin = deserialize_kag_object(json.loads(text))
    assert isinstance(twin, LanguageModel)
    assert twin.get_config() == lm.get_config()
    assert [other.model for other in twin.fallback] == ["groq/other"]


OBSERVED = """
import kag
kag.enable_observability()
asyncio.run(main('openai/gpt-4o-mini', 'openai'))
"""


def test_a_call_with_observability_works_whether_the_sdk_is_there_or_not() -> None:
    done = run(WATCH + CALL + OBSERVED)
    assert (done.returncode, done.stdout) == (0, "Paris 0.0\n"), done.stderr


def test_a_call_gives_the_sdk_a_span_with_tokens_cost_and_latency() -> None:
    try:
        found = importlib.util.find_spec("opentelemetry.sdk.trace")
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip('opentelemetry-sdk is not installed: pip install "kag-server[otel]"')
    set_up = """
import json
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
kept = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(kept))
trace.set_tracer_provider(provider)
"""
    tell = "print(json.dumps([[span.name, dict(span.attributes)] for span in kept.get_finished_spans()]))"
    done = run(WATCH + CALL + set_up + OBSERVED + tell)
    assert done.returncode == 0, done.stderr
    ((name, attributes),) = json.loads(done.stdout.splitlines()[-1])
    assert name == "chat gpt-4o-mini"
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["gen_ai.usage.output_tokens"] == 5
    assert attributes["kag.cost"] == 0.0
    assert attributes["kag.latency"] > 0


def test_saving_and_spans_work_after_a_users_own_registration_without_network(tmp_path: Path) -> None:
    """All three in one process; litellm is told not to look for a newer price list, so that it is quick."""
    path = str(tmp_path / "p.json")
    code = f"""
from kag.data_models.data_model import DataModel
from kag.language_models import LanguageModel
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.observability import enable_observability
from kag.program import Program
from fake_providers import FakeProvider
import litellm

class Query(DataModel):
    query: str

class Answer(DataModel):
    answer: str

import os

async def main():
    enable_observability()
    async with FakeProvider("openai") as fake:
        os.environ["OPENAI_BASE_URL"] = fake.url
        lm = LanguageModel("openai/my-own", api_key=fake.key)
        inputs = Input(data_model=Query)
        program = Program(inputs=inputs, outputs=await Generator(Answer, lm)(inputs))
        program.save({path!r})
        program = Program.load({path!r})
        print((await program(Query(query="?"))).get("answer"), fake.key in program.to_json())
    print(litellm.model_cost["openai/my-own"]["mode"], touched)

asyncio.run(main())
"""
    variables = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "OPENAI_API_KEY": FakeProvider.key,
    }
    done = run(WATCH + REGISTER + code, **variables)
    assert done.stdout.splitlines() == ["Paris False", "chat []"], done.stderr
    assert (done.returncode, done.stderr) == (0, "")
