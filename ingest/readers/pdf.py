"""PDF documents: the text of each page in reading order, its pages, and headings from the outline.

A scanned document without text, and one that needs a password, are named as such.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.readers import _files, _pdf_lines, _pdf_paragraphs
from ingest.readers.base import Heading, Page, Reading
from kag.errors import EmptyDocumentError, ReadError, UnsupportedFileError
from kag.knowledge_bases.records import Scalar

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

SUFFIXES = (".pdf",)
MEDIA_TYPE = "application/pdf"

_ONE_AT_A_TIME = threading.Lock()  # pdfium must not be called from two threads
_MOST_BOOKMARKS = 5000
_LONGEST_TITLE = 300
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?")
_NO_TITLE = re.compile(
    r"(?:untitled|microsoft (?:word|powerpoint|excel)\b.*|.*\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|qxd))$", re.I
)


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads a PDF as one document; see `ingest.readers.base.Reader.read`."""
    data = _files.load(path, max_bytes)
    if b"%PDF-" not in data[:1024]:
        raise UnsupportedFileError(
            f"{_files.uri_of(path)} is no PDF document; it looks like {_files.looks_like(data)}."
        )
    with _ONE_AT_A_TIME, _opened(path, data) as document:
        pages = _pages(path, document, max_bytes)
        outline = _outline(document)
        metadata = _metadata(document)
    reading = _reading(path, data, pages, outline, metadata)
    if not reading.text:
        raise EmptyDocumentError(
            f"There is no text in {_files.uri_of(path)} ({len(pages)} pages): it is probably scanned. "
            "Run it through OCR first (ocrmypdf, for example)."
        )
    yield reading


def _opened(path: Path, data: bytes) -> PdfDocument:
    import pypdfium2
    from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY

    try:
        return pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", None) in (FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY):
            raise ReadError(
                f"{_files.uri_of(path)} is protected by a password; save it without one."
            ) from error
        raise UnsupportedFileError(f"{_files.uri_of(path)} is a damaged PDF document ({error}).") from error


def _pages(path: Path, document: PdfDocument, max_bytes: int) -> list[list[_pdf_lines.Line]]:
    """The lines of each page; a page that cannot be loaded has none."""
    import pypdfium2

    pages: list[list[_pdf_lines.Line]] = []
    total = 0
    for index in range(len(document)):
        try:
            page = document[index]
            text_page = page.get_textpage()
        except pypdfium2.PdfiumError:
            pages.append([])
            continue
        total += text_page.count_chars()
        if total > max_bytes:
            raise _files.too_large(path, f"its first {index + 1} pages have {total:,} characters", max_bytes)
        pages.append(_pdf_lines.lines_of(text_page))
        text_page.close()
        page.close()
    return pages


def _outline(document: PdfDocument) -> list[tuple[int, str, int]]:
    """Level from 1, title and page index of each bookmark that has them, in order."""
    found: list[tuple[int, str, int]] = []
    for count, bookmark in enumerate(document.get_toc()):
        if count >= _MOST_BOOKMARKS:
            break
        try:
            title = " ".join(_files.clean(bookmark.get_title()).split())[:_LONGEST_TITLE]
        except UnicodeDecodeError:
            continue
        target = bookmark.get_dest()
        index = target.get_index() if target is not None else None
        if title and index is not None:
            found.append((bookmark.level + 1, title, index))
    return found


def _metadata(document: PdfDocument) -> dict[str, Scalar]:
    said = {key: " ".join(_files.clean(value).split()) for key, value in document.get_metadata_dict().items()}
    found: dict[str, Scalar] = {"pages": len(document)}
    found |= {k.lower(): said[k] for k in ("Title", "Author", "Subject", "Keywords") if said.get(k)}
    if date := _DATE.match(said.get("CreationDate", "")):
        found["date"] = "-".join(part for part in date.groups() if part)
    return found


def _reading(
    path: Path,
    data: bytes,
    pages: Sequence[Sequence[_pdf_lines.Line]],
    outline: Sequence[tuple[int, str, int]],
    metadata: dict[str, Scalar],
) -> Reading:
    known: Counter[str] = Counter()
    for lines in pages:
        known.update(_pdf_paragraphs.words_of(lines))
    pieces: list[str] = []
    starts: list[int] = []
    numbered: list[Page] = []
    length = 0
    for number, lines in enumerate(pages, start=1):
        starts.append(length)
        if piece := _files.clean(_pdf_paragraphs.text_of(lines, known)):
            pieces.append(piece)
            numbered.append(Page(number, length))
            length += len(piece) + 2
    text = "\n\n".join(pieces)
    title = str(metadata.pop("title", ""))
    return Reading(
        uri=_files.uri_of(path),
        title=title if title and not _NO_TITLE.match(title) else _files.title_of(path),
        media_type=MEDIA_TYPE,
        text=text,
        content_hash=_files.hash_of(data),
        headings=_headings(text, starts, outline),
        pages=tuple(numbered),
        metadata=metadata,
    )


def _headings(
    text: str, starts: Sequence[int], outline: Sequence[tuple[int, str, int]]
) -> tuple[Heading, ...]:
    """Finds each bookmark's title on its page; one that is not there stands for the page's beginning."""
    found: list[Heading] = []
    for level, title, index in outline:
        if index >= len(starts):
            continue
        start = starts[index]
        end = starts[index + 1] if index + 1 < len(starts) else len(text)
        after = found[-1].start + 1 if found and found[-1].start >= start else start
        words = r"\s+".join(re.escape(word) for word in title.split())
        place = re.compile(rf"^{words}", re.I | re.M).search(text, after, end) or re.compile(
            words, re.I
        ).search(text, after, end)
        found.append(Heading(level, title, place.start() if place else start))
    return tuple(sorted(found, key=lambda heading: heading.start))
