"""The contract of readers: every one that discover finds is held to it, with samples built here."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ingest import readers
from ingest.readers.base import Reader
from kag import discover
from kag.errors import EmptyDocumentError, ReadError, TooLargeError, UnsupportedFileError

WORDS = "Marie Curie was born in Warsaw in 1867"  # every sample says this


def a_pdf(words: str) -> bytes:
    """A PDF of one page; the cross-reference table is left out, as broken writers do."""
    stream = f"BT /F1 12 Tf 72 700 Td ({words}.) Tj ET".encode()
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (n, o) for n, o in enumerate(objects, start=1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R/Size 6>>\n%%EOF"


def a_docx(words: str) -> bytes:
    """A Word document of one paragraph, with no more parts than it needs."""
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    packaging = "http://schemas.openxmlformats.org/package/2006"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("[Content_Types].xml", f'<Types xmlns="{packaging}/content-types"/>')
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{packaging}/relationships"><Relationship Id="r1" Type="{relation}" '
            'Target="word/document.xml"/></Relationships>',
        )
        package.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{word}"><w:body><w:p><w:r><w:t>{words}.</w:t></w:r></w:p></w:body>'
            "</w:document>",
        )
    return buffer.getvalue()


SAMPLES: dict[str, Callable[[str], bytes]] = {
    ".md": lambda words: f"# Marie Curie\n\n{words}.\n\n## Work\n\nShe found radium.\n".encode(),
    ".txt": lambda words: f"{words}.\n".encode(),
    ".html": lambda words: (
        f"<title>Marie Curie</title><h1>Marie Curie</h1><p>{words}.<h2>Work</h2><p>Radium.".encode()
    ),
    ".pdf": a_pdf,
    ".docx": a_docx,
    ".csv": lambda words: f"who,what\nCurie,{words}\nHahn,fission\n".encode(),
    ".tsv": lambda words: f"who\twhat\nCurie\t{words}\nHahn\tfission\n".encode(),
    ".jsonl": lambda words: json.dumps({"id": "c", "title": "Marie Curie", "text": f"{words}."}).encode(),
    ".jsonl.gz": lambda words: gzip.compress(json.dumps({"text": f"{words}."}).encode()),
}
SAME = {
    ".markdown": ".md",
    ".mdown": ".md",
    ".mkd": ".md",
    ".mdx": ".md",
    ".text": ".txt",
    ".htm": ".html",
    ".xhtml": ".html",
    ".ndjson": ".jsonl",
}
CASES = [
    (name, suffix)
    for name in discover.names("ingest.readers")
    for suffix in discover.load("ingest.readers", name).SUFFIXES
]
every_reader = pytest.mark.parametrize(("name", "suffix"), CASES)


def sample(folder: Path, suffix: str, name: str = "sample", words: str = WORDS) -> Path:
    build = SAMPLES.get(SAME.get(suffix, suffix))
    assert build is not None, f"there is no sample for {suffix} files: add one to SAMPLES"
    path = folder / f"{name}{suffix}"
    path.write_bytes(build(words))
    return path


def reader(name: str) -> Reader:
    return discover.load("ingest.readers", name)  # type: ignore[return-value]


@every_reader
def test_a_reader_gives_the_text_of_its_sample(name: str, suffix: str, tmp_path: Path) -> None:
    found = list(reader(name).read(sample(tmp_path, suffix), max_bytes=1_000_000))
    assert found
    assert WORDS in "\n".join(reading.text for reading in found)
    for reading in found:
        assert reading.title
        assert reading.media_type == reader(name).MEDIA_TYPE
        assert reading.uri.startswith(str(tmp_path))
        assert len({r.uri for r in found}) == len(found)


@every_reader
def test_what_a_reader_points_at_lies_in_the_text_and_in_its_order(
    name: str, suffix: str, tmp_path: Path
) -> None:
    for reading in reader(name).read(sample(tmp_path, suffix), max_bytes=1_000_000):
        size = len(reading.text)
        headings = [heading.start for heading in reading.headings]
        pages = [page.start for page in reading.pages]
        ends = [place for record in reading.records for place in record]
        assert headings == sorted(headings)
        assert pages == sorted(set(pages))
        assert ends == sorted(ends)
        assert all(0 <= place <= size for place in (*headings, *pages, *ends))
        for heading in reading.headings:
            assert heading.level >= 1
            assert heading.title in reading.text[heading.start : heading.start + len(heading.title) + 20]


@every_reader
def test_reading_twice_gives_the_same(name: str, suffix: str, tmp_path: Path) -> None:
    path = sample(tmp_path, suffix)
    assert list(readers.read(path)) == list(readers.read(path))


@every_reader
def test_another_content_gives_another_hash(name: str, suffix: str, tmp_path: Path) -> None:
    first = next(readers.read(sample(tmp_path, suffix)))
    second = next(readers.read(sample(tmp_path, suffix, words=WORDS.replace("Warsaw", "Warszawa"))))
    assert first.uri == second.uri
    assert first.content_hash != second.content_hash


@every_reader
def test_a_reader_refuses_binary_content_under_its_name(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"picture{suffix}"
    for content in (
        b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40,
        b"\x7fELF" + bytes(5000),
        os.urandom(5000),
    ):
        path.write_bytes(content)
        with pytest.raises((UnsupportedFileError, ReadError), match="picture"):
            list(readers.read(path))


@every_reader
def test_a_reader_refuses_0_bytes_as_empty(name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"nothing{suffix}"
    path.touch()
    with pytest.raises(EmptyDocumentError, match="0 bytes"):
        list(readers.read(path))


@every_reader
def test_a_reader_refuses_what_is_over_the_limit(name: str, suffix: str, tmp_path: Path) -> None:
    path = sample(tmp_path, suffix)
    with pytest.raises(TooLargeError, match="max_megabytes"):
        list(readers.read(path, max_bytes=path.stat().st_size - 1))
    with pytest.raises(TooLargeError):
        list(reader(name).read(path, max_bytes=30))


@every_reader
def test_half_a_file_gives_its_text_or_a_named_error(name: str, suffix: str, tmp_path: Path) -> None:
    path = sample(tmp_path, suffix)
    whole = path.read_bytes()
    for end in range(1, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:end])
        try:
            assert all(isinstance(reading.text, str) for reading in readers.read(path))
        except ReadError as error:
            assert path.name in str(error)


@every_reader
def test_a_name_in_capitals_and_with_a_newline_is_read(name: str, suffix: str, tmp_path: Path) -> None:
    path = sample(tmp_path, suffix)
    shouted = path.rename(path.with_name(f"two\nlines{suffix.upper()}"))
    assert WORDS in "\n".join(reading.text for reading in readers.read(shouted))


@every_reader
def test_nothing_that_cannot_be_stored_comes_out(name: str, suffix: str, tmp_path: Path) -> None:
    path = sample(tmp_path, suffix)
    name_in_latin1 = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9" + suffix.encode())
    try:
        os.rename(path, name_in_latin1)
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    for reading in readers.read(name_in_latin1):
        pieces = (reading.uri, reading.title, reading.text, *map(str, reading.metadata.values()))
        for piece in (*pieces, *(heading.title for heading in reading.headings)):
            piece.encode("utf-8")  # fails on lone surrogates
            assert "\x00" not in piece


def test_every_suffix_belongs_to_one_reader() -> None:
    suffixes = [suffix for _, suffix in CASES]
    assert len(suffixes) == len(set(suffixes))
    assert readers.supported_suffixes() == frozenset(suffixes)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in suffixes)
