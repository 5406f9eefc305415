"""JSON lines, plain or gzipped: each line is an object with a `text` and is a document of its own.

The file is streamed, so its size does not matter to memory. Lines that cannot be used are named in one error
at the end, after all the others have been read.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ingest.readers import _files
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, ReadError, UnsupportedFileError
from kag.knowledge_bases.records import Scalar

SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson")
MEDIA_TYPE = "application/jsonl"

_LONGEST_LINE = 16_000_000
_LARGEST_INTEGER = 2**53  # what every store can hold
_NAMED = 5  # bad lines that the error quotes
_HOPELESS = 20  # bad lines without a good one, after which the file is given up
_OWN_KEYS = frozenset(("id", "title", "text"))


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads each line as a document; `path#id` is its address, the line's number stands in for a missing id.

    See `ingest.readers.base.Reader.read`. Other keys become metadata, lists and objects as JSON.
    """
    uri, bad, good = _files.uri_of(path), _BadLines(path), 0
    seen: set[int] = set()
    for number, line in _lines(path, max_bytes):
        try:
            record = _record(line)
            key = str(record.get("id", "")) or str(number)
            if hash(key) in seen:
                raise ValueError(f"the id {key[:80]!r} has been used by an earlier line")
            seen.add(hash(key))
        except ValueError as error:
            bad.add(number, error, hopeless=good == 0)
            continue
        good += 1
        yield _reading(f"{uri}#{key}", line, record)
    bad.report()
    if good == 0:
        raise EmptyDocumentError(f"There is no line in {uri}.")


def _lines(path: Path, max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Numbers the lines that are not blank, and stops a file that unpacks to more than it may."""
    total = 0
    try:
        with _open(path) as file:
            number = 0
            while line := file.readline(_LONGEST_LINE):
                number += 1
                total += len(line)
                if len(line) == _LONGEST_LINE or total > max_bytes:
                    what = "one line" if len(line) == _LONGEST_LINE else "what it unpacks to"
                    raise _files.too_large(path, f"{what} has more bytes", min(_LONGEST_LINE, max_bytes))
                if number == 1:
                    line = line.removeprefix(b"\xef\xbb\xbf")
                if line.strip():
                    yield number, line
    except (OSError, EOFError, zlib.error) as error:
        raise ReadError(f"Cannot read {_files.uri_of(path)}: {error}.") from error


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_constant=str)
    except RecursionError:
        raise ValueError("JSON that is nested too deep") from None
    except ValueError as error:
        raise ValueError(f"no JSON ({error})") from None
    if not isinstance(record, dict):
        raise ValueError(f"a JSON {type(record).__name__}, not an object with a text")
    text = record.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"no text; it has {', '.join(map(repr, list(record)[:8])) or 'no keys'}")
    return record


def _reading(uri: str, line: bytes, record: Mapping[str, Any]) -> Reading:
    title = record.get("title")
    own = _files.clean(title).strip() if isinstance(title, str) else ""
    others = ((key, value) for key, value in record.items() if key not in _OWN_KEYS and value is not None)
    return Reading(
        uri=_files.clean(uri),
        title=own or _files.clean(uri).rpartition("#")[2],
        media_type=MEDIA_TYPE,
        text=_files.clean(record["text"]),
        content_hash=_files.hash_of(line.strip()),
        metadata={_files.clean(key): _scalar(value) for key, value in others},
    )


def _scalar(value: Any) -> Scalar:
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < _LARGEST_INTEGER):
        return value
    return _files.clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


class _BadLines:
    """Counts the lines that cannot be used, and says so at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._count = 0
        self._named: list[str] = []

    def add(self, number: int, error: ValueError, *, hopeless: bool) -> None:
        """Notes a line.

        Raises:
            UnsupportedFileError: So many lines are bad, and none good, that the file is something else.
        """
        self._count += 1
        if len(self._named) < _NAMED:
            self._named.append(f"line {number}: {error}")
        if hopeless and self._count >= _HOPELESS:
            raise UnsupportedFileError(
                f"{_files.uri_of(self._path)} does not hold a JSON object with a text on each line: "
                f"{self._named[0]}."
            )

    def report(self) -> None:
        """Raises a ReadError that names the lines, where there are any."""
        if self._count:
            more = f"; and {self._count - _NAMED} more" if self._count > _NAMED else ""
            raise ReadError(
                f"{self._count} lines of {_files.uri_of(self._path)} cannot be used: "
                f"{'; '.join(self._named)}{more}. "
                'Each line must be like {"id": "a", "title": "A", "text": "..."}.'
            )
