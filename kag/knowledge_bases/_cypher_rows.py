"""What is stored on the nodes of a graph server, and records made of what comes back.

The names that users see are those of the records; beside them stand the fields that searches and merges
need. Labels, types and property names that documents bring are data. They are kept in the fields `label`,
`type` and `properties`, which is what searches use. As a service to people who write Cypher, they also appear
as labels, relationship types and properties, as far as they can.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kag.errors import SearchError
from kag.knowledge_bases._contribution import ChunkRow
from kag.knowledge_bases._cypher_standing import View
from kag.knowledge_bases._cypher_terms import indexed, terms
from kag.knowledge_bases._values import clean, to_json
from kag.knowledge_bases.base import Job, Space
from kag.knowledge_bases.records import Chunk, Document, Entity, Relation, Scalar, Support, normalise

INTERNAL_LABELS = frozenset(
    "Document Chunk Entity Fact KagMeta KagCollection KagSpace KagJob KagForm KagClaim KagKey KagDecision "
    "KagNear KagLink KagRules".split()
)  # an entity of such a label is shown with an underscore after it
_PLAIN_KEY = re.compile(r"[^\W\d]\w{0,59}")
_TAKEN_KEYS = frozenset(
    "id collection scope label name aliases description properties facets degree sources names votes keys "
    "said count several "
    "name_terms alias_terms description_terms type subject_id object_id subject_label object_label weight "
    "start end quote uri title text".split()
)
ENTITY_VIEW = tuple(
    "name aliases description properties facets degree name_terms alias_terms description_terms keys".split()
)
FACT_VIEW = ("description", "properties", "facets", "weight")
_LONGEST_LABEL = 100
_INT64 = 2**63


def short_hash(*parts: str) -> str:
    """A short name for any texts: what indexes hold in their place, since a key of an index has a limit."""
    data = "\0".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def scope(collection: str) -> str:
    """The key of a collection."""
    return f"c{short_hash(clean(collection))}"


def scopes(collections: Sequence[str]) -> list[str]:
    """The keys of collections, each once.

    Raises:
        SearchError: It is one text, not a list of names.
    """
    if isinstance(collections, str):
        raise SearchError(
            f"collections is the text {collections!r}; expected a list of names, such as [{collections!r}]."
        )
    return list(dict.fromkeys(scope(name) for name in collections))


def label_key(label: str) -> str:
    """The key of an entity's label in the text index."""
    return f"l{short_hash(clean(label))}"


def name_key(name: str) -> str:
    """The key of a name in the text index: equal for names that are normalised alike."""
    return f"n{short_hash(normalise(clean(name)))}"


def embedding_property(space: Space) -> str:
    """The property in which nodes hold their vector of a space."""
    return f"embedding_{short_hash(space.model, str(space.dimensions))}"


def shown_label(name: str) -> str:
    """A label or relationship type for people, of one that a document brought; never empty, never ours."""
    plain = clean(name)[:_LONGEST_LABEL].replace("\\", "/")
    shown = "".join(c for c in plain if c.isprintable()).strip() or "Unnamed"
    return f"{shown}_" if shown in INTERNAL_LABELS else shown


def facets(properties: str) -> list[str]:
    """Properties as texts that filters compare: equal for equal values, whole numbers written alike."""
    if properties == "{}":
        return []
    return facets_of(json.loads(properties))


def facets_of(properties: Mapping[str, Scalar]) -> list[str]:
    """Properties as texts that filters compare: `True` is not 1, and 1 is 1.0.

    Raises:
        SearchError: A value is no text, number or truth value.
    """
    for key, value in properties.items():
        if not isinstance(value, str | int | float):
            raise SearchError(
                f"The property {key!r} is to be {value!r}; expected text, a number or a truth value."
            )
    return [f"{clean(key)}={_facet(value)}" for key, value in properties.items()]


def _facet(value: Scalar) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return clean(json.dumps(value, ensure_ascii=False))


def plain_properties(properties: str) -> dict[str, Scalar]:
    """Those properties that can stand on a node under their own names, beside ours."""
    if properties == "{}":
        return {}
    return {key: value for key, value in json.loads(properties).items() if _can_stand(key, value)}


