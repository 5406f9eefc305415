"""The contract of extractors: exact spans and quotes, stable ids; for every one that discover finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extractors.base import Extraction, Extractor
from kag import discover
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    chunk_id,
    document_id,
    entity_id,
    relation_id,
)

CURIE = (
    "Marie Curie was born in Warsaw on 7 November 1867. She shared the Nobel Prize with Pierre Curie. "
    "The International Committee on Radium (ICR) met in Paris. The ICR was led by Marie Curie."
)
IDENTIFIER = re.compile(r"[A-Z][A-Za-z0-9]*$")
TYPE = re.compile(r"[A-Z][A-Z0-9_]*$")


async def echo(messages: list[dict[str, str]], schema: dict[str, Any]) -> dict[str, Any]:
    """A model that takes every capitalised word for a person, and relates each to the next."""
    passage = messages[-1]["content"].partition("<passage>\n")[2].rpartition("\n</passage>")[0]
    names = list(dict.fromkeys(re.findall(r"\b[A-Z]\w+", passage)))[:20]
    quote = passage.strip().split("\n")[0][:200]
    pairs = list(pairwise(names))
    return {
        "entities": [{"name": n, "label": "person", "description": "", "quote": n} for n in names],
        "relations": [
            {"subject": a, "type": "stands before", "object": b, "description": "", "quote": quote}
            for a, b in pairs
        ],
    }


NEEDS: dict[str, Callable[[ModuleType], Extractor]] = {"llm": lambda module: module.Extractor(echo)}
NAMES = discover.names("ingest.extractors")
every_extractor = pytest.mark.parametrize("name", NAMES)


def an_extractor(name: str) -> Extractor:
    module = discover.load("ingest.extractors", name)
    return NEEDS.get(name, lambda module: module.Extractor())(module)


def a_document(
    *passages: str, title: str = "Marie Curie", uri: str = "/d/curie.md"
) -> tuple[Document, list[Chunk]]:
    text = "\n\n".join(passages)
    id_ = document_id("science", uri)
    document = Document(id_, "science", uri, title, "text/markdown", "0", text, "2026-01-01T00:00:00Z")
    chunks, start = [], 0
    for order, passage in enumerate(passages):
        key = chunk_id(id_, passage, passages[:order].count(passage))
        chunks.append(Chunk(key, id_, "science", order, passage, start, start + len(passage)))
        start += len(passage) + 2
    return document, chunks


def check(extraction: Extraction, chunks: list[Chunk]) -> None:
    """Holds what is true of every extraction."""
    texts = {chunk.id: chunk.text for chunk in chunks}
    ids = [entity.id for entity in extraction.entities]
    assert len(set(ids)) == len(ids)
    for entity in extraction.entities:
        assert entity.id == entity_id("science", entity.label, entity.name)
        assert entity.name.strip()
        assert IDENTIFIER.match(entity.label)
    for mention in extraction.mentions:
        assert mention.entity_id in ids
        if mention.kind == "title":
            assert (mention.start, mention.end) == (0, 0)
        else:
            assert texts[mention.chunk_id][mention.start : mention.end].strip()
    assert len(set(extraction.mentions)) == len(extraction.mentions)
    for relation in extraction.relations:
        assert relation.id == relation_id(relation.subject_id, relation.type, relation.object_id)
        assert {relation.subject_id, relation.object_id} <= set(ids)
        assert relation.subject_id != relation.object_id
        assert TYPE.match(relation.type)
        assert relation.support
        for support in relation.support:
            assert support.quote.strip()
            assert texts[support.chunk_id][support.start : support.end] == support.quote


@every_extractor
async def test_names_are_found_with_their_spans_and_facts_with_their_quotes(name: str) -> None:
    document, chunks = a_document(CURIE)
    extraction = await an_extractor(name).extract(document, chunks)
    check(extraction, chunks)
    named = {entity.id: entity.name for entity in extraction.entities}
    said = {(named[m.entity_id], CURIE[m.start : m.end]) for m in extraction.mentions}
    assert {("Marie Curie", "Marie Curie"), ("Warsaw", "Warsaw"), ("Paris", "Paris")} <= said
    assert extraction.relations


@every_extractor
async def test_the_chunks_of_a_document_meet_in_its_title(name: str) -> None:
    document, chunks = a_document("One passage.", "Another passage.", "A third one.")
    extraction = await an_extractor(name).extract(document, chunks)
    titles = [m for m in extraction.mentions if m.kind == "title"]
    assert {m.chunk_id for m in titles} == {chunk.id for chunk in chunks}
    assert len({m.entity_id for m in titles}) == 1


@every_extractor
async def test_the_same_document_gives_the_same_extraction_whatever_came_before(name: str) -> None:
    document, chunks = a_document(CURIE, "Warsaw is the capital of Poland.")
    fresh = await an_extractor(name).extract(document, chunks)
    used = an_extractor(name)
    await used.extract(
        *a_document("The Warsaw warsaw warsaw and the curie.", title="Other", uri="/d/other.md")
    )
    assert await used.extract(document, chunks) == fresh


@every_extractor
async def test_equal_names_in_two_documents_have_one_id(name: str) -> None:
    extractor = an_extractor(name)
    found = []
    for uri in ("/d/a.md", "/d/b.md"):
        document, chunks = a_document(f"In {uri[3]} we met Lise Meitner in Berlin.", title="Visit", uri=uri)
        extraction = await extractor.extract(document, chunks)
        found.append({entity.id for entity in extraction.entities if "Meitner" in entity.name})
    assert found[0] & found[1]


@every_extractor
async def test_a_document_without_chunks_or_words_gives_nothing_wrong(name: str) -> None:
    document, chunks = a_document(" \n ", title="")
    check(await an_extractor(name).extract(document, chunks), chunks)
    empty = await an_extractor(name).extract(document, [])
    assert not empty.entities
    assert not empty.mentions


@every_extractor
async def test_a_chunk_that_is_not_a_slice_of_the_document_keeps_its_own_spans(name: str) -> None:
    document, _ = a_document("Something else entirely.")
    text = "Lise Meitner worked in Berlin."
    chunks = [Chunk(chunk_id(document.id, text), document.id, "science", 0, text, 5, 5 + len(text))]
    extraction = await an_extractor(name).extract(document, chunks)
    check(extraction, chunks)
    assert any("Meitner" in entity.name for entity in extraction.entities)


PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        [
            "Marie Curie",
            " is a ",
            " was born in ",
            " (IBM) ",
            "International Business Machines",
            "**Bold Term**",
            "`code_span()`",
            '"A Quoted Title"',
            "[link text](http://x.y)",
            "\n\n# Heading Line\n\n",
            "```\ncode\n",
            "July 16, 1966",
            " Name: Ada; Born: 1815\n",
            "O'Brien's ",
            ", ",
            ". ",
            " and ",
            " of the ",
            "\0",
            "İstanbul ",
            "ß",
            "<b>",
            "ﬁ",
        ]
    ),
)


@every_extractor
@settings(max_examples=60, deadline=None)
@given(passages=st.lists(st.lists(PIECES, max_size=12).map("".join), min_size=1, max_size=3), title=PIECES)
async def test_any_text_keeps_the_contract(name: str, passages: list[str], title: str) -> None:
    document, chunks = a_document(*passages, title=title)
    check(await an_extractor(name).extract(document, chunks), chunks)
