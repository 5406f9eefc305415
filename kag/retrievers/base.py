"""What all retrievers give back: passages with scores, places, and the path through the graph to each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from kag.knowledge_bases.records import Chunk, Entity, Relation

Mode = Literal["hybrid", "vector", "keyword", "graph"]
StepKind = Literal["query", "passage", "entity"]
MAX_K = 200
MODES: tuple[Mode, ...] = ("hybrid", "vector", "keyword", "graph")


@dataclass(frozen=True, slots=True)
class Step:
    """One station of the path to a passage.

    Args:
        kind: Whether it is the query, a passage or an entity.
        id: Id of the passage or entity; empty for the query.
        name: What to show: the words of the query, the passage's title, the entity's name.
        edge: How it was reached from the station before, such as `mentions` or `is the title of`.
        quote: Words of the passage where the mention stands, where there is one.
    """

    kind: StepKind
    id: str
    name: str
    edge: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found.

    Args:
        chunk: The passage.
        title: Its document's title.
        uri: Its document's URI.
        score: Higher is better; comparable within one search only.
        path: How it was found, from the query to the passage; empty where words or vectors alone found it.
    """

    chunk: Chunk
    title: str
    uri: str
    score: float
    path: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a search gives: passages best first, entities that lead to them, facts that they support."""

    query: str
    mode: Mode
    hits: tuple[Hit, ...]
    entities: tuple[Entity, ...] = ()
    facts: tuple[Relation, ...] = ()


@dataclass(frozen=True, slots=True)
class Search:
    """A search as a value.

    Args:
        text: The question or words.
        k: At most so many passages.
        collections: Namespaces; empty means the knowledge base's own.
        document_ids: Only within these documents, where given.
    """

    text: str
    k: int = 8
    collections: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()


class Searcher(Protocol):
    """What a module of this package offers."""

    async def search(self, search: Search) -> Evidence:
        """Runs a search.

        Raises:
            SearchError: The query is empty, or `k` is out of bounds.
            EmbeddingMismatchError: The store's vectors come from another model.
        """
