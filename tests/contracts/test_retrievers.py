"""What every way of searching keeps to, on a real store with real embeddings.

First the searches that commands and tools use, by mode; the modules of programs are in
`test_retriever_modules.py`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import kag
from ingest import Pipeline
from kag.errors import EmbeddingMismatchError, SearchError
from kag.knowledge_bases.records import Document
from kag.retrievers import searcher
from kag.retrievers.base import MODES, Mode, Search

PAGES = {
    "ada.md": "# Ada Lovelace\n\nAda Lovelace described the Analytical Engine of Charles Babbage in 1843.\n",
    "babbage.md": "# Charles Babbage\n\nCharles Babbage was born in London and held a chair at Cambridge.\n",
    "cambridge.md": "# Cambridge\n\nCambridge lies on the River Cam. Isaac Newton taught there.\n",
    "bread.md": "# Bread\n\nFlour, water, salt and patience make good bread.\n",
    "rain.md": "# Rain\n\nRain falls from clouds when drops become heavy.\n",
}


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, text in PAGES.items():
        (docs / name).write_text(text, encoding="utf-8")
    model = kag.EmbeddingModel("wordllama")
    async with kag.KnowledgeBase(uri=tmp_path / "store", embedding_model=model) as base:
        report = await Pipeline(base).run(docs)
        assert report.complete
        yield base


@pytest.mark.parametrize("mode", MODES)
async def test_passages_come_best_first_and_at_most_k(base: kag.KnowledgeBase, mode: Mode) -> None:
    found = await searcher(base, mode).search(Search("Where was Charles Babbage born?", k=2))
    assert found.hits[0].title == "Charles Babbage"
    assert len(found.hits) <= 2
    assert found.mode == mode


@pytest.mark.parametrize("mode", MODES)
async def test_the_same_search_gives_the_same_answer(base: kag.KnowledgeBase, mode: Mode) -> None:
    search = Search("engine at Cambridge", k=5)
    assert await searcher(base, mode).search(search) == await searcher(base, mode).search(search)


@pytest.mark.parametrize("mode", MODES)
async def test_every_passage_is_the_document_text_at_its_span(base: kag.KnowledgeBase, mode: Mode) -> None:
    found = await searcher(base, mode).search(Search("Cambridge", k=5))
    for hit in found.hits:
        document = (await base.store.get([hit.chunk.document_id]))[hit.chunk.document_id]
        assert isinstance(document, Document)
        assert document.text[hit.chunk.start : hit.chunk.end] == hit.chunk.text
        assert (hit.title, hit.uri) == (document.title, document.uri)


@pytest.mark.parametrize("mode", MODES)
async def test_a_search_stays_within_its_collections(
    base: kag.KnowledgeBase, tmp_path: Path, mode: Mode
) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# Secret\n\nCharles Babbage hid a second engine in Bristol.\n", encoding="utf-8")
    other = kag.KnowledgeBase(uri=base.uri, embedding_model=base.embedding_model, collection="other")
    async with other:
        await Pipeline(other).run(secret)
        here = await searcher(base, mode).search(Search("second engine of Charles Babbage", k=20))
        there = await searcher(other, mode).search(Search("engine of Charles Babbage", k=20))
    assert {hit.chunk.collection for hit in here.hits} <= {"default"}
    assert "Bristol" not in str([here.hits, here.entities, here.facts])
    assert [hit.title for hit in there.hits] == ["Secret"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_search_within_documents_finds_only_those(base: kag.KnowledgeBase, mode: Mode) -> None:
    (wanted,) = await base.store.find_documents(("default",), "cambridge.md")
    found = await searcher(base, mode).search(
        Search("Charles Babbage at Cambridge", document_ids=(wanted.id,))
    )
    assert [hit.title for hit in found.hits] == ["Cambridge"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "text", ['"', "AND OR NOT", "a*", "(((", "title:x", "'; DROP TABLE chunk; --", "\x00", "💥"]
)
async def test_query_syntax_is_only_words(base: kag.KnowledgeBase, mode: Mode, text: str) -> None:
    await searcher(base, mode).search(Search(text))
    assert (await base.store.statistics()).documents == len(PAGES)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("search", [Search(""), Search(" \n"), Search("x", k=0), Search("x", k=10_000)])
async def test_a_search_that_cannot_be_run_is_refused(
    base: kag.KnowledgeBase, mode: Mode, search: Search
) -> None:
    with pytest.raises(SearchError, match=r"empty|expected 1 to"):
        await searcher(base, mode).search(search)


@pytest.mark.parametrize("mode", MODES)
async def test_an_empty_store_has_no_hits(tmp_path: Path, mode: Mode) -> None:
    async with kag.KnowledgeBase(uri=tmp_path / "s", embedding_model=kag.EmbeddingModel("wordllama")) as base:
        assert (await searcher(base, mode).search(Search("anything"))).hits == ()


@pytest.mark.parametrize("mode", ["graph", "hybrid", "vector"])
async def test_vectors_of_another_model_are_refused(base: kag.KnowledgeBase, mode: Mode) -> None:
    async def embed(texts: list[str]) -> dict[str, list[list[float]]]:
        return {"embeddings": [[1.0, 0.0] for _ in texts]}

    other = kag.KnowledgeBase(uri=base.uri, embedding_model=kag.EmbeddingModel(embed))
    async with other:
        with pytest.raises(EmbeddingMismatchError, match="kag reembed"):
            await searcher(other, mode).search(Search("Cambridge"))


async def test_the_graph_leads_over_what_is_named_to_what_completes_the_answer(
    base: kag.KnowledgeBase,
) -> None:
    question = "Where was the builder of the engine that Ada Lovelace described born?"
    found = await searcher(base, "graph").search(Search(question, k=3))
    assert [hit.title for hit in found.hits[:2]] == ["Ada Lovelace", "Charles Babbage"]
    path = found.hits[1].path
    assert [step.kind for step in path] == ["query", "passage", "entity", "passage"] or path[
        1
    ].kind == "entity"
    assert path[0].name == question
    assert path[-1].id == found.hits[1].chunk.id
    assert "Charles Babbage" in [step.name for step in path if step.kind == "entity"]
    quotes = [step.quote for step in path if step.quote]
    assert all(any(quote in " ".join(text.split()) for text in PAGES.values()) for quote in quotes)
    assert quotes


async def test_the_walk_brings_a_passage_that_shares_no_word_with_the_question(
    base: kag.KnowledgeBase,
) -> None:
    question = "Where was the builder of the engine that Ada Lovelace described a professor?"
    graph = await searcher(base, "graph").search(Search(question, k=5))
    titles = [hit.title for hit in graph.hits]
    assert titles.index("Charles Babbage") < titles.index("Bread")
    assert titles.index("Cambridge") < titles.index("Bread")
