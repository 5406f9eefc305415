"""Communities: groups of passages that the entities they name tie together, found by the Leiden algorithm.

Traag, Waltman and van Eck: From Louvain to Leiden (2019), on the graph of passages, their entities and their
documents. Groups whose passages still name what they named are kept; the rest, with the passages that came
since, is divided anew, beginning with what it was.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kag.knowledge_bases.base import Neighbour, Store
from kag.knowledge_bases.records import Chunk
from kag.retrievers._neighbourhood import MIN_DEGREE, Weights, rarity

_BATCH = 500  # passages read at once
_TITLE = 2.0  # what a title ties, beside a mention
_DOCUMENT = 0.5  # what standing in one document ties
_MAX_SHARE = 0.05  # entities in a larger share of the passages tie nothing
_SEED = 1
_RANDOMNESS = 0.001
_ROUNDS = 2  # of the whole algorithm

Ties = dict[str, float]  # what a passage is tied to (an entity or its document), and how strongly


@dataclass(frozen=True, slots=True)
class Group:
    """Passages that belong together.

    Args:
        passages: Their ids, in order.
        fingerprint: Changes with what they name.
    """

    passages: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Mesh:
    """What ties the passages of a collection together.

    Args:
        ties: Passage id to what it is tied to.
        named: Passage id to a hash of all that it names.
    """

    ties: dict[str, Ties]
    named: dict[str, str]

    def group(self, passages: Iterable[str]) -> Group:
        """Some passages as a group."""
        members = tuple(sorted(passages))
        said = "\n".join(f"{passage} {self.named.get(passage, '')}" for passage in members)
        return Group(members, hashlib.blake2b(said.encode(), digest_size=12).hexdigest())

    def share(self, passages: Sequence[str]) -> float:
        """The share of all ties that some passages have.

        Modularity expects ties in proportion to all ties there are. Where a region is divided alone, its
        resolution times this share lets groups be as large as where everything is divided.
        """
        whole, some = (
            sum(weight for passage in part for weight in self.ties[passage].values())
            for part in (self.ties, passages)
        )
        return some / whole if whole else 1.0

    def weights(self, passages: Iterable[str]) -> Ties:
        """How strongly some passages are tied to each entity, in sum, the strongest first."""
        found: Ties = {}
        for passage in passages:
            for to, weight in self.ties.get(passage, {}).items():
                if not to.startswith("doc_"):
                    found[to] = found.get(to, 0.0) + weight
        return dict(sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))


async def read_mesh(store: Store, collections: Sequence[str]) -> Mesh:
    """Reads what the passages of some collections name, in batches.

    Args:
        store: Where they are.
        collections: Their namespaces.
    """
    total = (await store.statistics(collections)).chunks
    mesh = Mesh({}, {})
    after = ""
    while page := await store.page("chunk", collections, after=after, limit=_BATCH):
        after = page[-1].id
        chunks = [record for record in page if isinstance(record, Chunk)]
        named = await store.neighbours(chunk_ids=[chunk.id for chunk in chunks])
        for chunk in chunks:
            entities = named.get(chunk.id, ())
            mesh.ties[chunk.id] = {chunk.document_id: _DOCUMENT, **_ties(entities, total)}
            said = json.dumps(sorted((entity.id, entity.title) for entity in entities))
            mesh.named[chunk.id] = hashlib.blake2b(said.encode(), digest_size=12).hexdigest()
    return mesh


def _ties(entities: Sequence[Neighbour], total: int) -> Ties:
    most = max(MIN_DEGREE, int(_MAX_SHARE * total))
    shares = Weights().labels
    return {
        entity.id: rarity(entity.degree, total)
        * shares.get(entity.label, 1.0)
        * (_TITLE if entity.title else 1)
        for entity in entities
        if 1 < entity.degree <= most
    }


def divide(mesh: Mesh, before: Iterable[Group] = (), *, resolution: float = 1.0) -> list[Group]:
    """Divides passages into groups, keeping those in which nothing changed.

    Args:
        mesh: The passages and what ties them.
        before: The groups as they were; none divides everything.
        resolution: More gives more and smaller groups.

    Returns:
        Groups, the largest first, with each passage in one of them; a passage that is tied to no other stands
        alone. Those of `before` that still hold are the same.
    """
    held: list[Group] = []
    start: dict[str, int] = {}
    for number, group in enumerate(before):
        if mesh.group(group.passages) == group:
            held.append(group)
        start |= {passage: number for passage in group.passages if passage in mesh.ties}
    free = mesh.ties.keys() - {passage for group in held for passage in group.passages}
    fresh = sorted(free - start.keys())
    homes = _homes(mesh, [group.passages for group in held], fresh)
    touched = [held[number] for number in sorted(set(homes.values()))]
    region = sorted(free | {passage for group in touched for passage in group.passages})
    parts = _leiden(
        {passage: mesh.ties[passage] for passage in region}, start, resolution * mesh.share(region)
    )
    found = [group for group in held if group not in touched]
    found += [mesh.group(members) for members in _gathered(mesh, parts)]
    return sorted(found, key=lambda group: (-len(group.passages), group.fingerprint))


def _gathered(mesh: Mesh, parts: Sequence[Sequence[str]]) -> list[list[str]]:
    """The groups; passages that were left alone join the one that they are tied to most, if there is one."""
    groups = [list(part) for part in parts if len(part) > 1]
    alone = [passage for part in parts if len(part) == 1 for passage in part]
    homes = _homes(mesh, groups, alone)
    for passage, number in homes.items():
        groups[number].append(passage)
    return [*groups, *([passage] for passage in alone if passage not in homes)]


def _homes(mesh: Mesh, groups: Sequence[Sequence[str]], passages: Sequence[str]) -> dict[str, int]:
    """The number of the group that each passage is tied to most; those tied to none are left out."""
    near: dict[str, list[int]] = {to: [] for passage in passages for to in mesh.ties[passage]}
    for number, group in enumerate(groups):
        for member in group:
            for to in mesh.ties[member].keys() & near.keys():
                near[to].append(number)
    homes: dict[str, int] = {}
    for passage in passages:
        pulls: dict[int, float] = {}
        for to, weight in mesh.ties[passage].items():
            for number in near[to]:
                pulls[number] = pulls.get(number, 0.0) + weight
        if pulls:
            homes[passage] = max(pulls, key=lambda number: (pulls[number], -number))
    return homes


def _leiden(ties: Mapping[str, Ties], before: Mapping[str, int], resolution: float) -> list[list[str]]:
    """The groups of passages with most ties inside and fewest across, and those that are tied to no other."""
    shared = Counter(to for some in ties.values() for to in some)
    ties = {
        passage: {to: weight for to, weight in some.items() if shared[to] > 1}
        for passage, some in ties.items()
    }
    edges = [(passage, to, weight) for passage, some in ties.items() for to, weight in some.items()]
    if not edges:
        return [[passage] for passage in ties]
    from graspologic_native import leiden

    _, found = leiden(
        edges,
        starting_communities=_start(ties, before),
        resolution=resolution,
        randomness=_RANDOMNESS,
        iterations=_ROUNDS,
        use_modularity=True,
        seed=_SEED,
        trials=1,
    )
    groups: dict[int, list[str]] = {}
    for passage in ties:
        if passage in found:
            groups.setdefault(found[passage], []).append(passage)
    return [*groups.values(), *([passage] for passage in ties if passage not in found)]


def _start(ties: Mapping[str, Ties], before: Mapping[str, int]) -> dict[str, int] | None:
    """A number for every node: passages keep theirs, what they are tied to goes with the strongest tie."""
    if not before.keys() & ties.keys():
        return None
    start: dict[str, int] = {}
    best: Ties = {}
    fresh = max(before.values()) + 1
    for passage, some in ties.items():
        if not some:
            continue
        start[passage] = before.get(passage, fresh)
        fresh += passage not in before
        for to, weight in some.items():
            if weight > best.get(to, 0.0):
                best[to], start[to] = weight, start[passage]
    return start
