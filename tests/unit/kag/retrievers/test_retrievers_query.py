"""QueryRetriever: what the model is shown, what the store refuses, and the one repair."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from store_documents import everything

import kag
from kag.errors import ProgramError, SearchError
from kag.retrievers._graph_schema import SHAPES, graph_schema
from kag.testing import City, Country, FakeEmbeddingModel, IsCapitalOf, ScriptedLanguageModel, sample_graph

CITIES = "SELECT id, name FROM entities WHERE label = 'City' ORDER BY name"


class Query(kag.DataModel):
    query: str


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(
        uri=tmp_path / "kb",
        entity_models=[City, Country],
        relation_models=[IsCapitalOf],
        embedding_model=FakeEmbeddingModel(),
    ) as base:
        await kag.UpdateKnowledge(base)(sample_graph())
        yield base


def writes(*statements: str) -> ScriptedLanguageModel:
    return ScriptedLanguageModel([{"statement": statement} for statement in statements])


async def test_rows_come_with_their_names_and_sources(base: kag.KnowledgeBase) -> None:
    found = await kag.QueryRetriever(base, writes(CITIES))(Query(query="Which cities are there?"))
    rows = found.get("result")
    assert [item["row"]["name"] for item in rows] == ["Madrid", "Paris", "Rome"]
    assert "Madrid" in rows[0]["provenance"][0]["quote"]
    assert found.get("statement") == CITIES


async def test_counts_have_no_sources(base: kag.KnowledgeBase) -> None:
    found = await kag.QueryRetriever(base, writes("SELECT count(*) AS n FROM relations"))(Query(query="?"))
    assert found.get("result") == [{"row": {"n": 3}, "provenance": []}]


async def test_columns_of_one_name_are_numbered(base: kag.KnowledgeBase) -> None:
    found = await kag.QueryRetriever(base, writes("SELECT 1 AS a, 2 AS a"))(Query(query="?"))
    assert found.get("result")[0]["row"] == {"a": 1, "a_1": 2}


async def test_the_model_sees_the_graph_as_data(base: kag.KnowledgeBase) -> None:
    lm = writes(CITIES)
    await kag.QueryRetriever(base, lm)(Query(query="Which cities?"))
    asked = json.loads(lm.calls[0].messages[-1]["content"])
    assert asked["query"] == "Which cities?"
    assert asked["query_language"] == "sql"
    assert asked["graph_schema"] == await graph_schema(base)
    assert asked["graph_schema"]["entity_labels"] == ["City", "Country"]
    assert asked["graph_schema"]["entity_properties"]["City"] == ["name"]
    assert "City" not in lm.calls[0].messages[0]["content"]


async def test_every_view_that_the_model_is_told_of_can_be_read(base: kag.KnowledgeBase) -> None:
    views = [part.strip() for part in SHAPES["sql"].removeprefix("SQLite views: ").split(". ")[0].split(";")]
    assert len(views) >= 8
    for view in views:
        name, _, columns = view.removesuffix(")").partition("(")
        await base.store.read_query(f"SELECT {columns} FROM {name}", collections=("default",))


@pytest.mark.parametrize(
    "hostile",
    [
        "DELETE FROM entities",
        "DROP TABLE entity",
        "SELECT * FROM sqlite_master",
        "SELECT 1; DELETE FROM chunk",
        "ATTACH 'x.db' AS x",
        "PRAGMA writable_schema = 1",
        "SELECT * FROM no_such_view",
        "not sql at all",
        "",
    ],
)
async def test_a_query_that_is_refused_is_corrected_once_with_the_error(
    base: kag.KnowledgeBase, hostile: str
) -> None:
    before = await everything(base.store)
    lm = writes(hostile, CITIES)
    found = await kag.QueryRetriever(base, lm)(Query(query="?"))
    assert len(found.get("result")) == 3
    assert found.get("statement") == CITIES
    repair = json.loads(lm.calls[1].messages[-1]["content"])
    assert repair["statement"] == hostile
    assert repair["error"]
    assert await everything(base.store) == before


async def test_a_query_that_is_refused_twice_is_an_error(base: kag.KnowledgeBase) -> None:
    lm = writes("DELETE FROM entities", "DELETE FROM relations", CITIES)
    with pytest.raises(SearchError):
        await kag.QueryRetriever(base, lm)(Query(query="?"))
    assert len(lm.calls) == 2


async def test_rows_of_other_collections_are_read_only_if_that_is_wanted(
    base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    async with kag.KnowledgeBase(uri=tmp_path / "kb", collection="other") as other:
        await kag.UpdateKnowledge(other)(City(name="Lisbon"))
    statement = "SELECT name FROM entities WHERE name = 'Lisbon'"
    assert (await kag.QueryRetriever(base, writes(statement))(Query(query="?"))).get("result") == []
    wide = kag.QueryRetriever(base, writes(statement), across_collections=True)
    assert len((await wide(Query(query="?"))).get("result")) == 1


async def test_a_store_of_another_language_is_refused_before_the_model_is_asked(
    base: kag.KnowledgeBase,
) -> None:
    lm = writes("MATCH (n) RETURN n")
    with pytest.raises(SearchError, match="Use QueryRetriever"):
        await kag.CypherRetriever(base, lm)(Query(query="?"))
    assert lm.calls == []


async def test_a_query_that_takes_too_long_is_stopped(base: kag.KnowledgeBase) -> None:
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c"
    with pytest.raises(SearchError):
        await kag.QueryRetriever(base, writes(endless, endless), seconds=0.05)(Query(query="?"))


@pytest.mark.parametrize("seconds", [0, -1, 601, True, "1"])
def test_a_time_out_that_makes_no_sense_is_refused(base: kag.KnowledgeBase, seconds: Any) -> None:
    with pytest.raises(ProgramError, match="seconds"):
        kag.QueryRetriever(base, writes(CITIES), seconds=seconds)
