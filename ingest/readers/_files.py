"""What all readers share: bytes from disk, characters from bytes, and the identity of a file.

Text that leaves this module has the line feed as its only line end, and neither control characters, lone
surrogates, byte order marks nor zero-width spaces; a file with many control characters is refused as binary.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

from kag.errors import EmptyDocumentError, ReadError, TooLargeError, UnsupportedFileError

_SNIFFED = 8192  # bytes that tell binary from text
_MOST_CONTROLS = 0.02  # share of control characters above which text is taken for binary
_SAMPLE = 200_000  # bytes that an unknown encoding is guessed from

_LINE_ENDS = re.compile("\r\n?|[\v\f\u2028\u2029]|\x85")
_CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_DECLARED = re.compile(
    rb"""<meta[^>]+charset\s*=\s*["']?([\w.:-]+)|<\?xml[^>]+encoding\s*=\s*["']([\w.:-]+)""", re.I
)

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_PACKED = (b"%PDF-", b"PK\x03\x04", b"\x1f\x8b", b"\xd0\xcf\x11\xe0")
_MAGIC = (
    (b"%PDF-", "a PDF document (.pdf)"),
    (b"PK\x03\x04", "a ZIP archive, as .docx, .xlsx and .epub files are"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.doc, .xls)"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"SQLite format 3", "a SQLite database"),
)


def uri_of(path: Path) -> str:
    """The absolute path as text that can be stored; bytes of a name that are no UTF-8 are written in hex."""
    return os.fsencode(os.path.abspath(path)).decode("utf-8", "backslashreplace")


def title_of(path: Path) -> str:
    """The file name without its suffix."""
    return os.fsencode(path.name.removesuffix(path.suffix)).decode("utf-8", "backslashreplace")


def hash_of(data: bytes) -> str:
    """The content hash of a document's bytes."""
    return hashlib.sha256(data).hexdigest()


def check(path: Path, max_bytes: int) -> None:
    """Refuses, without reading it, what cannot be read: folders, pipes, empty and oversized files.

    Raises:
        ReadError: It is not there or may not be read.
        UnsupportedFileError: It is not a regular file.
        EmptyDocumentError: It has 0 bytes.
        TooLargeError: It has more than `max_bytes`.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise ReadError(f"Cannot read {uri_of(path)}: {error.strerror}.") from error
    if not stat.S_ISREG(found.st_mode):
        raise UnsupportedFileError(f"Cannot read {uri_of(path)}: it is not a regular file.")
    if found.st_size == 0:
        raise EmptyDocumentError(f"{uri_of(path)} is empty (0 bytes).")
    if found.st_size > max_bytes:
        raise too_large(path, f"it has {found.st_size:,} bytes", max_bytes)


def too_large(path: Path, what: str, max_bytes: int) -> TooLargeError:
    """The error for a document over the limit."""
    return TooLargeError(
        f"{uri_of(path)} is too large: {what}, the limit is {max_bytes:,}. "
        "Split it, or raise the limit (max_megabytes)."
    )


def load(path: Path, max_bytes: int, *, first: int | None = None) -> bytes:
    """Reads a file that `check` has passed, or its first bytes, and no more of it than the limit."""
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1 if first is None else first)
    except OSError as error:
        raise ReadError(f"Cannot read {uri_of(path)}: {error.strerror}.") from error
    if first is None and len(data) > max_bytes:
        raise too_large(path, "it has more bytes", max_bytes)
    if not data:
        raise EmptyDocumentError(f"{uri_of(path)} is empty (0 bytes).")
    return data


def load_text(path: Path, max_bytes: int) -> tuple[bytes, str]:
    """Reads and decodes a text file: UTF-8, UTF-16 or UTF-32, else what it declares or most probably is.

    Returns:
        Its bytes and its text. A file that begins as no text does is not read further than that.

    Raises:
        UnsupportedFileError: The bytes are not text.
        EmptyDocumentError: The text is blank.
    """
    head = load(path, max_bytes, first=_SNIFFED)
    if _begins_binary(head):
        raise _no_text(path, head)
    data = load(path, max_bytes)
    text = _decoded(data)
    if text is None or len(_CONTROLS.findall(text, 0, _SNIFFED)) > _MOST_CONTROLS * min(len(text), _SNIFFED):
        raise _no_text(path, head)
    text = clean(text)
    if not text.strip():
        raise EmptyDocumentError(f"There is no text in {uri_of(path)}, only blanks.")
    return data, text


def _no_text(path: Path, head: bytes) -> UnsupportedFileError:
    return UnsupportedFileError(
        f"{uri_of(path)} is not the text that its name promises; it looks like {looks_like(head)}."
    )


def looks_like(data: bytes) -> str:
    """What the first bytes say that a file is."""
    return next((name for magic, name in _MAGIC if data.startswith(magic)), "binary data")


def clean(text: str) -> str:
    """Makes text safe to store: one kind of line end, no control characters, no lone surrogates."""
    if not text.isprintable():  # printable text has nothing to clean, and is the usual case for short pieces
        text = _LINE_ENDS.sub("\n", text)
        text = _CONTROLS.sub("", text)
        text = _INVISIBLE.sub("", text)
        text = _SURROGATES.sub("\ufffd", text)
    return text


def _begins_binary(head: bytes) -> bool:
    marked = any(head.startswith(mark) for mark, _ in _MARKS)
    return head.startswith(_PACKED) or (b"\x00" in head and not marked and _unmarked_utf16(head) is None)


def _decoded(data: bytes) -> str | None:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\x00" in data[:_SNIFFED]:
        return _unmarked_utf16(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _nearly_utf8(data) or _declared(data) or _guessed(data)


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 of a western text without a mark: nearly every second byte is zero."""
    head = data[:_SNIFFED]
    for encoding, zeros, others in (
        ("utf-16-le", head[1::2], head[::2]),
        ("utf-16-be", head[::2], head[1::2]),
    ):
        if zeros.count(0) > 0.6 * len(zeros) and others.count(0) == 0:
            return data.decode(encoding, "replace")
    return None


def _nearly_utf8(data: bytes) -> str | None:
    """UTF-8 with a few broken bytes, which another encoding would turn into a page of wrong letters."""
    text = data.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    whole = len(text) - len(text.encode("ascii", "ignore")) - broken
    return text if whole >= 4 * broken else None


def _declared(data: bytes) -> str | None:
    found = _DECLARED.search(data[:4096])
    if found is None:
        return None
    name = (found.group(1) or found.group(2)).decode("ascii").lower()
    if name in ("utf-8", "utf8"):
        return None  # it is not, or it would have been decoded
    try:
        return data.decode("cp1252" if name in ("iso-8859-1", "latin1") else name, "replace")
    except (LookupError, UnicodeError):
        return None


def _guessed(data: bytes) -> str | None:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_SAMPLE]).best()
    return data.decode(best.encoding, "replace") if best is not None else None
