"""How every store resolves names to entities: in any order, incrementally, and so that it can be undone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_documents import SPACE, STORES, document, entity, everything, vector

from kag.errors import StoreError, StoreNotFoundError
from kag.knowledge_bases.base import Store, TextSearch, TripletSearch, VectorSearch
from kag.knowledge_bases.records import (
    DocumentChange,
    Entity,
    Relation,
    document_id,
    relation_id,
    split_id,
)
from kag.resolution.base import BLOCK, Link

MakeStore = Callable[[str, Path], Store]  # the fixture `make_store`
HERE = ("default",)
SHORT = document("/short.md", "[Dr. Marie Curie] lived in [Paris].", "[Dr. Marie Curie] met [Langevin].")
LONG = document("/long.md", "[Marie Curie] was born in [Warsaw].", "[Marie Curie] lived in [Paris].")
TITLED, PLAIN = entity("Dr. Marie Curie"), entity("Marie Curie")


async def whole(store: Store) -> dict[str, Any]:
    """All that a store shows of itself, and how its entities came to be."""
    shown = await everything(store)
    entities = [e.id for e in await all_entities(store)]
    return {
        **shown,
        "forms": {i: sorted(map(repr, forms)) for i, forms in (await store.forms(entities)).items()},
        "statements": await store.statements(entities),
        "decisions": [repr(d) for d in await store.decisions(HERE, limit=10_000)],
        "queue": [repr(d) for d in await store.decisions(HERE, outcome="review", limit=10_000)],
        "links": await store.links(),
        "neighbourhood": sorted(r.id for r in (await store.expand(entities, hops=2, limit=10_000)).relations),
    }


async def all_entities(store: Store) -> list[Entity]:
    found: list[Entity] = []
    while page := await store.page("entity", HERE, after=found[-1].id if found else ""):
        found += [e for e in page if isinstance(e, Entity)]
    return found


async def only(store: Store, name: str) -> Entity:
    """The one entity of a name."""
    (found,) = (await store.lookup(HERE, [name]))[name]
    return found


def run_fresh(make: Callable[[Path], Store], work: Callable[[Store], Awaitable[None]]) -> None:
    """Runs work on a new, empty store."""

    async def main(folder: Path) -> None:
        made = make(folder)
        await made.open()
        for collection in (await made.statistics()).collections:
            await made.delete_collection(collection)
        for link in await made.links():
            await made.remove_links([(link.first, link.second)])
        try:
            await work(made)
        finally:
            await made.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder)))


# What is shown


async def test_two_names_of_one_thing_are_shown_as_one_entity(store: Store) -> None:
    await store.upsert(SHORT, SPACE)
    report = await store.upsert(LONG, SPACE)
    curie = await only(store, "Marie Curie")
    assert await only(store, "Dr. Marie Curie") == curie
    assert {curie.name, *curie.aliases} == {"Dr. Marie Curie", "Marie Curie"}
    assert curie.degree == 4
    assert (report.entities_created, report.entities_merged) == (1, 2)
    assert [{move.form_id, move.after} for move in report.moves] == [{TITLED, PLAIN}]
    assert (await store.statistics()).entities == 4


async def test_the_id_of_every_form_leads_to_the_entity(store: Store) -> None:
    await store.upsert(SHORT, SPACE)
    await store.upsert(LONG, SPACE)
    curie = await only(store, "Marie Curie")
    (other,) = {TITLED, PLAIN} - {curie.id}
    assert await store.get([other]) == {other: curie}
    assert await store.expand([other]) == await store.expand([curie.id])
    assert await store.mentions(entity_ids=[other]) == await store.mentions(entity_ids=[curie.id])
    assert len(await store.mentions(entity_ids=[TITLED, PLAIN])) == 4
    said = [await store.triplets(TripletSearch(HERE, subject_ids=(i,))) for i in (TITLED, PLAIN)]
    assert said[0] == said[1] != []
    paths = await store.paths([other], [entity("Warsaw")])
    assert [path.entity_ids for path in paths] == [(curie.id, entity("Warsaw"))]
    around = await store.neighbours(entity_ids=[other])
    assert {n.id for n in around[other]} == {c.id for change in (SHORT, LONG) for c in change.chunks}
    hits = await store.text_search(TextSearch("curie", 5, HERE, target="entity"))
    assert [hit.id for hit in hits] == [curie.id]


async def test_what_documents_say_of_forms_of_one_entity_is_one_relation(store: Store) -> None:
    await store.upsert(SHORT, SPACE)
    await store.upsert(LONG, SPACE)
    curie, paris = await only(store, "Marie Curie"), entity("Paris")
    (found,) = await store.triplets(TripletSearch(HERE, subject_ids=(curie.id,), object_ids=(paris,)))
    assert found.id == relation_id(curie.id, "CO_OCCURS_WITH", paris)
    assert sorted(s.quote for s in found.support) == [
        "Dr. Marie Curie lived in Paris.",
        "Marie Curie lived in Paris.",
    ]
    for form in (TITLED, PLAIN):
        asked = relation_id(form, "CO_OCCURS_WITH", paris)
        assert await store.get([asked]) == {asked: found}
    assert (await store.statistics()).relations == 3


async def test_one_entity_is_not_related_to_itself_by_its_other_name(store: Store) -> None:
    await store.upsert(document("/a.md", "[Marie Curie], that is [Dr. Marie Curie]."), SPACE)
    assert (await store.statistics()).relations == 0
    curie = await only(store, "Marie Curie")
    assert len(await store.mentions(entity_ids=[curie.id])) == 2
    await store.set_links([Link(TITLED, PLAIN, "different", "user")])
    assert (await store.statistics()).relations == 1


async def test_entities_know_their_forms_and_what_each_document_says(store: Store) -> None:
    said = {"Marie Curie": {"description": "A physicist.", "properties": {"born": 1867}}}
    await store.upsert(document("/a.md", "[Marie Curie] is here.", said=said), SPACE)
    said = {"Dr. Marie Curie": {"description": "A chemist of renown.", "properties": {"born": 1867}}}
    await store.upsert(document("/b.md", "[Dr. Marie Curie] is there.", said=said), SPACE)
    curie = await only(store, "Marie Curie")
    forms = (await store.forms([curie.id]))[curie.id]
    assert forms[0].id == curie.id
    assert {form.id: (form.name, form.degree) for form in forms} == {
        PLAIN: ("Marie Curie", 1),
        TITLED: ("Dr. Marie Curie", 1),
    }
    assert curie.description == "A chemist of renown."
    statements = (await store.statements([TITLED]))[TITLED]
    assert {(s.document_id, s.description) for s in statements} == {
        (document_id("default", "/a.md"), "A physicist."),
        (document_id("default", "/b.md"), "A chemist of renown."),
    }
    assert await store.forms(["ent_unknown"]) == await store.statements(["ent_unknown"]) == {}


async def test_decisions_come_with_their_evidence_best_first_in_pages(store: Store) -> None:
    names = ["Marie Curie", "Dr. Marie Curie", "Ada Lovelace", "Lady Ada Lovelace", "J. Lovelace", "A. Curie"]
    await store.upsert(document("/a.md", *(f"[{name}] is here." for name in names)), SPACE)
    found = await store.decisions(HERE)
    assert found
    assert all(d.first < d.second and d.evidence["rule"] for d in found)
    assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)
    merged = await store.decisions(HERE, outcome="merge")
    assert (min(TITLED, PLAIN), max(TITLED, PLAIN)) in {(d.first, d.second) for d in merged}
    paged = []
    while page := await store.decisions(HERE, after=paged[-1] if paged else None, limit=1):
        paged += page
    assert paged == found
    about = await store.decisions(HERE, ids=[TITLED])
    assert about == [d for d in found if {d.first, d.second} & {TITLED, PLAIN}]
    assert await store.decisions(["nowhere"]) == []


async def test_what_looks_alike_and_is_kept_apart_is_logged_with_the_reason(store: Store) -> None:
    await store.upsert(document("/a.md", "[Apollo 11] is here.", "[Zed] is not."), SPACE)
    await store.upsert(document("/b.md", "[Apollo 12] is there."), SPACE)
    (found,) = await store.decisions(HERE, outcome="apart")
    assert {found.first, found.second} == {entity("Apollo 11"), entity("Apollo 12")}
    assert found.evidence["rule"] == "numbers differ"
    await store.delete_document(document("/b.md").document.id)
    assert await store.decisions(HERE) == []


async def test_a_doubtful_pair_stays_apart_and_waits_for_review(store: Store) -> None:
    await store.upsert(document("/a.md", "[John Miller] is here.", label="Person"), SPACE)
    report = await store.upsert(document("/b.md", "[J. Miller] is there.", label="Person"), SPACE)
    assert report.entities_queued == 1
    assert (await store.statistics()).entities == 2
    (asked,) = await store.decisions(HERE, outcome="review")
    assert {asked.first, asked.second} == {
        entity("John Miller", label="Person"),
        entity("J. Miller", label="Person"),
    }
    await store.set_links([Link(asked.first, asked.second, "different", "user")])
    assert await store.decisions(HERE, outcome="review") == []
    assert (await store.statistics()).entities == 2


async def test_collections_are_resolved_each_for_itself(store: Store) -> None:
    await store.upsert(document("/a.md", "[Marie Curie] is here.", collection="one"), SPACE)
    await store.upsert(document("/a.md", "[Dr. Marie Curie] is here.", collection="two"), SPACE)
    assert (await store.statistics()).entities == 2
    with pytest.raises(StoreError, match="collections"):
        await store.set_links(
            [
                Link(
                    entity("Marie Curie", collection="one"),
                    entity("Dr. Marie Curie", collection="two"),
                    "same",
                    "user",
                )
            ]
        )


async def test_vectors_of_forms_outlive_a_merge(store: Store) -> None:
    await store.upsert(SHORT, SPACE)
    await store.upsert(LONG, SPACE)
    curie = await only(store, "Marie Curie")
    await store.set_embeddings(SPACE, {TITLED: vector("one"), PLAIN: vector("two")}, final=False)
    for text in ("one", "two"):
        hits = await store.vector_search(VectorSearch(vector(text), 1, HERE, target="entity"))
        assert [(hit.id, round(hit.score, 3)) for hit in hits] == [(curie.id, 1.0)]
    await store.set_links([Link(TITLED, PLAIN, "different", "user")])
    (hit,) = await store.vector_search(VectorSearch(vector("one"), 1, HERE, target="entity"))
    assert hit.id == TITLED


# Links


async def test_a_link_merges_and_taking_it_back_restores_what_was(store: Store) -> None:
    await store.upsert(document("/a.md", "[Ada] met [Bob]."), SPACE)
    await store.upsert(document("/b.md", "[Countess of L.] paid [Bob].", "[Cid] met [Ada]."), SPACE)
    before = await whole(store)
    link = Link(entity("Ada"), entity("Countess of L."), "same", "user", "she signs so")
    moves = await store.set_links([link])
    assert len(moves) == 1
    ada = await only(store, "Ada")
    assert {ada.name, *ada.aliases} == {"Ada", "Countess of L."}
    assert [(k.verdict, k.source, k.reason) for k in await store.links([ada.id])] == [
        ("same", "user", "she signs so")
    ]
    assert await store.set_links([link]) == ()
    await store.remove_links([(link.second, link.first)])
    assert await whole(store) == before


async def test_a_link_takes_a_merge_apart_and_taking_it_back_merges_again(store: Store) -> None:
    await store.upsert(SHORT, SPACE)
    await store.upsert(LONG, SPACE)
    before = await whole(store)
    await store.set_links([Link(TITLED, PLAIN, "different", "user")])
    assert (await store.statistics()).entities == 5
    assert (await only(store, "Dr. Marie Curie")).degree == 2
    await store.remove_links([(TITLED, PLAIN)])
    assert await whole(store) == before


async def test_links_outlive_the_documents_and_come_before_them(store: Store) -> None:
    early, late = document("/a.md", "[Ada] met [Bob]."), document("/b.md", "[Countess] met [Cid].")
    await store.set_links([Link(entity("Ada"), entity("Countess"), "same", "user")])
    await store.upsert(early, SPACE)
    await store.upsert(late, SPACE)
    merged = await whole(store)
    assert (await only(store, "Ada")).id == (await only(store, "Countess")).id
    await store.delete_document(early.document.id)
    assert (await only(store, "Countess")).aliases == ()
    await store.upsert(early, SPACE)
    assert await whole(store) == merged


async def test_a_name_that_no_document_has_any_more_still_links_two_others(store: Store) -> None:
    for n, name in enumerate(("Ada", "Countess", "Enchantress")):
        await store.upsert(document(f"/{n}.md", f"[{name}] was here."), SPACE)
    links = [
        Link(entity("Ada"), entity("Countess"), "same", "user"),
        Link(entity("Countess"), entity("Enchantress"), "same", "user"),
    ]
    await store.set_links(links)
    assert (await store.statistics()).entities == 1
    await store.delete_document(document_id("default", "/1.md"))
    assert (await only(store, "Ada")).id == (await only(store, "Enchantress")).id


async def test_a_user_outweighs_a_model_and_each_keeps_its_own_link(store: Store) -> None:
    await store.upsert(document("/a.md", "[Ada] met [Countess]."), SPACE)
    pair = (entity("Ada"), entity("Countess"))
    await store.set_links([Link(*pair, "same", "model", "asked")])
    assert (await store.statistics()).entities == 1
    await store.set_links([Link(*pair, "different", "user")])
    assert (await store.statistics()).entities == 2
    await store.remove_links([pair], "user")
    assert (await store.statistics()).entities == 1
    assert [k.source for k in await store.links()] == ["model"]


@pytest.mark.parametrize(
    "link",
    [
        Link("ent_a", "ent_a", "same", "user"),
        Link("doc_a", "ent_a", "same", "user"),
        Link("ent_a", "ent_b", "perhaps", "user"),  # type: ignore[arg-type]
        Link("ent_a", "ent_b", "same", "nobody"),  # type: ignore[arg-type]
        Link("ent_a", "ent_b", "same", "user", document_ids=("doc_a",)),
    ],
)
async def test_what_cannot_be_a_link_is_refused_with_all_others(store: Store, link: Link) -> None:
    await store.upsert(SHORT, SPACE)
    good = Link(TITLED, entity("Paris"), "same", "user")
    with pytest.raises(StoreError, match="cannot be linked"):
        await store.set_links([good, link])
    assert await store.links() == []
    assert (await store.statistics()).entities == 3


async def test_taking_back_what_was_never_linked_is_an_error(store: Store) -> None:
    await store.upsert(SHORT, SPACE)
    with pytest.raises(StoreNotFoundError, match="Nothing links"):
        await store.remove_links([(TITLED, PLAIN)])


# Homonyms


async def test_a_homonym_is_split_off_by_its_documents(store: Store) -> None:
    sailed = document("/ships.md", "[Victory] sailed to [Trafalgar].")
    won = document("/games.md", "[Victory] sailed past [Samothrace].")
    await store.upsert(won, SPACE)
    name, other = entity("Victory"), split_id(entity("Victory"), 2)
    link = Link(name, other, "different", "user", "the ship", (sailed.document.id,))
    await store.upsert(sailed, SPACE)
    before = await whole(store)
    await store.set_links([link])
    found = (await store.lookup(HERE, ["Victory"]))["Victory"]
    assert {e.id for e in found} == {name, other}
    graph = await store.expand([other])
    assert {e.name for e in graph.entities} == {"Victory", "Trafalgar"}
    split = await whole(store)
    written = (await store.read_change(sailed.document.id))[0]
    assert {e.id for e in written.entities} == {e.id for e in sailed.entities}
    assert {r.id for r in written.relations} == {r.id for r in sailed.relations}
    await store.delete_document(sailed.document.id)
    assert [e.id for e in (await store.lookup(HERE, ["Victory"]))["Victory"]] == [name]
    await store.upsert(sailed, SPACE)
    assert await whole(store) == split
    await store.remove_links([(name, other)])
    assert await whole(store) == before


# The graph is a function of the documents and the links


NAMES = [
    "Marie Curie",
    "Dr. Marie Curie",
    "Curie, Marie",
    "M. Curie",
    "Pierre Curie",
    "P. Curie",
    "Curie",
    "NASA",
    "National Aeronautics and Space Administration",
    "Acme Corp",
    "Acme Corporation, Inc.",
    "Acme",
    "Zoe",
]
LABELS = ["Name", "Person", "Organisation"]
sentence = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True).map(
    lambda names: " met ".join(f"[{name}]" for name in names)
)
aliases = st.lists(st.sampled_from(["NASA", "Acme", "Marie Sklodowska", "MC"]), max_size=1).map(tuple)


@st.composite
def documents(draw: st.DrawFn, least: int = 1) -> list[DocumentChange]:
    """A few documents that share names which may mean the same."""
    changes = []
    for n in range(draw(st.integers(least, 4))):
        said = {
            name: {
                "description": draw(st.sampled_from(["", "one", "a longer one"])),
                "aliases": draw(aliases) if draw(st.booleans()) else (),
                "properties": draw(st.dictionaries(st.sampled_from("pq"), st.integers(0, 2), max_size=1)),
            }
            for name in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True))
        }
        sentences = draw(st.lists(sentence, min_size=1, max_size=3))
        changes.append(document(f"/{n}", *sentences, label=draw(st.sampled_from(LABELS)), said=said))
    return changes


@st.composite
def some_links(draw: st.DrawFn) -> list[Link]:
    """Links between forms that may or may not be there; those of one source on one pair agree."""
    forms = [entity(name, label=label) for name in NAMES[:10] for label in LABELS]
    found: dict[tuple[str, str, str], Link] = {}
    for _ in range(draw(st.integers(0, 4))):
        first, second = sorted(draw(st.lists(st.sampled_from(forms), min_size=2, max_size=2, unique=True)))
        source = draw(st.sampled_from(["user", "model"]))
        found[first, second, source] = Link(
            first, second, draw(st.sampled_from(["same", "different"])), source
        )
    if draw(st.booleans()):
        form = draw(st.sampled_from(forms))
        uris = draw(st.lists(st.sampled_from(["/0", "/1", "/9"]), min_size=1, unique=True))
        ids = tuple(document_id("default", uri) for uri in uris)
        found[form, "split", "user"] = Link(form, split_id(form, 2), "different", "user", "", ids)
    return list(found.values())


async def seen_after(
    make: Callable[[Path], Store], folder: Path, steps: Sequence[DocumentChange | Link]
) -> dict[str, Any]:
    """What a new store shows after some steps."""
    made = make(folder)
    await made.open()
    for step in steps:
        if isinstance(step, Link):
            await made.set_links([step])
        else:
            await made.upsert(step, SPACE)
    seen = await whole(made)
    assert await made.check() == []
    for collection in (await made.statistics()).collections:
        await made.delete_collection(collection)
    await made.remove_links([(link.first, link.second) for link in await made.links()])
    await made.close()
    return seen


def fresh(make: Callable[[Path], Store], steps: Sequence[DocumentChange | Link]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(seen_after(make, Path(folder), steps))


few = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", STORES)
@few
@given(changes=documents(least=2), links=some_links(), data=st.data())
def test_documents_and_links_give_the_same_graph_in_any_order(
    name: str, make_store: MakeStore, changes: list[DocumentChange], links: list[Link], data: st.DataObject
) -> None:
    make = partial(make_store, name)
    order = data.draw(st.permutations([*changes, *links]))
    assert fresh(make, [*changes, *links]) == fresh(make, list(order))


@pytest.mark.parametrize("name", STORES)
@few
@given(kept=documents(), passing=documents(), versions=documents(), links=some_links(), passed=some_links())
def test_what_comes_changes_and_goes_leaves_what_writing_the_rest_anew_leaves(
    name: str,
    make_store: MakeStore,
    kept: list[DocumentChange],
    passing: list[DocumentChange],
    versions: list[DocumentChange],
    links: list[Link],
    passed: list[Link],
) -> None:
    make = partial(make_store, name)
    guests = [_renamed(change, "/guest") for change in passing]
    earlier = versions[: len(kept)]
    lasting = {(link.first, link.second, link.source) for link in links}

    async def work(store: Store) -> None:
        for change in (*earlier, *guests):
            await store.upsert(change, SPACE)
        await store.set_links(passed)
        await store.set_links(links)
        for change in kept:
            await store.upsert(change, SPACE)
        for change in guests:
            await store.delete_document(change.document.id)
        for link in passed:
            if (link.first, link.second, link.source) not in lasting:
                await store.remove_links([(link.first, link.second)], link.source)
        assert await store.check() == []
        seen.append(await whole(store))
        await store.delete_collection("default")
        assert (await store.statistics()).entities == 0
        assert await store.decisions(()) == []

    seen: list[dict[str, Any]] = []
    run_fresh(make, work)
    assert seen[0] == fresh(make, [*links, *kept])


def _renamed(change: DocumentChange, prefix: str) -> DocumentChange:
    """The same sentences and findings as another document."""
    sentences = []
    for chunk in change.chunks:
        spans = {m.start: m.end for m in change.mentions if m.chunk_id == chunk.id}
        text = chunk.text
        for start, end in sorted(spans.items(), reverse=True):
            text = f"{text[:start]}[{text[start:end]}]{text[end:]}"
        sentences.append(text)
    said = {
        e.name: {"description": e.description, "aliases": e.aliases, "properties": e.properties}
        for e in change.entities
    }
    label = change.entities[0].label
    return document(f"{prefix}{change.document.uri}", *sentences, label=label, said=said)


@pytest.mark.parametrize("name", STORES)
def test_a_key_that_too_many_share_makes_no_pairs_in_any_order(name: str, make_store: MakeStore) -> None:
    crowd = [
        document(f"/{n}.md", f"[Ann{chr(97 + n % 26)}{chr(97 + n // 26)}ry Smith] is here.")
        for n in range(BLOCK + 3)
    ]
    late = document("/late.md", "[Annry Smith] met [A. Smith] and [Annary Smith].")
    make = partial(make_store, name)
    first = fresh(make, [late, *crowd])
    assert first == fresh(make, [*crowd, late])

    async def work(store: Store) -> None:
        for change in (*crowd, late):
            await store.upsert(change, SPACE)
        for change in crowd[3:]:
            await store.delete_document(change.document.id)
        seen.append(await whole(store))

    seen: list[dict[str, Any]] = []
    run_fresh(make, work)
    assert seen[0] == fresh(make, [late, *crowd[:3]])


async def test_a_relation_between_merged_ends_merges_its_properties_and_goes_with_its_documents(
    store: Store,
) -> None:
    for uri, name, year in (
        ("/1", "Marie Curie", 1891),
        ("/2", "Dr. Marie Curie", 1891),
        ("/3", "Marie Curie", 1890),
    ):
        change = document(uri, f"[{name}] moved to [Paris] in {year}.", relation="MOVED_TO")
        fact = replace(change.relations[0], description=f"in {uri}", properties={"year": year})
        await store.upsert(replace(change, relations=(fact,)), SPACE)
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert (relation.properties, len(relation.support)) == ({"year": 1891}, 3)
    await store.delete_document(document_id("default", "/2"))
    await store.delete_document(document_id("default", "/1"))
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert (relation.properties, relation.description, len(relation.support)) == ({"year": 1890}, "in /3", 1)


def _close_to(text: str, share: float) -> Any:
    """A unit vector that has a cosine of about `share` with that of a text."""
    mixed = share * vector(text) + (1 - share**2) ** 0.5 * _across(text)
    return mixed / float((mixed @ mixed) ** 0.5)


def _across(text: str) -> Any:
    """A unit vector at a right angle to that of a text."""
    other = vector(text + "?")
    other = other - float(other @ vector(text)) * vector(text)
    return other / float((other @ other) ** 0.5)


@pytest.mark.parametrize("name", STORES)
def test_close_vectors_add_to_the_evidence_in_any_order(name: str, make_store: MakeStore) -> None:
    one = document("/a.md", "[John Miller] is here.", label="Person")
    two = document("/b.md", "[J. Miller] is there.", label="Person")
    ids = [entity("John Miller", label="Person"), entity("J. Miller", label="Person")]
    vectors = {ids[0]: vector("m"), ids[1]: _close_to("m", 0.95)}
    seen: list[list[str]] = []

    async def work(store: Store, order: Sequence[int], *, again: bool) -> None:
        for n in order:
            await store.upsert((one, two)[n], SPACE)
            await store.set_embeddings(SPACE, {ids[n]: vectors[ids[n]]}, final=False)
        if again:
            await store.set_embeddings(SPACE, {ids[0]: _across("m")}, final=False)
            (apart,) = await store.decisions(HERE)
            assert "cosine" not in apart.evidence
            await store.set_embeddings(SPACE, vectors, final=False)
        (found,) = await store.decisions(HERE)
        assert found.evidence["cosine"] == pytest.approx(0.95, abs=0.01)
        assert await store.check() == []
        seen.append([repr(found), *map(repr, await all_entities(store))])

    for order, again in (((0, 1), False), ((1, 0), False), ((0, 1), True)):
        run_fresh(partial(make_store, name), lambda s, o=order, a=again: work(s, o, again=a))
    assert seen[0] == seen[1] == seen[2]
