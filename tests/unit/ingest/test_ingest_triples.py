"""Given facts: how they are read, and what they become in the graph."""

import gzip
import json
from pathlib import Path

import pytest

import kag
from ingest import Pipeline
from ingest.triples import GivenTriples, read_triples
from kag.errors import ReadError
from kag.knowledge_bases.records import Chunk, Relation

TEXT = "Marie Curie moved from Warsaw to Paris in 1891. She discovered polonium, named after Poland."


def file(folder: Path, *rows: object, name: str = "triples.jsonl") -> Path:
    path = folder / name
    content = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


async def relations(folder: Path, *triples: list[str]) -> dict[tuple[str, str, str], Relation]:
    """What triples of one passage become: subject, type and object by name."""
    corpus = file(folder, {"id": "p1", "title": "Marie Curie", "text": TEXT}, name="corpus.jsonl")
    given = read_triples(file(folder, {"id": "p1", "triples": triples}))
    async with kag.KnowledgeBase(uri=folder / "store", resolution="off") as base:
        report = await Pipeline(base, extractor=GivenTriples(given)).run(corpus)
        assert report.complete
        found = [r for r in await base.store.page("relation", base.collections) if isinstance(r, Relation)]
        whole = {r.id: r for r in (await base.store.get([r.id for r in found])).values()}
        ends = await base.store.get([i for r in found for i in (r.subject_id, r.object_id)])
        chunks = {c.id: c for c in await base.store.page("chunk", base.collections) if isinstance(c, Chunk)}
        for relation in whole.values():
            assert isinstance(relation, Relation)
            for support in relation.support:
                assert chunks[support.chunk_id].text[support.start : support.end] == support.quote != ""
        return {(ends[r.subject_id].name, r.type, ends[r.object_id].name): r for r in whole.values()}  # type: ignore[union-attr]


async def test_a_given_fact_is_supported_by_the_sentence_of_its_ends(tmp_path: Path) -> None:
    found = await relations(tmp_path, ["Marie Curie", "moved to", "Paris"])
    (support,) = found["Marie Curie", "MOVED_TO", "Paris"].support
    assert support.quote == "Marie Curie moved from Warsaw to Paris in 1891."


async def test_ends_that_the_passage_writes_otherwise_are_kept(tmp_path: Path) -> None:
    found = await relations(tmp_path, ["polonium", "is called after", "the Polish nation"])
    (support,) = found["polonium", "IS_CALLED_AFTER", "the Polish nation"].support
    assert support.quote == "She discovered polonium, named after Poland."


async def test_what_the_passage_itself_names_is_there_too(tmp_path: Path) -> None:
    found = await relations(tmp_path, ["Marie Curie", "moved to", "Paris"])
    assert any(type_ != "MOVED_TO" for _, type_, _ in found)


async def test_relations_of_any_words_become_types(tmp_path: Path) -> None:
    found = await relations(
        tmp_path, ["Marie Curie", "`} DETACH DELETE (n) //", "Paris"], ["Paris", "…", "Warsaw"]
    )
    kinds = {type_ for _, type_, _ in found}
    assert {"DETACH_DELETE_N", "RELATED_TO"} <= kinds


def test_triples_are_read_by_passage_plain_or_gzipped(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "triples": [["a", "b", "c"], ["a", "b"], ["", "b", "c"], "no"]},
        {"id": 1, "triples": []},
    ]
    for name in ("t.jsonl", "t.jsonl.gz"):
        assert read_triples(file(tmp_path, *rows, name=name)) == {"1": [("a", "b", "c")]}


@pytest.mark.parametrize("row", ["{", "[]", {"triples": []}, {"id": "a"}, {"id": "a", "triples": "x"}])
def test_a_line_that_holds_no_facts_is_named(tmp_path: Path, row: object) -> None:
    with pytest.raises(ReadError, match="line 2"):
        read_triples(file(tmp_path, {"id": "a", "triples": []}, row))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe")
    for name in ("none.jsonl", "broken.jsonl.gz", "binary.jsonl"):
        with pytest.raises(ReadError, match=name):
            read_triples(tmp_path / name)
