"""The entities and relations in a data model: one entity, many, or whole graphs, as plain JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kag.data_models import knowledge
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import Operand, describe
from kag.errors import ProgramError
from kag.module import Module
from kag.schema.values import Json

EMBEDDING = "embedding"
EMBEDDING_MODEL = "embedding_model"
_KINDS = (
    knowledge.is_knowledge_graphs,
    knowledge.is_entities,
    knowledge.is_relations,
    knowledge.is_entity,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a data model holds; the objects are those of the value itself, not copies.

    Args:
        entities: Those that stand by themselves.
        relations: Each with its `subj` and `obj` inside.
    """

    entities: tuple[Json, ...]
    relations: tuple[Json, ...]

    def everything(self) -> Iterator[Json]:
        """All entities: those by themselves, then the ends of the relations."""
        yield from self.entities
        for relation in self.relations:
            yield relation["subj"]
            yield relation["obj"]


def check_knowledge(module: Module, model: Operand) -> None:
    """Refuses what holds no knowledge; a schema that is not known yet is checked when the value comes.

    Raises:
        ProgramError: It is no entity, relation, or list or graph of these.
    """
    if model.known_schema is not None and not any(kind(model) for kind in _KINDS):
        raise ProgramError(
            f"{module!r} got {describe(model)}; expected an Entity, a Relation, Entities, Relations, "
            "a KnowledgeGraph or KnowledgeGraphs."
        )


def parts_of(module: Module, inputs: Any, data: Json) -> Parts:
    """The entities and relations of a value.

    Args:
        module: Whose input it is, for messages.
        inputs: The value.
        data: Its JSON, or a copy of that.

    Raises:
        ProgramError: It holds none, or one without the fields that make it one.
    """
    if not isinstance(inputs, JsonDataModel):
        raise ProgramError(f"{module!r} got {describe(inputs)}; expected one data model.")
    check_knowledge(module, inputs)
    entities: list[Json] = []
    relations: list[Json] = []
    for graph in data.get("knowledge_graphs", [data]):
        if {"subj", "obj"} <= graph.keys():
            relations.append(graph)
        elif "label" in graph:
            entities.append(graph)
        else:
            entities += graph.get("entities") or []
            relations += graph.get("relations") or []
    parts = Parts(tuple(entities), tuple(relations))
    for each in (*parts.relations, *parts.everything()):
        if not isinstance(each.get("label"), str) or not each["label"].strip():
            raise ProgramError(f"{module!r} got an entity or a relation without a label: {str(each)[:120]}")
    return parts
