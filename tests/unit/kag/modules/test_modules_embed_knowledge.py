"""EmbedKnowledge: which text stands for an entity, in how many requests, and what shape comes out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest

from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import Entities, Entity, KnowledgeGraph, KnowledgeGraphs, Relations
from kag.errors import KagError, ProgramError
from kag.modules.embed_knowledge import EmbedKnowledge
from kag.modules.input import Input
from kag.program import Program
from kag.testing import City, Country, FakeEmbeddingModel, IsCapitalOf, sample_graph


class Query(DataModel):
    query: str


class Person(Entity):
    label: Literal["Person"] = "Person"
    name: str
    age: int | None = None
    tags: list[str] | None = None


class Closed(DataModel):
    """A graph whose schema takes nothing but its own fields."""

    entities: list[Person]


async def test_equal_texts_are_embedded_once_in_one_request() -> None:
    em = FakeEmbeddingModel()
    graph = await EmbedKnowledge(embedding_model=em, in_mask=["name"])(sample_graph())
    assert em.calls == [["Paris", "France", "Rome", "Italy", "Madrid", "Spain"]]
    assert graph.get("embedding_model") == em.name
    (paris,) = await em.embed(["Paris"])
    assert graph.get("entities")[0]["embedding"] == paris.tolist()
    assert graph.get("relations")[0]["subj"]["embedding"] == paris.tolist()
    assert "embedding" not in graph.get("relations")[0]


@pytest.mark.parametrize(
    ("masks", "text"),
    [
        ({}, 'Person Ada 36 ["maths"]'),
        ({"in_mask": ["name"]}, "Ada"),
        ({"out_mask": ["label", "tags"]}, "Ada 36"),
        ({"in_mask": ["name", "age"]}, "Ada 36"),
    ],
)
async def test_masks_say_which_fields_make_the_text(masks: dict[str, Any], text: str) -> None:
    em = FakeEmbeddingModel()
    await EmbedKnowledge(em, **masks)(Person(name="Ada", age=36, tags=["maths"]))
    assert em.calls == [[text]]


@pytest.mark.parametrize(
    "value",
    [
        City(name="Paris"),
        IsCapitalOf(subj=City(name="Paris"), obj=Country(name="France")),
        Entities(entities=[City(name="Paris")]),
        Relations(relations=[IsCapitalOf(subj=City(name="Paris"), obj=Country(name="France"))]),
        KnowledgeGraphs(knowledge_graphs=[sample_graph(), sample_graph()]),
        KnowledgeGraph(),
        Closed(entities=[Person(name="Ada")]),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_knowledge_of_every_shape_fits_the_schema_that_a_program_expects(value: DataModel) -> None:
    inputs = Input(data_model=type(value))
    promised = await EmbedKnowledge(FakeEmbeddingModel())(inputs)
    found = await Program(inputs=inputs, outputs=promised)(value)
    promised.known_schema.check(found.data)
    assert found.schema.same(promised.known_schema)
    assert "embedding" in str(found.data) or value == KnowledgeGraph()


async def test_the_value_that_was_given_stays_as_it_was() -> None:
    given = sample_graph().to_json_data_model()
    before = given.get_json()
    await EmbedKnowledge(FakeEmbeddingModel())(given)
    assert given.data == before


async def test_embedding_again_replaces_the_vectors_and_does_not_read_them() -> None:
    first = await EmbedKnowledge(FakeEmbeddingModel(8))(sample_graph())
    em = FakeEmbeddingModel(16, model="fake/other")
    second = await EmbedKnowledge(em, in_mask=["name"])(first)
    assert em.calls[0][0] == "Paris"
    assert second.get("embedding_model") == "fake/other"
    assert np.shape(second.get("entities")[0]["embedding"]) == (16,)


@pytest.mark.parametrize(
    "value", [Query(query="x"), JsonDataModel(schema=Query.get_schema(), json={"query": "x"})]
)
async def test_what_is_no_knowledge_is_refused(value: Any) -> None:
    with pytest.raises(ProgramError, match="expected an Entity, a Relation"):
        await EmbedKnowledge(FakeEmbeddingModel())(value)
    with pytest.raises(ProgramError, match="expected an Entity, a Relation"):
        await EmbedKnowledge(FakeEmbeddingModel())(Input(data_model=Query))


async def test_an_entity_of_which_the_mask_leaves_nothing_is_named() -> None:
    with pytest.raises(ProgramError, match="nothing is left to embed of the City"):
        await EmbedKnowledge(FakeEmbeddingModel(), in_mask=["nickname"])(City(name="Paris"))


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ProgramError, match="not both"):
        EmbedKnowledge(FakeEmbeddingModel(), in_mask=["name"], out_mask=["label"])
    with pytest.raises(ProgramError, match="embedding_model"):
        EmbedKnowledge(None)


async def test_a_model_may_be_a_function_and_its_failure_is_raised() -> None:
    async def embed(texts: list[str]) -> dict[str, Any]:
        if "Rome" in texts:
            raise OSError("no route")
        return {"embeddings": [[1.0, 0.0] for _ in texts]}

    found = await EmbedKnowledge(embed, in_mask=["name"])(City(name="Paris"))
    assert found.get("embedding") == [1.0, 0.0]
    with pytest.raises(KagError, match="no route"):
        await EmbedKnowledge(embed, in_mask=["name"])(City(name="Rome"))


async def test_an_entity_without_a_label_is_refused() -> None:
    graph = JsonDataModel(
        schema={"type": "object", "properties": {"entities": {}}}, json={"entities": [{"name": "x"}]}
    )
    with pytest.raises(ProgramError, match="without a label"):
        await EmbedKnowledge(FakeEmbeddingModel())(graph)
