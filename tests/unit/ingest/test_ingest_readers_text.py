"""Plain text, Markdown and what all text formats share: encodings, binary content, titles, headings."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import readers
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, ReadError, TooLargeError, UnsupportedFileError


def read(folder: Path, name: str, content: str | bytes) -> Reading:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return next(readers.read(path))


SAYINGS = [
    ("utf-8", "Łódź – naïve 🦆"),
    ("utf-8-sig", "Łódź – naïve 🦆"),
    ("utf-16", "Łódź – naïve 🦆"),
    ("utf-32", "Łódź – naïve 🦆"),
    ("utf-16-le", "Plain words in UTF-16 without a mark."),
    ("utf-16-be", "Plain words in UTF-16 without a mark."),
    ("latin-1", "Österreich ist schön, und die Größe der Straßen überrascht viele Gäste."),
    ("cp1251", "Это русский текст в старой кодировке, довольно длинный, чтобы её угадать."),
    ("shift_jis", "これは日本語のテキストです。文字コードを推測できるでしょうか。"),
]


@pytest.mark.parametrize(("encoding", "words"), SAYINGS, ids=[encoding for encoding, _ in SAYINGS])
def test_the_encoding_of_a_text_is_found(tmp_path: Path, encoding: str, words: str) -> None:
    assert read(tmp_path, "a.txt", words.encode(encoding)).text == words


def test_a_few_broken_bytes_do_not_change_the_other_letters(tmp_path: Path) -> None:
    found = read(tmp_path, "a.txt", "Schöne Grüße aus Köln über Nürnberg".encode() + b"\xff!")
    assert found.text == "Schöne Grüße aus Köln über Nürnberg\ufffd!"


def test_line_ends_become_one_kind_and_control_characters_go(tmp_path: Path) -> None:
    found = read(tmp_path, "a.txt", "one\r\ntwo\rthree\u2028four\x0cfive\x07 " + "and so on " * 20)
    assert found.text.startswith("one\ntwo\nthree\nfour\nfive and so on")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7 and so on", "a PDF document"),
        (b"PK\x03\x04" + b"\x00" * 50, "a ZIP archive"),
        (b"\x89PNG\r\n" + bytes(100), "a PNG image"),
        (b"SQLite format 3\x00" + bytes(100), "a SQLite database"),
        (b"text and then\x00nothing", "binary data"),
        (bytes(range(1, 32)) * 20, "binary data"),
    ],
)
@pytest.mark.parametrize("name", ["a.md", "a.txt", "a.html", "a.csv"])
def test_binary_content_is_named_for_what_it_is(tmp_path: Path, name: str, content: bytes, kind: str) -> None:
    with pytest.raises(UnsupportedFileError, match=kind):
        read(tmp_path, name, content)


def test_a_gigabyte_of_zeros_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "zeros.md"
    with path.open("wb") as file:
        file.truncate(1_000_000_000)
    with pytest.raises(TooLargeError, match="1,000,000,000 bytes, the limit is 100,000,000"):
        next(readers.read(path))
    with pytest.raises(UnsupportedFileError, match="binary"):
        next(readers.read(path, max_bytes=2_000_000_000))


@pytest.mark.parametrize("name", ["blank.txt", "blank.md", "blank.html", "blank.csv"])
def test_blanks_are_no_text(tmp_path: Path, name: str) -> None:
    with pytest.raises(EmptyDocumentError, match="no text"):
        read(tmp_path, name, " \n\t\r\n ")


def test_what_is_not_there_or_no_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"missing\.md: No such file"):
        next(readers.read(tmp_path / "missing.md"))
    (tmp_path / "folder.md").mkdir()
    with pytest.raises(UnsupportedFileError, match="not a regular file"):
        next(readers.read(tmp_path / "folder.md"))
    with pytest.raises(UnsupportedFileError, match=r"Readable are .*\.docx"):
        next(readers.read(tmp_path / "picture.png"))
    with pytest.raises(UnsupportedFileError, match="no reader knows"):
        next(readers.read(tmp_path / ".md"))


def test_the_longest_suffix_decides_in_any_case(tmp_path: Path) -> None:
    assert readers.suffix_of(Path("A.B.JSONL.GZ")) == ".jsonl.gz"
    assert readers.suffix_of(Path("a.gz")) == ""
    assert readers.suffix_of(Path("README.Md")) == ".md"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Frederick Soddy\n\nHe was born in Eastbourne.", "Frederick Soddy"),
        ("ISOTOPES\n========\nThey differ.", "ISOTOPES"),
        ("He was born.\n\nAnd died.", "name"),
        ("A line of running text\nthat goes on", "name"),
        ("x" * 200 + "\n\nrest", "name"),
        ("only one line", "name"),
    ],
)
def test_a_short_first_line_that_stands_alone_is_the_title(tmp_path: Path, text: str, title: str) -> None:
    assert read(tmp_path, "name.txt", text).title == title


def test_markdown_is_its_own_source_with_headings_outside_code(tmp_path: Path) -> None:
    source = (
        "Intro\n\n# One `x` #\n\n```sh\n# no heading\n```\n\nTwo *words*\n=====\n\n~~~\n## no\n```\n~~~\n"
        "<!--\n# no\n-->\n## [Three](http://x.org) {#three}\n\n#no\n\n- item\n---\n### A_b_c and **d**\n"
    )
    found = read(tmp_path, "a.md", source)
    assert found.text == source
    assert found.markdown
    assert [(h.level, h.title) for h in found.headings] == [
        (1, "One x"),
        (1, "Two words"),
        (2, "Three"),
        (3, "A_b_c and d"),
    ]
    assert [source[h.start :].split("\n")[0] for h in found.headings] == [
        "# One `x` #",
        "Two *words*",
        "## [Three](http://x.org) {#three}",
        "### A_b_c and **d**",
    ]
    assert found.title == "One x"


def test_front_matter_is_metadata_and_no_text(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "a.md",
        "---\ntitle: \"Radium: a history\"\nAuthor: M. Curie  # x\ntags: [ray, 'element']\n"
        "places:\n  - Paris\n  - Warsaw\n"
        "nested:\n  key: left out\ndate: 1898-12-26\n---\n\n# Body\n",
    )
    assert found.title == "Radium: a history"
    assert found.text == "\n# Body\n"
    assert found.metadata == {
        "author": "M. Curie",
        "tags": "ray, element",
        "places": "Paris, Warsaw",
        "date": "1898-12-26",
    }


def test_toml_front_matter_is_read_too(tmp_path: Path) -> None:
    found = read(tmp_path, "a.md", '+++\ntitle = "R"\nweight = 3\ntags = ["a", "b"]\n+++\nText')
    assert (found.title, found.text) == ("R", "Text")
    assert found.metadata == {"weight": 3, "tags": "a, b"}


@pytest.mark.parametrize(
    "text", ["---\n\nA rule above.\n\n---\n\nText", "---\nno end\n\nText", "+++\n= x\n+++\nText"]
)
def test_a_rule_is_not_taken_for_front_matter(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, "a.md", text)
    assert found.text == text
    assert found.metadata == {}


def test_front_matter_alone_is_an_empty_document(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocumentError, match="front matter"):
        read(tmp_path, "a.md", "---\ntitle: x\n---\n")
