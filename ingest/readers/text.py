"""Plain text: the characters as they are, with a short first line that stands alone for its title."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ingest.readers import _files
from ingest.readers.base import Reading

SUFFIXES = (".txt", ".text")
MEDIA_TYPE = "text/plain"

_LONGEST_TITLE = 100


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads a text file as one document; see `ingest.readers.base.Reader.read`."""
    data, text = _files.load_text(path, max_bytes)
    yield Reading(
        uri=_files.uri_of(path),
        title=_title(text) or _files.title_of(path),
        media_type=MEDIA_TYPE,
        text=text,
        content_hash=_files.hash_of(data),
    )


def _title(text: str) -> str:
    first, _, rest = text.lstrip().partition("\n")
    following = rest.split("\n", 1)[0].strip()
    alone = not following or set(following) <= {"=", "-", "~", "*"}
    words = first.strip()
    return (
        words
        if alone and rest.strip() and len(words) <= _LONGEST_TITLE and words[-1:] not in ".,;:!?"
        else ""
    )
