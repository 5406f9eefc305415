"""Data models as users write them: schemas, values, operators, unions in annotations, chat, knowledge."""

from __future__ import annotations

import json
from typing import Any, Literal, Optional

import pytest
from pydantic import Field, ValidationError, computed_field

from kag.data_models.chat import ChatMessage, ChatMessages, is_chat_messages, is_strictly_chat_messages
from kag.data_models.data_model import DataModel, DataModelMeta
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import (
    Entity,
    KnowledgeGraph,
    Relation,
    is_entity,
    is_knowledge_graph,
    is_relation,
)
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError, SchemaError


class Query(DataModel):
    query: str = Field(description="The question")


class Answer(DataModel):
    answer: str


class City(Entity):
    label: Literal["City"] = "City"
    name: str


class Country(Entity):
    label: Literal["Country"] = "Country"
    name: str


class IsCapitalOf(Relation):
    subj: City
    label: Literal["IsCapitalOf"] = "IsCapitalOf"
    obj: Country


class Tree(DataModel):
    value: str
    children: list[Tree] = Field(default=[])


class Places(DataModel):
    places: list[City | Country]
    first: City | None = None
    named: City | str = "nowhere"
    last: Optional[City | Country] = None  # noqa: UP045  the older spelling must work too


def test_unknown_fields_are_errors() -> None:
    with pytest.raises(ValidationError):
        Query(query="q", extra=1)  # type: ignore[call-arg]


def test_a_changed_field_is_checked() -> None:
    query = Query(query="q")
    with pytest.raises(ValidationError):
        query.query = 5  # type: ignore[assignment]


def test_a_schema_is_a_new_dict_each_time() -> None:
    schema = Query.get_schema()
    schema["properties"].clear()
    assert Query.keys() == ["query"]
    assert json.loads(Query.prettify_schema())["properties"]["query"]["description"] == "The question"


def test_a_value_can_be_read_in_every_way() -> None:
    query = Query(query="q")
    value = query.to_json_data_model()
    for model in (query, value):
        assert model.get_json() == {"query": "q"}
        assert json.loads(model.prettify_json()) == {"query": "q"}
        assert model.get("query") == model["query"] == "q"
        assert model.get("missing", 7) == 7
        assert list(model.keys()) == ["query"]
        with pytest.raises(KeyError, match="it has: query"):
            model["missing"]
    assert list(value.items()) == [("query", "q")]


def test_json_that_is_handed_out_is_a_copy() -> None:
    places = Places(places=[City(name="Rome")]).to_json_data_model()
    places.get_json()["places"].clear()
    places.get("places").clear()
    places["places"][0]["name"] = "Paris"
    assert places.get_json()["places"] == [{"label": "City", "name": "Rome"}]


def test_json_that_is_taken_in_is_copied_and_checked() -> None:
    given = {"query": "q"}
    value = JsonDataModel(schema=Query.get_schema(), json=given)
    given["query"] = "changed"
    assert value.get("query") == "q"
    for bad in ({"query": 5}, {}, {"query": "q", "x": 1}, [], None):
        with pytest.raises((SchemaError, DataModelError)):
            JsonDataModel(schema=Query.get_schema(), json=bad)  # type: ignore[arg-type]


def test_none_is_left_out_unless_the_class_requires_it() -> None:
    class Omitted(DataModel):
        x: str | None = None

    class Required(DataModel):
        x: str | None
        y: str | None = None

    assert Omitted().get_json() == {}
    assert Required(x=None).get_json() == {"x": None, "y": None}
    for model in (Omitted(), Required(x=None)):
        value = model.to_json_data_model()
        value.schema.check(value.data)


def test_computed_fields_and_aliases_agree_with_the_schema() -> None:
    class Odd(DataModel):
        x: int = Field(alias="the_x")

        @computed_field  # type: ignore[prop-decorator]
        @property
        def double(self) -> int:
            return 2 * self.x

    value = Odd(the_x=2).to_json_data_model()
    assert value.get_json() == {"the_x": 2}
    value.schema.check(value.data)


def test_recursive_models_have_a_schema_and_operators() -> None:
    joined = Tree(value="root", children=[Tree(value="leaf")]) + Query(query="q")
    assert isinstance(joined, JsonDataModel)
    joined.schema.check(joined.data)
    assert Tree in (Tree + Query)


