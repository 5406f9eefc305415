"""What the local extractor finds in prose, Markdown and tables, and what it leaves alone."""

from __future__ import annotations

import pytest

from ingest.extractors.base import Extraction
from ingest.extractors.local import Extractor
from kag.knowledge_bases.records import Chunk, Document, chunk_id, document_id


async def extract(
    text: str, title: str = "", *, uri: str = "/notes/page.md", headings: tuple[str, ...] = ()
) -> Extraction:
    id_ = document_id("c", uri)
    document = Document(id_, "c", uri, title, "text/markdown", "0", text, "2026-01-01T00:00:00Z")
    return await Extractor().extract(
        document, [Chunk(chunk_id(id_, text), id_, "c", 0, text, 0, len(text), headings=headings)]
    )


def found(extraction: Extraction, label: str) -> set[str]:
    """Names of the entities that stand in the text."""
    mentioned = {mention.entity_id for mention in extraction.mentions if mention.kind == "mention"}
    return {entity.name for entity in extraction.entities if entity.id in mentioned and entity.label == label}


def facts(extraction: Extraction) -> set[tuple[str, str, str]]:
    name = {entity.id: entity.name for entity in extraction.entities}
    return {(name[r.subject_id], r.type, name[r.object_id]) for r in extraction.relations}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            "We met Ludwig van Beethoven and the Prince of Wales.",
            {"Ludwig van Beethoven", "Prince of Wales", "Wales"},
        ),
        ("It was written by J. R. R. Tolkien and O'Brien.", {"J. R. R. Tolkien", "O'Brien"}),
        ("The tools are an iPhone, C++ and AT&T lines.", {"iPhone", "C++", "AT&T"}),
        (
            "Then Dr. Alan Turing met President Abraham Lincoln.",
            {"Alan Turing", "Abraham Lincoln"},
        ),
        ("He saw Tim Burton's Batman.", {"Tim Burton", "Batman"}),
        ('He saw "Deliver Us from Evil" there.', {"Deliver Us from Evil"}),
        ("They moved to Woodson, Arkansas.", {"Woodson", "Arkansas", "Woodson, Arkansas"}),
        ("He joined the Institute for Advanced Study.", {"Institute for Advanced Study"}),
        ("She knew Alexander the Great and Éva Székely.", {"Alexander the Great", "Éva Székely"}),
        ("The Boston-based band met Sammy Davis, Jr. there.", {"Boston", "Sammy Davis, Jr."}),
        ("The planet met King George V.", {"George V"}),
    ],
)
async def test_names_are_found_whole_and_with_their_parts(text: str, names: set[str]) -> None:
    assert found(await extract(text), "Name") == names


@pytest.mark.parametrize(
    "text",
    [
        "However, it rained. Population was growing. Later they left.",
        "The meeting is on Monday. It was in March. I said so.",
        "See Figure 3 and Chapter 12, and Listing 4-1.",
        "INSTALLING THE PROGRAM ON YOUR MACHINE",
        "Look at https://Example.org/Some/Path or write to Jane@Example.org.",
        "```\nlet Mut = Foo::Bar(Baz);\n```",
        '<div class="Big Box">text</div> {{#include ../Listings/A.rs}}',
        "![](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAABPoAAANmCAIAAADsG3JN+AAXNSR)",
        '"Yes," he said.',
    ],
)
async def test_words_that_only_begin_sentences_and_markup_are_no_names(text: str) -> None:
    assert found(await extract(text), "Name") == set()


async def test_a_sentence_initial_word_counts_where_the_document_uses_it_as_a_name() -> None:
    assert "Rust" in found(await extract("Rust compiles. We like Rust."), "Name")
    assert "Rust" not in found(await extract("Rust compiles. The rust on the rust."), "Name")


async def test_the_actor_before_a_name_is_cut_only_where_a_sentence_begins() -> None:
    assert found(await extract("Actor Johnny Depp left. He met the New York Actors Studio."), "Name") >= {
        "Johnny Depp"
    }


async def test_code_that_looks_like_an_identifier_becomes_a_term() -> None:
    terms = found(await extract("Call `read_line()` on `x`, or `String::from`, then `x`."), "Term")
    assert terms == {"read_line", "String::from"}


