"""The example of an agent runs: over the graph, another MCP server and a function."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fake_providers import FakeProvider

import kag.saving
from ingest import Pipeline
from kag.agents.tool import Tool
from kag.settings import Settings
from kag.testing import ScriptedLanguageModel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUESTION = "Who directed the ESPCI?"


@pytest.fixture
async def store(tmp_path: Path) -> str:
    """The example documents, ingested."""
    folder = str(tmp_path / ".kag")
    settings = Settings(store=folder, embedding_model="wordllama", extractor="local")
    async with settings.open_knowledge_base() as opened:
        await Pipeline(opened).run(EXAMPLES / "documents")
    return folder


@pytest.fixture(scope="module")
def example() -> ModuleType:
    """The example as a module."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        return importlib.import_module("agent")
    finally:
        sys.path.remove(str(EXAMPLES))


async def test_it_answers_from_the_graph_another_server_and_a_function(
    store: str, example: ModuleType
) -> None:
    wanted = [
        ("search_graph", {"query": QUESTION}),
        ("math_add", {"a": 2, "b": 3}),
        ("calculate", {"expression": "(1 + 2) * 3"}),
    ]
    calls = [{"id": name, "name": name, "arguments": arguments} for name, arguments in wanted]
    lm = ScriptedLanguageModel([{"tool_calls": calls}, "Enough.", {"answer": "Paul Langevin."}])
    lines = await example.main(store, lm, QUESTION)
    assert lines == ["Paul Langevin.", *(f"  {name}({arguments})" for name, arguments in wanted)]
    results = {m["name"]: json.loads(m["content"]) for m in lm.calls[1].messages if m["role"] == "tool"}
    assert "ESPCI" in results["search_graph"]["passages"][0]["text"]
    assert results["math_add"] == {"result": 5}
    assert results["calculate"] == {"result": 9, "log": "Success"}


async def test_its_command_takes_any_server_with_openai_s_api(store: str) -> None:
    async with FakeProvider("openai") as fake:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLES / "agent.py"),
            "openai/gpt-4o-mini",
            QUESTION,
            *("--store", store),
            env={**os.environ, "OPENAI_BASE_URL": fake.url, "OPENAI_API_KEY": fake.key},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
    assert process.returncode == 0, complained.decode()
    answer, call = said.decode().splitlines()
    assert answer
    assert call.startswith("  search_graph(")
    offered = {tool["function"]["name"] for tool in fake.requests[0]["tools"]}
    assert {"search_graph", "query_graph", "math_add", "math_mean", "calculate"} <= offered


@pytest.mark.parametrize(
    ("expression", "result"), [("2 + 2", 4.0), ("-(3 - 5) * 2.5", 5.0), ("7", 7), ("1e3 / 4", 250.0)]
)
async def test_arithmetic_is_calculated(expression: str, result: float, example: ModuleType) -> None:
    assert (await Tool(example.calculate)(expression=expression)).get("result") == result


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('true')",
        "9 ** 9 ** 9 ** 9",
        "(lambda: 1)()",
        "[1 for _ in range(10)]",
        "x",
        "'a' * 1000000",
        "1 / 0",
        "1 +",
        "",
        "(" * 300,
        "(" * 90 + "1" + ")" * 90 + " + y",
        "-" * 199 + "z",
        "1e308 * 1e308",
    ],
)
async def test_anything_else_is_told_to_the_model_as_an_error(expression: str, example: ModuleType) -> None:
    outcome = await Tool(example.calculate).run({"expression": expression})
    assert outcome.error == "failed"
    assert outcome.text.startswith("failed: ")


async def test_its_tool_can_be_saved(example: ModuleType) -> None:
    saved: Any = kag.saving.serialize_kag_object(Tool(example.calculate))
    assert (await kag.saving.deserialize_kag_object(saved)(expression="2 + 3")).get("result") == 5
