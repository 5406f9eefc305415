"""What an ingestion did, document by document: nothing is counted as done that is not in the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ingest.review import Review
from kag.knowledge_bases.base import UpsertReport
from kag.language import covers

State = Literal["stored", "unchanged", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one document.

    Args:
        uri: Where it was read from.
        state: `stored` and `unchanged` are in the store as they should be; `failed` and `skipped` say why in
            `reason`.
        title: Its title, where it could be read.
        chunks: Passages it has.
        entities: Entities it names.
        relations: Facts it states.
        dropped_quotes: Statements of a model that its text does not bear out.
        failed_chunks: Chunk id and reason, where extraction failed for a passage (the passage itself is
            stored).
        reason: Why it failed or was skipped, and what to do.
        language: What it is written in, such as `en`; empty where that is not clear.
        written: The store's own report.
    """

    uri: str
    state: State
    title: str = ""
    chunks: int = 0
    entities: int = 0
    relations: int = 0
    dropped_quotes: int = 0
    failed_chunks: tuple[tuple[str, str], ...] = ()
    reason: str = ""
    language: str = ""
    written: UpsertReport | None = None


Progress = Callable[[Result, int], None]
"""Called after each document with its result and how many documents are known so far."""


@dataclass(slots=True)
class Report:
    """The results of one run, and what it ran with; `review` is what a model decided about open pairs."""

    extractor: str
    embedding_model: str
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0
    review: Review | None = None

    def counts(self) -> dict[str, int]:
        """Documents by state, and the sums over them."""
        states = Counter(result.state for result in self.results)
        return {
            "stored": states["stored"],
            "unchanged": states["unchanged"],
            "failed": states["failed"],
            "skipped": states["skipped"],
            "chunks": sum(r.chunks for r in self.results),
            "entities": sum(r.entities for r in self.results),
            "relations": sum(r.relations for r in self.results),
            "dropped_quotes": sum(r.dropped_quotes for r in self.results),
            "failed_chunks": sum(len(r.failed_chunks) for r in self.results),
        }

    @property
    def foreign(self) -> dict[str, int]:
        """Documents in languages that the embedding model was not made for, by language."""
        languages = (r.language for r in self.results if r.state in ("stored", "unchanged"))
        return dict(Counter(one for one in languages if covers(self.embedding_model, one) is False))

    @property
    def failures(self) -> list[Result]:
        """The documents that are not in the store, and should be."""
        return [r for r in self.results if r.state == "failed"]

    @property
    def complete(self) -> bool:
        """Whether every document and every passage went through."""
        return not self.failures and not any(r.failed_chunks for r in self.results)
