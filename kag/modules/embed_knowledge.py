"""EmbedKnowledge: gives the entities of a graph their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import operand
from kag.data_models.operators import as_mask
from kag.data_models.symbolic import SymbolicDataModel
from kag.embedding_models import get
from kag.errors import ProgramError
from kag.module import Module
from kag.modules._knowledge import EMBEDDING, EMBEDDING_MODEL, check_knowledge, parts_of
from kag.schema import Schema
from kag.schema.values import Json, json_text

_VECTOR = {
    "description": "Unit vector of the entity",
    "items": {"type": "number"},
    "title": "Embedding",
    "type": "array",
}
_MODEL = {"description": "Model of the vectors", "title": "Embedding Model", "type": "string"}


class EmbedKnowledge(Module):
    """Embeds every entity, also those at the ends of relations; equal texts are embedded once, in one batch.

    Gives the knowledge as it came, each entity with its `embedding`, and the model's name in
    `embedding_model`. An entity's text is the values of its fields, its label too, joined by spaces.

    Args:
        embedding_model: An `EmbeddingModel`, its name, or an awaitable callable.
        in_mask: Only these fields make the text.
        out_mask: All fields but these make the text.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: Nothing in it can be trained.

    Raises:
        ProgramError: Both masks are given, or there is no model.

    Example:
        >>> graph = await EmbedKnowledge(embedding_model=em, in_mask=["name"])(graph)
    """

    def __init__(
        self,
        embedding_model: Any,
        *,
        in_mask: Sequence[str] | None = None,
        out_mask: Sequence[str] | None = None,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = False,
    ) -> None:
        super().__init__(name, description, trainable)
        if embedding_model is None:
            raise ProgramError(
                f"{self!r} needs embedding_model=<an EmbeddingModel or a name such as 'wordllama'>."
            )
        if in_mask is not None and out_mask is not None:
            raise ProgramError(f"{self!r} takes in_mask or out_mask, not both.")
        native = getattr(type(embedding_model), "embed_query", None) is not None
        self.embedding_model = embedding_model if native else get(embedding_model)
        self.in_mask = as_mask(in_mask)
        self.out_mask = as_mask(out_mask)

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The knowledge with vectors.

        Raises:
            EmbeddingModelError: The model cannot be had or fails.
            ProgramError: It is no knowledge, or the mask leaves nothing of an entity.
        """
        data = inputs.get_json() if isinstance(inputs, JsonDataModel) else {}
        parts = parts_of(self, inputs, data)
        entities = list(parts.everything())
        texts = [self._text(entity) for entity in entities]
        different = list(dict.fromkeys(texts))
        rows = (await self.embedding_model.embed(different)).tolist() if different else []
        vectors = dict(zip(different, rows, strict=True))
        for entity, text in zip(entities, texts, strict=True):
            entity[EMBEDDING] = vectors[text]
        if different:
            data[EMBEDDING_MODEL] = self.embedding_model.name
        return JsonDataModel.trusted(_embedded(inputs.schema), data)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with room for the vectors."""
        given = operand(inputs)
        check_knowledge(self, given)
        known = given.known_schema
        return SymbolicDataModel(schema=None if known is None else _embedded(known), exact=given.is_exact)

    def _text(self, entity: Json) -> str:
        names = [name for name in entity if name != EMBEDDING]
        if self.in_mask is not None:
            names = [name for name in names if name in self.in_mask]
        elif self.out_mask is not None:
            names = [name for name in names if name not in self.out_mask]
        values = (entity[name] for name in names)
        words = (v if isinstance(v, str) else json_text(v) for v in values if v not in (None, "", [], {}))
        text = " ".join(words).strip()
        if not text:
            raise ProgramError(
                f"{self!r}: nothing is left to embed of the {entity['label']} with the fields "
                f"{', '.join(entity)}; change in_mask or out_mask."
            )
        return text


@lru_cache(maxsize=256)
def _embedded(schema: Schema) -> Schema:
    """The schema in which every entity may have a vector, and the whole a model's name."""
    changed = schema.copy()
    _make_room(changed)
    changed["properties"][EMBEDDING_MODEL] = _MODEL
    return Schema.of(changed, trusted=True)


def _make_room(schema: Any) -> None:
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties", {})
    if "label" in properties and not {"subj", "obj"} <= properties.keys():
        properties[EMBEDDING] = _VECTOR
    for group in ("properties", "$defs"):
        for inner in list(schema.get(group, {}).values()):
            _make_room(inner)
    for group in ("anyOf", "oneOf", "allOf", "prefixItems"):
        for inner in schema.get(group, ()):
            _make_room(inner)
    for one in ("items", "additionalProperties"):
        _make_room(schema.get(one))
