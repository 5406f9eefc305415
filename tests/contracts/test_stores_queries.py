"""What every store answers beside searches: triplets, paths, read-only queries, copies, checks, filters."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from store_documents import SPACE, document, entity, everything, vector

from kag.errors import SearchError, StoreError, StoreNotFoundError
from kag.knowledge_bases.base import Store, TextSearch, TripletSearch, VectorSearch
from kag.knowledge_bases.records import DocumentChange, Relation, document_id, relation_id

HERE = ("default",)
COUNT = {
    "sql": "SELECT count(*) AS n FROM entities",
    "cypher": "MATCH (e:Entity) WHERE e.collection IN $collections RETURN count(e) AS n",
}
NAMES = {
    "sql": "SELECT name FROM entities ORDER BY name",
    "cypher": "MATCH (e:Entity) WHERE e.collection IN $collections RETURN e.name AS name ORDER BY name",
}
NAMED = {
    "sql": "SELECT name FROM entities WHERE name = :wanted",
    "cypher": (
        "MATCH (e:Entity) WHERE e.name = $wanted AND e.collection IN $collections RETURN e.name AS name"
    ),
}
ENDLESS = {
    "sql": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n",
    "cypher": "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b UNWIND range(1, 1000) AS c "
    "WITH a, b, c WHERE a + b + c < 0 RETURN count(*) AS n",
}
WRITES = {
    "sql": (
        "DELETE FROM entities",
        "INSERT INTO documents(id) VALUES ('x')",
        "UPDATE entities SET name = 'x'",
        "DROP TABLE document",
        "CREATE TABLE x(y)",
        "WITH x AS (SELECT 1) DELETE FROM entities",
        "SELECT 1; DELETE FROM entities",
        "",
        "SELECT",
    ),
    "cypher": (
        "MATCH (n) DETACH DELETE n",
        "CREATE (n:Entity)",
        "MATCH (e:Entity) SET e.name = 'x' RETURN e",
        "MERGE (n:Entity {id: 'x'}) RETURN n",
        "MATCH (e) REMOVE e.name RETURN e",
        "MATCH (e) CALL { WITH e DELETE e } RETURN 1",
        "RETURN 1; MATCH (n) DETACH DELETE n",
        "",
        "RETURN",
    ),
}


async def lines(store: Store, *sentences: str, uri: str = "/a.md", relation: str = "KNOWS") -> None:
    await store.upsert(document(uri, *sentences, relation=relation), SPACE)


async def found(store: Store, **asked: object) -> list[tuple[str, str, str]]:
    """Relations that a search finds, as names of their ends with the type between."""
    relations = await store.triplets(TripletSearch(HERE, **asked))  # type: ignore[arg-type]
    ends = {i for r in relations for i in (r.subject_id, r.object_id)}
    names = {i: record.name for i, record in (await store.get(sorted(ends))).items()}
    return [(names[r.subject_id], r.type, names[r.object_id]) for r in relations]


async def ways(store: Store, start: str, end: str, **options: object) -> list[str]:
    """Shortest ways as names joined by arrows."""
    paths = await store.paths([entity(start)], [entity(end)], **options)  # type: ignore[arg-type]
    told = []
    for path in paths:
        assert len(path.relations) == len(path.entity_ids) - 1
        for relation, ends in zip(path.relations, pairwise(path.entity_ids), strict=True):
            assert {relation.subject_id, relation.object_id} == set(ends)
            assert relation.support
        names = await store.get(path.entity_ids)
        told.append(" - ".join(names[i].name for i in path.entity_ids))
    return told


# Triplets


async def test_triplets_are_found_by_any_known_part(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].", "[Bob] knew [Cid].")
    await lines(store, "[Ada] saw [Cid].", uri="/b.md", relation="SAW")
    assert await found(store, subject_ids=(entity("Bob"),)) == [("Bob", "KNOWS", "Cid")]
    assert set(await found(store, object_ids=(entity("Cid"),))) == {
        ("Bob", "KNOWS", "Cid"),
        ("Ada", "SAW", "Cid"),
    }
    assert await found(store, types=("SAW",)) == [("Ada", "SAW", "Cid")]
    both = await found(store, subject_ids=(entity("Ada"), entity("Bob")), object_ids=(entity("Bob"),))
    assert both == [("Ada", "KNOWS", "Bob")]
    assert len(await found(store)) == 3


async def test_triplets_are_found_by_the_labels_of_their_ends(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    change = document("/b.md", "[Ada] built [Engine].", relation="BUILT")
    machine = replace(change.entities[1], id=entity("Engine", label="Machine"), label="Machine")
    (relation,) = change.relations
    key = relation_id(relation.subject_id, "BUILT", machine.id)
    change = replace(
        change,
        entities=(change.entities[0], machine),
        relations=(replace(relation, id=key, object_id=machine.id),),
        mentions=(change.mentions[0], replace(change.mentions[1], entity_id=machine.id)),
    )
    await store.upsert(change, SPACE)
    assert await found(store, object_label="Machine") == [("Ada", "BUILT", "Engine")]
    assert await found(store, subject_label="Machine") == []
    assert len(await found(store, subject_label="Name")) == 2
    assert await found(store, subject_label="Name", object_label="Name") == [("Ada", "KNOWS", "Bob")]


async def test_the_best_supported_triplets_come_first_with_their_quotes(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].", "[Cid] knew [Dan].", "[Cid] knew [Dan] well.")
    first, second = await store.triplets(TripletSearch(HERE))
    assert first.subject_id == entity("Cid")
    assert {s.quote for s in first.support} == {"Cid knew Dan.", "Cid knew Dan well."}
    assert [s.quote for s in second.support] == ["Ada knew Bob."]
    assert [r.id for r in await store.triplets(TripletSearch(HERE, limit=1))] == [first.id]
    assert await store.triplets(TripletSearch(HERE, limit=0)) == []


async def test_triplets_of_equal_support_come_in_the_order_of_their_ids(store: Store) -> None:
    await lines(store, *(f"[Ada] knew [Friend {n}]." for n in range(12)))
    ids = [r.id for r in await store.triplets(TripletSearch(HERE))]
    assert ids == sorted(ids)


async def test_triplets_stay_within_the_collections_that_are_asked(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    await store.upsert(document("/x.md", "[Ada] knew [Eve].", collection="other", relation="KNOWS"), SPACE)
    assert await found(store) == [("Ada", "KNOWS", "Bob")]
    elsewhere = entity("Ada", collection="other")
    assert await found(store, subject_ids=(elsewhere,)) == []
    both = await store.triplets(TripletSearch(("default", "other")))
    assert {r.collection for r in both} == {"default", "other"}


async def test_an_unknown_end_type_or_label_finds_nothing(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    assert await found(store, subject_ids=("ent_nothing",)) == []
    assert await found(store, object_ids=("ent_nothing",), subject_ids=(entity("Ada"),)) == []
    assert await found(store, types=("KNOWS' OR 1=1 --",)) == []
    assert await found(store, object_label="`) DETACH DELETE n //") == []
    with pytest.raises(SearchError, match="limit"):
        await found(store, limit=-1)


# Paths


async def test_only_the_shortest_ways_are_given_in_any_direction(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].", "[Cid] knew [Bob].", "[Ada] knew [Dan].", "[Dan] knew [Eve].")
    await lines(store, "[Eve] knew [Cid].", uri="/b.md")
    assert await ways(store, "Ada", "Cid") == ["Ada - Bob - Cid"]
    assert await ways(store, "Cid", "Ada") == ["Cid - Bob - Ada"]
    assert await ways(store, "Ada", "Bob") == ["Ada - Bob"]


async def test_better_supported_ways_come_first(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].", "[Bob] knew [Cid].", "[Ada] knew [Dan].", "[Dan] knew [Cid].")
    await lines(store, "[Dan] knew [Cid].", "[Ada] knew [Eve] and [Cid].", uri="/b.md")
    found = await ways(store, "Ada", "Cid")
    assert found[0] == "Ada - Dan - Cid"
    assert set(found) == {"Ada - Dan - Cid", "Ada - Bob - Cid", "Ada - Eve - Cid"}
    assert await ways(store, "Ada", "Cid", limit=1) == ["Ada - Dan - Cid"]
    assert await ways(store, "Ada", "Cid", limit=0) == []


async def test_an_entity_in_both_groups_is_a_way_of_no_length(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    (path,) = await store.paths([entity("Ada"), entity("Bob")], [entity("Bob")])
    assert (path.entity_ids, path.relations) == ((entity("Bob"),), ())


async def test_ways_between_groups_are_those_of_the_nearest_members(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].", "[Bob] knew [Cid].", "[Dan] knew [Cid].")
    paths = await store.paths([entity("Ada"), entity("Dan")], [entity("Cid")])
    assert [path.entity_ids for path in paths] == [(entity("Dan"), entity("Cid"))]


async def test_there_is_no_way_beyond_the_hops_that_are_asked(store: Store) -> None:
    await lines(store, *(f"[Stop {n}] knew [Stop {n + 1}]." for n in range(7)), "[Alone] sat.")
    assert await ways(store, "Stop 0", "Stop 5") == []
    assert len(await ways(store, "Stop 0", "Stop 5", max_hops=5)) == 1
    assert len(await ways(store, "Stop 0", "Stop 6", max_hops=6)) == 1
    assert await ways(store, "Stop 0", "Stop 7", max_hops=6) == []
    assert await ways(store, "Stop 0", "Alone", max_hops=6) == []
    assert await store.paths(["ent_nothing"], [entity("Stop 0")]) == []
    assert await store.paths([], []) == []


async def test_ways_use_only_the_types_that_are_named(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    await lines(store, "[Ada] saw [Cid].", "[Cid] saw [Bob].", uri="/b.md", relation="SAW")
    assert await ways(store, "Ada", "Bob", relation_types=("SAW",)) == ["Ada - Cid - Bob"]
    assert await ways(store, "Ada", "Bob", relation_types=("SAW", "KNOWS")) == ["Ada - Bob"]
    assert await ways(store, "Ada", "Bob", relation_types=("HEARD",)) == []


async def test_relations_side_by_side_are_ways_of_their_own(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    await lines(store, "[Bob] saw [Ada].", uri="/b.md", relation="SAW")
    paths = await store.paths([entity("Ada")], [entity("Bob")])
    assert sorted(r.type for path in paths for r in path.relations) == ["KNOWS", "SAW"]


@pytest.mark.parametrize(("hops", "limit"), [(0, 1), (7, 1), (2, -1)])
async def test_paths_out_of_range_are_refused(store: Store, hops: int, limit: int) -> None:
    with pytest.raises(SearchError, match="hops"):
        await store.paths([entity("Ada")], [entity("Bob")], max_hops=hops, limit=limit)


def every_shortest_way(
    relations: list[Relation], start: str, end: str, most: int
) -> list[tuple[int, tuple[str, ...], tuple[str, ...]]]:
    """All shortest ways by plain breadth-first search, in the order of the contract."""
    ways = [(0, (start,), ())]
    for _ in range(most + 1):
        arrived = sorted(way for way in ways if way[1][-1] == end)
        if arrived:
            return arrived
        ways = [
            (score - len(r.support), (*entities, there), (*ids, r.id))
            for score, entities, ids in ways
            for r in relations
            for here, there in ((r.subject_id, r.object_id), (r.object_id, r.subject_id))
            if here == entities[-1] and there not in entities
        ]
    return []


async def test_paths_are_those_of_a_plain_search_on_random_graphs(store: Store) -> None:
    chance = random.Random(5)
    pairs = [chance.sample(range(14), 2) for _ in range(22)]
    await lines(store, *(f"[N {a}] knew [N {b}]. {n % 9}" for n, (a, b) in enumerate(pairs)))
    relations = [r for r in await store.page("relation", HERE, limit=1000) if isinstance(r, Relation)]
    lengths = set()
    for a in range(14):
        for b in range(a + 1, 14):
            wanted = every_shortest_way(relations, entity(f"N {a}"), entity(f"N {b}"), 6)
            paths = await store.paths([entity(f"N {a}")], [entity(f"N {b}")], max_hops=6, limit=4)
            assert [(p.entity_ids, tuple(r.id for r in p.relations)) for p in paths] == [
                (entities, ids) for _, entities, ids in wanted[:4]
            ]
            lengths.add(len(wanted[0][2]) if wanted else 0)
    assert lengths >= {1, 2, 3, 4}


# Read-only queries


async def test_a_query_reads_rows_and_names_its_columns(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    result = await store.read_query(NAMES[store.query_language], collections=HERE)
    assert (result.columns, result.rows, result.truncated) == (("name",), (("Ada",), ("Bob",)), False)


async def test_a_query_sees_only_the_collections_that_are_asked(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    await store.upsert(document("/x.md", "[Eve] listens.", collection="other"), SPACE)
    query = NAMES[store.query_language]
    assert (await store.read_query(query, collections=("other",))).rows == (("Eve",),)
    assert (await store.read_query(query, collections=("nowhere",))).rows == ()
    everywhere = await store.read_query(query)
    assert [name for (name,) in everywhere.rows] == ["Ada", "Bob", "Eve"]


@pytest.mark.parametrize("value", ["Ada", "' OR 1=1 --", 'x" OR "1"="1'])
async def test_parameters_are_values_and_never_syntax(store: Store, value: str) -> None:
    await lines(store, "[Ada] knew [Bob].")
    result = await store.read_query(NAMED[store.query_language], {"wanted": value}, collections=HERE)
    assert result.rows == ((("Ada",),) if value == "Ada" else ())


async def test_a_parameter_without_a_value_is_named(store: Store) -> None:
    with pytest.raises(SearchError, match="wanted"):
        await store.read_query(NAMED[store.query_language], collections=HERE)


async def test_rows_beyond_the_limit_are_cut_and_that_is_told(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob] and [Cid].")
    query = NAMES[store.query_language]
    cut = await store.read_query(query, collections=HERE, limit=2)
    assert (len(cut.rows), cut.truncated) == (2, True)
    whole = await store.read_query(query, collections=HERE, limit=3)
    assert (len(whole.rows), whole.truncated) == (3, False)
    with pytest.raises(SearchError, match="limit"):
        await store.read_query(query, limit=0)


@pytest.mark.parametrize("n", range(len(WRITES["sql"])))
async def test_whatever_could_write_or_is_no_query_is_refused(store: Store, n: int) -> None:
    await lines(store, "[Ada] knew [Bob].")
    before = await everything(store)
    with pytest.raises(SearchError):
        await store.read_query(WRITES[store.query_language][n], collections=HERE)
    assert await everything(store) == before


async def test_a_query_without_end_is_stopped(store: Store) -> None:
    await lines(store, "[Ada] knew [Bob].")
    with pytest.raises(SearchError, match="second"):
        await store.read_query(ENDLESS[store.query_language], seconds=0.3)
    assert (await store.read_query(COUNT[store.query_language], collections=HERE)).rows == ((2,),)


# Copies


def changes() -> list[DocumentChange]:
    """Documents that share entities and disagree about them."""
    said = {
        "Ada": {
            "description": "A person of note.",
            "aliases": ("Countess",),
            "properties": {"born": 1815, "x": True},
        }
    }
    first = document("/a.md", "[Ada] knew [Bob].", "[Bob] knew [Cid].", "[Ada] knew [Bob].", said=said)
    second = document("/b.md", "[ADA] knew [Bob].", title="B", headings=("One", "Two"), relation="SAW")
    metadata = {"author": "Me", "pages": 3, "score": 0.5, "draft": False}
    second = replace(
        second,
        document=replace(second.document, metadata=metadata),
        chunks=(replace(second.chunks[0], page=7),),
    )
    empty = document("/empty.md")
    bare = document("/c.md", "[Zoë] said 你好.", collection="other")
    return [first, second, empty, bare]


async def test_a_document_reads_back_as_it_was_written(store: Store) -> None:
    for change in changes():
        await store.upsert(change, SPACE)
    for change in changes():
        back, space = await store.read_change(change.document.id)
        assert back.document == change.document
        assert back.chunks == change.chunks
        assert sorted(back.entities, key=lambda e: e.id) == sorted(change.entities, key=lambda e: e.id)
        assert {r.id: (r, set(r.support)) for r in back.relations} == {
            r.id: (replace(r, support=back_support(back, r.id)), set(r.support)) for r in change.relations
        }
        assert set(back.mentions) == set(change.mentions)
        if change.chunks:
            assert space == SPACE
        for mine, theirs in zip(back.chunks, change.chunks, strict=True):
            assert mine.embedding is not None
            assert theirs.embedding is not None
            assert np.allclose(mine.embedding, theirs.embedding, atol=1e-6)


def back_support(change: DocumentChange, relation: str) -> tuple[object, ...]:
    return next(r.support for r in change.relations if r.id == relation)


async def test_writing_what_was_read_back_changes_nothing(store: Store) -> None:
    for change in changes():
        await store.upsert(change, SPACE)
    before = await everything(store)
    for change in changes():
        assert (await store.upsert(*await store.read_change(change.document.id))).unchanged
    assert await everything(store) == before


async def test_what_one_document_says_is_not_mixed_with_what_others_say(store: Store) -> None:
    for change in changes():
        await store.upsert(change, SPACE)
    back, _ = await store.read_change(document_id("default", "/b.md"))
    ada = next(e for e in back.entities if e.id == entity("Ada"))
    assert (ada.name, ada.aliases, ada.description, ada.properties) == ("ADA", (), "", {})


async def test_a_document_without_vectors_reads_back_without_a_space(store: Store) -> None:
    await store.upsert(document("/a.md", "[Ada] sat.", embedded=False))
    back, space = await store.read_change(document_id("default", "/a.md"))
    assert space is None
    assert back.chunks[0].embedding is None


async def test_reading_back_an_unknown_document_is_an_error(store: Store) -> None:
    with pytest.raises(StoreNotFoundError, match="doc_nothing"):
        await store.read_change("doc_nothing")


async def test_vectors_of_chunks_and_entities_are_fetched_by_id(store: Store) -> None:
    await lines(store, "[Ada] sat.", "[Bob] stood.")
    chunk = (await store.read_change(document_id("default", "/a.md")))[0].chunks[0]
    await store.set_embeddings(SPACE, {entity("Ada"): vector("Ada")}, final=False)
    found = await store.embeddings([chunk.id, entity("Ada"), entity("Bob"), "chk_nothing"])
    assert set(found) == {chunk.id, entity("Ada")}
    assert np.allclose(found[entity("Ada")], vector("Ada"), atol=1e-6)
    assert found[chunk.id].dtype == np.float32


# Checks and backups


async def test_a_store_is_whole_after_many_changes(store: Store) -> None:
    assert await store.check() == []
    for change in changes():
        await store.upsert(change, SPACE)
    assert await store.check() == []
    await store.upsert(document("/a.md", "[Ada] knew [Dan]."), SPACE)
    await store.delete_document(document_id("default", "/b.md"))
    assert await store.check() == []


async def test_a_backup_is_a_store_with_the_same_content_or_is_refused(store: Store, tmp_path: Path) -> None:
    for change in changes():
        await store.upsert(change, SPACE)
    target = tmp_path / "copies" / "copy.db"
    if store.query_language == "cypher":
        with pytest.raises(StoreError):
            await store.backup(str(target))
        return
    await store.backup(str(target))
    copy = type(store)(str(target))
    await copy.open(create=False)
    assert await everything(copy) == await everything(store)
    assert await copy.check() == []
    await copy.close()
    with pytest.raises(StoreError, match="exists"):
        await store.backup(str(target))


# Filters


async def test_entities_are_searched_by_label(store: Store) -> None:
    await store.upsert(document("/a.md", "[Mercury] is hot.", label="Planet"), SPACE)
    await store.upsert(document("/b.md", "[Mercury] is a metal.", label="Element"), SPACE)
    planet, element = entity("Mercury", label="Planet"), entity("Mercury", label="Element")
    await store.set_embeddings(SPACE, {planet: vector("a"), element: vector("b")}, final=False)
    text = TextSearch("mercury", 10, HERE, target="entity")
    near = VectorSearch(vector("a"), 10, HERE, target="entity")
    for label, wanted in (("Planet", [planet]), ("Element", [element]), ("God", [])):
        assert [hit.id for hit in await store.text_search(replace(text, label=label))] == wanted
        assert [hit.id for hit in await store.vector_search(replace(near, label=label))] == wanted
    assert len(await store.vector_search(near)) == 2


PROPERTIES = {"kind": "tin", "weight": 7, "share": 0.5, "noble": True, 'o"dd. $k': "x"}


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        ({}, True),
        ({"kind": "tin"}, True),
        ({"kind": "TIN"}, False),
        ({"kind": "tin", "weight": 7}, True),
        ({"kind": "tin", "weight": 8}, False),
        ({"weight": 7.0}, True),
        ({"weight": "7"}, False),
        ({"share": 0.5}, True),
        ({"noble": True}, True),
        ({"noble": False}, False),
        ({"noble": 1}, False),
        ({'o"dd. $k': "x"}, True),
        ({"nothing": "x"}, False),
        ({"'] OR true //": "x"}, False),
    ],
)
async def test_searches_are_narrowed_by_properties(
    store: Store, asked: dict[str, str], matches: bool
) -> None:
    change = document("/a.md", "[Metal] shines.", said={"Metal": {"properties": PROPERTIES}})
    change = replace(change, document=replace(change.document, metadata=PROPERTIES))
    await store.upsert(change, SPACE)
    await store.upsert(document("/b.md", "[Metals] shine."), SPACE)
    ids = {"entity": entity("Metal"), "chunk": change.chunks[0].id}
    await store.set_embeddings(
        SPACE, {entity("Metal"): vector("m"), entity("Metals"): vector("n")}, final=False
    )
    for target, i in ids.items():
        text = TextSearch("metal", 10, HERE, target=target, properties=asked)  # type: ignore[arg-type]
        near = VectorSearch(vector("m"), 10, HERE, target=target, properties=asked)  # type: ignore[arg-type]
        for hits in (await store.text_search(text), await store.vector_search(near)):
            assert (i in [hit.id for hit in hits]) is matches
            assert not asked or len(hits) == int(matches)


async def test_a_property_that_is_no_value_cannot_be_asked_for(store: Store) -> None:
    await lines(store, "[Ada] sat.")
    with pytest.raises(SearchError, match="kind"):
        await store.text_search(TextSearch("ada", 5, HERE, properties={"kind": ["x"]}))  # type: ignore[dict-item]


# Collections and scripts


async def test_an_empty_collection_can_be_made_and_is_listed(store: Store) -> None:
    assert await store.create_collection("empty")
    assert not await store.create_collection("empty")
    assert (await store.statistics()).collections == ("empty",)
    assert (await store.statistics(("empty",))).documents == 0
    await store.upsert(document("/a.md", "[Ada] sat.", collection="empty"), SPACE)
    await store.delete_document(document_id("empty", "/a.md"))
    assert (await store.statistics()).collections == ("empty",)
    assert await store.delete_collection("empty") == 0
    assert (await store.statistics()).collections == ()
    with pytest.raises(StoreError, match="name"):
        await store.create_collection(" ")


@pytest.mark.parametrize(
    ("words", "name"), [("首都", "東京"), ("東京", "東京"), ("เมืองหลวง", "กรุงเทพ"), ("大学", "北京大学")]
)
async def test_words_of_scripts_without_spaces_are_found_within_their_runs(
    store: Store, words: str, name: str
) -> None:
    lines = (
        "日本の首都は[東京]です。",
        "[กรุงเทพ]เป็นเมืองหลวงของไทย",
        "他在[北京大学]学习。",
        "Plain [Ada] words.",
    )
    await store.upsert(document("/a.md", *lines), SPACE)
    (best, *_) = await store.text_search(TextSearch(words, 5, HERE))
    assert name in getattr((await store.get([best.id]))[best.id], "text", "")
    assert await store.text_search(TextSearch("火星", 5, HERE)) == []
