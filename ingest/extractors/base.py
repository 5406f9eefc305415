"""What an extractor is: chunks in; the entities, mentions and relations that they state out, with spans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from kag.knowledge_bases.records import Chunk, Document, Entity, Mention, Relation


@dataclass(frozen=True, slots=True)
class Extraction:
    """What some chunks of one document state.

    Every relation's support quotes its chunk exactly; quotes that could not be found are dropped and counted.

    Args:
        entities: Each once, by id.
        mentions: Where chunks name them.
        relations: Facts between them, each with its support.
        dropped_quotes: How many statements were dropped because their quote does not stand in the chunk.
        failed_chunks: Chunk id to reason, where a chunk could not be extracted.
    """

    entities: tuple[Entity, ...] = ()
    mentions: tuple[Mention, ...] = ()
    relations: tuple[Relation, ...] = ()
    dropped_quotes: int = 0
    failed_chunks: tuple[tuple[str, str], ...] = ()


class Extractor(Protocol):
    """What the class `Extractor` of a module of this package offers."""

    name: str

    async def extract(self, document: Document, chunks: Sequence[Chunk]) -> Extraction:
        """Extracts what the chunks of one document state."""
