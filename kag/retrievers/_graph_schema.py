"""What a model is told of the graph that it writes a query for: the shape in the store, and what is in it.

Labels and types come from documents: they are given as data, in JSON, never as instructions.
"""

from __future__ import annotations

from collections.abc import Mapping

from kag.data_models.data_model import schema_of
from kag.data_models.knowledge import labels_of
from kag.knowledge_bases._sqlite_views import SCHEMA
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.schema.values import Json

_MOST_LABELS = 60  # of entities and of relations, the most frequent
_LONGEST = 80  # characters of a label
SHAPES = {
    "sql": (
        f"SQLite views: {SCHEMA}. properties and metadata are JSON objects, such as "
        "json_extract(properties, '$.key'). Only SELECT."
    ),
    "cypher": (
        "(:Chunk)-[:PART_OF]->(:Document); (:Chunk)-[:NEXT]->(:Chunk); "
        "(:Chunk)-[:MENTIONS|TITLE]->(:Entity); (:Entity)-[fact]->(:Entity), whose relationship type is the "
        "fact's type. Document{id, collection, uri, title}, Chunk{id, collection, text, page}, "
        "Entity{id, collection, label, name, aliases, description}, fact{id, collection}. Match entities by "
        "e.label and e.name, not by node labels. Only MATCH ... RETURN."
    ),
}


async def graph_schema(base: KnowledgeBase) -> Json:
    """The shape and the content of a knowledge base, as JSON.

    Args:
        base: Whose collection is described.
    """
    store = base.store
    statistics = await store.statistics(base.collections)
    described: Json = {
        "shape": SHAPES[store.query_language],
        "entity_labels": _most(statistics.labels),
        "relation_types": _most(statistics.relation_types),
    }
    properties = {
        label: [key for key in schema_of(model).properties if key not in ("label", "embedding")]
        for model in base.entity_models
        for label in labels_of(model)
    }
    if properties:
        described["entity_properties"] = properties
    return described


def _most(counts: Mapping[str, int]) -> list[str]:
    best = sorted(counts, key=lambda name: (-counts[name], name))
    return [name[:_LONGEST] for name in best[:_MOST_LABELS]]
