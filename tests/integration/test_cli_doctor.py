"""`kag doctor` and `kag cache` as a user runs them, against fake providers and with nothing set up."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fake_embeddings import FakeEmbeddings
from fake_providers import FakeProvider, Fault
from kag_process import kag, kag_json

from kag.language_models import LanguageModel
from kag.language_models._told import back_ends, context_length
from kag.language_models.base import Endpoint

ENDPOINTS = {
    "data": {
        "id": "meta-llama/llama-3.1-8b-instruct",
        "endpoints": [
            {
                "provider_name": "Dear",
                "context_length": 131072,
                "pricing": {"prompt": "0.0000002", "completion": "0.0000004"},
                "quantization": "unknown",
                "supported_parameters": ["tools", "temperature"],
                "uptime_last_30m": None,
            },
            {
                "provider_name": "DeepInfra [red]",
                "context_length": 16384,
                "pricing": {"prompt": "0.00000002", "completion": "0.00000003"},
                "quantization": "fp8",
                "supported_parameters": ["structured_outputs", "response_format"],
                "uptime_last_30m": 99.87,
            },
        ],
    }
}


async def doctor(*arguments: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `kag doctor` while the fake provider of this process answers."""
    return await asyncio.to_thread(lambda: kag("doctor", *arguments, cwd=cwd, **variables))


async def examined(*arguments: str | Path, cwd: Path, code: int = 0, **variables: str) -> Any:
    done = await doctor(*arguments, "--json", cwd=cwd, **variables)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def test_with_nothing_set_up_it_says_so_and_that_is_no_failure(tmp_path: Path) -> None:
    found = kag_json("doctor", cwd=tmp_path)
    assert found["ok"] is True
    assert found["language_model"]["status"] == found["store"]["status"] == "not set up"
    assert (found["embedding_model"]["status"], found["embedding_model"]["dimensions"]) == ("ok", 256)
    assert not (tmp_path / ".kag").exists()  # looking makes nothing
    shown = kag("doctor", cwd=tmp_path)
    assert shown.returncode == 0
    assert "KAG_MODEL" in shown.stdout
    assert "kag ingest" in shown.stdout


async def test_each_mode_of_the_model_is_tried_with_each_schema(tmp_path: Path) -> None:
    async with FakeProvider("llama_cpp") as fake:
        fake.told["/models"] = {"data": [{"id": "any", "meta": {"n_ctx": 4096}}]}
        found = await examined("--model", "llama_cpp/any", "--api-base", fake.url, cwd=tmp_path)
    model = found["language_model"]
    assert (found["ok"], model["status"], model["local"], model["context_length"]) == (True, "ok", True, 4096)
    assert [(mode["mode"], mode["valid"], mode["asked"]) for mode in model["modes"]] == [
        (mode, 5, 5) for mode in ("json_schema", "llama", "json_object", "tool", "prompt")
    ]
    assert model["requests"] == len(fake.requests) == 26
    assert model["tokens_per_second"] > 0
    assert model["cost"] == 0.0


async def test_a_mode_that_the_server_refuses_is_shown_with_the_reason(tmp_path: Path) -> None:
    async with FakeProvider("lm_studio") as fake:
        arguments = ("--model", "lm_studio/granite", "--api-base", fake.url)
        found = await examined(*arguments, cwd=tmp_path)
        shown = await doctor(*arguments, cwd=tmp_path, COLUMNS="150")
    modes = {mode["mode"]: mode for mode in found["language_model"]["modes"]}
    assert (modes["json_schema"]["valid"], modes["json_object"]["valid"]) == (5, 0)
    assert "must be 'json_schema' or 'text'" in modes["json_object"]["reason"]
    assert found["language_model"]["context_length"] is None
    assert "0 of 5" in shown.stdout
    assert "the server does not tell" in shown.stdout


async def test_bounds_that_a_server_cannot_hold_are_left_out_and_the_mode_works(tmp_path: Path) -> None:
    async with FakeProvider("vllm_without_lengths") as fake:
        fake.told["/models"] = {"data": [{"id": "qwen", "max_model_len": 32768}]}
        found = await examined("--model", "hosted_vllm/qwen", "--api-base", fake.url, cwd=tmp_path)
    assert found["language_model"]["modes"][0] == {
        **found["language_model"]["modes"][0], "mode": "json_schema", "valid": 5, "reason": "",
    }  # fmt: skip
    assert found["language_model"]["context_length"] == 32768


