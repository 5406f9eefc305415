"""The real documents of the shared bench: every one is read and split, and every span is exact."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from ingest import readers, sources
from ingest.chunkers import structure
from ingest.readers.base import Reading

BENCH = Path(__file__).resolve().parents[3].parent / "shared" / "bench" / "public"
DOCUMENTS = BENCH / "docs_cli"
needs_documents = pytest.mark.skipif(
    not DOCUMENTS.is_dir(), reason="../shared/bench/public/docs_cli is missing"
)


def document(name: str) -> Reading:
    return next(readers.read(DOCUMENTS / name))


@needs_documents
def test_all_documents_are_read_and_their_passages_lie_where_they_say() -> None:
    found = sources.find([DOCUMENTS])
    assert len(found) == 34
    for source in found:
        assert source.reason == ""
        for reading in readers.read(source.path):
            passages = structure.split(reading)
            assert passages
            assert all(reading.text[p.start : p.end] == p.text for p in passages)
            covered = sum(len(p.text.split()) for p in passages)
            assert covered >= 0.99 * len(reading.text.split())
            assert all(heading.title for heading in reading.headings)
            reading.text.encode()


@needs_documents
def test_a_passage_does_not_begin_within_a_sentence() -> None:
    torn = total = 0
    for source in sources.find([DOCUMENTS]):
        for reading in readers.read(source.path):
            passages = structure.split(reading)
            total += len(passages)
            for before, passage in pairwise(passages):
                same_paragraph = reading.text[before.end : passage.start].count("\n") < 2
                code = reading.text[: passage.start].count("\n```") % 2
                if (
                    same_paragraph
                    and not code
                    and passage.text[0].islower()
                    and before.text[-1] not in ".!?:;"
                ):
                    torn += 1
    assert total > 600
    assert torn <= total * 0.005


@needs_documents
@pytest.mark.parametrize("path", sorted(p.name for p in DOCUMENTS.glob("html/sqlite_*.html")))
def test_pages_of_sqlite_are_free_of_its_menus(path: str) -> None:
    text = document(f"html/{path}").text
    for junk in (
        "Small. Fast. Reliable",
        "Choose any three",
        "Search Documentation",
        "Table Of Contents",
        "toggle_",
    ):
        assert junk not in text


@needs_documents
def test_the_manual_of_fts5_keeps_its_headings_code_and_tables() -> None:
    found = document("html/sqlite_fts5.html")
    assert found.title == "SQLite FTS5 Extension"
    assert "# 1. Overview of FTS5\n\nFTS5 is an SQLite virtual table module" in found.text
    assert "```\nCREATE VIRTUAL TABLE email USING fts5(sender, title, body);\n```" in found.text
    assert "| `<query1> NOT <query2>` | Matches if query1 matches and query2 does not match. |" in found.text
    assert len(found.headings) >= 70


@needs_documents
def test_the_article_on_ducks_is_free_of_the_site_around_it() -> None:
    found = document("html/wikipedia_duck.html")
    assert found.title == "Duck"
    assert found.metadata["language"] == "en"
    for junk in (
        "Jump to",
        "Toggle",
        "[edit]",
        "Deutsch",
        "Log in",
        "Privacy policy",
        "[1]",
        "citation needed",
    ):
        assert junk not in found.text
    assert "- Kingdom: Animalia" in found.text
    assert (
        "Duck is the common name for numerous species of waterfowl in the family Anatidae. Ducks are"
        in found.text
    )


@needs_documents
def test_the_scanned_order_of_an_invoice_is_put_right() -> None:
    found = document("pdf/repair_invoice_multipage.pdf")
    assert [page.number for page in found.pages] == [1, 2, 3]
    assert found.text.startswith("ZAVA AUTO REPAIR")
    assert "Insured name | Gabriel Diaz | Year | 2022" in found.text
    assert (
        found.text.index("Estimate Totals")
        < found.text.index("Hours | Rate | Cost")
        < found.text.index("Parts | 2,100")
    )


@needs_documents
def test_two_columns_of_a_handbook_are_read_in_order_without_torn_words() -> None:
    text = document("pdf/faa_amt_handbook_sample.pdf").text
    assert "The wing type that is the most common ranges in size for No. 6 up to 1⁄4 inch" in text
    assert "Only a wrench applied to the nut loosens it." in text
    paper = document("pdf/markitdown_test.pdf").text
    assert "three reasons confirming its general feasibility" in paper
    assert "because chat-optimized LLMs" in paper
    assert not re.search("[\u00ad\ufffe\x02]", text + paper)


@needs_documents
def test_a_word_document_with_styles_of_its_own_keeps_its_structure() -> None:
    found = document("docx/rust_chapter01.docx")
    assert found.title == "Getting Started"
    assert [heading.title for heading in found.headings][:3] == [
        "Getting Started",
        "Installation",
        "Installing rustup on Linux or macOS",
    ]
    assert "```\n$ rustc --version\n```" in found.text
    assert "- Update to a newer Rust version.\n- Open locally installed documentation." in found.text


@pytest.mark.skipif(not BENCH.is_dir(), reason="../shared/bench/public is missing")
def test_a_corpus_of_thousands_is_streamed() -> None:
    found = list(readers.read(BENCH / "hotpotqa500" / "corpus.jsonl.gz"))
    assert len(found) == 4937
    assert len({reading.uri for reading in found}) == 4937