def _can_stand(key: str, value: object) -> bool:
    if not _PLAIN_KEY.fullmatch(key) or key in _TAKEN_KEYS or key.startswith("embedding"):
        return False
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str) or (isinstance(value, int) and -_INT64 <= value < _INT64)


def chunk_fields(row: ChunkRow) -> dict[str, Any]:
    """What may change of a chunk that stays."""
    return {
        "order": row.position,
        "start": row.start,
        "end": row.stop,
        "page": row.page,
        "headings": json.loads(row.headings),
        "context": row.context,
        "context_terms": indexed(row.context),
    }


def new_chunk_fields(row: ChunkRow, chunk_id: str, document_id: str, collection: str) -> dict[str, Any]:
    """All of a chunk but its vector."""
    key = scope(collection)
    return {
        "id": chunk_id,
        "document_id": document_id,
        "collection": collection,
        "scope": key,
        "keys": key,
        "text": row.text,
        "terms": " ".join(terms(row.text)),
        **chunk_fields(row),
    }


def entity_fields(view: View, scope_: str, label: str) -> dict[str, Any]:
    """All of an entity that documents can change."""
    names = sorted({name_key(form) for form in (view.name, *view.aliases)})
    return {
        **plain_properties(view.properties),
        "name": view.name,
        "aliases": view.aliases,
        "description": view.description,
        "properties": view.properties,
        "facets": facets(view.properties),
        "degree": view.count,
        "name_terms": indexed(view.name),
        "alias_terms": indexed("\n".join(view.aliases)),
        "description_terms": indexed(view.description),
        "keys": " ".join((scope_, label_key(label), *names)),
    }


def fact_fields(view: View) -> dict[str, Any]:
    """All of a relation's fact that documents can change."""
    return {
        "description": view.description,
        "properties": view.properties,
        "facets": facets(view.properties),
        "weight": view.count,
    }


def edge_fields(view: View) -> dict[str, Any]:
    """All of the relationship that shows a relation."""
    return {
        **plain_properties(view.properties),
        "description": view.description,
        "weight": view.count,
    }


def cleared(fields: Iterable[str], properties: str | None) -> dict[str, None]:
    """Takes fields away, and what stands on the node of the properties that it has so far."""
    return dict.fromkeys((*fields, *plain_properties(properties or "{}")))


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that change; None takes one away."""
    keys = dict.fromkeys((*before, *after))
    return {key: after.get(key) for key in keys if before.get(key) != after.get(key)}


def document_of(row: Sequence[Any], text: str = "") -> Document:
    """Builds a document from a row of `DOCUMENT`."""
    i, collection, uri, title, media_type, content_hash, ingested_at, metadata = row
    return Document(
        i, collection, uri, title, media_type, content_hash, text, ingested_at, json.loads(metadata)
    )


def chunk_of(row: Sequence[Any]) -> Chunk:
    """Builds a chunk from a row of `CHUNK`."""
    i, document, collection, order, text, start, end, page, headings = row
    return Chunk(i, document, collection, order, text, start, end, page, tuple(headings))


def chunk_row_of(row: Sequence[Any]) -> ChunkRow:
    """Builds what a document contributed as a chunk from a row of `HELD_CHUNKS`, without the id."""
    position, start, stop, page, headings, text, context = row
    return ChunkRow(position, start, stop, page, to_json(headings), text, context)


def entity_of(row: Sequence[Any]) -> Entity:
    """Builds an entity from a row of `ENTITY`."""
    i, collection, label, name, aliases, description, properties, degree = row
    return Entity(i, collection, label, name, tuple(aliases), description, json.loads(properties), degree)


def relation_of(row: Sequence[Any], support: Iterable[Support]) -> Relation:
    """Builds a relation from a row of `FACT`, its support in order."""
    i, collection, type_, subject, object_, description, properties = row[:7]
    said = tuple(sorted(support, key=lambda s: (s.chunk_id, s.start, s.end, s.quote)))
    return Relation(i, collection, type_, subject, object_, description, json.loads(properties), said)


def job_of(row: Sequence[Any]) -> Job:
    """Builds a job from a row of `JOBS`."""
    i, collection, kind, state, done, total, failed, message, created_at, updated_at = row
    items = tuple(json.loads(failed))
    return Job(i, collection, kind, state, done, total, items, message, created_at, updated_at)
