"""Results as JSON: entities, facts and passages, each with its score, its id and its sources.

An entity's and a relation's own properties stand beside `id`, `label`, `score` and the rest; one that has the
name of such a key is numbered (`score_1`), as wherever names collide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kag import text
from kag.knowledge_bases.base import Store, TextSearch
from kag.knowledge_bases.records import Chunk, Document, Entity, Mention, Relation, Scalar
from kag.retrievers.base import Evidence, Hit, Step
from kag.schema.names import free_name
from kag.schema.values import Json

MOST_SOURCES = 3  # of one result
_MOST_MENTIONS = 500  # an entity in more chunks than this shows those that match its name best
_LONGEST_QUOTE = 300  # characters


@dataclass(frozen=True, slots=True)
class Place:
    """Words of a chunk.

    Args:
        chunk_id: The chunk.
        start: First character in its text.
        end: One past the last; equal to `start` where the whole chunk is meant.
        exact: Show these words alone, not the sentence around them.
    """

    chunk_id: str
    start: int = 0
    end: int = 0
    exact: bool = False


def stated(relation: Relation) -> list[Place]:
    """Some places that state a relation."""
    return [Place(s.chunk_id, s.start, s.end, exact=True) for s in relation.support[:MOST_SOURCES]]


async def sources(store: Store, places: Mapping[str, Sequence[Place]]) -> dict[str, list[Json]]:
    """Where things are said, by the same keys, with titles, spans in the documents, and quotes."""
    wanted = sorted({place.chunk_id for some in places.values() for place in some})
    chunks = {i: r for i, r in (await store.get(wanted)).items() if isinstance(r, Chunk)}
    documents = await store.get(sorted({chunk.document_id for chunk in chunks.values()}))

    def source(place: Place) -> Json | None:
        chunk = chunks.get(place.chunk_id)
        document = documents.get(chunk.document_id) if chunk else None
        if chunk is None or not isinstance(document, Document):
            return None  # deleted meanwhile
        return source_of(chunk, document.title, document.uri, place)

    return {key: [made for place in some if (made := source(place))] for key, some in places.items()}


def source_of(chunk: Chunk, title: str, uri: str, place: Place | None = None) -> Json:
    """One source; without a place it is the whole chunk, without a quote."""
    found: Json = {"chunk_id": chunk.id, "document_id": chunk.document_id, "title": title, "uri": uri}
    if chunk.page is not None:
        found["page"] = chunk.page
    if place is None or place.start == place.end:
        return {**found, "span": [chunk.start, chunk.end]}
    start, end = (place.start, place.end) if place.exact else _sentence(chunk.text, place)
    return {**found, "span": [chunk.start + start, chunk.start + end], "quote": chunk.text[start:end]}


def _sentence(words: str, place: Place) -> text.Span:
    """The sentence around a place, cut where it is long; a place over several stays as it is."""
    inside = ((a, b) for a, b in text.sentences(words) if a <= place.start and place.end <= b)
    start, end = next(inside, (place.start, place.end))
    if end - start > _LONGEST_QUOTE:
        spare = max(0, _LONGEST_QUOTE - (place.end - place.start)) // 2
        start, end = max(start, place.start - spare), min(end, place.end + spare)
    return start, end


async def entity_items(store: Store, found: Sequence[tuple[Entity, float]]) -> list[Json]:
    """Entities with their scores, in the order given."""
    places = await mentioned_places(store, [entity for entity, _ in found])
    said = await sources(store, places)
    return [
        _with_properties(
            {
                **named(entity),
                **({"aliases": list(entity.aliases)} if entity.aliases else {}),
                **({"description": entity.description} if entity.description else {}),
                "score": rounded(score),
                "provenance": said.get(entity.id, []),
            },
            entity.properties,
        )
        for entity, score in found
    ]


async def fact_items(store: Store, found: Sequence[tuple[Relation, float]]) -> list[Json]:
    """Relations with their scores, in the order given; one whose end is gone meanwhile is left out."""
    ends = await store.get(sorted({i for r, _ in found for i in (r.subject_id, r.object_id)}))
    said = await sources(store, {relation.id: stated(relation) for relation, _ in found})
    items = []
    for relation, score in found:
        subject, other = ends.get(relation.subject_id), ends.get(relation.object_id)
        if isinstance(subject, Entity) and isinstance(other, Entity):
            items.append(
                _with_properties(
                    {
                        "id": relation.id,
                        "subj": _with_properties(named(subject), subject.properties),
                        "label": relation.type,
                        "obj": _with_properties(named(other), other.properties),
                        **({"description": relation.description} if relation.description else {}),
                        "score": rounded(score),
                        "provenance": said[relation.id],
                    },
                    relation.properties,
                )
            )
    return items


def passage_items(found: Evidence, threshold: float) -> list[Json]:
    """The passages of a search whose score is at least `threshold`."""
    return [passage_item(hit) for hit in found.hits if hit.score >= threshold]


def passage_item(hit: Hit) -> Json:
    """A passage with its score, and the path to it where the graph led there."""
    chunk = hit.chunk
    return {
        "id": chunk.id,
        "title": hit.title,
        **({"headings": list(chunk.headings)} if chunk.headings else {}),
        "text": chunk.text,
        "score": rounded(hit.score),
        "provenance": [source_of(chunk, hit.title, hit.uri)],
        **({"path": [_step(step) for step in hit.path]} if hit.path else {}),
    }


def named(entity: Entity) -> Json:
    """What identifies an entity."""
    return {"id": entity.id, "label": entity.label, "name": entity.name}


def rounded(score: float) -> float:
    """A score within 0..1, as it is shown."""
    return round(min(1.0, max(0.0, float(score))), 6)


def _step(step: Step) -> Json:
    return {"kind": step.kind, "id": step.id, "name": step.name, "edge": step.edge, "quote": step.quote}


def _with_properties(item: Json, properties: Mapping[str, Scalar]) -> Json:
    """Puts properties beside the keys of a result; those of the same name are numbered."""
    found = dict(item)
    for key, value in properties.items():
        found[free_name(key, found)] = value
    return found


async def mentioned_places(store: Store, entities: Sequence[Entity]) -> dict[str, list[Place]]:
    """Some places that mention each entity: its titles first, then as they come."""
    ids = [entity.id for entity in entities]
    found = list(await store.mentions(entity_ids=ids, max_degree=_MOST_MENTIONS)) if ids else []
    missing = [e for e in entities if e.id not in {mention.entity_id for mention in found}]
    for entity in missing:
        found += await _best_mentions(store, entity)
    places: dict[str, dict[str, Place]] = {}
    for mention in sorted(found, key=lambda m: (m.kind != "title", m.chunk_id, m.start)):
        some = places.setdefault(mention.entity_id, {})
        if len(some) < MOST_SOURCES:
            some.setdefault(mention.chunk_id, Place(mention.chunk_id, mention.start, mention.end))
    return {entity: list(some.values()) for entity, some in places.items()}


async def _best_mentions(store: Store, entity: Entity) -> list[Mention]:
    """Of an entity that very many chunks mention: those that match its name best."""
    search = TextSearch(entity.name, MOST_SOURCES, (entity.collection,))
    chunks = [scored.id for scored in await store.text_search(search)]
    if not chunks:
        return []
    return [m for m in await store.mentions(chunk_ids=chunks) if m.entity_id == entity.id]
