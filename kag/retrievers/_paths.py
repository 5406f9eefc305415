"""Says why a passage was found: the heaviest chain of mentions from the question, with its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kag import text
from kag.knowledge_bases.base import TripletSearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Document, Entity, Record, Relation
from kag.retrievers._neighbourhood import Edge, Neighbourhood
from kag.retrievers.base import Step

_LONGEST_QUOTE = 300  # characters
_MOST_LINKS = 3
_MOST_FACTS = 60


@dataclass(frozen=True, slots=True)
class Explained:
    """Paths by passage, and the entities and facts that stand on them."""

    paths: Mapping[str, tuple[Step, ...]]
    entities: tuple[Entity, ...]
    facts: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a path: an entity that a passage names (or the question: None) leads to another passage."""

    source: Edge | None
    target: Edge


async def explain(
    base: KnowledgeBase, graph: Neighbourhood, question: str, found: Sequence[str]
) -> Explained:
    """Explains passages that a walk found.

    Args:
        base: To fetch names and words from.
        graph: The neighbourhood that was walked over.
        question: What was asked; the first station of each path.
        found: Ids of passages.
    """
    links = _Links(graph)
    chains = {passage: links.chain(passage) for passage in found}
    mentions = [m for chain in chains.values() for link in chain for m in (link.source, link.target) if m]
    records = await base.store.get(sorted({i for m in mentions for i in (m.chunk_id, m.entity_id)}))
    documents = await base.store.get(
        sorted({r.document_id for r in records.values() if isinstance(r, Chunk)})
    )
    known = {**records, **documents}
    paths = {
        passage: (Step("query", "", question), *(step for link in chain for step in _steps(link, known)))
        for passage, chain in chains.items()
        if chain
    }
    entities = tuple(r for r in records.values() if isinstance(r, Entity))
    return Explained(paths, entities, await facts_between(base, entities, frozenset(found)))


async def facts_between(
    base: KnowledgeBase, entities: Sequence[Entity], found: frozenset[str]
) -> tuple[Relation, ...]:
    """The relations that the found passages support and that touch an entity of the paths."""
    if not entities:
        return ()
    collections = tuple({e.collection for e in entities})
    search = TripletSearch(collections, chunk_ids=tuple(found), limit=_MOST_FACTS)
    named = {e.id for e in entities}
    stated = await base.store.triplets(search)
    return tuple(r for r in stated if r.subject_id in named or r.object_id in named)


class _Links:
    """The mentions of a neighbourhood, by both ends."""

    def __init__(self, graph: Neighbourhood) -> None:
        self.graph = graph
        self.of_passage: dict[str, list[Edge]] = {}
        self.of_entity: dict[str, list[Edge]] = {}
        for edge in graph.edges.values():
            self.of_passage.setdefault(edge.chunk_id, []).append(edge)
            self.of_entity.setdefault(edge.entity_id, []).append(edge)

    def chain(self, passage: str) -> list[Link]:
        """Links from the question to a passage; empty where words or vectors alone found it."""
        chain: list[Link] = []
        known = {passage}
        while len(chain) < _MOST_LINKS:
            link = self._into(passage, known)
            if link is None:
                break
            chain.insert(0, link)
            if link.source is None:
                break
            passage = link.source.chunk_id
            known.add(passage)
        return chain

    def _into(self, passage: str, known: set[str]) -> Link | None:
        """The heaviest way into a passage."""
        ways: list[tuple[float, str, Link]] = []
        for target in self.of_passage.get(passage, ()):
            entity = target.entity_id
            source = None if entity in self.graph.asked else self._source(entity, passage, known)
            if entity in self.graph.asked or source:
                mass = self.graph.entities.get(entity, 0.0) * self._share(target)
                ways.append((mass, entity, Link(source, target)))
        return max(ways, key=lambda way: way[:2])[2] if ways else None

    def _source(self, entity: str, passage: str, known: set[str]) -> Edge | None:
        """The passage with most mass that names an entity; into a seed, only a better seed leads."""
        seeds, mass = self.graph.seeds, self.graph.passages
        others = [m for m in self.of_entity[entity] if m.chunk_id not in known]
        if passage in seeds:
            others = [m for m in others if seeds.get(m.chunk_id, 0.0) > seeds[passage]]
        return max(others, key=lambda m: (mass.get(m.chunk_id, 0.0), m.chunk_id), default=None)

    def _share(self, edge: Edge) -> float:
        """The share of its mass that the entity passes on to the edge's passage."""
        weights = self.graph.weights
        return weights.back(edge) / sum(weights.back(other) for other in self.of_entity[edge.entity_id])


def _steps(link: Link, known: Mapping[str, Record]) -> list[Step]:
    """The stations of one link: the passage it starts from (unless the question), the entity, the passage."""
    entity, target = known.get(link.target.entity_id), _passage(link.target, known)
    if not isinstance(entity, Entity) or target is None:
        return []
    steps = []
    edge, quote = "names", ""
    if link.source is not None and (source := _passage(link.source, known)):
        steps.append(Step("passage", source.id, _title(source, known)))
        edge, quote = _edge(link.source, source)
    steps.append(Step("entity", entity.id, entity.name, edge, quote))
    edge, quote = _edge(link.target, target)
    steps.append(Step("passage", target.id, _title(target, known), f"← {edge}", quote))
    return steps


def _passage(edge: Edge, known: Mapping[str, Record]) -> Chunk | None:
    chunk = known.get(edge.chunk_id)
    return chunk if isinstance(chunk, Chunk) else None


def _title(chunk: Chunk, known: Mapping[str, Record]) -> str:
    document = known.get(chunk.document_id)
    title = document.title if isinstance(document, Document) else ""
    section = chunk.headings[-1] if chunk.headings else ""
    return f"{title} › {section}" if section and section != title else title


def _edge(edge: Edge, chunk: Chunk) -> tuple[str, str]:
    """How a passage is tied to an entity, and the sentence that does it."""
    if edge.title:
        return "is titled", ""
    for start, end in _sentences(chunk.text):
        if start <= edge.start < end:
            return "mentions", _shortened(chunk.text[start:end], edge.start - start)
    return "mentions", ""


@lru_cache(maxsize=2_000)
def _sentences(passage: str) -> tuple[text.Span, ...]:
    return tuple(text.sentences(passage))


def _shortened(sentence: str, at: int) -> str:
    """The words around a place of a long sentence."""
    flat = " ".join(sentence.split())
    if len(flat) <= _LONGEST_QUOTE:
        return flat
    start = max(0, min(at - _LONGEST_QUOTE // 2, len(flat) - _LONGEST_QUOTE))
    return ("…" if start else "") + flat[start : start + _LONGEST_QUOTE] + "…"
