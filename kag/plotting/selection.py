"""What of a subgraph is drawn: the best connected entities, and the links between them, strongest first."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum, sqrt

from kag.knowledge_bases.records import Entity, Relation, Subgraph

CO_OCCURRENCE = "CO_OCCURS_WITH"

_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")
_OTHER = "#8a8f98"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a chunk comes from, as it is shown beside a quote.

    Args:
        title: The document's title.
        uri: The document's address; only http and https become links.
        page: Page number from 1, where the format has pages.
    """

    title: str
    uri: str
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """All relations between two different entities, given by their places in `View.entities`.

    Args:
        a: The entity that comes first in the view.
        b: The other.
        relations: In both directions, typed ones first.
        strength: Above 0, larger is stronger; see `_weights`.
    """

    a: int
    b: int
    relations: tuple[Relation, ...]
    strength: float

    @property
    def typed(self) -> tuple[Relation, ...]:
        """The relations that say more than that two names stand together."""
        return tuple(relation for relation in self.relations if relation.type != CO_OCCURRENCE)


@dataclass(frozen=True, slots=True)
class View:
    """What is drawn.

    Args:
        entities: Best connected first: by the summed strength of their links.
        degrees: For each entity: how many neighbours it has in the whole subgraph.
        links: Strongest first.
        relations: How many relations the whole subgraph has.
        entities_left_out: How many entities the whole subgraph has beyond those drawn.
        truncated: The subgraph itself says that there is more in the store.
        title: Heading.
        sources: Chunk id to where it comes from.
    """

    entities: tuple[Entity, ...]
    degrees: tuple[int, ...]
    links: tuple[Link, ...]
    relations: int
    entities_left_out: int
    truncated: bool
    title: str
    sources: Mapping[str, Source]

    def colours(self) -> dict[str, str]:
        """Label to colour, most frequent label first; the palette's end is shared by all rare labels."""
        counts = Counter(entity.label for entity in self.entities)
        ordered = sorted(counts, key=lambda label: (-counts[label], label))
        return {label: (_PALETTE[i] if i < len(_PALETTE) else _OTHER) for i, label in enumerate(ordered)}


def select(subgraph: Subgraph, *, limit: int, title: str, sources: Mapping[str, Source]) -> View:
    """Takes the entities whose relations say most, and what connects them.

    Args:
        subgraph: Everything there is to draw.
        limit: Entities at most.
        title: Heading.
        sources: Chunk id to where it comes from.
    """
    entities = {entity.id: entity for entity in subgraph.entities}
    relations = {relation.id: relation for relation in subgraph.relations}
    weights = _weights(relations.values())
    neighbours, importance = _connections(relations.values(), weights)
    ranked = sorted(entities.values(), key=lambda e: (-importance[e.id], -e.degree, e.name, e.id))
    ranked = _drawn_together(ranked, neighbours, limit)
    return View(
        entities=tuple(ranked),
        degrees=tuple(len(neighbours[entity.id]) for entity in ranked),
        links=tuple(_links(ranked, relations.values(), weights)),
        relations=len(relations),
        entities_left_out=len(entities) - len(ranked),
        truncated=subgraph.truncated,
        title=title,
        sources=sources,
    )


def backbone(view: View, *, extra: float) -> list[Link]:
    """Takes the strongest links, but enough of them that nothing connected falls apart.

    Args:
        view: What is drawn.
        extra: How many links to take beyond a spanning forest, as a share of the number of entities.

    Returns:
        Strongest first.
    """
    group = list(range(len(view.entities)))

    def root(node: int) -> int:
        while group[node] != node:
            group[node] = node = group[group[node]]
        return node

    chosen: list[Link] = []
    others: list[Link] = []
    for link in view.links:
        a, b = root(link.a), root(link.b)
        group[a] = b
        (others if a == b else chosen).append(link)
    chosen += others[: round(extra * len(view.entities))]
    return sorted(chosen, key=_strongest_first)


def _weights(relations: Iterable[Relation]) -> dict[str, float]:
    """Relation id to how much it says: its supporting chunks, each shared among all that the chunk supports.

    So a table row that names twenty things does not count as much as a sentence that names two. A typed
    relation counts twice.
    """
    relations = list(relations)
    load = Counter(chunk for relation in relations for chunk in _chunks(relation))
    return {
        relation.id: fsum(1 / sqrt(load[chunk]) for chunk in _chunks(relation))
        * (1 if relation.type == CO_OCCURRENCE else 2)
        for relation in relations
    }


def _chunks(relation: Relation) -> set[str]:
    return {support.chunk_id for support in relation.support} or {relation.id}


def _connections(
    relations: Iterable[Relation], weights: Mapping[str, float]
) -> tuple[Mapping[str, set[str]], Mapping[str, float]]:
    """Entity id to its neighbours, and to the summed weight of its relations."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    shares: dict[str, list[float]] = defaultdict(list)
    for relation in relations:
        ends = (relation.subject_id, relation.object_id)
        for here, there in (ends, ends[::-1]):
            if here != there:
                neighbours[here].add(there)
                shares[here].append(weights[relation.id])
    # fsum is exact, so that the order of the input changes nothing.
    return neighbours, defaultdict(float, {entity: fsum(parts) for entity, parts in shares.items()})


def _drawn_together(ranked: Sequence[Entity], neighbours: Mapping[str, set[str]], limit: int) -> list[Entity]:
    """The best, each with a neighbour if it has one: a lone dot would look as if nothing were known of it."""
    rank = {entity.id: i for i, entity in enumerate(ranked)}
    chosen: dict[int, None] = {}
    for place, entity in enumerate(ranked):
        near = {rank[other] for other in neighbours[entity.id] if other in rank}
        lonely = near and near.isdisjoint(chosen)
        wanted = [i for i in ([place, min(near)] if lonely else [place]) if i not in chosen]
        if len(chosen) + len(wanted) <= limit or not chosen:
            chosen.update(dict.fromkeys(wanted[:limit]))
        if len(chosen) == limit:
            break
    return [ranked[i] for i in sorted(chosen)]


def _links(
    entities: Sequence[Entity], relations: Iterable[Relation], weights: Mapping[str, float]
) -> list[Link]:
    place = {entity.id: i for i, entity in enumerate(entities)}
    pairs: dict[tuple[int, int], list[Relation]] = defaultdict(list)
    for relation in relations:
        a, b = sorted((place.get(relation.subject_id, -1), place.get(relation.object_id, -1)))
        if 0 <= a < b:
            pairs[a, b].append(relation)
    links = []
    for (a, b), between in pairs.items():
        between.sort(key=lambda r: (r.type == CO_OCCURRENCE, -weights[r.id], r.type, r.id))
        links.append(Link(a, b, tuple(between), fsum(weights[relation.id] for relation in between)))
    return sorted(links, key=_strongest_first)


def _strongest_first(link: Link) -> tuple[float, int, int]:
    return (-link.strength, link.a, link.b)