async def test_emphasised_and_recurring_phrases_become_terms() -> None:
    text = (
        "A *borrow checker* checks. The write lock waits. A write lock is held. "
        "Each write lock ends. The lock is *very* good."
    )
    assert found(await extract(text), "Term") >= {"borrow checker", "write lock"}
    assert "very" not in found(await extract(text), "Term")


async def test_a_phrase_in_plural_and_singular_is_one_term() -> None:
    text = "A test harness runs. Many test harnesses run. The test harness stops. Few test harnesses. "
    extraction = await extract(text + "One test harness. All test harnesses.")
    assert [entity.name for entity in extraction.entities if "harness" in entity.name] == ["test harness"]


async def test_an_acronym_is_an_alias_of_what_it_stands_for() -> None:
    text = "The World Health Organization (WHO) met. Later the WHO voted."
    extraction = await extract(text)
    long = next(entity for entity in extraction.entities if entity.name == "World Health Organization")
    assert "WHO" in long.aliases
    spans = [text[m.start : m.end] for m in extraction.mentions if m.entity_id == long.id]
    assert spans.count("WHO") == 2
    assert found(extraction, "Name") == {"World Health Organization"}, "both forms are one entity"


async def test_dates_have_one_form_and_measures_are_no_years() -> None:
    text = "Born July 16, 1966, moved 16 July 1966, in the 1990s; 1500 km, $1999, ISO 8601, page 1234, 2,010."
    extraction = await extract(text)
    assert found(extraction, "Date") == {"1966-07-16", "1966", "1990s"}
    day = next(entity for entity in extraction.entities if entity.name == "1966-07-16")
    assert set(day.aliases) == {"July 16, 1966", "16 July 1966"}


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("Ada Lovelace was born in London.", ("Ada Lovelace", "BORN_IN", "London")),
        ("Ed Wood is a film directed by Tim Burton.", ("Tim Burton", "DIRECTED", "Ed Wood")),
        ("Ed Wood is a film written and directed by Tim Burton.", ("Tim Burton", "DIRECTED", "Ed Wood")),
        ("Ed Wood was produced by Ann Lee and Bob Ray.", ("Bob Ray", "PRODUCED", "Ed Wood")),
        (
            "Scott Derrickson (born July 16, 1966) is a director.",
            ("Scott Derrickson", "BORN_ON", "1966-07-16"),
        ),
        ("Scott Derrickson (born July 16, 1966) is a director.", ("Scott Derrickson", "IS_A", "director")),
        ("The Eiffel Tower is located in Paris.", ("Eiffel Tower", "LOCATED_IN", "Paris")),
        ("Larry Page founded Google.", ("Larry Page", "FOUNDED", "Google")),
        ("Lise Meitner worked for Siemens.", ("Lise Meitner", "WORKS_FOR", "Siemens")),
    ],
)
async def test_plain_sentences_give_typed_facts(text: str, fact: tuple[str, str, str]) -> None:
    assert fact in facts(await extract(text))


async def test_a_pronoun_stands_for_what_the_document_is_about() -> None:
    text = "Ada Lovelace was a writer. She was born in London."
    assert ("Ada Lovelace", "BORN_IN", "London") in facts(await extract(text, "Ada Lovelace"))
    assert not any(type_ == "BORN_IN" for _, type_, _ in facts(await extract(text, "Notes of a meeting")))


async def test_names_of_one_sentence_occur_together_with_the_sentence_as_quote() -> None:
    text = "Nothing here. We saw Ann Lee near Bob Ray. Carl Orff slept."
    extraction = await extract(text)
    pair = [r for r in extraction.relations if r.type == "CO_OCCURS_WITH"]
    assert [support.quote for support in pair[0].support] == ["We saw Ann Lee near Bob Ray."]
    assert len(pair) == 1


async def test_a_crowded_sentence_gives_a_bounded_number_of_pairs() -> None:
    names = ", ".join(f"Ann{letter} Lee{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")
    extraction = await extract(f"We met {names} there.")
    assert len(extraction.relations) <= 8


async def test_rows_of_a_table_become_facts_typed_by_their_columns() -> None:
    text = (
        "Name: Marie Curie; Born: 7 November 1867; Birth place: Warsaw\nName: Ada Lovelace; Country: England"
    )
    assert facts(await extract(text, "people", uri="/d/people.csv")) >= {
        ("Marie Curie", "BORN", "1867-11-07"),
        ("Marie Curie", "BIRTH_PLACE", "Warsaw"),
        ("Ada Lovelace", "COUNTRY", "England"),
    }


