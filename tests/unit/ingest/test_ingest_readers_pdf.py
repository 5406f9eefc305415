"""PDF documents: pages, reading order, columns, hyphens, outlines, and those that hold no text for us."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest import readers
from ingest.readers.base import Reading
from kag.errors import EmptyDocumentError, ReadError, TooLargeError, UnsupportedFileError

Words = list[tuple[float, float, str]]  # from the left, from the bottom, text; in the order of drawing


def a_pdf(
    pages: list[Words], *, outline: tuple[tuple[str, int], ...] = (), details: str = "", trailer: str = ""
) -> bytes:
    """A PDF with words at places; `outline` holds titles and page numbers from 0."""
    first_page, first_mark = 4, 4 + 2 * len(pages)
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{f'/Outlines {first_mark} 0 R' if outline else ''}>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, words in enumerate(pages):
        drawn = "".join(f"BT /F1 10 Tf {x} {y} Td ({text}) Tj ET\n" for x, y, text in words)
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {first_page + 2 * number + 1} 0 R"
            "/Resources<</Font<</F1 3 0 R>>>>>>"
        )
        stream = zlib.compress(drawn.encode("cp1252")).hex() + ">"
        objects.append(
            f"<</Length {len(stream)}/Filter[/ASCIIHexDecode/FlateDecode]>>stream\n{stream}\nendstream"
        )
    if outline:
        last = first_mark + len(outline)
        objects.append(f"<</Type/Outlines/First {first_mark + 1} 0 R/Last {last} 0 R/Count {len(outline)}>>")
    for number, (title, page) in enumerate(outline, start=first_mark + 1):
        following = f"/Next {number + 1} 0 R" if number < first_mark + len(outline) else ""
        target = f"[{first_page + 2 * page} 0 R/Fit]"
        objects.append(f"<</Title({title})/Parent {first_mark} 0 R/Dest{target}{following}>>")
    objects.append(f"<<{details}>>")
    body = "".join(f"{n} 0 obj\n{o}\nendobj\n" for n, o in enumerate(objects, start=1))
    end = f"trailer<</Root 1 0 R/Info {len(objects)} 0 R/Size {len(objects) + 1}{trailer}>>\n%%EOF"
    return ("%PDF-1.4\n" + body + end).encode("cp1252")


def read(folder: Path, data: bytes, **limits: int) -> Reading:
    path = folder / "report.pdf"
    path.write_bytes(data)
    return next(readers.read(path, **limits))


def lines(*texts: str, left: float = 72, top: float = 700) -> Words:
    return [(left, top - 12 * n, text) for n, text in enumerate(texts)]


def test_pages_begin_where_their_text_does(tmp_path: Path) -> None:
    found = read(tmp_path, a_pdf([lines("First page."), [], lines("Third page.")]))
    assert found.text == "First page.\n\nThird page."
    assert [(page.number, found.text[page.start :][:5]) for page in found.pages] == [
        (1, "First"),
        (3, "Third"),
    ]
    assert found.metadata["pages"] == 3


def test_lines_of_running_text_become_paragraphs(tmp_path: Path) -> None:
    body = lines(
        "The chemists irradiated uranium with slow neutrons at the institute in Berlin and",
        "expected elements close to it. Instead they found barium, which has little more than",
        "half its mass.",
    )
    heading, following = [(72.0, 724.0, "Barium in Berlin")], [(72.0, 640.0, "A new paragraph stands apart.")]
    found = read(tmp_path, a_pdf([heading + body + following]))
    assert found.text == (
        "Barium in Berlin\n\nThe chemists irradiated uranium with slow neutrons at the institute in Berlin "
        "and expected elements close to it. Instead they found barium, which has little more than "
        "half its mass.\n\nA new paragraph stands apart."
    )


def test_words_that_were_broken_at_a_line_end_are_whole_again(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        a_pdf(
            [
                lines(
                    "A self-made apparatus with which one could determine the radio-",
                    "activity of minerals; the radioactivity of pitchblende and a self-",
                    "made scale were, to all who worked there, of the greatest impor-",
                    "tance indeed.",
                )
            ]
        ),
    )
    assert "the radioactivity of minerals" in found.text
    assert "a self-made scale" in found.text
    assert "importance indeed" in found.text


def test_columns_of_a_table_are_kept_apart(tmp_path: Path) -> None:
    rows = [("Date", "Event", "Place"), ("1898", "Radium is found", "Paris"), ("1938", "Fission", "Berlin")]
    drawn = [
        (x, 700.0 - 14 * n, cell)
        for n, row in enumerate(rows)
        for x, cell in zip((72, 200, 400), row, strict=True)
    ]
    assert read(tmp_path, a_pdf([drawn])).text == (
        "Date | Event | Place\n1898 | Radium is found | Paris\n1938 | Fission | Berlin"
    )


def test_what_is_drawn_last_is_read_in_its_place(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        a_pdf([[(72, 600, "Total: 5"), (72, 500, "Thanks."), (72, 720, "INVOICE"), (72, 660, "Parts: 5")]]),
    )
    assert found.text.split("\n\n") == ["INVOICE", "Parts: 5", "Total: 5", "Thanks."]


def test_columns_of_running_text_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = lines(*(f"left line {n} of the first column" for n in range(8)))
    right = lines(*(f"right line {n} of the second column" for n in range(8)), left=330)
    caption: Words = [(330, 150, "Figure 2"), (330, 250, "Figure 1")]
    text = read(tmp_path, a_pdf([left + right + caption])).text
    assert text.index("left line 7") < text.index("right line 0")
    assert "right line 0 of the second column right line 1" in text


def test_the_outline_gives_headings_at_their_words(tmp_path: Path) -> None:
    pages = [lines("The Book", "see Second Part below"), lines("Second   Part", "Words.")]
    found = read(tmp_path, a_pdf(pages, outline=(("The Book", 0), ("Second Part", 1), ("Missing", 1))))
    assert [(h.level, h.title, found.text[h.start :][:8]) for h in found.headings] == [
        (1, "The Book", "The Book"),
        (1, "Second Part", "Second P"),
        (1, "Missing", "Second P"),
    ]


def test_title_author_and_date_come_from_the_document(tmp_path: Path) -> None:
    details = "/Title(Nuclear Fission)/Author(L. Meitner)/CreationDate(D:19390211120000Z)"
    found = read(tmp_path, a_pdf([lines("Words.")], details=details))
    assert found.title == "Nuclear Fission"
    assert found.metadata == {"pages": 1, "author": "L. Meitner", "date": "1939-02-11"}


@pytest.mark.parametrize("title", ["untitled", "Microsoft Word - draft.doc", "chapter7.indd", ""])
def test_a_title_that_a_program_made_up_is_not_taken(tmp_path: Path, title: str) -> None:
    assert read(tmp_path, a_pdf([lines("Words.")], details=f"/Title({title})")).title == "report"


def test_a_document_without_text_is_named_as_scanned(tmp_path: Path) -> None:
    with pytest.raises(EmptyDocumentError, match=r"2 pages.*scanned.*OCR"):
        read(tmp_path, a_pdf([[], []]))


def test_a_password_is_named(tmp_path: Path) -> None:
    keys = "41" * 32
    locked = f"/Encrypt<</Filter/Standard/V 1/R 2/O<{keys}>/U<{keys}>/P -4>>/ID[<41><41>]"
    with pytest.raises(ReadError, match="password"):
        read(tmp_path, a_pdf([lines("Words.")], trailer=locked))


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"words", "no PDF"), (b"%PDF-1.4\n", "damaged"), (b"%PDF-1.4\n" + b"x" * 9999, "damaged")],
)
def test_what_is_no_pdf_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(UnsupportedFileError, match=message):
        read(tmp_path, data)


def test_more_text_than_the_limit_is_refused(tmp_path: Path) -> None:
    data = a_pdf([lines(*["word " * 20] * 50)] * 2)
    assert len(data) < 5000
    assert len(read(tmp_path, data, max_bytes=20_000).text) > 9000
    with pytest.raises(TooLargeError, match="first 2 pages have"):
        read(tmp_path, data, max_bytes=8000)


def test_threads_may_read_at_once(tmp_path: Path) -> None:
    paths = []
    for number in range(8):
        paths.append(tmp_path / f"{number}.pdf")
        paths[-1].write_bytes(a_pdf([lines(f"Document {number}", "and its words")] * 5))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda path: next(readers.read(path)).text, paths * 5))
    assert all(text.startswith(f"Document {number % 8}") for number, text in enumerate(found))
