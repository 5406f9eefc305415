"""What models declare is read from their schemas, so that classes out of a file declare the same."""

from __future__ import annotations

import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pytest

from kag import Field as DataField
from kag.data_models.data_model import DataModel
from kag.data_models.knowledge import AnyEntity, Entity, KnowledgeGraph, Relation
from kag.errors import ConfigurationError
from kag.knowledge_bases._ontology import ontology_of
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules.input import Input
from kag.modules.update_knowledge import UpdateKnowledge
from kag.program import Program


class Kind(StrEnum):
    novel = "Novel"
    essay = "Essay"


class Book(Entity):
    label: Literal["Book"] = "Book"
    published: datetime.date | None = None
    isbn: str = DataField(json_schema_extra={"key": True})
    title: str
    pages: int = DataField(default=0, json_schema_extra={"merge": "max"})


class Writing(Entity):
    label: Kind
    words: str


class Person(Entity):
    label: Literal["Person", "Author"]
    name: str


class Wrote(Relation):
    subj: Person
    label: Literal["Wrote"] = "Wrote"
    obj: Book | Writing
    notes: str = DataField(default="", json_schema_extra={"merge": "union"})


class Mentions(Relation):
    label: Literal["Mentions"] = "Mentions"
    obj: Person | None


class Knows(Entity):
    """A model that contains itself."""

    label: Literal["Knows"] = "Knows"
    name: str
    friends: list[Knows]


def base_at(path: Path) -> KnowledgeBase:
    return KnowledgeBase(
        uri=path, entity_models=[Book, Writing, Person, Knows], relation_models=[Wrote, Mentions]
    )


def test_models_declare_labels_names_keys_policies_and_ends(tmp_path: Path) -> None:
    found = base_at(tmp_path).ontology
    assert sorted(found.entities) == ["Author", "Book", "Essay", "Knows", "Novel", "Person"]
    book = found.rule("Book")
    assert (book.key, book.name, dict(book.policies)) == ("isbn", "title", {"pages": "max"})
    assert found.rule("Novel").name == "words"
    people = [("Person", other) for other in ("Book", "Novel", "Essay")]
    assert found.relations["Wrote"].ends == {*people, *(("Author", other) for _, other in people)}
    assert found.relations["Wrote"].policies == {"notes": "union"}
    assert found.relations["Mentions"].ends == {("", "Person"), ("", "Author")}


async def test_a_knowledge_base_from_a_file_declares_the_same(tmp_path: Path) -> None:
    base = base_at(tmp_path / "kb")
    inputs = Input(data_model=KnowledgeGraph)
    program = Program(inputs=inputs, outputs=await UpdateKnowledge(knowledge_base=base)(inputs), name="p")
    program.save(tmp_path / "p.json")
    twin: Any = Program.load(tmp_path / "p.json").modules[0]
    assert twin.knowledge_base.ontology == base.ontology


async def test_two_books_with_one_title_stay_two_in_a_knowledge_base_from_a_file(tmp_path: Path) -> None:
    base = base_at(tmp_path / "kb")
    inputs = Input(data_model=KnowledgeGraph)
    program = Program(inputs=inputs, outputs=await UpdateKnowledge(knowledge_base=base)(inputs), name="p")
    program.save(tmp_path / "p.json")
    loaded = Program.load(tmp_path / "p.json")
    graph = KnowledgeGraph(entities=[Book(isbn="1", title="Poems"), Book(isbn="2", title="Poems")])
    report = await loaded(graph)
    twin: Any = loaded.modules[0]
    await twin.knowledge_base.close()
    assert (report.get("entities_created"), report.get("rejected")) == (2, [])


def test_a_plain_label_allows_any() -> None:
    class Anything(Entity):
        name: str

    class Anyhow(Relation):
        subj: AnyEntity

    assert not ontology_of([Book, Anything]).entities
    assert not ontology_of([], [Wrote, Anyhow]).relations


def test_an_unknown_policy_and_two_keys_are_refused() -> None:
    class Odd(Entity):
        label: Literal["Odd"]
        name: str = DataField(json_schema_extra={"merge": "newest"})

    class Twofold(Entity):
        label: Literal["Twofold"]
        one: str = DataField(json_schema_extra={"key": True})
        two: str = DataField(json_schema_extra={"key": True})

    with pytest.raises(ConfigurationError, match=r"Odd\.name merges by 'newest'; expected one of: majority"):
        ontology_of([Odd])
    with pytest.raises(ConfigurationError, match="Twofold has several keys, one, two"):
        ontology_of([Twofold])


def test_a_field_goes_by_the_name_that_its_json_has() -> None:
    class Place(Entity):
        label: Literal["Place"]
        code: str = DataField(alias="geo-code", json_schema_extra={"key": True})
        name: str

    assert ontology_of([Place]).rule("Place").key == "geo-code"


def test_what_is_no_data_model_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="DataModel"):
        ontology_of([str])  # type: ignore[list-item]  # what a user may pass


def test_a_data_model_without_a_label_is_refused() -> None:
    class Nothing(DataModel):
        name: str

    with pytest.raises(ConfigurationError, match="Nothing has no label"):
        ontology_of([Nothing])
