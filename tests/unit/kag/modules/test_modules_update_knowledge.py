"""UpdateKnowledge: what reaches the store, under which document, and what the report says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from store_documents import everything

from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import Entities, Entity, KnowledgeGraph, KnowledgeGraphs, Relation
from kag.errors import EmbeddingMismatchError, ProgramError
from kag.knowledge_bases.base import VectorSearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Document, entity_id
from kag.modules.embed_knowledge import EmbedKnowledge
from kag.modules.input import Input
from kag.modules.update_knowledge import UpdateKnowledge
from kag.sequential import Sequential
from kag.testing import City, Country, FakeEmbeddingModel, IsCapitalOf, sample_graph


class Person(Entity):
    label: Literal["Person"] = "Person"
    name: str
    born: int | None = None


class Query(DataModel):
    query: str


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[KnowledgeBase]:
    async with KnowledgeBase(
        uri=tmp_path / "kb", entity_models=[City, Country], relation_models=[IsCapitalOf]
    ) as base:
        yield base


@pytest.fixture
async def free(tmp_path: Path) -> AsyncIterator[KnowledgeBase]:
    async with KnowledgeBase(uri=tmp_path / "kb", embedding_model=FakeEmbeddingModel()) as base:
        yield base


async def nearest(base: KnowledgeBase, text: str) -> tuple[str, float]:
    vector = await base.embed_query(text)
    assert vector is not None
    found = await base.store.vector_search(VectorSearch(vector, 1, ("default",), target="entity"))
    record = (await base.store.get([found[0].id]))[found[0].id]
    assert hasattr(record, "name")
    return record.name, found[0].score


async def test_what_is_written_is_reported(base: KnowledgeBase) -> None:
    report = await UpdateKnowledge(base)(sample_graph())
    assert (report.get("entities_created"), report.get("relations_created")) == (6, 3)
    assert not report.get("unchanged")
    assert report.get("rejected") == []
    statistics = await base.store.statistics()
    assert (statistics.entities, statistics.relations) == (6, 3)
    assert statistics.labels == {"City": 3, "Country": 3}


async def test_the_same_again_changes_nothing_and_embeds_nothing(free: KnowledgeBase) -> None:
    assert isinstance(free.embedding_model, FakeEmbeddingModel)
    update = UpdateKnowledge(free)
    await update(sample_graph())
    before, calls = await everything(free.store), len(free.embedding_model.calls)
    report = await update(sample_graph())
    assert report.get("unchanged")
    assert await everything(free.store) == before
    assert len(free.embedding_model.calls) == calls


async def test_the_document_states_the_facts_and_supports_them(base: KnowledgeBase) -> None:
    report = await UpdateKnowledge(base, source="atlas")(
        IsCapitalOf(subj=City(name="Paris"), obj=Country(name="France"))
    )
    document = (await base.store.get([report.get("document_id")]))[report.get("document_id")]
    assert isinstance(document, Document)
    assert document.uri.startswith("program:atlas#")
    (fact,) = await base.store.page("relation", ("default",))
    (support,) = fact.support  # type: ignore[union-attr]
    chunk = (await base.store.get([support.chunk_id]))[support.chunk_id]
    assert isinstance(chunk, Chunk)
    assert document.text[chunk.start : chunk.end] == chunk.text
    assert chunk.text[support.start : support.end] == support.quote
    assert "Paris" in support.quote
    assert "France" in support.quote


async def test_deleting_the_document_takes_it_all_back(base: KnowledgeBase) -> None:
    first = await UpdateKnowledge(base)(sample_graph())
    before = await everything(base.store)
    second = await UpdateKnowledge(base)(City(name="Lisbon"))
    assert first.get("document_id") != second.get("document_id")
    await base.store.delete_document(second.get("document_id"))
    assert await everything(base.store) == before


async def test_what_is_known_already_gains_support(base: KnowledgeBase) -> None:
    await UpdateKnowledge(base)(sample_graph())
    report = await UpdateKnowledge(base)(Entities(entities=[City(name="paris"), City(name="Lisbon")]))
    assert (report.get("entities_created"), report.get("entities_merged")) == (1, 1)
    assert (await base.store.statistics()).entities == 7


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Person(name="Ada"), "Person"),
        (Relation(subj=City(name="Paris"), label="Twins", obj=Country(name="France")), "Twins"),
        (Relation(subj=Country(name="France"), label="IsCapitalOf", obj=City(name="Paris")), "IsCapitalOf"),
    ],
    ids=["entity", "type", "ends"],
)
async def test_what_the_models_do_not_allow_is_rejected_with_the_reason(
    base: KnowledgeBase, value: DataModel, reason: str
) -> None:
    report = await UpdateKnowledge(base)(value)
    assert any(reason in line for line in report.get("rejected"))
    statistics = await base.store.statistics()
    assert statistics.relations == 0
    assert "Person" not in statistics.labels


async def test_the_rest_is_written_where_some_is_rejected(base: KnowledgeBase) -> None:
    report = await UpdateKnowledge(base)(KnowledgeGraph(entities=[Person(name="Ada"), City(name="Rome")]))
    assert report.get("entities_created") == 1
    assert len(report.get("rejected")) == 1
    document = (await base.store.get([report.get("document_id")]))[report.get("document_id")]
    assert isinstance(document, Document)
    assert "Ada" not in document.text


async def test_an_entity_without_a_name_is_rejected_with_the_reason(free: KnowledgeBase) -> None:
    report = await UpdateKnowledge(free)(Entity(label="Thing"))
    assert "name" in report.get("rejected")[0]
    assert (await free.store.statistics()).documents == 0


async def test_all_that_is_said_of_an_entity_is_kept(free: KnowledgeBase) -> None:
    ada = Person(name="Ada", born=1815)
    graph = KnowledgeGraph(
        entities=[ada],
        relations=[Relation(subj=Person(name="Ada"), label="KNOWS", obj=Person(name="Charles"))],
    )
    await UpdateKnowledge(free)(graph)
    found = (await free.store.lookup(("default",), ["Ada"]))["Ada"]
    assert [dict(entity.properties) for entity in found] == [{"born": 1815}]


async def test_knowledge_of_every_shape_is_written(free: KnowledgeBase) -> None:
    graphs = KnowledgeGraphs(
        knowledge_graphs=[sample_graph(), KnowledgeGraph(entities=[City(name="Lisbon")])]
    )
    report = await UpdateKnowledge(free)(graphs)
    assert report.get("entities_created") == 7
    report = await UpdateKnowledge(free)(KnowledgeGraph())
    assert report.get("document_id") == ""


async def test_given_vectors_are_searched(free: KnowledgeBase) -> None:
    em = free.embedding_model
    program = Sequential(
        [Input(data_model=KnowledgeGraph), EmbedKnowledge(em, in_mask=["name"]), UpdateKnowledge(free)]
    )
    await program(sample_graph())
    name, score = await nearest(free, "Madrid")
    assert name == "Madrid"
    assert score == pytest.approx(1.0)


async def test_entities_without_vectors_get_some(free: KnowledgeBase) -> None:
    await UpdateKnowledge(free)(sample_graph())
    assert (await nearest(free, "Madrid (City)"))[0] == "Madrid"


async def test_vectors_of_another_model_are_refused_and_nothing_is_written(free: KnowledgeBase) -> None:
    graph = await EmbedKnowledge(FakeEmbeddingModel(32, model="fake/other"))(sample_graph())
    with pytest.raises(EmbeddingMismatchError, match="same embedding_model"):
        await UpdateKnowledge(free)(graph)
    assert (await free.store.statistics()).documents == 0


async def test_vectors_that_nothing_could_search_are_refused(base: KnowledgeBase) -> None:
    graph = await EmbedKnowledge(FakeEmbeddingModel())(sample_graph())
    with pytest.raises(EmbeddingMismatchError, match="searches by none"):
        await UpdateKnowledge(base)(graph)


async def test_an_embedding_that_is_no_vector_is_refused(free: KnowledgeBase) -> None:
    open_schema = {"type": "object", "properties": {"label": {}, "name": {}}}
    for bad in ("text", [1, "a"], [True]):
        value = JsonDataModel(schema=open_schema, json={"label": "City", "name": "Rome", "embedding": bad})
        with pytest.raises(ProgramError, match="list of finite numbers"):
            await UpdateKnowledge(free)(value)


async def test_a_near_entity_with_another_name_is_linked_and_can_be_parted_again(free: KnowledgeBase) -> None:
    await UpdateKnowledge(free)(Entities(entities=[City(name="New York City"), City(name="Oslo")]))
    known = entity_id("default", "City", "New York City")
    alias = City(name="The Big Apple")
    vector = next(iter((await free.store.embeddings([known])).values()))
    schema = {"type": "object", "properties": {"label": {}, "name": {}}}
    value = JsonDataModel(
        schema=schema, json={**alias.get_json(), "embedding": np.asarray(vector, dtype=float).tolist()}
    )
    report = await UpdateKnowledge(free, threshold=0.95)(value)
    assert report.get("linked") == 1
    (found,) = (await free.store.lookup(("default",), ["The Big Apple"]))["The Big Apple"]
    assert {found.name, *found.aliases} >= {"New York City", "The Big Apple"}
    await free.store.remove_links([(known, entity_id("default", "City", "The Big Apple"))])
    (alone,) = (await free.store.lookup(("default",), ["The Big Apple"]))["The Big Apple"]
    assert "New York City" not in {alone.name, *alone.aliases}


@pytest.mark.parametrize(
    "wrong", [{"threshold": 2}, {"threshold": True}, {"threshold": "high"}, {"source": " "}, {"source": 3}]
)
def test_arguments_that_make_no_sense_are_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ProgramError):
        UpdateKnowledge(KnowledgeBase(uri=tmp_path), **wrong)
    with pytest.raises(ProgramError, match="KnowledgeBase"):
        UpdateKnowledge("somewhere")  # type: ignore[arg-type]


async def test_what_is_no_knowledge_is_refused(free: KnowledgeBase) -> None:
    with pytest.raises(ProgramError, match="expected an Entity, a Relation"):
        await UpdateKnowledge(free)(Query(query="x"))
    with pytest.raises(ProgramError, match="expected an Entity, a Relation"):
        await UpdateKnowledge(free)(Input(data_model=Query))


@pytest.mark.parametrize(
    "name", ["'; DROP TABLE entity; --", "<b>x</b>", "a\nb", "💥", "x" * 3000, "{{ 1 }}"]
)
async def test_hostile_names_are_only_names(free: KnowledgeBase, name: str) -> None:
    await UpdateKnowledge(free)(City(name=name))
    assert [e.name for e in (await free.store.lookup(("default",), [name]))[name]] == [name]


async def test_what_contradicts_itself_is_reported(free: KnowledgeBase) -> None:
    report = await UpdateKnowledge(free)(
        Entities(entities=[Person(name="Ada", born=1815), Person(name="Ada", born=1816)])
    )
    assert report.get("rejected") == ["Person 'Ada': born is both 1815 and 1816; the first was kept"]


async def test_the_order_in_which_things_are_said_makes_no_other_document(free: KnowledgeBase) -> None:
    cities = [City(name="Rome"), City(name="Oslo"), Country(name="Italy")]
    first = await UpdateKnowledge(free)(Entities(entities=cities))
    again = await UpdateKnowledge(free)(Entities(entities=cities[::-1]))
    assert again.get("unchanged")
    assert again.get("document_id") == first.get("document_id")
