"""Summaries: each sentence has its place, with a language model or without."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import kag
from ingest import Pipeline
from kag.testing import ScriptedLanguageModel
from programs.summarize import summarize

PAGES = {
    "tea": "# Tea\n\nTea is grown in the hills of Assam and of Ceylon. He did not say when that began. "
    "Merchants carried tea from Assam to the harbours of Europe.\n",
    "salt": "# Salt\n\nSalt was mined below the mountains of Hallein for three thousand years. Good.\n",
}


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    for name, page in PAGES.items():
        (tmp_path / f"{name}.md").write_text(page, encoding="utf-8")
    async with kag.KnowledgeBase(uri=tmp_path / "store") as base:
        await Pipeline(base).run(tmp_path)
        yield base


async def test_without_a_model_sentences_are_taken_as_they_are_with_their_places(
    base: kag.KnowledgeBase,
) -> None:
    found = await (await summarize(base))(kag.Question(question=""))
    texts = {one["text"] for one in found.get("sentences")}
    assert any("Hallein" in one for one in texts)
    assert any("Assam" in one for one in texts)
    assert not any(one.startswith(("He ", "Good")) for one in texts)
    for sentence in found.get("sentences"):
        (citation,) = sentence["citations"]
        page = PAGES[Path(citation["uri"]).stem]
        assert page[citation["start"] : citation["end"]] == citation["quote"]


async def test_a_topic_leaves_out_what_has_nothing_to_do_with_it(base: kag.KnowledgeBase) -> None:
    found = await (await summarize(base))(kag.Question(question="tea"))
    assert "tea" in found.get("answer").lower()
    assert "Hallein" not in found.get("answer")


async def test_it_keeps_to_the_number_of_sentences(base: kag.KnowledgeBase) -> None:
    found = await (await summarize(base, max_sentences=1))(kag.Question(question=""))
    assert len(found.get("sentences")) == 1


async def test_a_model_writes_sentences_whose_quotes_are_checked(base: kag.KnowledgeBase) -> None:
    sentences = [
        {"text": "Tea is from Assam.", "citations": [{"passage": 1, "quote": "hills of Assam"}]},
        {"text": "It is blue.", "citations": [{"passage": 1, "quote": "as blue as the sky over Rome"}]},
    ]
    model = ScriptedLanguageModel([{"sentences": sentences, "insufficient": False}])
    found = await (await summarize(base, model, k=1))(kag.Question(question="tea"))
    assert (found.get("answer"), found.get("dropped")) == ("Tea is from Assam.", ["It is blue."])
    assert model.calls[0].messages[-1]["content"].endswith("only a part is wanted: tea")


async def test_an_empty_collection_has_no_summary(tmp_path: Path) -> None:
    async with kag.KnowledgeBase(uri=tmp_path / "empty") as base:
        found = await (await summarize(base))(kag.Question(question=""))
    assert found.get("insufficient")