def test_unions_of_classes_work_as_annotations_and_as_symbols() -> None:
    places = Places.model_validate(
        {"places": [{"label": "Country", "name": "Italy"}], "last": {"label": "City", "name": "Rome"}}
    )
    assert isinstance(places.places[0], Country)
    assert isinstance(places.last, City)
    assert isinstance(places.places[0], City | Country)  # type: ignore[arg-type]
    assert not isinstance(None, City | Country)  # type: ignore[arg-type]
    value = places.to_json_data_model()
    value.schema.check(value.data)
    mixed = DataModelMeta("Mixed", (DataModel,), {"__annotations__": {"x": City | int | list[str] | None}})
    assert mixed(x=3).get_json() == {"x": 3}
    either = City | Country
    assert isinstance(either, SymbolicDataModel)
    assert either.keys() == ["label", "name", "label_1", "name_1"]


def test_operators_on_classes_give_symbols_and_on_mixed_operands_too() -> None:
    joined = Query + Answer
    assert isinstance(joined, SymbolicDataModel)
    assert joined.keys() == ["query", "answer"]
    assert isinstance(Query(query="q") + Answer, SymbolicDataModel)
    assert (Query & None) is None
    assert (Query ^ Answer).keys() == ["query", "answer"]


def test_contains_knows_keys_classes_and_values() -> None:
    assert Query in (Query + Answer)
    assert Query not in Answer
    assert "query" in Query
    assert "query" in Query(query="q")
    assert Query(query="q") in (Query(query="q") + Answer(answer="a"))


def test_methods_work_on_classes_and_instances() -> None:
    assert (Query + Query).factorize().keys() == ["queries"]
    assert (Query + Answer).in_mask(mask=["answer"]).keys() == ["answer"]
    assert Query.prefix("user").keys() == ["user_query"]
    assert Query(query="q").suffix("old").get_json() == {"query_old": "q"}
    assert Query(query="q").out_mask(pattern="^q").get_json() == {}
    with pytest.raises(DataModelError, match="list of property names"):
        Query(query="q").out_mask(mask="query")


@pytest.mark.parametrize("other", [5, "text", {"query": "q"}, ["x"], 1.5])
def test_operators_refuse_what_is_no_data_model(other: Any) -> None:
    for model in (Query(query="q"), Query(query="q").to_json_data_model(), SymbolicDataModel(Query)):
        with pytest.raises(DataModelError, match=f"got {type(other).__name__}"):
            model + other
        with pytest.raises(DataModelError):
            other & model


def test_adding_none_is_an_error_that_names_the_alternatives() -> None:
    with pytest.raises(DataModelError, match="Use `&`"):
        Query(query="q") + None
    with pytest.raises(DataModelError):
        None + Query(query="q")


def test_an_empty_object_is_there() -> None:
    empty = JsonDataModel(schema={"type": "object"}, json={})
    assert bool(empty)
    assert (empty & Query(query="q")) is not None
    assert (empty ^ Query(query="q")) is None


@pytest.mark.parametrize(
    "reading",
    [
        lambda s: s.get_json(),
        lambda s: s.get("query"),
        lambda s: s["query"],
        lambda s: s.values(),
        lambda s: s.items(),
        lambda s: s.prettify_json(),
        lambda s: s.to_json_data_model(),
        lambda s: bool(s),
        lambda s: list(s),
    ],
)
def test_reading_a_symbol_is_a_clear_error(reading: Any) -> None:
    with pytest.raises(DataModelError, match=r"run|unpacked|symbolic"):
        reading(SymbolicDataModel(Query))


def test_an_open_symbol_has_no_keys_yet() -> None:
    with pytest.raises(DataModelError, match="run time"):
        SymbolicDataModel().keys()
    with pytest.raises(DataModelError, match="run time"):
        assert "x" in SymbolicDataModel()
    assert (SymbolicDataModel() + Query).is_open


def test_chat_messages_are_recognised() -> None:
    chat = ChatMessages(messages=[ChatMessage(role="user", content="hello")]).to_json_data_model()
    assert chat.get_json() == {"messages": [{"role": "user", "content": "hello"}]}
    joined = chat + Query(query="q")
    assert is_strictly_chat_messages(chat)
    assert is_chat_messages(joined)
    assert not is_strictly_chat_messages(joined)
    with pytest.raises(ValidationError):
        ChatMessage(role="nobody", content="x")


def test_a_knowledge_graph_keeps_the_properties_of_its_entities() -> None:
    paris, france = City(name="Paris"), Country(name="France")
    graph = KnowledgeGraph(entities=[paris, france], relations=[IsCapitalOf(subj=paris, obj=france)])
    value = graph.to_json_data_model()
    value.schema.check(value.data)
    assert value.get("relations")[0]["obj"] == {"label": "Country", "name": "France"}
    assert KnowledgeGraph.model_validate(value.get_json()).get_json() == value.get_json()
    assert is_knowledge_graph(value)
    assert is_entity(paris.to_json_data_model())
    assert is_relation(graph.relations[0].to_json_data_model())
    with pytest.raises(ValidationError):
        KnowledgeGraph(entities=[{"name": "no label"}])
