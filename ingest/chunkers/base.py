"""What a chunker is: a document as read in, passages with exact spans out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ingest.readers.base import Reading


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a reading, with its page and headings: `reading.text[start:end] == text`."""

    text: str
    start: int
    end: int
    page: int | None = None
    headings: tuple[str, ...] = ()


class Chunker(Protocol):
    """What a module of this package offers: `split`."""

    def split(self, reading: Reading, *, max_characters: int, overlap: int = 0) -> list[Passage]:
        """Splits a reading into passages, in the order of the text.

        Args:
            reading: The document as read.
            max_characters: No passage is longer.
            overlap: Characters that a passage may share with the one before.
        """