async def test_strict_mode_is_tried_where_a_provider_has_it(tmp_path: Path) -> None:
    async with FakeProvider("openrouter") as fake:
        model = ("--model", "openrouter/any/model", "--api-base", fake.url)
        found = await examined(*model, cwd=tmp_path, KAG_API_KEY=fake.key)
    modes = {mode["mode"]: mode["valid"] for mode in found["language_model"]["modes"]}
    assert modes == {"strict": 5, "json_schema": 5, "tool": 5, "json_object": 5, "prompt": 5}


@pytest.mark.parametrize("as_json", [True, False])
async def test_a_wrong_key_fails_and_is_not_shown(tmp_path: Path, as_json: bool) -> None:
    secret = "sk-very-secret-0123456789"
    async with FakeProvider("openai") as fake:
        model = ("--model", "openai/gpt-4o-mini", "--api-base", fake.url, *(["--json"] if as_json else []))
        done = await doctor(*model, cwd=tmp_path, KAG_API_KEY=secret)
    assert done.returncode == 1
    assert "key" in done.stdout
    assert "very-secret" not in done.stdout + done.stderr
    assert len(fake.requests) == 1


async def test_a_server_that_is_not_there_fails_and_the_rest_is_examined(tmp_path: Path) -> None:
    found = await examined(
        "--model", "openai/local", "--api-base", "http://127.0.0.1:9/v1", cwd=tmp_path, code=1
    )
    assert found["ok"] is False
    assert found["language_model"]["reachable"] is False
    assert "api_base" in found["language_model"]["error"]
    assert found["embedding_model"]["status"] == "ok"


async def test_a_model_that_never_fits_a_schema_fails(tmp_path: Path) -> None:
    async with FakeProvider("no_forms") as fake:
        fake.fixed = "I would rather talk."
        arguments = ("--model", "my_gateway/any", "--api-base", fake.url)
        found = await examined(*arguments, cwd=tmp_path, code=1)
    assert found["language_model"]["reachable"] is True
    assert all(mode["valid"] == 0 and mode["reason"] for mode in found["language_model"]["modes"])


async def test_a_server_that_was_too_busy_once_is_asked_again(tmp_path: Path) -> None:
    async with FakeProvider("ollama") as fake:
        fake.faults.extend([None, Fault("status", 429, {"Retry-After": "0"})])
        found = await examined("--model", "ollama/mistral", "--api-base", fake.url, cwd=tmp_path)
    assert found["language_model"]["modes"][0]["valid"] == 5


def test_a_store_is_counted_searched_and_compared_with_the_embedding_model(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nMarie Curie was born in Warsaw.\n", encoding="utf-8")
    kag_json("ingest", "note.md", cwd=tmp_path)
    store = kag_json("doctor", cwd=tmp_path)["store"]
    assert (store["status"], store["documents"], store["vectors_match"]) == ("ok", 1, True)
    assert store["word_search_ms"] >= 0
    with FakeEmbeddings() as fake:
        other = {"KAG_EMBEDDING_MODEL": "openai/tiny", "KAG_EMBEDDING_API_BASE": fake.url}
        done = kag("doctor", "--json", cwd=tmp_path, KAG_EMBEDDING_API_KEY=fake.key, **other)
    found = json.loads(done.stdout)
    assert done.returncode == 1
    assert (found["embedding_model"]["status"], found["embedding_model"]["dimensions"]) == ("ok", 16)
    assert (found["store"]["status"], found["store"]["vectors_match"]) == ("failed", False)
    assert "reembed" in found["store"]["error"]


def test_a_store_that_is_named_and_missing_or_damaged_fails(tmp_path: Path) -> None:
    assert kag("doctor", "--store", "nowhere", cwd=tmp_path).returncode == 1
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "kag.db").write_bytes(b"no database at all" * 100)
    done = kag("doctor", "--store", "damaged", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert json.loads(done.stdout)["store"]["status"] == "failed"


def test_an_embedding_model_that_cannot_be_had_fails(tmp_path: Path) -> None:
    done = kag("doctor", "--embedding-folder", "nowhere", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere" in json.loads(done.stdout)["embedding_model"]["error"]


async def test_the_back_ends_of_a_model_are_listed_the_cheapest_first(tmp_path: Path) -> None:
    secret = "sk-or-very-secret-0123456789"
    async with FakeProvider("openrouter") as fake:
        fake.told["/models/meta-llama/llama-3.1-8b-instruct/endpoints"] = ENDPOINTS
        arguments = ("--provider", "openrouter", "meta-llama/llama-3.1-8b-instruct", "--api-base", fake.url)
        found = await examined(*arguments, cwd=tmp_path, OPENROUTER_API_KEY=secret)
        shown = await doctor(*arguments, cwd=tmp_path, OPENROUTER_API_KEY=secret)
    assert [one["name"] for one in found["back_ends"]] == ["DeepInfra [red]", "Dear"]
    assert found["back_ends"][0]["prompt"] == pytest.approx(0.02)
    assert (found["back_ends"][0]["structured"], found["back_ends"][1]["structured"]) == (True, False)
    assert shown.returncode == 0
    assert "DeepInfra [red]" in shown.stdout
    assert "very-secret" not in shown.stdout + shown.stderr


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {
            "pricing": "free",
            "supported_parameters": "tools",
            "context_length": "long",
            "uptime_last_30m": "x",
        },
        {"pricing": {"prompt": "-1", "completion": "NaN"}, "supported_parameters": 7, "provider_name": 5},
        {"pricing": {"prompt": "Infinity", "completion": None}, "quantization": None},
    ],
)
async def test_whatever_a_server_tells_about_back_ends_is_read_as_far_as_it_goes(
    entry: dict[str, Any],
) -> None:
    async with FakeProvider("openrouter") as fake:
        fake.told["/models/a/b/endpoints"] = {"data": {"endpoints": [entry, "nonsense"]}}
        (found,) = await back_ends("openrouter/a/b", api_base=fake.url)
    assert (found.prompt, found.completion, found.structured, found.tools) == (None, None, False, False)


