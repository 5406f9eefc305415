"""The facts around the entities that a question names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Unpack

from kag.errors import ProgramError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Relation
from kag.retrievers import _shapes as shapes
from kag.retrievers._entities import link
from kag.retrievers._items import fact_items
from kag.retrievers._retriever import TextOptions, TextRetriever
from kag.schema.values import Json

_FADES = 0.5  # what a hop more leaves of a score
_ENTITIES = 5  # that one name may mean
_POOL = 400  # facts that are ranked


class NeighborhoodRetriever(TextRetriever):
    """Finds the facts within some hops of the entities that the inputs name; needs no model.

    Where they name none, it starts from the entities that are most like the inputs. Gives the inputs,
    `search` (the words) and `result`: facts with `subj`, `label`, `obj`, `id`, `score` and `provenance`. A
    score is the likeness of the entity that it was reached from, halved with each hop beyond the first.

    Args:
        knowledge_base: Where to search.
        hops: How far to go, 1 to 4.
        relation_types: Only over these types, where given.
        **options: As for all retrievers of words: `k` (10), `threshold` (0.25, so that two hops from a name
            count), `field`, `return_inputs`, `return_query`, `name`, `description`.

    Raises:
        ProgramError: An argument cannot be used.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        hops: int = 1,
        *,
        relation_types: Sequence[str] = (),
        **options: Unpack[TextOptions],
    ) -> None:
        options.setdefault("threshold", 0.25)
        super().__init__(knowledge_base, **options)
        if not isinstance(hops, int) or isinstance(hops, bool) or not 1 <= hops <= 4:
            raise ProgramError(f"hops of {self!r} must be a whole number from 1 to 4; got {hops!r}.")
        if isinstance(relation_types, str) or not all(isinstance(each, str) for each in relation_types):
            raise ProgramError(
                f"relation_types of {self!r} must be a list of strings; got {relation_types!r}."
            )
        self.hops = hops
        self.relation_types = tuple(relation_types)

    @property
    def item_schema(self) -> Json:
        """A fact."""
        return shapes.FACT

    async def find(self, text: str) -> list[Json]:
        """The facts around what some words name, nearest first, then those said most often."""
        base = self.knowledge_base
        linked = await link(base, text, k=_ENTITIES, threshold=self.threshold)
        starts = {entity.id: likeness for group in linked for entity, likeness in group}
        if not starts:
            return []
        around = await base.store.expand(
            list(starts), hops=self.hops, limit=max(self.k, _POOL), relation_types=self.relation_types
        )
        here = [r for r in around.relations if r.collection in base.collections]
        scores = _spread(starts, here, self.hops)
        found = [(r, scores[r.id]) for r in here if scores.get(r.id, 0.0) >= self.threshold]
        best = sorted(found, key=lambda item: (-item[1], -len(item[0].support), item[0].id))
        return await fact_items(base.store, best[: self.k])


def _spread(starts: Mapping[str, float], relations: Iterable[Relation], hops: int) -> dict[str, float]:
    """Relation id to the score of the likeliest start, halved with each hop beyond the first."""
    reached, scores = dict(starts), dict[str, float]()
    left = list(relations)
    for hop in range(hops):
        fades, farther = _FADES**hop, dict(reached)
        for relation in left:
            ends = relation.subject_id, relation.object_id
            likeness = max((reached[end] for end in ends if end in reached), default=0.0)
            if likeness:
                scores[relation.id] = max(scores.get(relation.id, 0.0), likeness * fades)
                farther |= {end: max(farther.get(end, 0.0), likeness) for end in ends}
        reached = farther
    return scores
