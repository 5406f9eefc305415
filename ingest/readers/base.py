"""What a reader is: one file format in, text with its structure out.

A reader is a module of this package with `SUFFIXES`, `MEDIA_TYPE` and `read`. Its text is what chunks, quotes
and citations point into, so a reader never changes text once it has computed a block's span.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from kag.knowledge_bases.records import Scalar


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the text: its level from 1, its words, and where in the text its section begins."""

    level: int
    title: str
    start: int


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the text: its number from 1 and where in the text it begins."""

    number: int
    start: int


@dataclass(frozen=True, slots=True)
class Reading:
    """A document as read: plain or Markdown text and the structure that points into it.

    Args:
        uri: The file's absolute path; records of one file add `#` and their key.
        title: The document's own title, else its file name without suffix.
        media_type: Such as `text/html`.
        text: The text. Where `markdown` is True it may hold Markdown structure (headings, tables, code
            fences).
        content_hash: Hash of the source bytes, or of the record.
        markdown: Whether the chunker may take the text for Markdown.
        headings: In the order of the text.
        pages: In the order of the text; empty where the format has none.
        records: Spans `(start, end)` that must stay one chunk where they fit (rows of a table), in order;
            usually empty.
        metadata: Such as `author`, `date`, `language`.
    """

    uri: str
    title: str
    media_type: str
    text: str
    content_hash: str
    markdown: bool = False
    headings: tuple[Heading, ...] = ()
    pages: tuple[Page, ...] = ()
    records: tuple[tuple[int, int], ...] = ()
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


class Reader(Protocol):
    """What a module of this package offers."""

    SUFFIXES: tuple[str, ...]
    MEDIA_TYPE: str

    def read(self, path: Path, *, max_bytes: int) -> Iterator[Reading]:
        """Reads a file; most formats yield one document, record formats (JSONL) one for each record.

        Args:
            path: An existing file.
            max_bytes: Refuse text larger than this.

        Raises:
            UnsupportedFileError: The content is not of this format (binary under a text name, a broken PDF).
            EmptyDocumentError: There is no text in it; says why (a scanned PDF needs OCR).
            TooLargeError: The file, or what it unpacks to, is larger than `max_bytes`.
        """
