"""The contract of chunkers: exact spans, limits kept, nothing lost, for every one that discover finds."""

from __future__ import annotations

from itertools import pairwise
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.readers.base import Heading, Page, Reading
from kag import discover
from kag.errors import ConfigurationError

CHUNKERS = [discover.load("ingest.chunkers", name) for name in discover.names("ingest.chunkers")]
every_chunker = pytest.mark.parametrize("chunker", CHUNKERS, ids=lambda module: module.__name__)

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)
BLOCKS = st.one_of(
    WORDS,
    st.text("ab .\n\n\té𝔸👩‍👩‍👧ä\u0301`*_[]()<>|#-=~", max_size=120),
    st.builds("{} {}".format, st.sampled_from(["#", "##", "###", "-", "1.", ">"]), WORDS),
    st.builds("```\n{}\n```".format, WORDS),
    st.builds("| a | b |\n|---|---|\n| {} | {} |".format, WORDS, WORDS),
    st.integers(0, 60).map(lambda n: "A sentence of words. " * n),
    st.integers(0, 400).map(lambda n: "x" * n),
)
TEXTS = st.lists(BLOCKS, max_size=12).map("\n\n".join)


def a_reading(
    text: str,
    *,
    markdown: bool = False,
    headings: tuple[Heading, ...] = (),
    pages: tuple[Page, ...] = (),
    records: tuple[tuple[int, int], ...] = (),
) -> Reading:
    return Reading(
        uri="/a",
        title="A",
        media_type="text/plain",
        text=text,
        content_hash="0",
        markdown=markdown,
        headings=headings,
        pages=pages,
        records=records,
    )


@st.composite
def readings(draw: st.DrawFn) -> Reading:
    text = draw(TEXTS)
    places = st.lists(st.integers(0, len(text)), max_size=6, unique=True).map(sorted)
    return a_reading(
        text,
        markdown=draw(st.booleans()),
        headings=tuple(Heading(1 + at % 3, "T", at) for at in draw(places)),
        pages=tuple(Page(number, at) for number, at in enumerate(draw(places), start=1)),
        records=tuple(zip(*[iter(draw(places))] * 2, strict=False)),
    )


@every_chunker
@settings(max_examples=300, deadline=None)
@given(reading=readings(), limit=st.integers(20, 400), data=st.data())
def test_spans_are_exact_in_order_and_within_the_limit(
    chunker: ModuleType, reading: Reading, limit: int, data: st.DataObject
) -> None:
    overlap = data.draw(st.sampled_from([0, 0, limit // 4]))
    passages = chunker.split(reading, max_characters=limit, overlap=overlap)
    for passage in passages:
        assert reading.text[passage.start : passage.end] == passage.text
        assert passage.text == passage.text.strip() != ""
        assert len(passage.text) <= limit
    starts = [passage.start for passage in passages]
    assert starts == sorted(starts)
    if overlap == 0:
        assert all(a.end <= b.start for a, b in pairwise(passages))


@every_chunker
@settings(max_examples=300, deadline=None)
@given(reading=readings(), limit=st.integers(20, 400))
def test_no_letter_is_lost(chunker: ModuleType, reading: Reading, limit: int) -> None:
    covered: set[int] = set()
    for passage in chunker.split(reading, max_characters=limit):
        covered.update(range(passage.start, passage.end))
    lost = [c for at, c in enumerate(reading.text) if c.isalnum() and at not in covered]
    assert not lost


@every_chunker
def test_a_blank_text_has_no_passages(chunker: ModuleType) -> None:
    assert chunker.split(a_reading(" \n\n \t "), max_characters=100) == []
    assert chunker.split(a_reading(""), max_characters=100) == []


@every_chunker
def test_headings_above_a_passage_are_its_path(chunker: ModuleType) -> None:
    text = (
        "# Book\n\n## Part\n\n" + "One sentence here. " * 20 + "\n\n## Other\n\n" + "Another one there. " * 20
    )
    headings = tuple(Heading(text[: text.index(t)].count("#") or 1, t, text.index(t) - 2) for t in ("Book",))
    headings += (Heading(2, "Part", text.index("## Part")), Heading(2, "Other", text.index("## Other")))
    passages = chunker.split(a_reading(text, markdown=True, headings=headings), max_characters=300)
    paths = {passage.headings for passage in passages}
    assert paths == {("Book", "Part"), ("Book", "Other")}
    for passage in passages:
        assert passage.headings[-1] == ("Other" if "Another" in passage.text else "Part")


@every_chunker
@pytest.mark.parametrize("repeats", [8, 30])
def test_a_passage_stays_on_its_page(chunker: ModuleType, repeats: int) -> None:
    pages = ["First page. " * repeats, "Second page. " * repeats, "Third page. " * repeats]
    text = "\n\n".join(pages)
    marks = tuple(Page(number, text.index(page)) for number, page in enumerate(pages, start=1))
    for passage in chunker.split(a_reading(text, pages=marks), max_characters=400):
        word = {1: "First", 2: "Second", 3: "Third"}[passage.page or 0]
        assert set(passage.text.replace(".", "").split()) == {word, "page"}


@every_chunker
def test_records_stay_whole_where_they_fit(chunker: ModuleType) -> None:
    rows = [f"name: Person {n}; born: 18{n:02d}" for n in range(40)]
    text = "\n".join(rows)
    starts = [text.index(row) for row in rows]
    records = tuple((start, start + len(row)) for start, row in zip(starts, rows, strict=True))
    passages = chunker.split(a_reading(text, records=records), max_characters=200)
    assert [line for passage in passages for line in passage.text.split("\n")] == rows


@every_chunker
@pytest.mark.parametrize(("limit", "overlap"), [(0, 0), (-5, 0), (100, 100), (100, -1)])
def test_limits_that_cannot_be_kept_are_refused(chunker: ModuleType, limit: int, overlap: int) -> None:
    with pytest.raises(ConfigurationError, match="characters"):
        chunker.split(a_reading("Some text."), max_characters=limit, overlap=overlap)
