"""The embedded store's resolution: what is left on disk, settings, older stores, and data models' rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import apsw
import pytest
from store_documents import SPACE, document, entity, everything

import kag
from kag.errors import ConfigurationError, DataModelError
from kag.knowledge_bases._ontology import ontology_of
from kag.knowledge_bases._sqlite_schema import MIGRATIONS
from kag.knowledge_bases._typed import assertion, entity_of, fact_of
from kag.knowledge_bases.base import Resolution
from kag.knowledge_bases.embedded import EmbeddedStore
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import DocumentChange, Entity, Relation
from kag.resolution.base import Link

HERE = ("default",)
NOW = "2026-01-01T00:00:00Z"
SHORT = document("/short.md", "[Dr. Marie Curie] lived in [Paris].")
LONG = document("/long.md", "[Marie Curie] was born in [Warsaw].")


class City(kag.Entity):
    label: Literal["City"]
    name: str


class Book(kag.Entity):
    label: Literal["Book"]
    isbn: str = kag.Field(json_schema_extra={"key": True})
    title: str
    pages: int = kag.Field(default=0, json_schema_extra={"merge": "max"})
    tags: str = kag.Field(default="", json_schema_extra={"merge": "union"})


class PrintedIn(kag.Relation):
    subj: Book
    label: Literal["PrintedIn"]
    obj: City


def tables(path: Path) -> dict[str, list[Any]]:
    """Every row of every table and index of a store's file."""
    db = apsw.Connection(str(path))
    names = [n for (n,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    found = {name: list(db.execute(f'SELECT * FROM "{name}"')) for name in names if "fts" not in name}
    db.close()
    return found


async def entities(store: Any) -> list[Entity]:
    return [e for e in await store.page("entity", HERE) if isinstance(e, Entity)]


def written(uri: str, *items: kag.Entity | kag.Relation) -> DocumentChange:
    """The document that says so."""
    facts = [fact_of(item, collection="default") for item in items if isinstance(item, kag.Relation)]
    plain = [entity_of(item, collection="default") for item in items if isinstance(item, kag.Entity)]
    return assertion(plain, facts, collection="default", uri=uri, ingested_at=NOW)


# What is left on disk


async def test_no_trace_of_a_deleted_document_is_left_where_its_names_were_merged(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    said = {
        "Dr. Qwertz Uiopas": {"aliases": ("Asdfghjkl",), "description": "Yxcvb", "properties": {"uvw": "rst"}}
    }
    kept = [document("/a.md", "[Qwertz Uiopas] met [Bob]."), document("/b.md", "[National Marble Works].")]
    for change in kept:
        await store.upsert(change, SPACE)
    await store.upsert(document("/c.md", "[NMW] and [NMW]."), SPACE)
    before = await everything(store)
    secret = document(
        "/secret.md",
        "[Dr. Qwertz Uiopas] met [Bob] and [Hjklmnop Vbnm].",
        "[H. Vbnm] and [Xylophone Guild of Yonder], the [XGY].",
        said=said,
    )
    await store.upsert(secret, SPACE)
    assert len(await store.forms([entity("Qwertz Uiopas")])) == 1
    assert await store.decisions(HERE, ids=[entity("Hjklmnop Vbnm"), entity("XGY")])
    await store.delete_document(secret.document.id)
    assert await everything(store) == before
    assert await store.check() == []
    await store.close()
    whole = (tmp_path / "kag.db").read_bytes().lower()
    words = [b"dr. qwertz", b"asdfghjkl", b"yxcvb", b"hjklmnop", b"vbnm", b"xylophone", b"xgy", b"secret.md"]
    assert [word for word in words if word in whole] == []
    rows = tables(tmp_path / "kag.db")
    forms = {row[0] for row in (*rows["entity"], *rows["form"])}
    assert {row[1] for row in rows["form_key"]} <= forms
    assert {end for row in rows["decision"] for end in row[:2]} <= forms


async def test_an_older_store_is_resolved_at_its_first_write(tmp_path: Path) -> None:
    path = tmp_path / "kag.db"
    old, new = EmbeddedStore(tmp_path / "old", resolution="off"), EmbeddedStore(tmp_path / "new")
    for change in (SHORT, LONG):
        await old.upsert(change, SPACE)
        await new.upsert(change, SPACE)
    await old.close()
    _as_version_2(tmp_path / "old" / "kag.db", path)
    again = EmbeddedStore(tmp_path)
    assert len(await entities(again)) == 4
    later = document("/later.md", "[Bob] was here.")
    await again.upsert(later, SPACE)
    await new.upsert(later, SPACE)
    assert await everything(again) == await everything(new)
    assert await again.check() == []
    assert len(await entities(again)) == 4
    await again.close()
    await new.close()


def _as_version_2(source: Path, path: Path) -> None:
    """Writes what an unresolved store holds into a store of the version before resolution."""
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    for script in MIGRATIONS[:2]:
        db.execute(script).fetchall()
    db.execute("ATTACH ? AS new", (str(source),))
    db.execute("DELETE FROM meta")
    listed = "SELECT name, sql LIKE '%USING fts5(%' FROM main.sqlite_schema WHERE type = 'table'"
    names = dict(db.execute(listed))
    indexes = tuple(name for name, is_index in names.items() if is_index)
    for name in names:
        if name.startswith((*indexes, "sqlite_")) or name.endswith("_terms"):
            continue
        columns = ", ".join(row[1] for row in db.execute(f"PRAGMA main.table_info({name})"))
        db.execute(f"INSERT INTO main.{name} SELECT {columns} FROM new.{name}")
    db.execute("DELETE FROM main.schema_version WHERE version > 2")
    db.execute("DETACH new")
    for index in ("chunk_fts", "entity_fts"):
        db.execute(f"INSERT INTO {index}({index}) VALUES ('rebuild')")
    db.pragma("application_id", 0x4B414721)
    db.pragma("user_version", 2)
    db.close()


# Settings


async def test_resolution_can_be_turned_off_and_on_again(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, resolution="off")
    await store.upsert(SHORT, SPACE)
    await store.upsert(LONG, SPACE)
    assert len(await entities(store)) == 4
    assert await store.decisions(HERE) == []
    pair = (entity("Dr. Marie Curie"), entity("Marie Curie"))
    await store.set_links([Link(*pair, "same", "user")])
    assert len(await entities(store)) == 3
    await store.remove_links([pair])
    await store.close()
    unasked = EmbeddedStore(tmp_path)
    await unasked.upsert(document("/c.md", "[Bob]."), SPACE)
    assert len(await entities(unasked)) == 5
    await unasked.close()
    on = EmbeddedStore(tmp_path, resolution="on")
    await on.upsert(document("/d.md", "[Cid]."), SPACE)
    assert len(await entities(on)) == 5
    assert len(await on.decisions(HERE)) == 1
    await on.close()


async def test_thresholds_decide_what_merges_and_what_is_queued(tmp_path: Path) -> None:
    for thresholds, count in (({"upper": 1.0, "lower": 0.9}, 4), ({"upper": 0.9, "lower": 0.5}, 3)):
        store = EmbeddedStore(tmp_path / str(count), resolution=Resolution(**thresholds))
        await store.upsert(SHORT, SPACE)
        report = await store.upsert(LONG, SPACE)
        assert (len(await entities(store)), report.entities_queued) == (count, count - 3)
        await store.close()


@pytest.mark.parametrize(
    "wrong", ["maybe", {"upper": 2}, {"upper": 0.2, "lower": 0.5}, {"high": 1}, {"upper": "x"}]
)
def test_a_wrong_setting_of_resolution_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="resolution"):
        KnowledgeBase(uri=tmp_path, resolution=wrong)


def test_a_knowledge_base_keeps_its_resolution_in_its_configuration(tmp_path: Path) -> None:
    base = KnowledgeBase(uri=tmp_path, resolution={"upper": 0.9, "lower": 0.5})
    assert KnowledgeBase.from_config(base.get_config()).resolution == base.resolution


# What data models declare


async def test_homonyms_with_different_keys_stand_side_by_side(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, ontology=ontology_of([Book, City], [PrintedIn]))
    for n, isbn in enumerate(("1", "2", "1")):
        await store.upsert(written(f"program:{n}", Book(label="Book", isbn=isbn, title="Dune")))
    found = (await store.lookup(HERE, ["Dune"]))["Dune"]
    assert sorted((str(e.properties["isbn"]), e.degree) for e in found) == [("1", 2), ("2", 1)]
    await store.upsert(document("/a.md", "[Dune] is a book.", label="Name"), SPACE)
    assert len((await store.lookup(HERE, ["Dune"]))["Dune"]) == 3  # it could mean either, so it joins neither
    await store.close()


async def test_properties_merge_as_the_model_declares_in_any_order(tmp_path: Path) -> None:
    books = [
        Book(label="Book", isbn="1", title="Dune", pages=400, tags="desert"),
        Book(label="Book", isbn="1", title="Dune", pages=600, tags="worms"),
        Book(label="Book", isbn="1", title="Dune!", pages=400, tags="desert; spice"),
    ]
    seen = []
    for order in ((0, 1, 2), (2, 1, 0)):
        store = EmbeddedStore(tmp_path / str(order[0]), ontology=ontology_of([Book]))
        for n in order:
            await store.upsert(written(f"program:{n}", books[n]))
        (found,) = await entities(store)
        assert found.properties == {
            "isbn": "1",
            "title": "Dune",
            "pages": 600,
            "tags": "desert; spice; worms",
        }
        seen.append(await everything(store))
        await store.close()
        unaware = EmbeddedStore(tmp_path / str(order[0]))
        await unaware.delete_document(written("program:1").document.id)
        (found,) = await entities(unaware)
        assert (found.properties["pages"], found.properties["tags"]) == (400, "desert; spice")
        await unaware.close()
    assert seen[0] == seen[1]


async def test_other_declarations_bring_the_whole_store_up_to_date(tmp_path: Path) -> None:
    first = EmbeddedStore(tmp_path)
    for n, pages in enumerate((400, 400, 600)):
        await first.upsert(written(f"program:{n}", Book(label="Book", isbn="1", title="Dune", pages=pages)))
    (found,) = await entities(first)
    assert found.properties["pages"] == 400
    await first.close()
    second = EmbeddedStore(tmp_path, ontology=ontology_of([Book, City]))
    await second.upsert(written("program:city", City(label="City", name="Paris")))
    assert {e.properties.get("pages") for e in await entities(second)} == {600, None}
    await second.close()


async def test_what_the_models_do_not_allow_is_left_out_with_a_reason(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path, ontology=ontology_of([Book, City], [PrintedIn]))
    paris, dune = City(label="City", name="Paris"), Book(label="Book", isbn="1", title="Dune")
    good = fact_of(PrintedIn(subj=dune, label="PrintedIn", obj=paris), collection="default")
    ship = entity_of({"label": "Ship", "name": "Beagle"}, collection="default")
    facts = [
        good,
        fact_of({"subj": paris, "label": "PrintedIn", "obj": dune}, collection="default"),
        fact_of({"subj": dune, "label": "BurntIn", "obj": paris}, collection="default"),
        fact_of(
            {"subj": dune, "label": "PrintedIn", "obj": ship.properties | {"label": "Ship", "name": "B"}},
            collection="default",
        ),
    ]
    report = await store.upsert(
        assertion([ship], facts, collection="default", uri="program:x", ingested_at=NOW)
    )
    assert len(report.rejected) == 5
    for word in ("'Ship'", "'BurntIn'", "'City' to 'Book'", "one of its ends"):
        assert any(word in reason for reason in report.rejected), report.rejected
    assert {e.label for e in await entities(store)} == {"City", "Book"}
    assert [r.id for r in await store.page("relation", HERE) if isinstance(r, Relation)] == [good.relation.id]
    free = await store.upsert(document("/a.md", "[Ada] met [Bob].", label="Name"), SPACE)
    assert free.rejected == ()
    await store.close()


async def test_a_knowledge_base_with_models_rejects_what_they_do_not_have(tmp_path: Path) -> None:
    async with KnowledgeBase(uri=tmp_path, entity_models=[City]) as base:
        report = await base.store.upsert(document("/a.md", "[Beagle] sailed.", label="Ship"), SPACE)
        assert report.entities_created == 0
        assert "'Ship'" in report.rejected[0]


def test_an_open_label_allows_every_label() -> None:
    class Anything(kag.Entity):
        name: str

    assert ontology_of([City, Anything]).entities == {}


def test_one_relation_type_may_have_several_models_and_unions_as_ends() -> None:
    class InCity(kag.Relation):
        subj: Book | City
        label: Literal["In", "Within"]
        obj: City

    class InBook(kag.Relation):
        subj: City
        label: Literal["In"]
        obj: Book

    rules = ontology_of([Book, City], [InCity, InBook]).relations
    assert rules["In"].ends == {("Book", "City"), ("City", "City"), ("City", "Book")}
    assert rules["Within"].ends == {("Book", "City"), ("City", "City")}


def test_wrong_declarations_are_refused() -> None:
    class Twice(kag.Entity):
        label: Literal["Twice"]
        one: str = kag.Field(json_schema_extra={"key": True})
        two: str = kag.Field(json_schema_extra={"key": True})

    class Strange(kag.Entity):
        label: Literal["Strange"]
        one: str = kag.Field(json_schema_extra={"merge": "newest"})

    with pytest.raises(ConfigurationError, match="several keys"):
        ontology_of([Twice])
    with pytest.raises(ConfigurationError, match="newest"):
        ontology_of([Strange])


# Data models as records


def test_an_entity_is_named_by_its_name_title_or_first_text() -> None:
    class Star(kag.Entity):
        label: Literal["Star"]
        size: int
        designation: str

    made = entity_of(Star(label="Star", size=3, designation="HD 1"), collection="c")
    assert (made.name, made.label, made.properties) == ("HD 1", "Star", {"size": 3, "designation": "HD 1"})
    assert entity_of(Book(label="Book", isbn="1", title="Dune"), collection="c").name == "Dune"
    assert entity_of(City(label="City", name="Paris"), collection="c").properties == {}


def test_the_class_its_json_and_the_ontology_make_the_same_record() -> None:
    book = Book(label="Book", isbn="1", title="Dune")
    ontology = ontology_of([Book])
    made = entity_of(book, collection="c")
    assert entity_of(book.get_json(), collection="c", ontology=ontology) == made
    assert entity_of(book.to_json_data_model(), collection="c", ontology=ontology) == made
    assert entity_of(replace_title(book, "Other"), collection="c").id == made.id
    assert entity_of(book, collection="d").id != made.id


def replace_title(book: Book, title: str) -> Book:
    return Book(label="Book", isbn=book.isbn, title=title)


@pytest.mark.parametrize(
    "wrong", [{}, {"label": " "}, {"label": "City"}, {"label": "City", "name": ""}, {"label": 3}]
)
def test_what_is_no_entity_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataModelError, match="entity"):
        entity_of(wrong, collection="c")


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "In", "subj": {"label": "City", "name": "Paris"}},
        {"label": "In", "subj": "Paris", "obj": "France"},
        {"subj": {"label": "City", "name": "Paris"}, "obj": {"label": "City", "name": "Rome"}},
    ],
)
def test_what_is_no_relation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataModelError, match="relation"):
        fact_of(wrong, collection="c")


async def test_what_a_program_asserts_is_supported_by_its_document_and_can_be_taken_back(
    tmp_path: Path,
) -> None:
    store = EmbeddedStore(tmp_path)
    dune, paris = Book(label="Book", isbn="1", title="Dune"), City(label="City", name="Paris")
    change = written(
        "program:library", PrintedIn(subj=dune, label="PrintedIn", obj=paris), City(label="City", name="Rome")
    )
    report = await store.upsert(change)
    assert (report.entities_created, report.relations_created, report.rejected) == (3, 1, ())
    (relation,) = await store.page("relation", HERE)
    assert isinstance(relation, Relation)
    assert [s.quote for s in relation.support] == ["Dune PrintedIn Paris"]
    assert (
        await store.upsert(replace(change, document=replace(change.document, ingested_at="later")))
    ).unchanged
    await store.delete_document(change.document.id)
    assert await entities(store) == []
    await store.close()
