"""The pipeline: what is stored, what is tried again, what stops a run; with real parts."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import kag
from ingest import Pipeline
from ingest.extractors import local
from ingest.extractors.base import Extraction
from ingest.reembed import reembed
from ingest.report import Result
from kag.errors import EmbeddingMismatchError, IngestError, ReadError
from kag.knowledge_bases.records import Chunk, Document, Relation

DOCS = Path(__file__).resolve().parents[3].parent / "shared" / "bench" / "public" / "docs_cli"


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(
        uri=tmp_path / "store", embedding_model=kag.EmbeddingModel("wordllama")
    ) as base:
        yield base


def pages(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        text = f"# Page {number}\n\nAda Lovelace wrote page {number} in London.\n"
        (folder / f"{number}.md").write_text(text, encoding="utf-8")
    return folder


class Failing:
    """The local extractor, but some passages fail, as a model's time-out would make them."""

    name = "local"

    def __init__(self, *failing: str) -> None:
        self.failing = failing
        self.seen: list[str] = []

    async def extract(self, document: Document, chunks: Sequence[Chunk]) -> Extraction:
        found = await local.Extractor().extract(document, chunks)
        self.seen.append(document.title)
        failed = tuple((c.id, "timed out") for c in chunks if document.title in self.failing)
        return replace(found, failed_chunks=failed[:1] if len(chunks) > 1 else failed)


async def test_every_document_is_reported_as_it_is_done(base: kag.KnowledgeBase, tmp_path: Path) -> None:
    seen: list[tuple[Result, int]] = []
    report = await Pipeline(base).run(
        pages(tmp_path / "d", 3), progress=lambda result, total: seen.append((result, total))
    )
    assert [result.state for result, _ in seen] == ["stored"] * 3
    assert {total for _, total in seen} == {3}
    assert report.complete
    assert (await base.store.statistics()).documents == 3


async def test_a_passage_that_failed_is_tried_again(base: kag.KnowledgeBase, tmp_path: Path) -> None:
    page = tmp_path / "long.md"
    page.write_text("# Long\n\n" + "Ada Lovelace lived in London. " * 100, encoding="utf-8")
    first = await Pipeline(base, extractor=Failing("Long")).run(page)
    assert (first.counts()["stored"], first.complete) == (1, False)
    again = await Pipeline(base, extractor=Failing()).run(page)
    assert (again.counts()["stored"], again.complete) == (1, True)
    assert (await Pipeline(base, extractor=Failing()).run(page)).counts()["unchanged"] == 1


async def test_a_document_of_which_nothing_could_be_extracted_is_not_stored(
    base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    report = await Pipeline(base, extractor=Failing("Page 1")).run(pages(tmp_path / "d", 3))
    assert [r.title for r in report.failures] == ["Page 1"]
    assert "timed out" in report.failures[0].reason
    assert (await base.store.statistics()).documents == 2


async def test_a_run_whose_first_documents_all_fail_stops(base: kag.KnowledgeBase, tmp_path: Path) -> None:
    extractor = Failing(*(f"Page {number}" for number in range(200)))
    with pytest.raises(IngestError, match="timed out"):
        await Pipeline(base, extractor=extractor).run(pages(tmp_path / "d", 200))
    assert len(extractor.seen) < 200
    assert (await base.store.statistics()).documents == 0


async def test_another_recipe_makes_the_graph_anew(base: kag.KnowledgeBase, tmp_path: Path) -> None:
    folder = pages(tmp_path / "d", 2)
    await Pipeline(base).run(folder)
    assert (await Pipeline(base, chunk_characters=500).run(folder)).counts()["stored"] == 2


async def test_another_embedding_model_is_refused_before_any_work(
    base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    async def embed(texts: list[str]) -> dict[str, list[list[float]]]:
        return {"embeddings": [[1.0, 0.0, 0.0] for _ in texts]}

    folder = pages(tmp_path / "d", 2)
    await Pipeline(base).run(folder)
    other = kag.KnowledgeBase(uri=base.uri, embedding_model=kag.EmbeddingModel(embed))
    async with other:
        with pytest.raises(EmbeddingMismatchError, match="kag reembed"):
            await Pipeline(other).run(folder)
        space = await reembed(other)
        assert space.dimensions == 3
        assert (await Pipeline(other).run(folder)).counts()["unchanged"] == 2


async def test_without_an_embedding_model_words_are_found_all_the_same(tmp_path: Path) -> None:
    async with kag.KnowledgeBase(uri=tmp_path / "s") as base:
        await Pipeline(base).run(pages(tmp_path / "d", 2))
        found = await kag.PassageRetriever(base, "keyword").search(kag.Search("Lovelace"))
        assert len(found.hits) == 2


async def test_a_missing_path_is_an_error(base: kag.KnowledgeBase, tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="nowhere"):
        await Pipeline(base).run(tmp_path / "nowhere")


@pytest.mark.skipif(not DOCS.is_dir(), reason=f"the real documents are not at {DOCS}")
async def test_34_real_documents_become_a_graph_whose_spans_and_quotes_are_exact(
    base: kag.KnowledgeBase,
) -> None:
    started = time.process_time()
    report = await Pipeline(base).run(DOCS)
    assert time.process_time() - started < 60  # CPU, not wall time
    assert (report.counts()["stored"], report.failures) == (34, [])
    chunks: dict[str, Chunk] = {}
    after = ""
    while page := await base.store.page("chunk", (), after=after, limit=500):
        chunks |= {c.id: c for c in page if isinstance(c, Chunk)}
        after = page[-1].id
    documents = await base.store.get(sorted({c.document_id for c in chunks.values()}))
    texts = {i: d.text for i, d in documents.items() if isinstance(d, Document)}
    assert len(texts) == 34
    assert all(texts[c.document_id][c.start : c.end] == c.text for c in chunks.values())
    after, facts = "", 0
    while found := await base.store.page("relation", (), after=after, limit=500):
        for relation in found:
            assert isinstance(relation, Relation)
            facts += 1
            assert all(chunks[s.chunk_id].text[s.start : s.end] == s.quote for s in relation.support)
        after = found[-1].id
    assert facts > 100