@pytest.mark.parametrize(
    "told", [{}, {"data": 5}, {"data": ["any"]}, {"data": [{"id": "any", "meta": "x", "n_ctx": "7"}]}]
)
async def test_a_context_length_that_cannot_be_read_is_not_known(told: dict[str, Any]) -> None:
    async with FakeProvider("llama_cpp") as fake:
        fake.told["/models"] = told
        assert await context_length(Endpoint("llama_cpp", "llama_cpp/any", "any", fake.url)) is None


@pytest.mark.parametrize("model", ["no/such-model", "nobody", "../..", "a/b/c", "a/b?x=1"])
async def test_a_model_that_openrouter_does_not_have_is_an_error(tmp_path: Path, model: str) -> None:
    async with FakeProvider("openrouter") as fake:
        done = await doctor("--provider", "openrouter", model, "--api-base", fake.url, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert model in done.stderr


@pytest.mark.parametrize("arguments", [("--provider", "groq", "a/b"), ("--provider", "openrouter"), ("a/b",)])
async def test_what_cannot_be_listed_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = await doctor(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "--provider openrouter" in done.stderr


async def test_kept_answers_are_counted_and_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "answers.db"
    async with FakeProvider("ollama") as fake:
        lm = LanguageModel("ollama/mistral", api_base=fake.url, cache=file, temperature=0)
        for question in ("one?", "two?"):
            await lm([{"role": "user", "content": question}])
    counted = kag_json("cache", "stats", "--file", file, cwd=tmp_path)
    assert (counted["answers"], counted["models"]) == (2, {"ollama/mistral": 2})
    assert kag("cache", "clear", "--file", file, cwd=tmp_path).returncode == 1  # nobody said yes
    assert kag_json("cache", "stats", "--file", file, cwd=tmp_path)["answers"] == 2
    assert kag_json("cache", "clear", "--yes", "--file", file, cwd=tmp_path)["forgotten"] == 2
    assert kag_json("cache", "stats", "--file", file, cwd=tmp_path)["answers"] == 0


def test_a_cache_that_is_not_there_is_empty_and_is_not_made(tmp_path: Path) -> None:
    counted = kag_json("cache", "stats", cwd=tmp_path, HOME=str(tmp_path))
    assert (counted["answers"], counted["bytes"]) == (0, 0)
    assert kag_json("cache", "clear", cwd=tmp_path, HOME=str(tmp_path))["forgotten"] == 0
    assert not (tmp_path / ".cache").exists()


def test_a_file_that_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database at all " * 100, encoding="utf-8")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE answers (question TEXT)")
    other.close()
    for name in ("text.db", "other.db"):
        done = kag("cache", "stats", "--file", name, cwd=tmp_path)
        assert done.returncode == 2
        assert name in done.stderr