async def test_a_column_cannot_smuggle_anything_into_a_relation_type() -> None:
    extraction = await extract("Name: Ann Lee; Born`]->(x) DELETE x //: London; Home: Paris")
    assert {relation.type for relation in extraction.relations} <= {"HOME", "CO_OCCURS_WITH"}


def titles(extraction: Extraction) -> dict[str, tuple[str, tuple[str, ...]]]:
    ids = {mention.entity_id for mention in extraction.mentions if mention.kind == "title"}
    return {entity.name: (entity.label, entity.aliases) for entity in extraction.entities if entity.id in ids}


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Ed Wood (film)", {"Ed Wood (film)": ("Name", ()), "Ed Wood": ("Name", ())}),
        ("Woodson, Arkansas", {"Woodson, Arkansas": ("Name", ("Woodson",))}),
        ("The Beatles", {"Beatles": ("Name", ("The Beatles",))}),
        ("Aircraft carrier", {"Aircraft carrier": ("Term", ())}),
        ("Duck - Wikipedia", {"Duck - Wikipedia": ("Name", ()), "Duck": ("Name", ())}),
        ("README", {"README (notes/page.md)": ("Term", ())}),
        ("page", {"notes/page.md": ("Term", ("page",))}),
        ("Chapter 1", {"Chapter 1 (notes/page.md)": ("Term", ())}),
        ("", {"notes/page.md": ("Term", ())}),
    ],
)
async def test_titles_become_entities_under_the_names_that_others_use(
    title: str, expected: dict[str, tuple[str, tuple[str, ...]]]
) -> None:
    assert titles(await extract("some words", title)) == expected


async def test_headings_are_title_entities_unless_they_name_nothing() -> None:
    extraction = await extract(
        "words", "Guide to Rust", headings=("1. Introduction", "3.2 Memory Safety", "See also")
    )
    assert set(titles(extraction)) == {"Guide to Rust", "Memory Safety"}


async def test_a_title_meets_the_mention_in_another_document() -> None:
    about = await extract("Ed Wood is a film.", "Ed Wood (film)", uri="/a")
    other = await extract("Tim Burton made Ed Wood.", "Tim Burton", uri="/b")
    assert {e.id for e in about.entities if e.name == "Ed Wood"} <= {e.id for e in other.entities}


async def test_a_code_fence_cut_by_a_chunk_border_stays_code() -> None:
    text = "Some prose.\n\n```\nfn Main() {\n}\n\nstruct Foo Bar;\n```\n\nThen Ada Lovelace."
    cut = text.index("struct")
    id_ = document_id("c", "/x.md")
    document = Document(id_, "c", "/x.md", "X", "text/markdown", "0", text, "2026-01-01T00:00:00Z")
    chunks = [
        Chunk(chunk_id(id_, text[a:b]), id_, "c", order, text[a:b], a, b)
        for order, (a, b) in enumerate([(0, cut), (cut, len(text))])
    ]
    assert found(await Extractor().extract(document, chunks), "Name") == {"Ada Lovelace"}


async def test_a_surname_alone_is_the_person_that_the_document_names_in_full() -> None:
    text = "Marie Curie was born in Warsaw. Later Curie moved to Paris, where Curie met Pierre Janet."
    extraction = await extract(text)
    assert found(extraction, "Name") == {"Marie Curie", "Warsaw", "Paris", "Pierre Janet"}
    curie = next(entity for entity in extraction.entities if entity.name == "Marie Curie")
    assert "Curie" in curie.aliases
    spans = [text[m.start : m.end] for m in extraction.mentions if m.entity_id == curie.id and m.end]
    assert spans.count("Curie") == 2
    assert {
        s.quote for r in extraction.relations if curie.id in (r.subject_id, r.object_id) for s in r.support
    }


async def test_a_surname_that_two_people_bear_stays_a_name_of_its_own() -> None:
    text = "Marie Curie and Pierre Curie worked there. Later Curie moved to Paris."
    assert {"Marie Curie", "Pierre Curie", "Curie"} <= found(await extract(text), "Name")
