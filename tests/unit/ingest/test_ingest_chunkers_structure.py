"""What the structure chunker adds to the contract: whole code and tables, headings with text, sentences."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from ingest import readers
from ingest.chunkers import structure
from ingest.chunkers.base import Passage
from ingest.readers.base import Page, Reading


def passages(folder: Path, markdown: str, limit: int, overlap: int = 0) -> list[Passage]:
    path = folder / "a.md"
    path.write_text(markdown, encoding="utf-8")
    return structure.split(next(readers.read(path)), max_characters=limit, overlap=overlap)


def sentences(count: int, word: str = "sentence") -> str:
    return " ".join(f"This is {word} number {n}." for n in range(count))


def test_code_and_tables_stay_whole_where_they_fit(tmp_path: Path) -> None:
    code = "```python\n" + "\n".join(f"value_{n} = {n}" for n in range(10)) + "\n```"
    table = "| name | year |\n| --- | --- |\n" + "\n".join(f"| person {n} | 18{n} |" for n in range(8))
    found = passages(tmp_path, f"# T\n\n{sentences(9)}\n\n{code}\n\n{sentences(9)}\n\n{table}\n", 250)
    assert any(code in passage.text for passage in found)
    assert any(table in passage.text for passage in found)


def test_code_that_does_not_fit_is_split_at_its_lines(tmp_path: Path) -> None:
    lines = [f"value_{n} = compute({n})" for n in range(100)]
    found = passages(tmp_path, "# T\n\n```python\n" + "\n".join(lines) + "\n```\n", 300)
    assert all(len(passage.text) <= 300 for passage in found)
    kept = [line for passage in found for line in passage.text.split("\n")]
    assert [line for line in kept if line.startswith("value")] == lines
    assert found[0].text.startswith("# T\n\n```python\nvalue_0")
    assert not any(passage.text.strip("`\n") in ("", "python") for passage in found)


def test_a_heading_is_not_left_alone(tmp_path: Path) -> None:
    long_paragraph = sentences(30)
    found = passages(tmp_path, f"# Book\n\n## Part\n\n{long_paragraph}\n\n## Next\n\n{sentences(3)}\n", 400)
    assert found[0].text.startswith("# Book\n\n## Part\n\nThis is sentence number 0.")
    assert found[0].headings == ("Book", "Part")
    assert found[-1].text == f"## Next\n\n{sentences(3)}"
    assert found[-1].headings == ("Book", "Next")


def test_a_long_paragraph_is_cut_between_sentences_and_not_at_its_marks(tmp_path: Path) -> None:
    paragraph = " ".join(
        f"The *value* of `item_{n}` is, as 'we' know, [given](x) by Dr. Smith." for n in range(40)
    )
    for passage in passages(tmp_path, paragraph, 300):
        assert passage.text.startswith("The *value*")
        assert passage.text.endswith("by Dr. Smith.")


def test_comments_and_anchors_are_no_passage(tmp_path: Path) -> None:
    found = passages(tmp_path, f'<!-- old heading -->\n\n<a id="x"></a>\n\n## Part\n\n{sentences(20)}\n', 300)
    assert "This is sentence number 0." in found[0].text


def test_a_scrap_joins_the_passage_before_it(tmp_path: Path) -> None:
    found = passages(tmp_path, f"# T\n\n{sentences(10)}\n\n{sentences(10)}\n\nEnd.\n\n---\n", 400)
    assert all(len(passage.text) > 40 for passage in found)


def test_overlap_repeats_the_end_of_the_passage_before(tmp_path: Path) -> None:
    found = passages(tmp_path, sentences(60), 300, overlap=100)
    shared = [before.end - passage.start for before, passage in pairwise(found)]
    assert all(0 < characters <= 100 for characters in shared)


def test_a_tiny_page_shares_a_passage_with_its_neighbour() -> None:
    text = "Title page\n\n" + sentences(10) + "\n\n" + sentences(10, "line") + "\n\nThe end."
    starts = [0, 12, text.index("This is line"), text.index("The end.")]
    pages = tuple(Page(number, start) for number, start in enumerate(starts, start=1))
    reading = Reading("/a", "A", "application/pdf", text, "0", pages=pages)
    found = structure.split(reading, max_characters=400)
    assert [passage.page for passage in found] == [2, 3]
    assert found[0].text.startswith("Title page\n\nThis is sentence")
    assert found[-1].text.endswith("The end.")


def test_one_endless_line_is_split_in_time() -> None:
    for text in ("a" * 2_000_000, "word " * 400_000, "é\n" * 200_000):
        found = structure.split(Reading("/a", "A", "text/plain", text, "0"), max_characters=1200)
        assert sum(len(passage.text) for passage in found) >= 0.99 * len(text.strip())
