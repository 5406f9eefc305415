"""The example of retrieval over a graph runs on every store, by its URI alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest
from store_documents import STORES

from kag.knowledge_bases.base import Store
from kag.testing import FakeEmbeddingModel, ScriptedLanguageModel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TRIPLET = {
    "thinking": "Rome is the subject.",
    "subject_label": "City",
    "subject_similarity_search": "Rome",
    "relation_label": "IsCapitalOf",
    "object_label": "Country",
    "object_similarity_search": "?",
}


@pytest.mark.parametrize("name", STORES)
async def test_the_example_finds_its_facts_and_a_second_run_changes_nothing(
    name: str, make_store: Callable[[str, Path], Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = importlib.import_module("knowledge_graph")
    store = make_store(name, tmp_path)
    for collection in (await store.statistics()).collections:
        await store.delete_collection(collection)
    await store.close()
    question = "Of which country is Rome the capital?"
    for first in ("The graph was written.", "The graph was there."):
        lm = ScriptedLanguageModel([TRIPLET, {"answer": "Italy"}])
        lines = await example.main(store.uri, lm, FakeEmbeddingModel(), question)
        assert lines[:2] == [first, f"{question} Italy"]
        assert lines[2].startswith("  Rome IsCapitalOf Italy  (program:capitals#")
        assert '"name":"Italy"' in lm.calls[1].messages[-1]["content"]
