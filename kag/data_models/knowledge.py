"""Knowledge graphs as data models.

Users narrow `label` with `Literal[...]` and the lists with unions, which constrains extraction:

class City(Entity):
    label: Literal["City"]
    name: str
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, PlainValidator, SerializeAsAny, WithJsonSchema

from kag.data_models.data_model import DataModel, schema_of
from kag.errors import DataModelError
from kag.schema.references import PREFIX

if TYPE_CHECKING:
    from kag.data_models.operations import Operand
    from kag.schema.values import Json


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


class SimilaritySearch(DataModel):
    """What to look for among the entities: a type, and words that the wanted ones are like."""

    entity_label: str = Field(description="The type of the entities to look for")
    similarity_search: str = Field(description="The entity's name, or a short description of it")


class TripletSearch(DataModel):
    """What to look for among the facts: what is known of both ends and of the type between them."""

    subject_label: str = Field(description="The subject's type")
    subject_similarity_search: str = Field(description="The subject's name, or a short description of it")
    relation_label: str = Field(description="The type of the relation")
    object_label: str = Field(description="The object's type")
    object_similarity_search: str = Field(description="The object's name, or a short description of it")


class UpdateReport(DataModel):
    """What an update of the graph did; nothing that was given is left out without a reason."""

    document_id: str = Field(description="The document that supports what was written; empty if nothing was")
    unchanged: bool = Field(description="The same was written before, so nothing was written now")
    entities_created: int = Field(description="Entities that are new")
    entities_merged: int = Field(description="Entities that were there and have more support now")
    relations_created: int = Field(description="Relations that are new")
    relations_merged: int = Field(description="Relations that were there and have more support now")
    linked: int = Field(description="Entities that are taken for others with another name")
    queued: int = Field(description="Pairs of entities that may be the same and wait for a review")
    rejected: list[str] = Field(description="Why an entity or a relation was left out")


def labels_of(model: type) -> tuple[str, ...]:
    """The labels that a model of entities or relations allows: `label: Literal["City"]` gives `("City",)`.

    Raises:
        DataModelError: It is not a data model whose `label` is one of some fixed strings.
    """
    allowed = allowed_labels(model)
    if not allowed:
        raise DataModelError(
            f"{model.__name__} does not say its label; declare it, such as "
            f'label: Literal["{model.__name__}"].'
        )
    return allowed


def allowed_labels(model: type, end: str = "") -> tuple[str, ...]:
    """The labels that a model allows, or that it allows at one end, as its schema says; none if any will do.

    Args:
        model: A data model of entities or relations.
        end: `subj` or `obj` of a relation.
    """
    schema = schema_of(model)
    if not end:
        labels = [_strings(schema.properties.get("label", {}), schema.definitions)]
    else:
        kinds = _alternatives(schema.properties.get(end, {}), schema.definitions)
        labels = [_strings(k.get("properties", {}).get("label", {}), schema.definitions) for k in kinds]
    return tuple(dict.fromkeys(label for each in labels for label in each)) if all(labels) else ()


def _strings(kind: Json, definitions: Json) -> list[str]:
    """The texts that a property is limited to; none if it may be anything else."""
    kinds = _alternatives(kind, definitions)
    found = [one.get("enum", [one["const"]] if "const" in one else []) for one in kinds]
    allowed = [text for texts in found for text in texts]
    return allowed if all(found) and all(isinstance(text, str) and text for text in allowed) else []


def _alternatives(kind: Json, definitions: Json) -> list[Json]:
    """The schemas that a property may follow, references resolved, without that of null."""
    for union in ("anyOf", "oneOf"):
        if union in kind:
            several = [found for one in kind[union] for found in _alternatives(one, definitions)]
            return [one for one in several if one.get("type") != "null"]
    reference = str(kind.get("$ref", ""))
    if reference.startswith(PREFIX):
        return _alternatives(definitions[reference.removeprefix(PREFIX)], definitions)
    return [kind]


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
