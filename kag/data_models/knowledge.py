"""Knowledge graphs as data models.

Users narrow `label` with `Literal[...]` and the lists with unions, which constrains extraction:

class City(Entity):
    label: Literal["City"]
    name: str
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, SerializeAsAny, WithJsonSchema

from kag.data_models.data_model import DataModel

if TYPE_CHECKING:
    from kag.data_models.operations import Operand


class Entity(DataModel):
    """A thing: a node of the knowledge graph. Subclasses add its properties."""

    label: str = Field(description="The entity's type")


class _OpenEntity(Entity):
    """Any entity, read from JSON where no narrower class is named."""

    model_config = ConfigDict(extra="allow")


def _read_entity(value: Any) -> Entity:
    return value if isinstance(value, Entity) else _OpenEntity.model_validate(value)


_ENTITY_SCHEMA = {
    "properties": {"label": {"description": "The entity's type", "title": "Label", "type": "string"}},
    "required": ["label"],
    "title": "Entity",
    "type": "object",
}
AnyEntity = Annotated[SerializeAsAny[Entity], PlainValidator(_read_entity), WithJsonSchema(_ENTITY_SCHEMA)]
"""An entity of any class: instances are kept, JSON may have further properties."""


class Relation(DataModel):
    """A fact: subject, type, object. Subclasses narrow the three and may add properties."""

    subj: AnyEntity = Field(description="The subject")
    label: str = Field(description="The relation's type")
    obj: AnyEntity = Field(description="The object")


class _OpenRelation(Relation):
    """Any relation, read from JSON where no narrower class is named."""

    model_config = ConfigDict(extra="allow")


def _read_relation(value: Any) -> Relation:
    return value if isinstance(value, Relation) else _OpenRelation.model_validate(value)


_RELATION_SCHEMA = {
    "properties": {
        "subj": _ENTITY_SCHEMA,
        "label": {"description": "The relation's type", "title": "Label", "type": "string"},
        "obj": _ENTITY_SCHEMA,
    },
    "required": ["subj", "label", "obj"],
    "title": "Relation",
    "type": "object",
}
AnyRelation = Annotated[
    SerializeAsAny[Relation], PlainValidator(_read_relation), WithJsonSchema(_RELATION_SCHEMA)
]
"""A relation of any class: instances are kept, JSON may have further properties."""


class EmbeddedEntity(Entity):
    """An entity with its vector."""

    embedding: list[float] = Field(default=[], description="Unit vector of the entity")


class Entities(DataModel):
    """Some entities."""

    entities: list[AnyEntity] = Field(default=[], description="The entities")


class Relations(DataModel):
    """Some relations."""

    relations: list[AnyRelation] = Field(default=[], description="The relations")


class KnowledgeGraph(DataModel):
    """Entities and the relations between them."""

    entities: list[AnyEntity] = Field(default=[], description="The entities")
    relations: list[AnyRelation] = Field(default=[], description="The relations")


class KnowledgeGraphs(DataModel):
    """Some knowledge graphs."""

    knowledge_graphs: list[KnowledgeGraph] = Field(default=[], description="The knowledge graphs")


def is_entity(model: Operand) -> bool:
    """Whether a data model has a `label`, as entities have; relations too, so ask `is_relation` first."""
    return _has(model, "label")


def is_relation(model: Operand) -> bool:
    """Whether a data model has the shape of a relation (`subj`, `label`, `obj`)."""
    return _has(model, "subj", "label", "obj")


def is_entities(model: Operand) -> bool:
    """Whether a data model has a list of entities."""
    return _has(model, "entities")


def is_relations(model: Operand) -> bool:
    """Whether a data model has a list of relations."""
    return _has(model, "relations")


def is_knowledge_graph(model: Operand) -> bool:
    """Whether a data model has entities and relations."""
    return _has(model, "entities", "relations")


def is_knowledge_graphs(model: Operand) -> bool:
    """Whether a data model has a list of knowledge graphs."""
    return _has(model, "knowledge_graphs")


def _has(model: Operand, *names: str) -> bool:
    schema = model.known_schema
    return schema is not None and all(name in schema.properties for name in names)
