"""What every MCP tool keeps to; a new file in `mcp_server.tools` is held to it by itself."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp import Client
from mcp.types import Tool as ListedTool

from ingest import Pipeline
from kag import discover
from kag.knowledge_bases.base import Job
from kag.settings import Settings
from mcp_server import app, budget
from mcp_server.roots import Roots
from mcp_server.scope import Access

NAMES = discover.names(app.TOOLS)
WORDS = (
    "Curie",
    "Marie Curie",
    "polonium",
    "Where was she born?",
    "graph",
    "out",
    "Name",
    "a.md",
    "",
    "\x00",
    "‮x",
    "ent_",
)


@asynccontextmanager
async def client(store: Path, roots: list[Path], *, write: bool = True) -> AsyncIterator[Client]:
    """A client of the server, in this process."""
    chosen = Settings(store=str(store), embedding_model="wordllama", extractor="local")
    access = Access(("default",), write, Roots.of(roots))
    async with app.running(chosen) as running:
        server = app.build(app.same_for_all(running, access), app.tools(access))
        async with Client(server) as connected:
            yield connected


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for n in range(4):
        (folder / f"{n}.md").write_text(
            f"# Curie {n}\n\nMarie Curie was born in Warsaw. With Pierre Curie she found radium in 18{n}.\n"
            * 9,
            encoding="utf-8",
        )
    return folder


@dataclass(frozen=True)
class Filled:
    """A store with documents and a job, and ids that are in it."""

    folder: Path
    ids: tuple[str, ...]


@pytest.fixture(scope="module")
def filled(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    folder = tmp_path_factory.mktemp("store")
    failures = tuple({"item": f"{n}.md", "error": "No text in it. " * 9} for n in range(90))
    job = Job("job_" + "a" * 28, "default", "ingest", "partial", 90, 90, failures, "90 failed")

    async def fill() -> tuple[str, ...]:
        async with Settings(store=str(folder), embedding_model="wordllama").open_knowledge_base() as base:
            assert (await Pipeline(base).run(documents)).counts()["stored"] == 4
            await base.store.save_job(job)
            known = [*await base.store.page("entity", ()), *await base.store.page("chunk", ())]
            return (job.id, *(record.id for record in known[:5]))

    return Filled(folder, asyncio.run(fill()))


@pytest.fixture
async def listed(tmp_path: Path) -> dict[str, ListedTool]:
    async with client(tmp_path / "none", [tmp_path]) as connected:
        return {tool.name: tool for tool in (await connected.list_tools()).tools}


@pytest.mark.parametrize("name", NAMES)
def test_its_name_and_description_are_fit_for_a_model(name: str, listed: dict[str, ListedTool]) -> None:
    tool = listed[name]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert tool.title
    assert tool.description
    assert 40 <= len(tool.description) <= 300


@pytest.mark.parametrize("name", NAMES)
def test_its_arguments_are_flat_bounded_and_closed(name: str, listed: dict[str, ListedTool]) -> None:
    schema = listed[name].input_schema
    assert schema["additionalProperties"] is False
    for argument, rules in schema["properties"].items():
        assert rules.get("type") in ("string", "integer", "number", "boolean", "array"), argument
        if rules["type"] == "string":
            assert "maxLength" in rules or "enum" in rules, argument
        if rules["type"] in ("integer", "number"):
            assert {"minimum", "maximum"} <= rules.keys(), argument
        if rules["type"] == "array":
            assert rules["items"]["type"] == "string", argument
            assert {"minItems", "maxItems"} <= rules.keys(), argument


@pytest.mark.parametrize("name", NAMES)
def test_its_answer_has_a_schema_that_says_whether_it_was_cut(
    name: str, listed: dict[str, ListedTool]
) -> None:
    schema = listed[name].output_schema
    assert schema is not None
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["truncated"] == {"type": "boolean"}
    assert ("cursor" in listed[name].input_schema["properties"]) == ("next_cursor" in schema["properties"])


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_does_to_the_world(name: str, listed: dict[str, ListedTool]) -> None:
    hints = listed[name].annotations
    assert hints is not None
    assert None not in (
        hints.read_only_hint, hints.destructive_hint, hints.idempotent_hint, hints.open_world_hint
    )  # fmt: skip
    assert not (hints.read_only_hint and hints.destructive_hint)


async def test_a_read_only_server_has_no_tool_that_writes(tmp_path: Path) -> None:
    async with client(tmp_path / "none", [tmp_path], write=False) as connected:
        tools = (await connected.list_tools()).tools
        assert tools
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        assert (await connected.call_tool("ingest", {"paths": ["."]})).is_error


def test_the_whole_list_costs_less_than_3000_tokens(listed: dict[str, ListedTool]) -> None:
    wire = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.values()]
    cost = budget.tokens(json.dumps(wire, separators=(",", ":")))
    print(f"tools/list: {cost} tokens at most, for {len(wire)} tools")
    assert cost < 3000


@pytest.mark.parametrize("name", NAMES)
async def test_without_a_store_it_says_that_nothing_was_ingested_or_does_its_work(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "a.md").write_text("# A\n\nMarie Curie was born in Warsaw.\n")
    async with client(tmp_path / "none", [tmp_path]) as connected:
        tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
        arguments = {a: ["a.md"] if r["type"] == "array" else "x" for a, r in required(tools[name]).items()}
        result = await connected.call_tool(name, arguments)
        if result.is_error:
            assert "Nothing has been ingested yet" in text_of(result)


@pytest.mark.parametrize("name", NAMES)
async def test_an_unknown_argument_is_named_and_the_known_ones_are_listed(name: str, tmp_path: Path) -> None:
    async with client(tmp_path / "none", [tmp_path]) as connected:
        result = await connected.call_tool(name, {"top_k": 3})
        assert result.is_error
        assert "top_k" in text_of(result)
        tool = next(tool for tool in (await connected.list_tools()).tools if tool.name == name)
        for argument in tool.input_schema["properties"]:
            assert argument in text_of(result)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_whatever_it_is_given_it_answers_in_form_or_refuses_in_one_clear_line(
    name: str, data: st.DataObject, filled: Filled, documents: Path
) -> None:
    async with client(filled.folder, [documents]) as connected:
        tool = next(tool for tool in (await connected.list_tools()).tools if tool.name == name)
        arguments = data.draw(arguments_of(tool, filled.ids))
        result = await connected.call_tool(name, arguments)
    text = text_of(result)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    if result.is_error:
        assert text
        assert "\n" not in text
        assert "Traceback" not in text
        assert "unexpectedly" not in text
        return
    jsonschema.validate(result.structured_content, tool.output_schema or {})
    most = arguments.get("max_tokens", budget.DEFAULT)
    assert budget.tokens(text) <= most
    assert budget.tokens(json.dumps(result.structured_content, ensure_ascii=False)) <= most


def required(tool: ListedTool) -> dict[str, Any]:
    return {name: tool.input_schema["properties"][name] for name in tool.input_schema["required"]}


def arguments_of(tool: ListedTool, ids: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments with all that must be there, and some of what may."""
    every = {name: values(rules, ids) for name, rules in tool.input_schema["properties"].items()}
    must = {name: every.pop(name) for name in required(tool)}
    return st.fixed_dictionaries(must, optional=every)


def values(rules: dict[str, Any], ids: tuple[str, ...]) -> st.SearchStrategy[Any]:
    """Mostly values that fit a schema, at its bounds too, and now and then one that does not."""
    kind, anything = rules["type"], st.none() | st.booleans() | st.text(max_size=20) | st.lists(st.integers())
    if "enum" in rules:
        fitting: st.SearchStrategy[Any] = st.sampled_from(rules["enum"])
    elif kind == "string":
        fitting = (
            st.sampled_from(WORDS) | st.sampled_from(ids) | st.text(st.characters(codec="utf-8"), max_size=60)
        )
    elif kind == "array":
        fitting = st.lists(st.sampled_from(["0.md", ".", "../x", "/etc", "1.md"]), min_size=1, max_size=3)
    elif kind == "integer":
        fitting = st.integers(rules["minimum"] - 1, rules["maximum"] + 1)
    else:
        fitting = st.floats(-1, 0.1)
    return fitting | fitting | fitting | anything


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)
