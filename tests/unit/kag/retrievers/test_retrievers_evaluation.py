"""Scores of retrieval against values computed by hand, and what a file of questions may hold."""

import json
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_documents import document

import kag
from kag.errors import ConfigurationError, SearchError
from kag.retrievers import searcher
from kag.retrievers._evaluation import Gold, Outcome, read_questions, run, scores

ONE = document("notes/one.md", "Alpha is here.", "Beta is\nthere, too.")
TWO = document("notes/two.md", "Gamma is elsewhere.")


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(uri=tmp_path / "store", resolution="off") as base:
        for change in (ONE, TWO):
            chunks = tuple(replace(chunk, embedding=None) for chunk in change.chunks)
            await base.store.upsert(replace(change, chunks=chunks))
        yield base


def file(folder: Path, *rows: Any) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), encoding="utf-8")
    return path


def test_the_scores_are_those_computed_by_hand() -> None:
    outcomes = [
        Outcome(ranks=(1, 4), milliseconds=10, mode="graph"),  # both within 5, one within 2
        Outcome(ranks=(0, 2), milliseconds=30, mode="graph"),  # one never found
    ]
    table = scores(outcomes, (2, 5))
    assert table["recall@2"] == 0.5
    assert table["recall@5"] == (1 + 0.5) / 2
    assert (table["all@2"], table["all@5"]) == (0, 0.5)
    assert table["mrr"] == (1 + 1 / 2) / 2
    ideal = 1 + 1 / math.log2(3)
    assert table["ndcg@2"] == pytest.approx((1 / ideal + (1 / math.log2(3)) / ideal) / 2)
    assert table["ndcg@5"] == pytest.approx(((1 + 1 / math.log2(5)) / ideal + (1 / math.log2(3)) / ideal) / 2)
    assert (table["median_ms"], table["p95_ms"]) == (20, 30)


def test_a_perfect_ranking_has_the_greatest_scores() -> None:
    table = scores([Outcome((1, 2, 3), 1, "graph")], (3, 10))
    assert {v for name, v in table.items() if not name.endswith("_ms")} == {1.0}


async def test_gold_is_a_chunk_a_document_or_words_of_one(base: kag.KnowledgeBase, tmp_path: Path) -> None:
    chunk = ONE.chunks[1].id
    rows = [
        {"id": "a", "question": "Beta?", "gold": [chunk]},
        {"question": "Beta?", "gold": ["one.md", TWO.document.id]},
        {"question": "Beta?", "gold": [{"uri": "notes/one.md", "quote": "Beta is there,"}]},
    ]
    first, second, third = await read_questions(base, file(tmp_path, *rows))
    assert (first.id, first.gold) == ("a", (Gold(chunk_id=chunk),))
    assert second.gold == (Gold(document_id=ONE.document.id), Gold(document_id=TWO.document.id))
    outcomes = await run(searcher(base, "keyword"), [first, second, third], 5)
    assert [one.ranks for one in outcomes] == [(1,), (1, 0), (1,)]
    assert {one.mode for one in outcomes} == {"keyword"}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a question"),
        ({"question": "", "gold": ["one.md"]}, "is not a question"),
        ({"question": "q", "gold": []}, "is not a question"),
        ({"question": "q"}, "is not a question"),
        ({"question": "q", "gold": [5]}, "gold 5"),
        ({"question": "q", "gold": [{"quote": "x"}]}, "gold"),
        ({"question": "q", "gold": [{"uri": "one.md", "quote": 5}]}, "gold"),
    ],
)
async def test_a_line_that_is_no_question_is_named(
    base: kag.KnowledgeBase, tmp_path: Path, row: Any, says: str
) -> None:
    good = {"question": "Alpha?", "gold": ["one.md"]}
    with pytest.raises(ConfigurationError, match="line 2") as caught:
        await read_questions(base, file(tmp_path, good, row))
    assert says in str(caught.value)


@pytest.mark.parametrize("gold", ["none.md", "chk_0000", "doc_0000", ".md"])
async def test_gold_that_is_not_in_the_collection_is_named(
    base: kag.KnowledgeBase, tmp_path: Path, gold: str
) -> None:
    with pytest.raises(SearchError, match=gold):
        await read_questions(base, file(tmp_path, {"question": "Alpha?", "gold": [gold]}))


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe"])
async def test_a_file_without_questions_is_refused(
    base: kag.KnowledgeBase, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"questions\.jsonl"):
        await read_questions(base, path)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        await read_questions(base, tmp_path / "nowhere.jsonl")
