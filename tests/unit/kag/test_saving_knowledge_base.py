"""A knowledge base inside a program: it is saved with its models, without credentials, and never wipes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.embedding_models import EmbeddingModel
from kag.errors import ConfigurationError, SavingError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.module import Module
from kag.modules.input import Input
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.saving import deserialize_kag_object, serialize_kag_object
from kag.testing import City, Country, FakeEmbeddingModel, IsCapitalOf


class Query(DataModel):
    query: str


@register_kag_serializable(package="stores")
class Counting(Module):
    """Counts the documents of a knowledge base."""

    def __init__(self, knowledge_base: KnowledgeBase, name: str | None = None) -> None:
        super().__init__(name)
        self.knowledge_base = knowledge_base

    async def call(self, inputs: Any, training: bool = False) -> Any:
        question = inputs.get("query")
        found = (await self.knowledge_base.store.statistics()).documents
        return Query(query=f"{question} {found}")


async def program_of(*bases: KnowledgeBase) -> Program:
    inputs = Input(data_model=Query)
    outputs = [await Counting(base)(inputs) for base in bases]
    return Program(inputs=inputs, outputs=outputs, name="p")


async def test_a_program_with_a_knowledge_base_survives_with_all_its_settings(tmp_path: Path) -> None:
    base = KnowledgeBase(
        uri=tmp_path / "kb",
        entity_models=[City, Country],
        relation_models=[IsCapitalOf],
        embedding_model=EmbeddingModel("wordllama", batch_size=7),
        collection="capitals",
    )
    program = await program_of(base, base)
    program.save(tmp_path / "p.json")
    loaded = Program.load(tmp_path / "p.json")
    twin = loaded.modules[0].knowledge_base
    assert isinstance(twin, KnowledgeBase)
    assert twin is loaded.modules[1].knowledge_base
    assert (twin.uri, twin.metric, twin.collection) == (base.uri, "cosine", "capitals")
    assert twin.entity_models == (City, Country)
    assert twin.relation_models == (IsCapitalOf,)
    assert isinstance(twin.embedding_model, EmbeddingModel)
    assert isinstance(base.embedding_model, EmbeddingModel)
    assert twin.embedding_model.get_config() == base.embedding_model.get_config()
    assert loaded.to_json() == program.to_json()
    assert not (tmp_path / "kb").exists()
    async with base, twin:
        assert [answer.get("query") for answer in await loaded(Query(query="?"))] == ["? 0", "? 0"]


async def test_data_models_of_ones_own_come_back_from_their_schemas() -> None:
    class Town(City):
        mayor: str | None = None

    base = KnowledgeBase(entity_models=[Town], embedding_model=FakeEmbeddingModel(dimensions=8))
    twin = deserialize_kag_object(json.loads(json.dumps(serialize_kag_object(base))))
    (town,) = twin.entity_models
    assert town.get_schema() == Town.get_schema()
    assert town(name="Ulm").get_json() == Town(name="Ulm").get_json()
    assert twin.embedding_model.get_config() == {"dimensions": 8, "model": "fake/bag-of-words"}


async def test_a_swapped_knowledge_base_is_saved() -> None:
    program = await program_of(KnowledgeBase(uri="old"))
    program.modules[0].knowledge_base = KnowledgeBase(uri="new")  # type: ignore[attr-defined]
    assert Program.from_json(program.to_json()).modules[0].get_config()["knowledge_base"].uri == "new"


async def test_what_wipes_is_not_saved() -> None:
    text = (await program_of(KnowledgeBase(uri="never-opened", wipe_on_start=True))).to_json()
    assert "wipe" not in text
    assert not Program.from_json(text).modules[0].get_config()["knowledge_base"].wipe_on_start


@pytest.mark.parametrize(
    ("uri", "saved"),
    [
        ("neo4j://ada:hunter2@host:7687/graph", "neo4j://host:7687/graph"),
        ("bolt://hunter2@host", "bolt://host"),
        ("neo4j+s://ada:hun@ter2@host", "neo4j+s://host"),
        ("memgraph://host?password=hunter2&database=x&api_key=hunter2", "memgraph://host?database=x"),
        ("sqlite:///a@b/c?d.db", "sqlite:///a@b/c?d.db"),
        ("folder@home", "folder@home"),
        (".kag", ".kag"),
    ],
)
def test_credentials_stay_out_of_the_configuration(uri: str, saved: str) -> None:
    text = json.dumps(serialize_kag_object(KnowledgeBase(uri=uri)))
    assert "hunter2" not in text
    assert deserialize_kag_object(json.loads(text)).uri == saved


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"wipe_on_start": True}, "wipe_on_start"),
        ({"wipe_on_start": False}, "wipe_on_start"),
        ({"color": 1, "api_key": ""}, "unknown fields api_key, color"),
        ({"uri": 7}, "uri must be a string; got int"),
        ({"entity_models": "City"}, "entity_models must be a list of data model classes"),
        ({"relation_models": [7]}, "relation_models must be a list of data model classes"),
        ({"metric": "dot"}, "'dot'"),
        ({"collection": ""}, "collection"),
        ({"embedding_model": 7}, "model"),
    ],
)
def test_configurations_that_cannot_be_used_are_refused(change: dict[str, Any], message: str) -> None:
    config = {**KnowledgeBase().get_config(), **change}
    with pytest.raises(ConfigurationError, match=message):
        KnowledgeBase.from_config(config)
    with pytest.raises(SavingError, match=message):
        deserialize_kag_object({"$object": "kag>KnowledgeBase", "config": config})


def test_an_embedding_model_that_no_file_can_hold_is_refused_with_its_place() -> None:
    async def mine(texts: list[str]) -> dict[str, Any]:
        return {"embeddings": [[1.0] for _ in texts]}

    with pytest.raises(SavingError, match="callable"):
        serialize_kag_object(KnowledgeBase(embedding_model=EmbeddingModel(mine)))
