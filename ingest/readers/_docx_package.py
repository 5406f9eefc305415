"""The ZIP package of a Word document: checked before it is unpacked, and what it says about itself."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from ingest.readers import _files
from kag.errors import UnsupportedFileError
from kag.knowledge_bases.records import Scalar

_MOST_PARTS = 10_000
_MOST_XML = 40_000_000  # bytes of XML; its tree takes about fifty times as much memory
_ENCRYPTED = b"\xd0\xcf\x11\xe0"
_PROPERTIES = {
    "{http://purl.org/dc/elements/1.1/}title": "title",
    "{http://purl.org/dc/elements/1.1/}creator": "author",
    "{http://purl.org/dc/elements/1.1/}language": "language",
    "{http://purl.org/dc/elements/1.1/}subject": "subject",
    "{http://purl.org/dc/terms/}created": "date",
    "{http://purl.org/dc/terms/}modified": "modified",
}


def open_checked(path: Path, data: bytes, max_bytes: int) -> zipfile.ZipFile:
    """Opens the package, refusing bombs by what its directory says; `zipfile` unpacks no more than that.

    Raises:
        UnsupportedFileError: It is no Word document, or is encrypted or damaged.
        TooLargeError: It would unpack to more than the limit.
    """
    if data.startswith(_ENCRYPTED):
        raise UnsupportedFileError(
            f"{_files.uri_of(path)} is protected by a password, or is an old .doc file; "
            "save it as .docx without a password."
        )
    try:
        package = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile as error:
        raise UnsupportedFileError(
            f"{_files.uri_of(path)} is no Word document (.docx); it looks like {_files.looks_like(data)}."
        ) from error
    parts = package.infolist()
    xml = sum(part.file_size for part in parts if part.filename.endswith((".xml", ".rels")))
    if len(parts) > _MOST_PARTS or sum(part.file_size for part in parts) > max_bytes:
        raise _files.too_large(path, f"its {len(parts):,} parts unpack to more bytes", max_bytes)
    if xml > _MOST_XML:
        raise _files.too_large(path, f"its XML unpacks to {xml:,} bytes", _MOST_XML)
    names = set(package.namelist())
    if "word/document.xml" not in names and "_rels/.rels" not in names:
        raise UnsupportedFileError(f"{_files.uri_of(path)} is a ZIP archive, but no Word document.")
    return package


def properties(package: zipfile.ZipFile) -> dict[str, Scalar]:
    """Title, author, dates and language from the document's core properties, where they are filled in."""
    if "docProps/core.xml" not in package.namelist():
        return {}
    root = ElementTree.fromstring(package.read("docProps/core.xml"))  # noqa: S314  expat bounds what entities expand to
    found = {_PROPERTIES[node.tag]: (node.text or "").strip() for node in root if node.tag in _PROPERTIES}
    return {key: _files.clean(value) for key, value in found.items() if value}
