"""Word documents: mammoth turns them into HTML, which becomes text as every page does."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from ingest.readers import _docx_package, _docx_styles, _files, _html_text
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, UnsupportedFileError
from kag.knowledge_bases.records import Scalar

SUFFIXES = (".docx",)
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def read(path: Path, *, max_bytes: int) -> Iterator[Reading]:
    """Reads a Word document as one document; see `ingest.readers.base.Reader.read`."""
    data = _files.load(path, max_bytes)
    html, properties = _converted(path, data, max_bytes)
    page = _html_text.render(html)
    if not page.text:
        raise EmptyDocumentError(
            f"There is no text in {_files.uri_of(path)}; if it holds pictures of text, it needs OCR first."
        )
    own = str(properties.pop("title", ""))
    yield Reading(
        uri=_files.uri_of(path),
        title=own or (page.headings[0].title if page.headings else _files.title_of(path)),
        media_type=MEDIA_TYPE,
        text=page.text,
        content_hash=_files.hash_of(data),
        markdown=True,
        headings=page.headings,
        metadata=properties,
    )


def _converted(path: Path, data: bytes, max_bytes: int) -> tuple[str, dict[str, Scalar]]:
    """The document as HTML, and its properties."""
    import mammoth

    with _docx_package.open_checked(path, data, max_bytes) as package:
        try:
            properties = _docx_package.properties(package)
            html = mammoth.convert_to_html(
                io.BytesIO(data),
                style_map=_docx_styles.style_map(package),
                include_embedded_style_map=False,
                convert_image=lambda _: [],
                ignore_empty_paragraphs=False,
            ).value
        except Exception as error:
            raise UnsupportedFileError(
                f"{_files.uri_of(path)} is a damaged Word document ({type(error).__name__}); "
                "open it in a word processor and save it again."
            ) from error
    return html, properties
