"""Markdown: its source without the front matter, which becomes metadata, and the headings outside of code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest.readers import _files, _front_matter, _markdown_headings
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError

SUFFIXES = (".md", ".markdown", ".mdown", ".mkd", ".mdx")
MEDIA_TYPE = "text/markdown"


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads a Markdown file as one document; see `ingest.readers.base.Reader.read`."""
    data, source = _files.load_text(path, max_bytes)
    metadata, text = _front_matter.split(source)
    if not text.strip():
        raise EmptyDocumentError(f"There is no text in {_files.uri_of(path)}, only front matter.")
    headings = _markdown_headings.find(text)
    own = metadata.pop("title", "")
    first = headings[0].title if headings else ""
    yield Reading(
        uri=_files.uri_of(path),
        title=str(own) or first or _files.title_of(path),
        media_type=MEDIA_TYPE,
        text=text,
        content_hash=_files.hash_of(data),
        markdown=True,
        headings=headings,
        metadata=metadata,
    )
