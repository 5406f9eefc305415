"""Passages, paths and neighbourhoods in programs: no model, words from the inputs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from store_documents import document

import kag
from kag.errors import ProgramError, SearchError
from kag.retrievers._retriever import TextRetriever
from kag.retrievers.base import Search
from kag.testing import ScriptedLanguageModel


class Query(kag.DataModel):
    query: str


class Two(kag.DataModel):
    topic: str
    wish: str


class Number(kag.DataModel):
    number: int


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(uri=tmp_path / "kb") as base:
        for change in (
            document(
                "a.md", "[Ada Lovelace] wrote to [Charles Babbage].", relation="WROTE_TO", embedded=False
            ),
            document(
                "b.md", "[Charles Babbage] taught at [Cambridge].", relation="TAUGHT_AT", embedded=False
            ),
            document("c.md", "[Isaac Newton] worked at [Cambridge].", relation="WORKED_AT", embedded=False),
            document("d.md", "[Flour] is not [Sand].", relation="IS_NOT", embedded=False),
        ):
            await base.store.upsert(change)
        yield base


def shown(facts: list[dict[str, Any]]) -> list[str]:
    return [f"{f['subj']['name']} {f['label']} {f['obj']['name']}" for f in facts]


async def test_passages_are_found_by_words_alone(base: kag.KnowledgeBase) -> None:
    found = await kag.PassageRetriever(base, "keyword", k=1)(Query(query="who taught at Cambridge"))
    (passage,) = found.get("result")
    assert passage["title"] == "b.md"
    assert found.get("search") == "who taught at Cambridge"
    assert passage["provenance"][0]["span"] == [0, len(passage["text"])]


async def test_a_module_finds_what_a_search_finds(base: kag.KnowledgeBase) -> None:
    retriever = kag.GraphRetriever(base, k=3)
    found = await retriever(Query(query="Where did Charles Babbage teach?"))
    evidence = await retriever.search(Search("Where did Charles Babbage teach?", k=3))
    assert [item["id"] for item in found.get("result")] == [hit.chunk.id for hit in evidence.hits]


async def test_the_neighbourhood_is_walked_hop_by_hop(base: kag.KnowledgeBase) -> None:
    near = await kag.NeighborhoodRetriever(base)(Query(query="Tell me about Ada Lovelace"))
    assert shown(near.get("result")) == ["Ada Lovelace WROTE_TO Charles Babbage"]
    far = (await kag.NeighborhoodRetriever(base, hops=3)(Query(query="Tell me about Ada Lovelace"))).get(
        "result"
    )
    assert shown(far) == [
        "Ada Lovelace WROTE_TO Charles Babbage",
        "Charles Babbage TAUGHT_AT Cambridge",
        "Isaac Newton WORKED_AT Cambridge",
    ]
    assert [fact["score"] for fact in far] == [1.0, 0.5, 0.25]


async def test_only_some_types_are_walked_over(base: kag.KnowledgeBase) -> None:
    retriever = kag.NeighborhoodRetriever(base, hops=2, relation_types=["WROTE_TO"])
    found = await retriever(Query(query="Charles Babbage"))
    assert shown(found.get("result")) == ["Ada Lovelace WROTE_TO Charles Babbage"]


async def test_the_shortest_path_joins_what_the_question_names(base: kag.KnowledgeBase) -> None:
    found = await kag.PathRetriever(base)(Query(query="What has Isaac Newton to do with Ada Lovelace?"))
    (path,) = found.get("result")
    assert [entity["name"] for entity in path["entities"]] == [
        "Isaac Newton",
        "Cambridge",
        "Charles Babbage",
        "Ada Lovelace",
    ]
    assert len(path["relations"]) == 3
    assert path["score"] == pytest.approx(1 / 3, abs=1e-6)
    assert [source["uri"] for source in path["provenance"]] == ["c.md", "b.md", "a.md"]


async def test_names_are_found_whatever_marks_stand_in_them(base: kag.KnowledgeBase) -> None:
    await base.store.upsert(
        document("e.md", "[St Louis] lies on the [Mississippi].", relation="LIES_ON", embedded=False)
    )
    found = await kag.NeighborhoodRetriever(base)(Query(query="On which river is “St. Louis”?"))
    assert shown(found.get("result")) == ["St Louis LIES_ON Mississippi"]


async def test_a_name_within_a_longer_one_does_not_count(base: kag.KnowledgeBase) -> None:
    await base.store.upsert(document("f.md", "[Ada] is a [Language].", relation="IS_A", embedded=False))
    question = Query(query="Who was Ada Lovelace?")
    assert shown((await kag.NeighborhoodRetriever(base)(question)).get("result")) == [
        "Ada Lovelace WROTE_TO Charles Babbage"
    ]


async def test_an_entity_in_very_many_passages_shows_some_of_them(base: kag.KnowledgeBase) -> None:
    await base.store.upsert(
        document("g.md", *(f"[Nile] was seen on day {day}." for day in range(600)), embedded=False)
    )
    lm = ScriptedLanguageModel([{"entity_label": "*", "similarity_search": "Nile"}])
    found = await kag.EntityRetriever(base, lm)(Query(query="?"))
    (river,) = found.get("result")
    assert len(river["provenance"]) == 3
    assert all(source["quote"].startswith("Nile was seen") for source in river["provenance"])


@pytest.mark.parametrize("text", ["Ada Lovelace", "Flour and Ada Lovelace", "nobody at all"])
async def test_what_does_not_hang_together_has_no_path(base: kag.KnowledgeBase, text: str) -> None:
    assert (await kag.PathRetriever(base)(Query(query=text))).get("result") == []


async def test_a_path_is_no_longer_than_allowed(base: kag.KnowledgeBase) -> None:
    question = Query(query="Isaac Newton and Ada Lovelace")
    assert (await kag.PathRetriever(base, max_hops=2)(question)).get("result") == []


async def test_the_words_may_be_any_property_or_the_last_message(base: kag.KnowledgeBase) -> None:
    retriever = kag.PassageRetriever(base, "keyword", field="wish")
    assert (await retriever(Two(topic="bread", wish="Ada"))).get("search") == "Ada"
    with pytest.raises(ProgramError, match=r"topic, wish.*field="):
        await kag.PassageRetriever(base)(Two(topic="bread", wish="Ada"))
    with pytest.raises(ProgramError, match="is no text in its inputs"):
        await kag.PassageRetriever(base, field="number")(kag.Input(data_model=Number))
    chat = kag.ChatMessages(
        messages=[
            kag.ChatMessage(role="user", content="Hello"),
            kag.ChatMessage(role="assistant", content="Yes?"),
            kag.ChatMessage(role="user", content="Who is Ada?"),
        ]
    )
    assert (await kag.PassageRetriever(base, "keyword")(chat)).get("search") == "Who is Ada?"
    with pytest.raises(SearchError, match="empty"):
        await kag.PassageRetriever(base)(kag.ChatMessages(messages=[]))


async def test_inputs_that_cannot_be_searched_with_are_refused_when_a_program_is_made(
    base: kag.KnowledgeBase,
) -> None:
    for kind in (kag.PassageRetriever, kag.GraphRetriever, kag.PathRetriever, kag.NeighborhoodRetriever):
        assert issubclass(kind, TextRetriever)
        with pytest.raises(ProgramError, match="number"):
            await kind(base)(kag.Input(data_model=Number))


async def test_weights_of_the_walk_survive_in_a_saved_program(
    base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    weights = kag.GraphRetriever(base).weights
    inputs = kag.Input(data_model=Query)
    changed = type(weights)(seeds=3)
    program = kag.Program(inputs=inputs, outputs=await kag.GraphRetriever(base, changed)(inputs), name="p")
    program.save(tmp_path / "p.json")
    assert kag.Program.load(tmp_path / "p.json").modules[0].weights == changed


@pytest.mark.parametrize(
    "make",
    [
        lambda base: kag.NeighborhoodRetriever(base, hops=5),
        lambda base: kag.NeighborhoodRetriever(base, relation_types="A"),
        lambda base: kag.PathRetriever(base, max_hops=7),
        lambda base: kag.PathRetriever(base, relation_types=[1]),
        lambda base: kag.PassageRetriever(base, field=""),
        lambda base: kag.PassageRetriever(base, threshold=1.5),
    ],
)
async def test_arguments_that_make_no_sense_are_refused(base: kag.KnowledgeBase, make: Any) -> None:
    with pytest.raises(ProgramError):
        make(base)
