"""Web pages: their text as Markdown without menus and banners; title, author, date, language as metadata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest.readers import _files, _html_text
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError

SUFFIXES = (".html", ".htm", ".xhtml")
MEDIA_TYPE = "text/html"


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads a web page as one document; see `ingest.readers.base.Reader.read`."""
    data, source = _files.load_text(path, max_bytes)
    page = _html_text.render(source)
    if not page.text:
        raise EmptyDocumentError(
            f"There is no text in {_files.uri_of(path)}: it may be filled in by scripts. "
            "Save the page as a browser shows it."
        )
    yield Reading(
        uri=_files.uri_of(path),
        title=page.title or (page.headings[0].title if page.headings else _files.title_of(path)),
        media_type=MEDIA_TYPE,
        text=page.text,
        content_hash=_files.hash_of(data),
        markdown=True,
        headings=page.headings,
        metadata=page.metadata,
    )
