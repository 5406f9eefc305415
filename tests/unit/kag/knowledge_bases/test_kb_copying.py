"""Copies of stores and new names of collections: complete, resumable and verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from store_documents import SPACE, all_pages, document, entity, everything, vector

from kag.errors import StoreError, StoreNotFoundError
from kag.knowledge_bases._copying import copy, rename
from kag.knowledge_bases._ontology import EntityRule, Ontology
from kag.knowledge_bases._renaming import Renaming
from kag.knowledge_bases._typed import assertion, entity_of
from kag.knowledge_bases.base import Job, Move, TextSearch, VectorSearch
from kag.knowledge_bases.embedded import EmbeddedStore
from kag.knowledge_bases.records import DocumentChange, Entity, document_id, split_id
from kag.resolution.base import Link


def quiet(_: str) -> None:
    """Tells nobody."""


def changes(collection: str = "default") -> list[DocumentChange]:
    """Documents that share entities and disagree about them."""
    said = {"Ada": {"description": "A person.", "aliases": ("Countess",), "properties": {"born": 1815}}}
    first = document("/a.md", "[Ada] knew [Bob].", "[Ada] knew [Bob].", collection=collection, said=said)
    second = document("/b.md", "[ADA] saw [Cid].", collection=collection, relation="SAW", headings=("One",))
    third = document("/c.md", "[Zoë] 東京.", collection=collection)
    second = replace(second, document=replace(second.document, metadata={"pages": 3, "draft": True}))
    return [first, second, third, document("/empty.md", collection=collection)]


async def filled(folder: Path) -> EmbeddedStore:
    store = EmbeddedStore(folder)
    for change in (*changes(), *changes("other")):
        await store.upsert(change, SPACE)
    await store.set_embeddings(SPACE, {entity("Ada"): vector("Ada")}, final=False)
    return store


async def test_a_copy_shows_all_that_the_store_shows(tmp_path: Path) -> None:
    source, target = await filled(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    await source.create_collection("empty")
    copied = await copy(source, target, (), quiet)
    assert (copied.documents, copied.unchanged, copied.differences) == (8, 0, [])
    assert copied.source == copied.target
    assert copied.source["documents"] == 8
    assert copied.source["vectors"] == 8
    assert await everything(target) == await everything(source)
    assert (await target.statistics()).collections == ("default", "empty", "other")
    ada = (await target.embeddings([entity("Ada")]))[entity("Ada")]
    assert np.allclose(ada, vector("Ada"), atol=1e-6)
    await source.close()
    await target.close()


async def test_an_interrupted_copy_goes_on_where_it_stopped(tmp_path: Path) -> None:
    source, target = await filled(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    for change in changes()[:2]:
        await target.upsert(change, SPACE)
    copied = await copy(source, target, (), quiet)
    assert (copied.documents, copied.unchanged) == (6, 2)
    again = await copy(source, target, (), quiet)
    assert (again.documents, again.unchanged, again.differences) == (0, 8, [])
    assert again.target == copied.target
    assert await everything(target) == await everything(source)
    await source.close()
    await target.close()


async def test_only_the_collections_that_are_named_are_copied(tmp_path: Path) -> None:
    source, target = await filled(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    copied = await copy(source, target, ("other",), quiet)
    assert copied.documents == 4
    assert (await target.statistics()).collections == ("other",)
    with pytest.raises(StoreNotFoundError, match=r"nowhere.*default"):
        await copy(source, target, ("nowhere",), quiet)
    await source.close()
    await target.close()


async def test_a_link_between_forms_is_copied_too(tmp_path: Path) -> None:
    source, target = await filled(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    link = Link(entity("Ada"), entity("Cid"), "same", "user", "because")
    await source.set_links([link])
    await copy(source, target, (), quiet)
    assert await target.links() == await source.links()
    assert await everything(target) == await everything(source)
    await source.close()
    await target.close()


async def test_a_copy_from_a_store_without_vectors_has_none(tmp_path: Path) -> None:
    source, target = EmbeddedStore(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    await source.upsert(document("/a.md", "[Ada] sat.", embedded=False))
    copied = await copy(source, target, (), quiet)
    assert (copied.target["vectors"], copied.differences) == (0, [])
    assert await target.space() is None
    await source.close()
    await target.close()


async def test_a_renamed_collection_is_what_it_would_be_had_it_always_been_called_so(tmp_path: Path) -> None:
    store = await filled(tmp_path / "store")
    await rename(store, "other", "another", quiet)
    fresh = EmbeddedStore(tmp_path / "fresh")
    for change in (*changes(), *changes("another")):
        await fresh.upsert(change, SPACE)
    assert await everything(store) == await everything(fresh)
    assert await store.check() == []
    hits = await store.text_search(TextSearch("ada", 5, ("another",), target="entity"))
    assert [hit.id for hit in hits] == [entity("Ada", collection="another")]
    near = await store.vector_search(VectorSearch(vector("Ada knew Bob."), 2, ("another",)))
    assert near[0].score == pytest.approx(1.0, abs=1e-5)
    await store.close()
    await fresh.close()


async def test_vectors_and_links_of_entities_keep_their_entities(tmp_path: Path) -> None:
    store = await filled(tmp_path)
    await store.set_links([Link(entity("Ada"), entity("Cid"), "same", "user", "because")])
    await rename(store, "default", "new", quiet)
    there = [entity(name, collection="new") for name in ("Ada", "Cid")]
    (link,) = await store.links()
    assert {link.first, link.second} == set(there)
    assert np.allclose((await store.embeddings(there))[there[0]], vector("Ada"), atol=1e-6)
    assert await store.check() == []
    await store.close()


async def test_what_cannot_be_renamed_is_left_as_it_is(tmp_path: Path) -> None:
    store = await filled(tmp_path)
    before = await everything(store)
    with pytest.raises(StoreNotFoundError, match="nowhere"):
        await rename(store, "nowhere", "new", quiet)
    with pytest.raises(StoreError, match="already"):
        await rename(store, "default", "other", quiet)
    with pytest.raises(StoreError, match="already"):
        await rename(store, "default", "default", quiet)
    assert await everything(store) == before
    await store.close()


@pytest.mark.parametrize("done", [0, 2, 4])
async def test_a_renaming_that_was_interrupted_is_finished_when_it_is_repeated(
    tmp_path: Path, done: int
) -> None:
    store = await filled(tmp_path)
    await rename(store, "other", "sought", quiet)
    wanted = await everything(store)
    (job,) = await store.jobs()
    await rename(store, "sought", "other", quiet)
    # as a process leaves it that ends in the midst: the mark is set, and some documents are in both places
    await store.save_job(replace(job, state="running"))
    for change in changes("sought")[:done]:
        await store.upsert(change, SPACE)
    await rename(store, "other", "sought", quiet)
    assert await everything(store) == wanted
    assert {found.state for found in await store.jobs()} == {"done"}
    await store.close()


async def test_a_renaming_that_lacks_only_its_mark_is_done(tmp_path: Path) -> None:
    store = await filled(tmp_path)
    await rename(store, "other", "new", quiet)
    (job,) = await store.jobs()
    await store.save_job(Job(job.id, job.collection, job.kind, "running"))
    before = await everything(store)
    assert (await rename(store, "other", "new", quiet)).documents == 0
    assert await everything(store) == before
    await store.close()


def test_ids_that_were_made_in_another_way_stay_apart_in_the_other_collection() -> None:
    change = document("/a.md", "[Ada] knew [Bob].")
    (first, second) = change.entities
    own = replace(first, id="ent_by_hand")
    (relation,) = change.relations
    change = replace(
        change,
        entities=(own, second),
        relations=(replace(relation, id="rel_by_hand", subject_id=own.id),),
        mentions=(replace(change.mentions[0], entity_id=own.id), change.mentions[1]),
    )
    moved, again = Renaming("new").of(change), Renaming("new").of(change)
    assert moved == again
    assert moved.document.id == document_id("new", "/a.md")
    assert moved.entities[1].id == entity("Bob", collection="new")
    assert moved.entities[0].id not in ("ent_by_hand", entity("Ada", collection="new"))
    assert moved.relations[0].subject_id == moved.entities[0].id
    assert moved.relations[0].id != "rel_by_hand"
    assert {r.collection for r in (*moved.chunks, *moved.entities, *moved.relations)} == {"new"}


def test_an_entity_whose_id_is_made_of_a_key_gets_the_id_of_that_key() -> None:
    def book(collection: str) -> Entity:
        fields = {"label": "Book", "title": "Poems", "isbn": 7}
        return entity_of(fields, collection=collection, ontology=Ontology({"Book": EntityRule("isbn")}))

    change = assertion([book("default")], collection="default", uri="program:x", ingested_at="2026-01-01")
    assert Renaming("new").of(change).entities[0].id == book("new").id


async def with_links(folder: Path) -> EmbeddedStore:
    """A store where a name was split by documents, and two names are joined by one that no document has."""
    store = await filled(folder)
    ada, bob, cid, gone = (entity(name) for name in ("Ada", "Bob", "Cid", "Gone"))
    mine = document_id("default", "/b.md")
    await store.set_links(
        [
            Link(ada, split_id(ada, 2), "different", "user", "another Ada", (mine,)),
            Link(split_id(ada, 2), cid, "same", "model", "it says so"),
            Link(bob, gone, "same", "user"),
            Link(gone, cid, "same", "user"),
        ]
    )
    return store


async def shown(store: EmbeddedStore, collection: str) -> list[tuple[str, int]]:
    return [(e.name, e.degree) for e in await all_pages(store, "entity", (collection,))]


@pytest.mark.parametrize("collections", [(), ("default",)])
async def test_splits_and_links_over_names_that_are_gone_are_copied_too(
    tmp_path: Path, collections: tuple[str, ...]
) -> None:
    source, target = await with_links(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    copied = await copy(source, target, collections, quiet)
    assert copied.differences == []
    assert await target.links() == await source.links()
    assert await shown(target, "default") == await shown(source, "default")
    assert (copied.source["links"], copied.target["links"]) == (4, 4)
    await source.close()
    await target.close()


async def test_a_link_between_names_that_are_both_gone_is_copied_with_the_whole_store(tmp_path: Path) -> None:
    source, target = await filled(tmp_path / "from"), EmbeddedStore(tmp_path / "to")
    await source.set_links([Link(entity("Gone"), entity("Lost"), "different", "user")])
    await copy(source, target, (), quiet)
    assert await target.links() == await source.links()
    await source.close()
    await target.close()


async def test_splits_and_links_over_names_that_are_gone_outlive_a_new_name_of_the_collection(
    tmp_path: Path,
) -> None:
    store = await with_links(tmp_path)
    before = sorted(degree for _, degree in await shown(store, "default"))
    await rename(store, "default", "new", quiet)
    assert sorted(degree for _, degree in await shown(store, "new")) == before
    ada = entity("Ada", collection="new")
    (split,) = [link for link in await store.links([ada]) if link.document_ids]
    assert split.second == split_id(ada, 2)
    assert split.document_ids == (document_id("new", "/b.md"),)
    assert len(await store.links()) == 4
    assert await store.check() == []
    await store.close()


async def test_a_link_that_the_other_store_does_not_keep_is_told(tmp_path: Path) -> None:
    class Forgetful(EmbeddedStore):
        async def set_links(self, links: Sequence[Link]) -> tuple[Move, ...]:
            return ()

    source, target = await with_links(tmp_path / "from"), Forgetful(tmp_path / "to")
    copied = await copy(source, target, (), quiet)
    assert len(copied.differences) == 4
    assert f"{entity('Ada')} and {split_id(entity('Ada'), 2)} are different" in copied.differences
    await source.close()
    await target.close()
