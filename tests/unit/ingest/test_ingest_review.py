"""A language model decides the pairs of names that are in doubt, and what it says can be undone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from store_documents import document, everything

import kag
from ingest import Pipeline
from ingest.review import review
from kag.testing import ScriptedLanguageModel


def verdict(word: str) -> ScriptedLanguageModel:
    def answer(messages: Any, schema: Any) -> dict[str, Any]:
        most = schema["properties"]["pairs"]["maxItems"]
        return {"pairs": [{"number": n, "reason": "read", "verdict": word} for n in range(1, most + 1)]}

    return ScriptedLanguageModel(answer)


async def in_doubt(base: kag.KnowledgeBase) -> int:
    return len(await base.store.decisions(("default",), outcome="review"))


async def filled(base: kag.KnowledgeBase) -> None:
    """Two names of which one may be short for the other, which is a pair in doubt."""
    for uri, name in (("/a.md", "John Miller"), ("/b.md", "J. Miller")):
        await base.store.upsert(document(uri, f"[{name}] is here.", label="Person", embedded=False))


async def test_pairs_that_are_one_become_one_entity_and_can_be_taken_apart(tmp_path: Path) -> None:
    async with kag.KnowledgeBase(uri=tmp_path) as base:
        await filled(base)
        before = await everything(base.store)
        waiting = await in_doubt(base)
        assert waiting
        done = await review(base.store, verdict("same"), ("default",))
        assert (done.asked, done.same, done.different) == (waiting, waiting, 0)
        assert await in_doubt(base) == 0
        links = await base.store.links()
        assert {link.source for link in links} == {"model"}
        await base.store.remove_links([(link.first, link.second) for link in links])
        assert await everything(base.store) == before


async def test_pairs_that_the_model_is_unsure_of_go_on_waiting(tmp_path: Path) -> None:
    async with kag.KnowledgeBase(uri=tmp_path) as base:
        await filled(base)
        waiting = await in_doubt(base)
        done = await review(base.store, verdict("unsure"), ("default",))
        assert (done.asked, done.same) == (waiting, 0)
        assert await in_doubt(base) == waiting


async def test_a_pipeline_with_a_reviewer_asks_once_for_what_is_in_doubt(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Notes\n\nAda Lovelace met Charles Babbage in London.\n")
    model = verdict("different")
    async with kag.KnowledgeBase(uri=tmp_path / "store") as base:
        await filled(base)
        report = await Pipeline(base, reviewer=model).run(tmp_path / "a.md")
        assert report.review is not None
        assert report.review.different == report.review.asked == 1
        again = await Pipeline(base, reviewer=model).run(tmp_path / "a.md")
        assert again.review is not None
        assert again.review.asked == 0
        assert len(model.calls) == 1
