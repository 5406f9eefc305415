"""Word documents: structure by style, properties, and packages that are not what they seem."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from ingest import readers
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, TooLargeError, UnsupportedFileError

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
PACKAGING = "http://schemas.openxmlformats.org/package/2006"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def package(body: str, *, styles: str = "", core: str = "") -> bytes:
    """A Word document with a body, and styles and core properties where they are given."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("[Content_Types].xml", f'<Types xmlns="{PACKAGING}/content-types"/>')
        parts.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{PACKAGING}/relationships">'
            f'<Relationship Id="r1" Type="{OFFICE}/officeDocument" Target="word/document.xml"/>'
            "</Relationships>",
        )
        parts.writestr(
            "word/_rels/document.xml.rels",
            f'<Relationships xmlns="{PACKAGING}/relationships">'
            f'<Relationship Id="r2" Type="{OFFICE}/styles" Target="styles.xml"/></Relationships>',
        )
        parts.writestr("word/document.xml", f"<w:document {WORD}><w:body>{body}</w:body></w:document>")
        parts.writestr("word/styles.xml", f"<w:styles {WORD}>{styles}</w:styles>")
        if core:
            parts.writestr("docProps/core.xml", core)
    return buffer.getvalue()


def paragraph(text: str, style: str = "") -> str:
    mark = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{mark}<w:r><w:t>{text}</w:t></w:r></w:p>"


def style(identifier: str, name: str, inner: str = "") -> str:
    return f'<w:style w:type="paragraph" w:styleId="{identifier}"><w:name w:val="{name}"/>{inner}</w:style>'


def read(folder: Path, data: bytes) -> Reading:
    path = folder / "letter.docx"
    path.write_bytes(data)
    return next(readers.read(path))


def test_styles_are_headings_code_and_lists_by_what_they_are(tmp_path: Path) -> None:
    mono = '<w:rPr><w:rFonts w:ascii="Courier New"/></w:rPr>'
    outline = '<w:pPr><w:outlineLvl w:val="1"/></w:pPr>'
    based = '<w:basedOn w:val="Outlined"/>'
    styles = [
        style("T", "Title"),
        style("HeadA", "HeadA"),
        style("Outlined", "Whatever", outline),
        style("Derived", "Derived", based),
        style("Listing", "My Listing", mono),
        style("ListBullet", "List Bullet"),
    ]
    body = [
        paragraph("The Book", "T"),
        paragraph("Part", "HeadA"),
        paragraph("Words."),
        paragraph("By outline", "Outlined"),
        paragraph("By its base", "Derived"),
        paragraph("x = 1", "Listing"),
        paragraph("y = 2", "Listing"),
        paragraph("one", "ListBullet"),
        paragraph("two", "ListBullet"),
    ]
    found = read(tmp_path, package("".join(body), styles="".join(styles)))
    assert found.text == (
        "# The Book\n\n## Part\n\nWords.\n\n## By outline\n\n## By its base\n\n```\nx = 1\ny = 2\n```\n\n"
        "- one\n- two"
    )
    assert found.title == "The Book"
    assert [heading.level for heading in found.headings] == [1, 2, 2, 2]


def test_a_ring_of_styles_ends(tmp_path: Path) -> None:
    ring = style("A", "A", '<w:basedOn w:val="B"/>') + style("B", "B", '<w:basedOn w:val="A"/>')
    assert read(tmp_path, package(paragraph("Words.", "A"), styles=ring)).text == "Words."


def test_properties_become_title_and_metadata(tmp_path: Path) -> None:
    core = (
        '<c:coreProperties xmlns:c="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:t="http://purl.org/dc/terms/"><dc:title>Radium</dc:title>'
        "<dc:creator>M. Curie</dc:creator><t:created>1898-12-26</t:created><dc:language/></c:coreProperties>"
    )
    found = read(tmp_path, package(paragraph("Words."), core=core))
    assert found.title == "Radium"
    assert found.metadata == {"author": "M. Curie", "date": "1898-12-26"}


def test_tables_are_markdown_tables(tmp_path: Path) -> None:
    cells = [["When", "Where"], ["1906", "Vienna"]]
    rows = "".join(f"<w:tr>{''.join(f'<w:tc>{paragraph(c)}</w:tc>' for c in row)}</w:tr>" for row in cells)
    found = read(tmp_path, package(f"<w:tbl>{rows}</w:tbl>"))
    assert found.text == "| When | Where |\n| --- | --- |\n| 1906 | Vienna |"


def test_a_document_of_pictures_is_named_as_empty(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocumentError, match="OCR"):
        read(tmp_path, package("<w:p/>"))


def test_a_bomb_is_refused_by_its_directory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    path.write_bytes(package(paragraph(" " * 50_000_000)))
    with pytest.raises(TooLargeError, match="parts unpack to more bytes, the limit is 1,000,000"):
        next(readers.read(path, max_bytes=1_000_000))
    with pytest.raises(TooLargeError, match="XML unpacks to"):
        next(readers.read(path))


def test_entities_that_expand_without_end_are_refused(tmp_path: Path) -> None:
    steps = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    bomb = f'<!DOCTYPE l [<!ENTITY a "lol">{steps}]><l>&j;</l>'
    with pytest.raises(UnsupportedFileError, match="damaged"):
        read(tmp_path, package(paragraph("Words."), core=bomb))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"plain words", "no Word document"),
        (b"PK\x03\x04 cut", "no Word document"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "password"),
        (package("<w:p>" * 50_000 + "</w:p>" * 50_000), "damaged"),
        (package("<w:p><unclosed></w:p>"), "damaged"),
    ],
)
def test_what_is_no_word_document_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(UnsupportedFileError, match=message):
        read(tmp_path, data)


def test_another_kind_of_archive_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as parts:
        parts.writestr("a.txt", "words")
    with pytest.raises(UnsupportedFileError, match="a ZIP archive, but no Word document"):
        read(tmp_path, buffer.getvalue())
