"""What every store does: one suite over all stores that `discover` finds and that have an address.

Further parts of the contract have files of their own beside this one.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_documents import SPACE, STORES, all_pages, document, entity, everything, vector

from kag.errors import EmbeddingMismatchError, SearchError, StoreError, StoreNotFoundError
from kag.knowledge_bases.base import Job, Space, Store, TextSearch, VectorSearch
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Relation,
    document_id,
)

MakeStore = Callable[[str, Path], Store]  # the fixture `make_store`
HERE = ("default",)
ADA = document(
    "/docs/ada.md",
    "[Ada Lovelace] wrote to [Charles Babbage] about the [Analytical Engine].",
    "[Ada Lovelace] lived in [London].",
)
BABBAGE = document(
    "/docs/babbage.md", "[Charles Babbage] was born in [London].", "He built machines of brass."
)
HOSTILE = [
    'O\'Brien "the" `quoted`',
    "nul\0inside",
    "'); DROP TABLE document; --",
    "` DETACH DELETE n //",
    "}) RETURN n UNION MATCH (x) //",
    "👩🏽‍🚀 emoji",
    "שלום עולם",
    "a\u202eb\u200bc",
    "line\nbreak\ttab",
    "half a pair \ud800 here",
    "$param {curly} %s \\backslash",
    "x" * 10_000,
]


async def found(store: Store, text: str, **more: object) -> list[str]:
    """Texts or names that a text search finds, best first."""
    search = TextSearch(text, 50, HERE)
    hits = await store.text_search(replace(search, **more))
    records = await store.get([hit.id for hit in hits])
    return [
        r.text if isinstance(r, Chunk) else r.name for r in records.values() if isinstance(r, Chunk | Entity)
    ]


async def nearest(store: Store, text: str, k: int = 50, **more: object) -> list[str]:
    """Texts of the chunks nearest to a text, best first."""
    search = VectorSearch(vector(text), k, HERE)
    hits = await store.vector_search(replace(search, **more))
    records = await store.get([hit.id for hit in hits])
    return [r.text for r in records.values() if isinstance(r, Chunk)]


# Opening and closing


async def test_a_new_store_is_empty(store: Store) -> None:
    statistics = await store.statistics()
    assert (statistics.documents, statistics.chunks, statistics.entities) == (0, 0, 0)
    assert (statistics.relations, statistics.mentions) == (0, 0)
    assert statistics.collections == ()
    assert await store.page("document", ()) == []
    assert await store.space() is None


async def test_what_was_written_is_there_after_it_was_closed_and_opened(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    before = await everything(store)
    await store.close()
    await store.open(create=False)
    assert await everything(store) == before


async def test_closing_twice_is_allowed_and_a_closed_store_says_so(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.statistics()
    await store.open()


async def test_opening_an_open_store_changes_nothing(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.open()
    assert (await store.statistics()).documents == 1


@pytest.mark.parametrize("name", STORES)
async def test_a_store_opens_by_itself_at_its_first_use(
    name: str, make_store: MakeStore, tmp_path: Path
) -> None:
    made = make_store(name, tmp_path)
    assert (await made.statistics()).documents == 0
    await made.close()


# Writing


async def test_an_upsert_reports_what_it_made(store: Store) -> None:
    report = await store.upsert(ADA, SPACE)
    assert not report.unchanged
    assert (report.chunks_created, report.chunks_kept, report.chunks_removed) == (2, 0, 0)
    assert (report.entities_created, report.entities_merged) == (4, 0)
    assert (report.relations_created, report.relations_merged) == (3, 0)
    assert report.rejected == ()


async def test_a_repeated_upsert_changes_nothing(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    before = await everything(store)
    report = await store.upsert(ADA, SPACE)
    assert report.unchanged
    assert await everything(store) == before


async def test_a_later_time_alone_is_no_change(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    later = replace(ADA, document=replace(ADA.document, ingested_at="2027-01-01T00:00:00Z"))
    assert (await store.upsert(later, SPACE)).unchanged


async def test_a_second_document_merges_into_the_entities_of_the_first(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    report = await store.upsert(BABBAGE, SPACE)
    assert (report.entities_created, report.entities_merged) == (0, 2)
    assert (report.relations_created, report.relations_merged) == (1, 0)


async def test_records_come_back_as_they_were_written(store: Store) -> None:
    said = {
        "Ada": {"description": "A person.", "aliases": ("Countess",), "properties": {"born": 1815, "x": True}}
    }
    change = document("/a.md", "[Ada] met [Bob].", title="A title", headings=("One", "Two"), said=said)
    metadata = {"author": "Me", "pages": 3, "score": 0.5, "draft": False}
    change = replace(change, document=replace(change.document, metadata=metadata))
    change = replace(change, chunks=(replace(change.chunks[0], page=7),))
    await store.upsert(change, SPACE)
    wanted = (change.document, *change.chunks, *change.entities, *change.relations)
    assert list((await store.get([r.id for r in wanted])).values()) == list(wanted)
    assert await store.mentions(chunk_ids=[change.chunks[0].id]) == list(change.mentions)


async def test_a_changed_document_replaces_only_the_chunks_that_changed(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    changed = document(
        "/docs/ada.md",
        "[Ada Lovelace] wrote to [Charles Babbage] about the [Analytical Engine].",
        "[Ada Lovelace] lived in [Ockham].",
    )
    report = await store.upsert(changed, SPACE)
    assert (report.chunks_created, report.chunks_kept, report.chunks_removed) == (1, 1, 1)
    assert await found(store, "London") == []
    assert await found(store, "Ockham") == ["Ada Lovelace lived in Ockham."]
    names = {e.name for e in await store.page("entity", HERE)}
    assert names == {"Ada Lovelace", "Charles Babbage", "Analytical Engine", "Ockham"}


async def test_a_changed_document_leaves_what_writing_it_anew_would_leave(store: Store) -> None:
    await store.upsert(document("/docs/ada.md", "[Ada] met [Bob].", "[Ada] met [Cid].", "Gone."), SPACE)
    await store.upsert(ADA, SPACE)
    changed = await everything(store)
    await store.delete_document(ADA.document.id)
    await store.upsert(ADA, SPACE)
    assert await everything(store) == changed


async def test_a_chunk_that_only_moved_is_kept_with_its_new_place(store: Store) -> None:
    await store.upsert(document("/a.md", "First line.", "Second line."), SPACE)
    report = await store.upsert(document("/a.md", "New start.", "First line.", "Second line."), SPACE)
    assert (report.chunks_created, report.chunks_kept, report.chunks_removed) == (1, 2, 0)
    chunks = [c for c in await store.page("chunk", HERE) if isinstance(c, Chunk)]
    assert [c.text for c in sorted(chunks, key=lambda c: c.order)] == [
        "New start.",
        "First line.",
        "Second line.",
    ]
    assert {c.start for c in chunks} == {0, 11, 23}


async def test_other_findings_in_the_same_text_are_a_change(store: Store) -> None:
    await store.upsert(document("/a.md", "[Ada] met Bob."), SPACE)
    report = await store.upsert(document("/a.md", "[Ada] met [Bob]."), SPACE)
    assert (report.unchanged, report.chunks_kept, report.entities_created) == (False, 1, 1)
    assert (await store.statistics()).relations == 1


async def test_a_new_title_is_found_and_the_old_one_is_not(store: Store) -> None:
    await store.upsert(document("/a.md", "Plain words.", title="Aardvark"), SPACE)
    await store.upsert(document("/a.md", "Plain words.", title="Zebra"), SPACE)
    assert await found(store, "zebra") == ["Plain words."]
    assert await found(store, "aardvark") == []


async def test_a_document_without_chunks_is_kept(store: Store) -> None:
    await store.upsert(document("/empty.md"), SPACE)
    assert [d.uri for d in await store.find_documents(HERE, "/empty.md")] == ["/empty.md"]


async def test_the_same_passage_twice_is_two_chunks(store: Store) -> None:
    await store.upsert(document("/a.md", "Again.", "Again."), SPACE)
    assert (await store.statistics()).chunks == 2


async def test_an_entity_that_nothing_in_the_document_holds_is_reported(store: Store) -> None:
    change = document("/a.md", "[Ada] is here.")
    ghost = Entity(entity("Ghost"), "default", "Name", "Ghost")
    report = await store.upsert(replace(change, entities=(*change.entities, ghost)), SPACE)
    assert len(report.rejected) == 1
    assert "Ghost" in report.rejected[0]
    assert [e.name for e in await store.page("entity", HERE)] == ["Ada"]


def broken(change: DocumentChange) -> dict[str, DocumentChange]:
    """Changes that do not fit together."""
    elsewhere = replace(change.entities[0], collection="other")
    return {
        "mention of no chunk": replace(change, mentions=(Mention("chk_no", change.entities[0].id),)),
        "mention of no entity": replace(change, mentions=(Mention(change.chunks[0].id, "ent_no"),)),
        "relation without an end": replace(change, entities=change.entities[:1], mentions=()),
        "relation without support": replace(change, relations=(replace(change.relations[0], support=()),)),
        "another collection": replace(change, entities=(elsewhere, *change.entities[1:])),
        "a chunk of another document": replace(
            change, chunks=(replace(change.chunks[0], document_id="doc_no"),)
        ),
        "a chunk twice": replace(change, chunks=change.chunks * 2),
        "a mention of no known kind": replace(
            change, mentions=(replace(change.mentions[0], kind="glimpse"),)
        ),
        "no name": replace(change, entities=(replace(change.entities[0], name=" "), *change.entities[1:])),
    }


@pytest.mark.parametrize("fault", sorted(broken(ADA)))
async def test_a_change_that_does_not_fit_together_is_refused_whole(store: Store, fault: str) -> None:
    with pytest.raises(StoreError, match=re.escape("/docs/ada.md")):
        await store.upsert(broken(ADA)[fault], SPACE)
    assert (await store.statistics()).documents == 0


async def test_one_id_cannot_have_two_labels(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    change = document("/b.md", "[Ada Lovelace] again.")
    other = replace(change, entities=(replace(change.entities[0], label="Ship"),))
    with pytest.raises(StoreError, match="Ship"):
        await store.upsert(other, SPACE)
    assert (await store.statistics()).documents == 1


# Merging


async def test_an_entity_shows_the_name_that_most_documents_give_it(store: Store) -> None:
    for uri, form in (("/1", "NASA"), ("/2", "Nasa"), ("/3", "NASA"), ("/4", "nasa")):
        await store.upsert(document(uri, f"[{form}] flew."), SPACE)
    (merged,) = await store.page("entity", HERE)
    assert isinstance(merged, Entity)
    assert (merged.name, merged.aliases, merged.degree) == ("NASA", ("Nasa", "nasa"), 4)


async def test_the_name_changes_back_when_its_documents_go(store: Store) -> None:
    for uri, form in (("/1", "Nasa"), ("/2", "NASA"), ("/3", "NASA")):
        await store.upsert(document(uri, f"[{form}] flew."), SPACE)
    await store.delete_document(document_id("default", "/2"))
    await store.delete_document(document_id("default", "/3"))
    (merged,) = await store.page("entity", HERE)
    assert isinstance(merged, Entity)
    assert (merged.name, merged.aliases) == ("Nasa", ())
    assert await found(store, "NASA", target="entity") == ["Nasa"]


async def test_an_entity_has_the_longest_description_that_is_left(store: Store) -> None:
    for uri, words in (("/1", "Short."), ("/2", "Rather longer."), ("/3", "The very longest one.")):
        await store.upsert(document(uri, "[Ada] is.", said={"Ada": {"description": words}}), SPACE)
    (merged,) = await store.page("entity", HERE)
    assert isinstance(merged, Entity)
    assert merged.description == "The very longest one."
    await store.delete_document(document_id("default", "/3"))
    (merged,) = await store.page("entity", HERE)
    assert isinstance(merged, Entity)
    assert merged.description == "Rather longer."
    assert await found(store, "longest", target="entity") == []


async def test_a_property_has_the_value_that_most_documents_give(store: Store) -> None:
    for uri, year in (("/1", 1816), ("/2", 1815), ("/3", 1815)):
        said = {"Ada": {"properties": {"born": year, f"only {uri}": True}}}
        await store.upsert(document(uri, "[Ada] was born.", said=said), SPACE)
    (merged,) = await store.page("entity", HERE)
    assert isinstance(merged, Entity)
    assert merged.properties == {"born": 1815, "only /1": True, "only /2": True, "only /3": True}
    await store.delete_document(document_id("default", "/3"))
    await store.delete_document(document_id("default", "/2"))
    (merged,) = await store.page("entity", HERE)
    assert isinstance(merged, Entity)
    assert merged.properties == {"born": 1816, "only /1": True}


async def test_a_relation_gathers_the_support_of_all_documents(store: Store) -> None:
    for uri in ("/1", "/2"):
        await store.upsert(document(uri, f"[Ada] met [Bob] in {uri}."), SPACE)
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert sorted(s.quote for s in relation.support) == ["Ada met Bob in /1.", "Ada met Bob in /2."]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, [1], {"a": 1}, b"x"])
async def test_a_property_that_no_json_holds_is_refused(store: Store, value: object) -> None:
    odd = document("/odd.md", "[Ada] sat.", said={"Ada": {"properties": {"size": value}}})
    with pytest.raises(StoreError, match=r"odd\.md cannot be written.*'size'"):
        await store.upsert(odd, SPACE)
    assert (await store.statistics()).documents == 0


async def test_a_relation_merges_its_descriptions_and_properties(store: Store) -> None:
    for uri, words, year in (("/1", "met", 1833), ("/2", "met at a party", 1834), ("/3", "met", 1833)):
        change = document(uri, f"[Ada] met [Bob] in {uri}.")
        fact = replace(change.relations[0], description=words, properties={"year": year})
        await store.upsert(replace(change, relations=(fact,)), SPACE)
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert (relation.description, relation.properties) == ("met at a party", {"year": 1833})
    await store.delete_document(document_id("default", "/2"))
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert relation.description == "met"


FORMS = ["Ada", "ADA", "Bob", "bob", "Cid", "Zoë"]
sentence = st.lists(st.sampled_from(FORMS), min_size=1, max_size=3).map(
    lambda n: " met ".join(f"[{x}]" for x in n)
)
description = st.sampled_from(["", "one", "two", "a longer one"])


@st.composite
def documents(draw: st.DrawFn) -> list[DocumentChange]:
    """A few documents that share entities, with descriptions and properties that disagree."""
    changes = []
    for n in range(draw(st.integers(1, 4))):
        said = {
            form: {
                "description": draw(description),
                "aliases": tuple(draw(st.lists(st.sampled_from(["x", "Y", "ada"]), max_size=2))),
                "properties": draw(st.dictionaries(st.sampled_from("pq"), st.integers(0, 2), max_size=2)),
            }
            for form in FORMS
        }
        changes.append(document(f"/{n}", *draw(st.lists(sentence, min_size=1, max_size=3)), said=said))
    return changes


def run_fresh(make: Callable[[Path], Store], work: Callable[[Store], Awaitable[None]]) -> None:
    """Runs work on a new, empty store."""

    async def main(folder: Path) -> None:
        made = make(folder)
        try:
            await work(made)
        finally:
            await made.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=documents(), data=st.data())
def test_the_order_of_documents_does_not_matter(
    name: str, make_store: MakeStore, changes: list[DocumentChange], data: st.DataObject
) -> None:
    make = partial(make_store, name)
    order = data.draw(st.permutations(changes))
    seen = []

    async def write(store: Store, several: list[DocumentChange]) -> None:
        for change in several:
            await store.upsert(change, SPACE)
        seen.append(await everything(store))
        for collection in (await store.statistics()).collections:
            await store.delete_collection(collection)

    run_fresh(make, lambda store: write(store, changes))
    run_fresh(make, lambda store: write(store, list(order)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("name", STORES)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(kept=documents(), passing=documents(), versions=documents())
def test_a_document_that_comes_changes_and_goes_leaves_no_difference(
    name: str,
    make_store: MakeStore,
    kept: list[DocumentChange],
    passing: list[DocumentChange],
    versions: list[DocumentChange],
) -> None:
    async def work(store: Store) -> None:
        for change in kept:
            await store.upsert(change, SPACE)
        before = await everything(store)
        guests = [_at(change, f"/guest {n}") for n, change in enumerate(passing)]
        later = [_at(change, f"/guest {n}") for n, change in enumerate(versions)]
        for change in (*guests, *later):
            await store.upsert(change, SPACE)
        for uri in {change.document.uri for change in (*guests, *later)}:
            await store.delete_document(document_id("default", uri))
        assert await everything(store) == before
        await store.delete_collection("default")
        assert (await store.statistics()).entities == 0

    run_fresh(partial(make_store, name), work)


def _at(change: DocumentChange, uri: str) -> DocumentChange:
    """The same sentences and findings as another document."""
    sentences = []
    for chunk in change.chunks:
        names = {m.start: m.end for m in change.mentions if m.chunk_id == chunk.id}
        text = chunk.text
        for start, end in sorted(names.items(), reverse=True):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        sentences.append(text)
    said = {
        e.name: {"description": e.description, "aliases": e.aliases, "properties": e.properties}
        for e in change.entities
    }
    return document(uri, *sentences, said=said)


# Deleting


async def test_a_deletion_reports_what_went(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    report = await store.delete_document(ADA.document.id)
    assert (report.chunks, report.mentions, report.entities, report.relations) == (2, 5, 2, 3)


async def test_entities_that_another_document_holds_survive(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    await store.delete_document(ADA.document.id)
    entities = {e.name: e.degree for e in await store.page("entity", HERE) if isinstance(e, Entity)}
    assert entities == {"Charles Babbage": 1, "London": 1}


async def test_nothing_of_a_deleted_document_is_found(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    await store.delete_document(ADA.document.id)
    assert await found(store, "Lovelace Analytical") == []
    assert await found(store, "Lovelace", target="entity") == []
    assert await nearest(store, ADA.chunks[0].text) == await nearest(store, ADA.chunks[0].text, 2)
    assert await store.lookup(HERE, ["Ada Lovelace"]) == {}
    ids = [ADA.document.id, *(r.id for r in (*ADA.chunks, *ADA.relations))]
    assert await store.get(ids) == {}
    assert await store.mentions(chunk_ids=[c.id for c in ADA.chunks]) == []


async def test_a_relation_lives_as_long_as_its_last_support(store: Store) -> None:
    for uri in ("/1", "/2"):
        await store.upsert(document(uri, f"[Ada] met [Bob] in {uri}."), SPACE)
    await store.delete_document(document_id("default", "/1"))
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert [s.quote for s in relation.support] == ["Ada met Bob in /2."]
    await store.delete_document(document_id("default", "/2"))
    assert (await store.statistics()).relations == 0


async def test_deleting_an_unknown_document_is_an_error(store: Store) -> None:
    with pytest.raises(StoreNotFoundError, match="doc_unknown"):
        await store.delete_document("doc_unknown")


async def test_a_collection_is_deleted_without_touching_others(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(document("/docs/ada.md", "[Ada Lovelace] elsewhere.", collection="other"), SPACE)
    assert await store.delete_collection("default") == 1
    statistics = await store.statistics()
    assert (statistics.documents, statistics.collections) == (1, ("other",))
    assert await store.delete_collection("default") == 0


# Collections


async def test_collections_never_mix(store: Store) -> None:
    await store.upsert(document("/a.md", "[Ada] met [Bob] secretly.", collection="one"), SPACE)
    await store.upsert(document("/a.md", "[Ada] met [Cid] secretly.", collection="two"), SPACE)
    assert await found(store, "secretly", collections=("one",)) == ["Ada met Bob secretly."]
    assert await nearest(store, "x", collections=("two",)) == ["Ada met Cid secretly."]
    known = await store.lookup(["one"], ["Ada"])
    assert [e.collection for e in known["Ada"]] == ["one"]
    assert {e.name for e in (await store.expand([known["Ada"][0].id], hops=4)).entities} == {"Ada", "Bob"}
    assert {e.collection for e in await store.page("entity", ["two"])} == {"two"}
    assert (await store.statistics(["one"])).entities == 2
    assert await store.find_documents(["three"], "/a.md") == []


async def test_several_collections_are_searched_when_they_are_named(store: Store) -> None:
    for name in ("one", "two", "three"):
        await store.upsert(document("/a.md", f"[Ada] in {name}.", collection=name), SPACE)
    assert len(await found(store, "Ada", collections=("one", "two"))) == 2
    assert len(await nearest(store, "x", collections=("one", "two"))) == 2
    assert (await store.statistics(["one", "two"])).documents == 2
    assert len(await store.lookup(["one", "two"], ["Ada"])) == 1


async def test_an_unknown_collection_holds_nothing(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    assert await found(store, "Ada", collections=("nowhere",)) == []
    assert await nearest(store, "Ada", collections=("nowhere",)) == []
    assert await store.page("chunk", ["nowhere"]) == []
    assert (await store.statistics(["nowhere"])).chunks == 0


# Hostile and foreign text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_only_text(store: Store, text: str) -> None:
    await store.upsert(ADA, SPACE)
    said = {text: {"description": text, "aliases": (text + "!",), "properties": {text: text}}}
    change = document(
        text, f"Before [{text}] and [Bob].", collection=text, label=text, relation=text, title=text, said=said
    )
    await store.upsert(change, SPACE)
    plain = text.replace("\ud800", "\ufffd")
    statistics = await store.statistics([text])
    assert (statistics.labels, statistics.relation_types) == ({plain: 2}, {plain: 1})
    chunk = (await store.get([change.chunks[0].id]))[change.chunks[0].id]
    assert isinstance(chunk, Chunk)
    assert chunk.text == f"Before {plain} and Bob."
    known = (await store.lookup([text], [text]))[text]
    assert [(e.name, e.label, e.properties) for e in known] == [(plain, plain, {plain: plain})]
    expanded = await store.expand([known[0].id], relation_types=[text])
    assert [r.type for r in expanded.relations] == [plain]
    assert [d.uri for d in await store.find_documents([text], text)] == [plain]
    await store.text_search(TextSearch(text, 5, (text,), label=text, target="entity"))
    await store.text_search(TextSearch(text, 5, (text,), document_ids=(text,)))
    assert await store.get([text, f"ent_{text}", f"doc_{text}"]) == {}
    await store.delete_document(change.document.id)
    assert (await store.statistics()).collections == ("default",)
    assert (await store.statistics()).documents == 1


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("zurich", "[Zürich] is a city."),
        ("ZÜRICH", "[Zurich] is a city."),
        ("наука", "Это [Наука]."),
        ("ΑΘΉΝΑ", "Η [Αθήνα] είναι πόλη."),
        ("हिन्दी", "यह [हिन्दी] है।"),
        ("running", "She [runs] fast."),
        ("naïve cafe", "A [naive] [café]."),
        ("مرحبا", "قال [مرحبا] لنا"),
    ],
)
async def test_text_is_found_in_any_script_and_without_its_accents(
    store: Store, query: str, text: str
) -> None:
    await store.upsert(document("/a.md", text, "Something else entirely."), SPACE)
    assert await found(store, query) == [text.replace("[", "").replace("]", "")]
    assert await found(store, query, target="entity")


# Search


async def test_text_search_ranks_the_better_match_first(store: Store) -> None:
    await store.upsert(
        document("/a.md", "The brass engine.", "A brass band.", "An engine of brass engines."), SPACE
    )
    hits = await store.text_search(TextSearch("brass engine", 10, HERE))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert (await found(store, "brass engine"))[-1] == "A brass band."
    assert all(hit.score > 0 for hit in hits)


async def test_a_title_or_heading_counts_more_than_a_word_in_the_text(store: Store) -> None:
    filler = [f"Filler number {n} about nothing." for n in range(8)]
    await store.upsert(
        document("/1", "Of the harbour they spoke little today.", *filler, title="Plain"), SPACE
    )
    await store.upsert(document("/2", "Much was said about other things there.", title="Harbour"), SPACE)
    await store.upsert(document("/3", "Nothing was said about other things.", headings=("Harbour",)), SPACE)
    assert (await found(store, "harbour"))[-1] == "Of the harbour they spoke little today."
    assert len(await found(store, "harbour")) == 3


@pytest.mark.parametrize("text", ["", "   ", "?!. --", "\0", "()", '"', "*"])
async def test_a_search_without_words_finds_nothing(store: Store, text: str) -> None:
    await store.upsert(ADA, SPACE)
    assert await store.text_search(TextSearch(text, 5, HERE)) == []


@pytest.mark.parametrize(
    "text",
    [
        "AND OR NOT NEAR",
        'brass" OR "x',
        "text:brass",
        "brass*",
        "^brass",
        "NEAR(brass machines, 2)",
        "-brass",
    ],
)
async def test_search_syntax_in_a_question_is_only_words(store: Store, text: str) -> None:
    await store.upsert(BABBAGE, SPACE)
    hits = await found(store, text)
    assert hits == (["He built machines of brass."] if "brass" in text else [])


async def test_a_question_of_function_words_alone_still_finds_them(store: Store) -> None:
    await store.upsert(document("/a.md", "The Who were a band.", "Something else."), SPACE)
    assert await found(store, "the who") == ["The Who were a band."]


async def test_text_search_is_narrowed_by_document_and_label(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    await store.upsert(document("/ship.md", "[Ship of London] sailed.", label="Ship"), SPACE)
    only = await found(store, "London", document_ids=(BABBAGE.document.id,))
    assert only == ["Charles Babbage was born in London."]
    ships = await store.text_search(TextSearch("London", 5, HERE, target="entity", label="Ship"))
    assert [hit.id for hit in ships] == [entity("Ship of London", label="Ship")]
    inside = TextSearch("London", 5, HERE, target="entity", document_ids=(BABBAGE.document.id,))
    assert [hit.id for hit in await store.text_search(inside)] == [entity("London")]
    assert await store.text_search(replace(inside, document_ids=("doc_unknown",))) == []


async def test_entities_are_found_by_name_alias_and_description(store: Store) -> None:
    said = {"Ada": {"aliases": ("Countess of Lovelace",), "description": "Wrote the first program."}}
    await store.upsert(document("/a.md", "[Ada] and [Bob].", said=said), SPACE)
    for text in ("ada", "countess", "programs"):
        assert await found(store, text, target="entity") == ["Ada"]


async def test_no_more_than_k_results_come(store: Store) -> None:
    await store.upsert(document("/a.md", *(f"Brass number {n}." for n in range(20))), SPACE)
    assert len(await found(store, "brass", k=3)) == 3
    assert len(await nearest(store, "brass", 3)) == 3
    assert await store.text_search(TextSearch("brass", 0, HERE)) == []
    assert await store.vector_search(VectorSearch(vector("brass"), 0, HERE)) == []


async def test_vector_search_is_exact_and_ordered_by_cosine(store: Store) -> None:
    change = document("/a.md", *(f"Sentence {n}." for n in range(60)))
    await store.upsert(change, SPACE)
    query = vector("question")
    hits = await store.vector_search(VectorSearch(query, 10, HERE))
    cosines = {c.id: float(np.dot(c.embedding, query)) for c in change.chunks if c.embedding is not None}
    expected = sorted(cosines, key=lambda i: -cosines[i])[:10]
    assert [hit.id for hit in hits] == expected
    assert [hit.score for hit in hits] == pytest.approx([cosines[i] for i in expected], abs=1e-5)


async def test_vector_search_follows_every_write(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    assert (await nearest(store, ADA.chunks[1].text))[0] == ADA.chunks[1].text
    await store.upsert(BABBAGE, SPACE)
    assert (await nearest(store, BABBAGE.chunks[1].text))[0] == BABBAGE.chunks[1].text
    await store.delete_document(ADA.document.id)
    assert ADA.chunks[1].text not in await nearest(store, ADA.chunks[1].text)
    await store.upsert(ADA, SPACE)
    assert (await nearest(store, ADA.chunks[1].text))[0] == ADA.chunks[1].text
    assert len(await nearest(store, "x")) == 4


async def test_vector_search_is_narrowed_by_document(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    inside = await nearest(store, ADA.chunks[0].text, document_ids=(BABBAGE.document.id,))
    assert sorted(inside) == sorted(c.text for c in BABBAGE.chunks)
    assert await nearest(store, "x", document_ids=("doc_unknown",)) == []


async def test_vectors_are_compared_by_angle_alone(store: Store) -> None:
    change = document("/a.md", "Long.", "Short.")
    stretched = [
        replace(c, embedding=vector(c.text) * s) for c, s in zip(change.chunks, (9.0, 0.1), strict=True)
    ]
    await store.upsert(replace(change, chunks=tuple(stretched)), SPACE)
    (best, *_) = await store.vector_search(VectorSearch(vector("Short.") * 5, 1, HERE))
    assert (best.id, best.score) == (change.chunks[1].id, pytest.approx(1.0, abs=1e-5))


async def test_a_store_without_vectors_answers_vector_search_with_nothing(store: Store) -> None:
    await store.upsert(document("/a.md", "Plain.", embedded=False))
    assert await nearest(store, "Plain.") == []
    assert await found(store, "plain") == ["Plain."]


@pytest.mark.parametrize("bad", [np.zeros(8), np.full(8, np.nan), np.full(8, np.inf)])
async def test_a_query_vector_must_point_somewhere(store: Store, bad: np.ndarray) -> None:
    await store.upsert(ADA, SPACE)
    with pytest.raises(SearchError, match="zero or not finite"):
        await store.vector_search(VectorSearch(bad.astype(np.float32), 5, HERE))


# Vector spaces


async def test_vectors_of_another_model_are_refused_and_both_models_named(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    with pytest.raises(EmbeddingMismatchError, match=r"test/eight.*other/model.*reembed"):
        await store.upsert(BABBAGE, Space("other/model", 8))
    assert (await store.statistics()).documents == 1
    assert await store.space() == SPACE


async def test_a_query_vector_of_another_size_is_refused(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    with pytest.raises(EmbeddingMismatchError, match="8 dimensions"):
        await store.vector_search(VectorSearch(vector("x", 5), 5, HERE))


async def test_chunks_with_a_missing_or_wrong_vector_are_refused(store: Store) -> None:
    bare = replace(ADA.chunks[0], embedding=None)
    short = replace(ADA.chunks[0], embedding=vector("x", 5))
    zero = replace(ADA.chunks[0], embedding=np.zeros(8, dtype=np.float32))
    for chunk, error in ((bare, "no vector"), (short, "shape"), (zero, "zero")):
        with pytest.raises(StoreError, match=error):
            await store.upsert(replace(ADA, chunks=(chunk, ADA.chunks[1])), SPACE)
    with pytest.raises(EmbeddingMismatchError, match="space"):
        await store.upsert(ADA)
    assert (await store.statistics()).documents == 0


async def test_a_store_that_holds_no_vector_takes_any_model(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.delete_document(ADA.document.id)
    small = Space("other/small", 5)
    chunks = tuple(replace(c, embedding=vector(c.text, 5)) for c in BABBAGE.chunks)
    await store.upsert(replace(BABBAGE, chunks=chunks), small)
    assert await store.space() == small


async def test_vectors_can_follow_a_document_that_was_written_without(store: Store) -> None:
    await store.upsert(document("/a.md", "Plain words.", embedded=False))
    report = await store.upsert(document("/a.md", "Plain words."), SPACE)
    assert not report.unchanged
    assert await nearest(store, "Plain words.") == ["Plain words."]


async def test_changing_the_model_goes_in_steps_and_switches_at_once(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    target = Space("other/small", 5)
    (first, *rest) = await store.unembedded(target)
    assert len(rest) == 3
    await store.set_embeddings(target, {first.id: vector(first.text, 5)}, final=False)
    assert await store.space() == SPACE
    assert len(await nearest(store, "x")) == 4
    assert await store.unembedded(target) == rest
    with pytest.raises(EmbeddingMismatchError, match="3 of 4"):
        await store.set_embeddings(target, {}, final=True)
    await store.set_embeddings(target, {c.id: vector(c.text, 5) for c in rest}, final=True)
    assert await store.space() == target
    assert await store.unembedded(target) == []
    hits = await store.vector_search(VectorSearch(vector(first.text, 5), 1, HERE))
    assert [hit.id for hit in hits] == [first.id]
    assert len(await store.unembedded(SPACE)) == 4


async def test_a_document_that_comes_while_the_model_changes_is_asked_for_too(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    target = Space("other/small", 5)
    await store.set_embeddings(target, {c.id: vector(c.text, 5) for c in ADA.chunks}, final=False)
    await store.upsert(BABBAGE, SPACE)
    missing = await store.unembedded(target)
    assert {c.text for c in missing} == {c.text for c in BABBAGE.chunks}
    await store.set_embeddings(target, {c.id: vector(c.text, 5) for c in missing}, final=True)
    assert await store.space() == target


async def test_unembedded_chunks_come_in_pages(store: Store) -> None:
    await store.upsert(document("/a.md", *(f"Line {n}." for n in range(10))), SPACE)
    target = Space("other/small", 5)
    pages: list[str] = []
    while page := await store.unembedded(target, after=pages[-1] if pages else "", limit=4):
        pages += [c.id for c in page]
    assert len(pages) == len(set(pages)) == 10


async def test_entities_can_have_vectors_too(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.set_embeddings(SPACE, {e.id: vector(e.name) for e in ADA.entities}, final=False)
    search = VectorSearch(vector("London"), 2, HERE, target="entity")
    assert (await store.vector_search(search))[0].id == entity("London")
    await store.upsert(BABBAGE, SPACE)
    inside = await store.vector_search(replace(search, k=9, document_ids=(BABBAGE.document.id,)))
    assert {hit.id for hit in inside} == {entity("London"), entity("Charles Babbage")}
    await store.delete_document(BABBAGE.document.id)
    await store.delete_document(ADA.document.id)
    assert await store.vector_search(search) == []


async def test_vectors_for_records_that_are_gone_are_left_out(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.set_embeddings(SPACE, {"chk_gone": vector("x"), "ent_gone": vector("y")}, final=False)
    assert len(await nearest(store, "x")) == 2


# Reading


async def test_what_cannot_be_searched_or_listed_is_named(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    with pytest.raises(SearchError, match="'jobs'"):
        await store.page("jobs", HERE)  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="'document'"):
        await store.text_search(TextSearch("x", 5, HERE, target="document"))  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="'document'"):
        await store.vector_search(VectorSearch(vector("x"), 5, HERE, target="document"))  # type: ignore[arg-type]
    with pytest.raises(SearchError, match="a list of names"):
        await store.page("chunk", "default")


async def test_values_that_cannot_be_stored_are_refused(store: Store) -> None:
    odd = replace(ADA.entities[0], properties={"x": object()})
    with pytest.raises(StoreError, match="text, numbers and truth values"):
        await store.upsert(replace(ADA, entities=(odd, *ADA.entities[1:])), SPACE)
    far = replace(ADA.chunks[0], order=2**70)
    with pytest.raises(StoreError, match="64 bits"):
        await store.upsert(replace(ADA, chunks=(far, ADA.chunks[1])), SPACE)
    with pytest.raises(StoreError, match="text, numbers and truth values"):
        await store.save_job(Job("job_1", "default", "ingest", "done", failed=({"item": object()},)))
    assert (await store.statistics()).documents == 0


async def test_unknown_ids_are_left_out(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    ids = ["doc_no", "chk_no", "ent_no", "rel_no", "what", "", ADA.document.id]
    assert list(await store.get(ids)) == [ADA.document.id]
    assert await store.get([]) == {}
    assert await store.mentions(chunk_ids=["chk_no"], entity_ids=["ent_no"]) == []


async def test_many_ids_are_fetched_at_once(store: Store) -> None:
    change = document("/a.md", *(f"Line {n}." for n in range(1500)), embedded=False)
    await store.upsert(change)
    ids = [c.id for c in change.chunks] + [f"chk_{n}" for n in range(40_000)]
    assert list(await store.get(ids)) == [c.id for c in change.chunks]


@pytest.mark.parametrize("kind", ["document", "chunk", "entity", "relation"])
async def test_pages_cover_everything_once_in_a_stable_order(store: Store, kind: str) -> None:
    for n in range(11):
        await store.upsert(document(f"/{n}.md", f"[Name {n}] met [Name {n + 1}]."), SPACE)
        await store.upsert(document(f"/{n}.md", f"[Name {n}] met [Name {n + 1}].", collection="other"), SPACE)
    small = [r.id for r in await all_pages(store, kind, HERE, limit=3)]
    large = [r.id for r in await all_pages(store, kind, HERE, limit=100)]
    both = [r.id for r in await all_pages(store, kind, ["default", "other"], limit=5)]
    assert small == large
    assert len(set(small)) == len(small) == (12 if kind == "entity" else 11)
    assert len(set(both)) == len(both) == 2 * len(small)


async def test_a_page_goes_on_after_a_write_between(store: Store) -> None:
    for n in range(6):
        await store.upsert(document(f"/{n}.md", "Words."), SPACE)
    first = await store.page("document", HERE, limit=3)
    await store.upsert(document("/0a.md", "Words."), SPACE)
    second = await store.page("document", HERE, after=first[-1].id, limit=3)
    assert [d.uri for d in (*first, *second) if isinstance(d, Document)] == [f"/{n}.md" for n in range(6)]


async def test_a_page_after_a_document_that_is_gone_is_an_error(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    with pytest.raises(StoreNotFoundError, match="first page"):
        await store.page("document", HERE, after="doc_gone")


async def test_pages_of_documents_carry_no_text(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    (page,) = await store.page("document", HERE)
    assert isinstance(page, Document)
    assert page == replace(ADA.document, text="")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("/docs/ada.md", ["/docs/ada.md"]),
        ("ada.md", ["/docs/ada.md"]),
        ("docs/ada.md", ["/docs/ada.md"]),
        ("da.md", []),
        ("docs", []),
        ("", []),
        ("%", []),
        ("x.md", ["/one/x.md", "/two/x.md"]),
    ],
)
async def test_documents_are_found_by_the_end_of_their_path(
    store: Store, asked: str, expected: list[str]
) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(document("/two/x.md", "Words."), SPACE)
    await store.upsert(document("/one/x.md", "Words."), SPACE)
    assert [d.uri for d in await store.find_documents(HERE, asked)] == expected


async def test_documents_are_found_by_id(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    assert [d.uri for d in await store.find_documents([], ADA.document.id)] == ["/docs/ada.md"]


async def test_entities_are_looked_up_by_any_form_of_name_or_alias(store: Store) -> None:
    said = {"Erwin Schrödinger": {"aliases": ("The Cat Man",)}}
    await store.upsert(document("/a.md", "[Erwin Schrödinger] and [Ada].", said=said), SPACE)
    asked = ["erwin schrodinger", "ERWIN  SCHRÖDINGER'S", "the cat-man", "nobody"]
    known = await store.lookup(HERE, asked)
    assert {name: same[0].name for name, same in known.items()} == dict.fromkeys(
        asked[:3], "Erwin Schrödinger"
    )


async def test_entities_of_one_name_come_most_mentioned_first(store: Store) -> None:
    await store.upsert(document("/a.md", "[Mercury] is swift.", label="God"), SPACE)
    await store.upsert(document("/b.md", "[Mercury] shines.", "[Mercury] turns.", label="Planet"), SPACE)
    known = await store.lookup(HERE, ["mercury"])
    assert [e.label for e in known["mercury"]] == ["Planet", "God"]


async def test_mentions_step_from_chunks_to_entities_and_back(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(BABBAGE, SPACE)
    out = await store.mentions(chunk_ids=[ADA.chunks[1].id])
    assert {m.entity_id for m in out} == {entity("Ada Lovelace"), entity("London")}
    back = await store.mentions(entity_ids=[entity("London")])
    assert {m.chunk_id for m in back} == {ADA.chunks[1].id, BABBAGE.chunks[0].id}
    both = await store.mentions(chunk_ids=[ADA.chunks[1].id], entity_ids=[entity("London")])
    assert len(both) == len(set(both)) == 3


async def test_mentions_leave_out_entities_that_stand_everywhere(store: Store) -> None:
    await store.upsert(document("/a.md", *(f"[Ada] line {n}." for n in range(5)), "[Bob]."), SPACE)
    found_ = await store.mentions(entity_ids=[entity("Ada"), entity("Bob")], max_degree=4)
    assert {m.entity_id for m in found_} == {entity("Bob")}


async def test_a_mention_keeps_its_kind_and_every_span(store: Store) -> None:
    change = document("/a.md", "[Ada] saw [Ada].")
    title = Mention(change.chunks[0].id, entity("Ada"), kind="title")
    await store.upsert(replace(change, mentions=(*change.mentions, title)), SPACE)
    kinds = sorted((m.kind, m.start) for m in await store.mentions(entity_ids=[entity("Ada")]))
    assert kinds == [("mention", 0), ("mention", 8), ("title", 0)]
    (ada,) = (await store.get([entity("Ada")])).values()
    assert isinstance(ada, Entity)
    assert ada.degree == 1


CHAIN = document("/chain.md", *(f"[N{n}] met [N{n + 1}]." for n in range(6)))


REACHED = [(1, {"N1", "N2", "N3"}), (2, {"N0", "N1", "N2", "N3", "N4"})]


@pytest.mark.parametrize(("hops", "reached"), REACHED)
async def test_expansion_goes_both_ways_as_far_as_asked(store: Store, hops: int, reached: set[str]) -> None:
    await store.upsert(CHAIN, SPACE)
    graph = await store.expand([entity("N2")], hops=hops)
    assert {e.name for e in graph.entities} == reached
    assert len(graph.relations) == len(reached) - 1
    assert not graph.truncated


async def test_expansion_says_when_it_was_cut(store: Store) -> None:
    await store.upsert(document("/star.md", *(f"[Hub] met [Leaf {n}]." for n in range(30))), SPACE)
    cut = await store.expand([entity("Hub")], limit=10)
    whole = await store.expand([entity("Hub")], limit=30, hops=3)
    assert (len(cut.relations), len(cut.entities), cut.truncated) == (10, 11, True)
    assert (len(whole.relations), len(whole.entities), whole.truncated) == (30, 31, False)


async def test_expansion_prefers_near_and_well_supported_relations(store: Store) -> None:
    await store.upsert(
        document("/1", "[Ada] met [Weak].", "[Ada] met [Strong].", "[Strong] met [Far]."), SPACE
    )
    await store.upsert(document("/2", "[Ada] met [Strong] again.", "[Strong] met [Far] again."), SPACE)
    graph = await store.expand([entity("Ada")], hops=2, limit=2)
    names = {e.id: e.name for e in graph.entities}
    assert [names[r.object_id] for r in graph.relations] == ["Strong", "Weak"]
    assert graph.truncated


async def test_expansion_follows_only_the_types_it_is_told(store: Store) -> None:
    await store.upsert(document("/1", "[Ada] met [Bob].", relation="MET"), SPACE)
    await store.upsert(document("/2", "[Ada] paid [Cid].", relation="PAID"), SPACE)
    graph = await store.expand([entity("Ada")], relation_types=["PAID"])
    assert {e.name for e in graph.entities} == {"Ada", "Cid"}
    assert (await store.expand([entity("Ada")], relation_types=["OTHER"])).relations == ()


async def test_expansion_from_nothing_known_is_empty(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    graph = await store.expand(["ent_unknown"])
    assert (graph.entities, graph.relations, graph.truncated) == ((), (), False)


@pytest.mark.parametrize(("hops", "limit"), [(0, 10), (5, 10), (1, -1)])
async def test_expansion_out_of_range_is_refused(store: Store, hops: int, limit: int) -> None:
    with pytest.raises(SearchError, match="hops"):
        await store.expand([entity("Ada")], hops=hops, limit=limit)


async def test_relations_of_an_expansion_carry_their_quotes(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    graph = await store.expand([entity("London")])
    assert [s.quote for r in graph.relations for s in r.support] == ["Ada Lovelace lived in London."]


async def test_statistics_count_by_label_and_type(store: Store) -> None:
    await store.upsert(ADA, SPACE)
    await store.upsert(document("/ship.md", "[Beagle] met [Victory].", label="Ship", relation="MET"), SPACE)
    statistics = await store.statistics(HERE)
    assert (statistics.documents, statistics.chunks, statistics.mentions) == (2, 3, 7)
    assert statistics.labels == {"Name": 4, "Ship": 2}
    assert statistics.relation_types == {"CO_OCCURS_WITH": 3, "MET": 1}
    assert (statistics.space, statistics.collections) == (SPACE, HERE)
    assert statistics.size_bytes > 0


# Jobs


async def test_a_job_is_written_changed_and_read_again(store: Store) -> None:
    failed = ({"item": "/a.pdf", "error": "a scan: 'no' \"text\" 👀"},)
    job = Job("job_1", "default", "ingest", "running", 1, 9, failed, "reading", "2026-01-01", "2026-01-02")
    await store.save_job(job)
    assert await store.jobs("job_1") == [job]
    done = replace(job, state="partial", done=9, message="ready")
    await store.save_job(done)
    assert await store.jobs() == [done]
    assert await store.jobs("job_none") == []


async def test_jobs_come_newest_first(store: Store) -> None:
    for n, when in enumerate(["2026-01-02", "2026-01-03", "2026-01-01", "2026-01-03"]):
        await store.save_job(Job(f"job_{n}", "default", "ingest", "done", created_at=when))
    assert [job.id for job in await store.jobs()] == ["job_3", "job_1", "job_0", "job_2"]


# Many at once


async def test_writes_and_reads_at_the_same_time_do_not_disturb_each_other(store: Store) -> None:
    async def write(n: int) -> None:
        await store.upsert(document(f"/{n}.md", f"[Hub] met [Leaf {n}]."), SPACE)

    async def read() -> None:
        graph = await store.expand([entity("Hub")], limit=100)
        assert len(graph.entities) in (0, len(graph.relations) + 1)
        assert len(await nearest(store, "x")) <= 20
        assert len(await found(store, "hub")) <= 20

    await asyncio.gather(*(work for n in range(20) for work in (write(n), read(), read())))
    statistics = await store.statistics()
    assert (statistics.documents, statistics.entities, statistics.relations) == (20, 21, 20)


async def test_work_in_the_store_does_not_hold_up_the_event_loop(store: Store) -> None:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    beating = asyncio.create_task(heart())
    await store.upsert(document("/a.md", *(f"[Name {n}] met [Name {n + 1}]." for n in range(300))), SPACE)
    beating.cancel()
    assert beats > 100
