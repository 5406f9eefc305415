"""Agents over an ingested folder: with the graph's tools in this process, and over our own MCP server."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from kag_process import KAG
from mcp_process import environment, three_documents

import kag.saving
from ingest import Pipeline
from kag.agents.function_calling_agent import FunctionCallingAgent
from kag.agents.graph_tools import graph_tools
from kag.agents.mcp_client import MultiServerMCPClient
from kag.agents.tool import Outcome, Tool
from kag.data_models.common import Question
from kag.data_models.data_model import DataModel
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.settings import Settings
from kag.testing import ScriptedLanguageModel
from programs.agent import KnownSources
from programs.agent import agent as graph_agent

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "documents"


class Query(DataModel):
    query: str


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[KnowledgeBase]:
    """The example documents, ingested."""
    settings = Settings(store=str(tmp_path / "store"), embedding_model="wordllama", extractor="local")
    async with settings.open_knowledge_base() as opened:
        report = await Pipeline(opened).run(EXAMPLES)
        assert report.counts()["stored"] > 10
        yield opened


def by_name(base: KnowledgeBase) -> dict[str, Tool]:
    return {tool.name: tool for tool in graph_tools(base)}


async def given(outcome: Outcome) -> dict[str, Any]:
    assert outcome.error == "", outcome.text
    json.loads(json.dumps(outcome.value))
    return outcome.value


async def test_the_graph_s_tools_find_follow_join_and_count(base: KnowledgeBase) -> None:
    tools = by_name(base)
    assert list(tools) == ["search_graph", "find_entities", "get_neighbors", "find_paths", "query_graph"]
    found = await given(await tools["search_graph"].run({"query": "Who discovered polonium?", "k": 3}))
    assert len(found["passages"]) == 3
    assert "olonium" in found["passages"][0]["text"]
    assert found["passages"][0]["provenance"][0]["chunk_id"] == found["passages"][0]["id"]

    entities = (await given(await tools["find_entities"].run({"query": "Marie Curie"})))["entities"]
    assert "Marie Curie" in (entities[0]["name"], *entities[0]["aliases"])
    around = await given(await tools["get_neighbors"].run({"entity": entities[0]["id"], "k": 5}))
    assert around["entity"]["id"] == entities[0]["id"]
    assert 0 < len(around["facts"]) <= 5
    for fact in around["facts"]:
        assert entities[0]["id"] in (fact["subj"]["id"], fact["obj"]["id"])
        assert fact["provenance"][0]["quote"]

    other = around["facts"][0]["obj"]["id"]
    other = around["facts"][0]["subj"]["id"] if other == entities[0]["id"] else other
    ways = await given(await tools["find_paths"].run({"source": "Marie Curie", "target": other}))
    assert ways["paths"][0]["facts"][0]["provenance"]
    assert {entity["id"] for entity in ways["paths"][0]["entities"]} == {entities[0]["id"], other}

    counted = await given(
        await tools["query_graph"].run({"statement": "SELECT count(*) AS n FROM documents"})
    )
    assert counted["columns"] == ["n"]
    assert counted["rows"][0][0] > 10


async def test_directions_and_hops_are_kept(base: KnowledgeBase) -> None:
    tools = by_name(base)
    everything = await given(await tools["get_neighbors"].run({"entity": "Marie Curie", "hops": 2, "k": 50}))
    assert everything["truncated"] is True
    assert len(json.dumps(everything, ensure_ascii=False)) < 20_000
    centre = everything["entity"]["id"]
    for direction, end in (("out", "subj"), ("in", "obj")):
        arguments = {"entity": centre, "direction": direction, "k": 50}
        facts = (await given(await tools["get_neighbors"].run(arguments)))["facts"]
        assert all(fact[end]["id"] == centre for fact in facts)
    scores = [fact["score"] for fact in everything["facts"]]
    assert scores == sorted(scores, reverse=True)
    near = {fact["id"] for fact in everything["facts"] if fact["score"] == 1}
    assert all(
        (centre in (fact["subj"]["id"], fact["obj"]["id"])) == (fact["id"] in near)
        for fact in everything["facts"]
    )


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        ("get_neighbors", {"entity": "Zaphod Beeblebrox"}, "no entity"),
        ("get_neighbors", {"entity": "ent_" + "0" * 24}, "no entity"),
        ("get_neighbors", {"entity": "Marie Curie", "hops": 9}, "hops"),
        ("find_paths", {"source": "Marie Curie", "target": "Nobody At All"}, "no entity"),
        ("search_graph", {"query": " "}, "empty"),
        ("search_graph", {"query": "x", "k": 0}, "k"),
        ("query_graph", {"statement": "DELETE FROM documents"}, ""),
        ("query_graph", {"statement": "SELECT * FROM sqlite_master"}, ""),
        ("query_graph", {"statement": "ATTACH 'x' AS y"}, ""),
        ("query_graph", {"statement": "nonsense"}, ""),
    ],
)
async def test_what_cannot_be_asked_is_told_with_the_reason(
    base: KnowledgeBase, tool: str, arguments: dict[str, Any], reason: str
) -> None:
    outcome = await by_name(base)[tool].run(arguments)
    assert outcome.error in ("failed", "invalid_arguments")
    assert reason in outcome.text
    assert "Traceback" not in outcome.text


async def test_the_tools_see_the_own_collection_only(base: KnowledgeBase) -> None:
    other = KnowledgeBase(base.uri, embedding_model=base.embedding_model, collection="empty")
    async with other:
        tools = by_name(other)
        assert (await given(await tools["search_graph"].run({"query": "polonium"})))["passages"] == []
        assert (await given(await tools["find_entities"].run({"query": "Marie Curie"})))["entities"] == []
        statement = "SELECT count(*) FROM documents"
        assert (await given(await tools["query_graph"].run({"statement": statement})))["rows"] == [[0]]
        known = (await given(await by_name(base)["find_entities"].run({"query": "Marie Curie"})))["entities"]
        hidden = await tools["get_neighbors"].run({"entity": known[0]["id"]})
        assert "no entity" in hidden.text


async def test_the_tools_are_saved_with_their_knowledge_base(base: KnowledgeBase) -> None:
    plain = KnowledgeBase(base.uri)
    saved = [kag.saving.serialize_kag_object(tool) for tool in graph_tools(plain)]
    twins = [kag.saving.deserialize_kag_object(one) for one in saved]
    assert [twin.name for twin in twins] == [tool.name for tool in graph_tools(plain)]
    found = await twins[1].run({"query": "Marie Curie"})
    assert "Marie Curie" in json.dumps(found.value["entities"][0])
    await twins[1].func.knowledge_base.close()


async def test_the_ready_made_program_answers_with_its_sources(base: KnowledgeBase) -> None:
    def model(messages: list[dict[str, Any]], schema: Any) -> Any:
        results = [json.loads(m["content"]) for m in messages if m["role"] == "tool"]
        if schema is not None:
            found = re.search("chk_[0-9a-f]{24}", str(messages))
            sources = [found and found[0], "chk_" + "0" * 24]
            return {"answer": "Marie Curie.", "sources": sources, "insufficient": False}
        if not results:
            calls = [
                {"id": "a", "name": "search_graph", "arguments": {"query": "Who discovered polonium?"}},
                {"id": "b", "name": "find_entities", "arguments": {"query": "polonium"}},
            ]
        elif len(results) == 2:
            arguments = {"entity": results[1]["entities"][0]["id"]}
            calls = [{"id": "c", "name": "get_neighbors", "arguments": arguments}]
        else:
            return "Marie Curie discovered it."
        return {"tool_calls": calls}

    program = await graph_agent(base, ScriptedLanguageModel(model))
    result = await program(Question(question="Who discovered polonium?"))
    assert result.get("answer") == "Marie Curie."
    assert len(result.get("sources")) == 1  # the model made the other one up
    assert result.get("sources")[0] in str(result.get("trajectory"))
    saved = kag.saving.serialize_kag_object(KnownSources())
    assert isinstance(kag.saving.deserialize_kag_object(saved), KnownSources)
    calls = [call for step in result.get("trajectory") for call in step["calls"]]
    assert [call["tool"] for call in calls] == ["search_graph", "find_entities", "get_neighbors"]
    assert all(call["error"] == "" for call in calls)
    assert calls[2]["output"]["facts"]


async def test_our_own_server_serves_our_own_agent(tmp_path: Path) -> None:
    folder = three_documents(tmp_path)
    settings = Settings(store=str(folder / ".kag"), embedding_model="wordllama", extractor="local")
    async with settings.open_knowledge_base() as opened:
        await Pipeline(opened).run(folder / "docs")

    def model(messages: list[dict[str, Any]], schema: Any) -> Any:
        results = [json.loads(m["content"]) for m in messages if m["role"] == "tool"]
        if not results:
            arguments = {"query": "Who directed the ESPCI?"}
            return {"tool_calls": [{"id": "a", "name": "kag_search", "arguments": arguments}]}
        if len(results) == 1:
            arguments = {"query": "ESPCI"}
            return {"tool_calls": [{"id": "b", "name": "kag_find_entities", "arguments": arguments}]}
        return f"{results[0]['passages'][0]['title']}: {results[1]['entities'][0]['name']}"

    server = {
        "command": str(KAG),
        "args": ["mcp", "--read-only"],
        "cwd": str(folder),
        "env": environment(folder),
    }
    async with MultiServerMCPClient({"kag": server}) as client:
        agent = FunctionCallingAgent(
            tools=await client.get_tools(), language_model=ScriptedLanguageModel(model)
        )
        assert {"kag_search", "kag_find_entities", "kag_get_neighbors"} <= set(agent.tools)
        assert agent.tools["kag_search"].idempotent
        answer = await agent(Query(query="Who directed the ESPCI?"))
    assert answer.get("content") == "ESPCI: ESPCI"
