"""Turns data models of entities and relations into records: what a program knows becomes part of the graph.

The id of an entity comes from the key that its model declares, else from its name, so that the same thing
said twice is one entity, and two things that share a name but not the key are two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kag.errors import DataModelError
from kag.knowledge_bases._ontology import EntityRule, Ontology, rule_of
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Relation,
    Scalar,
    Support,
    chunk_id,
    document_id,
    entity_id,
    keyed_id,
    relation_id,
)

if TYPE_CHECKING:
    from kag.data_models.data_model import DataModel
    from kag.data_models.json_data_model import JsonDataModel
    from kag.knowledge_bases.records import Vector

    Value = DataModel | JsonDataModel | Mapping[str, Any]

_NO_PROPERTIES = frozenset(("name", "label", "embedding", "aliases", "description", "subj", "obj"))


@dataclass(frozen=True, slots=True)
class Fact:
    """A relation without its support, and its two ends."""

    subject: Entity
    relation: Relation
    object: Entity


def entity_of(value: Value, *, collection: str, ontology: Ontology | None = None) -> Entity:
    """Makes the record of an entity.

    Args:
        value: An instance of an entity model, or its JSON.
        collection: The namespace that it is of.
        ontology: What the knowledge base's models declare; says what is the key in JSON, whose class is
            not known.

    Raises:
        DataModelError: It has no label, or no text that could be its name.
    """
    fields = _json(value)
    label = fields.get("label")
    if not isinstance(label, str) or not label.strip():
        raise DataModelError(f"An entity needs a label; got {_shown(fields)}.")
    rule = _rule(value, label, ontology)
    name = _name(fields, rule)
    if not name:
        raise DataModelError(
            f"An entity needs a name: a field `name`, a key, or any text; got {_shown(fields)}."
        )
    aliases = fields.get("aliases")
    return Entity(
        id=_identity(collection, label, name, rule, fields),
        collection=collection,
        label=label,
        name=name,
        aliases=tuple(map(str, aliases)) if isinstance(aliases, list | tuple) else (),
        description=str(fields.get("description") or ""),
        properties=_properties(fields),
    )


def fact_of(value: Value, *, collection: str, ontology: Ontology | None = None) -> Fact:
    """Makes the records of a relation and its ends; whoever writes them adds the support.

    Args:
        value: An instance of a relation model, or its JSON: `subj`, `label`, `obj`.
        collection: The namespace that it is of.
        ontology: What the knowledge base's models declare.

    Raises:
        DataModelError: It has no type, or an end that is no entity.
    """
    fields = _json(value)
    type_ = fields.get("label")
    if not isinstance(type_, str) or not type_.strip():
        raise DataModelError(f"A relation needs a label, its type; got {_shown(fields)}.")
    ends = [_end(value, fields, side) for side in ("subj", "obj")]
    subject, other = (entity_of(end, collection=collection, ontology=ontology) for end in ends)
    relation = Relation(
        id=relation_id(subject.id, type_, other.id),
        collection=collection,
        type=type_,
        subject_id=subject.id,
        object_id=other.id,
        description=str(fields.get("description") or ""),
        properties=_properties(fields),
    )
    return Fact(subject, relation, other)


def united(first: Entity, second: Entity) -> Entity:
    """An entity with all that is said of it twice; of two values for one property the first counts."""
    forms = (*first.aliases, second.name, *second.aliases)
    return replace(
        first,
        aliases=tuple(dict.fromkeys(form for form in forms if form != first.name)),
        description=max(first.description, second.description, key=len),
        properties={**second.properties, **first.properties},
    )


def assertion(
    entities: Iterable[Entity],
    facts: Iterable[Fact] = (),
    *,
    collection: str,
    uri: str,
    title: str = "",
    ingested_at: str,
    vectors: Mapping[str, Vector] | None = None,
) -> DocumentChange:
    """Makes the document that says so: each entity and each fact is a passage, which mentions and supports.

    Writing the same again under the same URI changes nothing; writing other things under it replaces them.

    Args:
        entities: What there is.
        facts: What holds between entities; their ends need not be among `entities`. What is said of an
            entity in several places is all kept.
        collection: The namespace that all of them are of.
        uri: Such as `program:<name>`.
        title: Of the document, by default its URI.
        ingested_at: ISO 8601 time in UTC.
        vectors: A passage's text to its unit vector; give it where chunks have vectors in the store.
    """
    facts = tuple(facts)
    records: dict[str, Entity] = {}
    for one in (*entities, *(end for f in facts for end in (f.subject, f.object))):
        records[one.id] = united(records[one.id], one) if one.id in records else one
    stated = {end.id for f in facts for end in (f.subject, f.object)}
    said: dict[str, list[Entity | Fact]] = {}
    items: list[Entity | Fact] = [e for e in records.values() if e.id not in stated]
    for item in (*items, *facts):
        said.setdefault(sentence_of(item), []).append(item)
    chunks = _passages(collection, document_id(collection, uri), list(said), vectors or {})
    text = "\n".join(said)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    document = Document(
        id=document_id(collection, uri),
        collection=collection,
        uri=uri,
        title=title or uri,
        media_type="text/plain",
        content_hash=digest,
        text=text,
        ingested_at=ingested_at,
    )
    mentions = [_mention(c, e) for c in chunks for item in said[c.text] for e in _entities_of(item)]
    relations = [relation for c in chunks for relation in _supported(c, said[c.text])]
    return DocumentChange(
        document, chunks, tuple(records.values()), tuple(relations), tuple(dict.fromkeys(mentions))
    )


def _passages(
    collection: str, document: str, sentences: Sequence[str], vectors: Mapping[str, Vector]
) -> tuple[Chunk, ...]:
    """A chunk for each sentence, one after the other."""
    chunks = []
    start = 0
    for order, text in enumerate(sentences):
        end = start + len(text)
        key = chunk_id(document, text)
        vector = vectors.get(text)
        chunks.append(Chunk(key, document, collection, order, text, start, end, embedding=vector))
        start = end + 1
    return tuple(chunks)


def _supported(chunk: Chunk, items: Iterable[Entity | Fact]) -> list[Relation]:
    """The relations that a passage states."""
    support = Support(chunk.id, chunk.text, 0, len(chunk.text))
    return [replace(item.relation, support=(support,)) for item in items if isinstance(item, Fact)]


def _entities_of(item: Entity | Fact) -> tuple[Entity, ...]:
    return (item,) if isinstance(item, Entity) else (item.subject, item.object)


def sentence_of(item: Entity | Fact) -> str:
    """The words of the passage that says so: what `assertion` writes, and what is to be embedded."""
    if isinstance(item, Entity):
        words = [f"{item.name} ({item.label})"]
        words += [item.description] if item.description else []
        words += [f"{key}: {value}" for key, value in sorted(item.properties.items())]
        return "; ".join(words)
    words = [f"{item.subject.name} {item.relation.type} {item.object.name}"]
    words += [item.relation.description] if item.relation.description else []
    words += [f"{key}: {value}" for key, value in sorted(item.relation.properties.items())]
    return "; ".join(words)


def _mention(chunk: Chunk, entity: Entity) -> Mention:
    start = chunk.text.find(entity.name)
    return (
        Mention(chunk.id, entity.id, start, start + len(entity.name))
        if start >= 0
        else Mention(chunk.id, entity.id)
    )


def _json(value: Value) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    fields: Mapping[str, Any] = value.get_json()
    return fields


def _rule(value: Value, label: str, ontology: Ontology | None) -> EntityRule:
    from kag.data_models.data_model import DataModel

    if ontology is not None and label in ontology.entities:
        return ontology.entities[label]
    return rule_of(type(value)) if isinstance(value, DataModel) else EntityRule()


def _name(fields: Mapping[str, Any], rule: EntityRule) -> str:
    texts = (v for k, v in fields.items() if k not in _NO_PROPERTIES and isinstance(v, str))
    named = (fields.get(key) for key in (rule.name, "name", "title", rule.key))
    wanted: Sequence[Any] = (*named, *texts)
    return next((str(one).strip() for one in wanted if one is not None and str(one).strip()), "")


def _identity(collection: str, label: str, name: str, rule: EntityRule, fields: Mapping[str, Any]) -> str:
    """The id by the declared key, where the entity has one, else by the name."""
    key = fields.get(rule.key) if rule.key else None
    if key is None or key == "":
        return entity_id(collection, label, name)
    return keyed_id(collection, label, rule.key, key)


def _end(value: Value, fields: Mapping[str, Any], side: str) -> Value:
    end = getattr(value, side, None) if not isinstance(value, Mapping) else None
    if end is None or not (isinstance(end, Mapping) or callable(getattr(end, "get_json", None))):
        end = fields.get(side)
    if end is None or isinstance(end, str | int | float | list):
        raise DataModelError(f"A relation's {side} must be an entity; got {_shown(fields)}.")
    found: Value = end
    return found


def _properties(fields: Mapping[str, Any]) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for key, value in fields.items():
        if key in _NO_PROPERTIES or value is None:
            continue
        try:
            text = json.dumps(value, ensure_ascii=False, sort_keys=True, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise DataModelError(f"{key} of {_shown(fields)} is no JSON value: {error}.") from error
        found[key] = value if isinstance(value, str | int | float | bool) else text
    return found


def _shown(fields: Mapping[str, Any]) -> str:
    return repr(dict(fields))[:200]
