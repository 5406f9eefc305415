"""Test questions made of a graph: what they ask, what answers them, and that they can be evaluated."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_documents import document

import kag
from kag.knowledge_bases.records import Chunk
from kag.retrievers._evaluation import read_questions
from kag.retrievers._multi_hop import Made, make
from kag.retrievers.auto import AutoRetriever
from kag.retrievers.base import Search
from kag.testing import ScriptedLanguageModel

TYPED = (
    document("work.md", "[Ada Lovelace] worked with [Charles Babbage].", relation="WORKED_WITH"),
    document("birth.md", "[Charles Babbage] was born in [Walworth Road].", relation="BORN_IN"),
)
UNTYPED = (
    document("starter.md", "A [Sourdough] begins with [Rye Flour]."),
    document("mill.md", "The [Water Mill] grinds [Rye Flour] all day."),
)


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(uri=tmp_path / "store", resolution="off") as base:
        yield base


async def put(base: kag.KnowledgeBase, *changes: Any) -> None:
    for change in changes:
        chunks = tuple(replace(chunk, embedding=None) for chunk in change.chunks)
        await base.store.upsert(replace(change, chunks=chunks))


async def made(base: kag.KnowledgeBase, n: int = 10, **more: Any) -> list[Made]:
    return [question async for question in make(base, n, **more)]


async def test_typed_facts_ask_for_the_end_of_the_path(base: kag.KnowledgeBase) -> None:
    await put(base, *TYPED)
    (question,) = await made(base)
    asked = {
        "“Ada Lovelace” worked with something, and that born in what?": "Walworth Road",
        "what born in “Walworth Road”, and what worked with that?": "Ada Lovelace",
        "something born in “Walworth Road”, and what worked with that?": "Ada Lovelace",
    }
    assert asked[question.question] == question.answer
    assert question.bridge == "Charles Babbage"
    assert "Babbage" not in question.question


async def test_untyped_facts_ask_for_what_is_between(base: kag.KnowledgeBase) -> None:
    await put(base, *UNTYPED)
    (question,) = await made(base)
    assert question.question in (
        "What links Sourdough and Water Mill?",
        "What links Water Mill and Sourdough?",
    )
    assert question.answer == "Rye Flour"


async def test_the_gold_of_a_question_stands_in_two_documents(
    base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    await put(base, *TYPED, *UNTYPED)
    rows = [question.row() for question in await made(base)]
    assert len(rows) == 2
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    chunks = [c for c in await base.store.page("chunk", base.collections) if isinstance(c, Chunk)]
    for question in await read_questions(base, path):
        first, second = question.gold
        assert first.document_id != second.document_id
        assert all(any(gold.is_in(chunk) for chunk in chunks) for gold in question.gold)


async def test_the_same_seed_gives_the_same_questions(base: kag.KnowledgeBase) -> None:
    await put(base, *TYPED, *UNTYPED)
    assert await made(base, seed=3) == await made(base, seed=3)
    assert len(await made(base, 1)) == 1


async def test_one_document_makes_no_question(base: kag.KnowledgeBase) -> None:
    await put(
        base, document("all.md", "[Ada Lovelace] met [Charles Babbage].", "[Charles Babbage] met [Turing].")
    )
    assert await made(base) == []


async def test_two_passages_that_say_the_same_make_no_question(base: kag.KnowledgeBase) -> None:
    await put(base, *(document(f"{n}.md", "[Ada Lovelace] met [Charles Babbage].") for n in range(2)))
    assert await made(base) == []


async def test_a_model_phrases_unless_it_gives_the_bridge_away(base: kag.KnowledgeBase) -> None:
    await put(base, *UNTYPED)
    fine = ScriptedLanguageModel([{"question": "What does a starter share with a mill?"}])
    (question,) = await made(base, model=fine)
    assert (question.question, question.phrased_by) == ("What does a starter share with a mill?", fine.model)
    assert "Rye Flour" in fine.calls[0].messages[-1]["content"]
    (kept,) = await made(base, model=ScriptedLanguageModel([{"question": "Is it rye flour?"}]))
    assert (kept.question[:10], kept.phrased_by) == ("What links", "")


async def test_auto_walks_where_there_is_a_graph_and_looks_up_what_is_exact(base: kag.KnowledgeBase) -> None:
    auto = AutoRetriever(base)
    assert await auto.choose(Search("Who worked with Ada Lovelace?")) == "hybrid"  # nothing is named yet
    await put(base, *TYPED)
    assert await auto.choose(Search("Who worked with Ada Lovelace?")) == "graph"
    for exact in ('"worked with"', "E0382", "kag/retrievers/auto.py", "sqlite3_open"):
        assert await auto.choose(Search(exact)) == "hybrid"
    found = await auto.search(Search("Who worked with Ada Lovelace?", k=1))
    assert (found.mode, found.hits[0].uri) == ("graph", "work.md")
