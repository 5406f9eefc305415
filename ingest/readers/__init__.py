"""An open kind: how a document on disk becomes text with structure; one file a format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import cast

from ingest.readers import _files
from ingest.readers.base import Reader, Reading
from kag import discover
from kag.errors import UnsupportedFileError

DEFAULT_MAX_BYTES = 100_000_000


def read(path: Path | str, *, max_bytes: int = DEFAULT_MAX_BYTES) -> Iterator[Reading]:
    """Reads a file with the reader that its name calls for.

    Args:
        path: The file.
        max_bytes: Refuse files, and archives whose content is, larger than this.

    Returns:
        One document, or one for each record of a record format (JSONL); read when it is asked for.

    Raises:
        ReadError: The file is not there or may not be read; or, after all others, records that cannot be
        used.
        UnsupportedFileError: No reader knows the suffix, or the content is not what the name says.
        EmptyDocumentError: There is no text in it.
        TooLargeError: It is over the limit; it is not read to find that out.

    Example:
        ```python
        for reading in read("handbook.pdf"):
            print(reading.title, len(reading.pages))
        ```
    """
    path = Path(path)
    reader = reader_for(path)
    _files.check(path, max_bytes)
    yield from reader.read(path, max_bytes=max_bytes)


def reader_for(path: Path) -> Reader:
    """Chooses the reader for a file by the longest suffix that fits, in any case.

    Raises:
        UnsupportedFileError: No reader knows the suffix; the message lists those there are.
    """
    suffix = suffix_of(path)
    if not suffix:
        raise UnsupportedFileError(
            f"Cannot read {_files.uri_of(path)}: no reader knows its suffix. Readable are "
            f"{', '.join(sorted(supported_suffixes()))}; convert it to one of these."
        )
    return _by_suffix()[suffix]


def suffix_of(path: Path) -> str:
    """The longest supported suffix of a file name, in lower case; empty where it has none."""
    name = path.name.lower()
    fitting = (s for s in _by_suffix() if name.endswith(s) and name != s)
    return max(fitting, key=len, default="")


def supported_suffixes() -> frozenset[str]:
    """All suffixes that some reader takes, in lower case with their dot, such as `.md` and `.jsonl.gz`."""
    return frozenset(_by_suffix())


uri_of = _files.uri_of


@cache
def _by_suffix() -> Mapping[str, Reader]:
    modules = [discover.load(__name__, name) for name in discover.names(__name__)]
    readers = [cast(Reader, module) for module in modules]
    return {suffix: reader for reader in readers for suffix in reader.SUFFIXES}
