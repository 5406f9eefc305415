"""Communities that a question is about, with summaries: for questions that no few passages answer."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Unpack

from kag import ranking, text
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk
from kag.retrievers import _shapes as shapes
from kag.retrievers._community_documents import communities, document_of, namespace
from kag.retrievers._community_summary import Community
from kag.retrievers._first_stage import first_stage
from kag.retrievers._items import Place, rounded, sources
from kag.retrievers._question import COMMON
from kag.retrievers._retriever import TextOptions, TextRetriever
from kag.retrievers.base import MAX_K, Search
from kag.schema.values import Json

_RELEVANCE = 0.75  # of a score; the rest is the community's size
_WHOLE = frozenset(
    "main major important key central general overall overview topic topics theme themes subject subjects "
    "area areas summary summarise summarize summarised describe collection corpus document documents text "
    "texts dataset data file files knowledge base content contents discussed covered mentioned cover covers "
    "tell say says give list show exist there kind kinds sort type types big picture high level".split()
)


class CommunityRetriever(TextRetriever):
    """Finds the communities of a collection that a question is about, with their summaries and sources.

    Use it for questions about the whole, such as "What are the main topics?": those give the largest
    communities. `kag communities build` finds and keeps them, and lets a model write the summaries where
    there is one; without that they are found at each search, which is meant for small collections. Gives the
    inputs, `search` (the words) and `result`: communities with `id`, `name`, `entities`, how many `passages`
    they have, `text` (the summary), `score` and `provenance`, the words that the summary stands on.

    Args:
        knowledge_base: Where to search.
        **options: As for all retrievers of words: `k` (10), `threshold` (0; scores are relative within one
            search), `field`, `return_inputs`, `return_query`, `name`, `description`.

    Source: the idea is that of GraphRAG (arXiv 2404.16130); the communities are those of Leiden
        (arXiv 1810.08473) over passages and what they name, so that a community is a set of passages.

    Example:
        >>> found = await CommunityRetriever(knowledge_base=base)(Query(query="What are the main topics?"))
        >>> found.get("result")[0]["name"]
        'Analytical Engine, Charles Babbage, Ada Lovelace'
    """

    def __init__(self, knowledge_base: KnowledgeBase, **options: Unpack[TextOptions]) -> None:
        super().__init__(knowledge_base, **options)

    @property
    def item_schema(self) -> Json:
        """A community."""
        return shapes.COMMUNITY

    async def find(self, text: str) -> list[Json]:
        """The communities that some words are about, best first."""
        ranked = [(c, s) for c, s in await self.rank(text) if s >= self.threshold][: self.k]
        store = self.knowledge_base.store
        said = await sources(
            store,
            {
                c.id: [Place(i.chunk_id, i.start, i.end, exact=True) for s in c.statements for i in s.sources]
                for c, _ in ranked
            },
        )
        return [
            {
                "id": community.id,
                "name": community.name,
                "entities": list(community.entities),
                "passages": community.size,
                "text": community.summary,
                "score": rounded(score),
                "provenance": said[community.id],
            }
            for community, score in ranked
            if said[community.id]  # else its passages are gone since it was found
        ]

    async def rank(self, text: str) -> list[tuple[Community, float]]:
        """All communities with how well they answer some words, 0..1, best first.

        Raises:
            SearchError: There are no words, or no communities although the collection is large.
        """
        found, are_stored = await communities(self.knowledge_base)
        scores: Mapping[str, float] = {}
        if not asks_for_all(text):
            scores = await self._stored_scores(text) if are_stored else _word_scores(text, found)
        largest = max((community.size for community in found), default=1)
        share = _RELEVANCE if scores else 0.0

        def score(community: Community) -> float:
            key = document_of(self.knowledge_base, community) if are_stored else community.id
            return share * scores.get(key, 0.0) + (1 - share) * community.size / largest

        return sorted(((c, score(c)) for c in found), key=lambda pair: (-pair[1], pair[0].id))

    async def _stored_scores(self, words: str) -> dict[str, float]:
        """How well summaries match by words and vectors, by the id of their document."""
        base = self.knowledge_base
        search = Search(words, k=MAX_K, collections=(namespace(base.collection),))
        fused = await first_stage(base, search)
        records = (await base.store.get(list(fused))).values()
        return {chunk.document_id: fused[chunk.id] for chunk in records if isinstance(chunk, Chunk)}


def asks_for_all(question: str) -> bool:
    """Whether a question names nothing, and so is about the whole collection."""
    return not set(text.words(question)) - COMMON - _WHOLE


def _word_scores(question: str, found: Sequence[Community]) -> dict[str, float]:
    """How many of a question's words, by their rarity, communities hold; by community."""
    words = {c.id: set(text.words(" ".join((c.name, *c.entities, c.summary)))) for c in found}
    spread = Counter(word for some in words.values() for word in some)
    asked = {w: math.log(1 + len(found) / spread[w]) for w in set(text.words(question)) - COMMON if spread[w]}
    shared = {i: sum(asked[w] for w in some & asked.keys()) for i, some in words.items()}
    return ranking.min_max({i: score for i, score in shared.items() if score} | {"": 0.0}) if asked else {}
