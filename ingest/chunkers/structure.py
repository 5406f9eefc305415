"""Splits a text along its structure: headings, paragraphs, sentences; code, tables and records stay whole.

The splitting is done by semantic-text-splitter; this module keeps it within pages and records, moves its cuts
to the ends of sentences, joins headings with what they head, and says where each passage stands.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence

from ingest.chunkers.base import Passage
from ingest.readers.base import Reading
from kag.errors import ConfigurationError
from kag.text import sentences

Span = tuple[int, int]

_WINDOW = 100_000  # characters split at once; the time for one unbroken line grows with its square
_TINY_PAGE = 0.15  # of a passage: a page with less text may share a passage with its neighbour
_TINY = 0.1  # of a passage: what a text ends with may join the passage before it
_RECORD_SHARE = 6  # short records share a passage up to this part of the limit: a row is a unit of evidence
_BORDERS = re.compile(r"[\s`~|:\-=*_#>+.\\]*")
_FENCE_LINE = re.compile(r"\s*(?:`{3,}|~{3,})[^\n`]*\s*")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})", re.M)
_NOTHING = re.compile(r"<!--.*?-->|<a [^<>]{0,200}></a>", re.S)  # comments and anchors, which nobody reads
_BLOCK = re.compile(r"(?:`{3,}|~{3,}|\|)")
_ENDED = re.compile(r"[.!?…:|。！？][\"'”’»)\]*_`]*\Z")


def split(reading: Reading, *, max_characters: int = 1200, overlap: int = 0) -> list[Passage]:
    """Splits a document into passages, in the order of its text.

    A passage does not cross the end of a page unless one of its pages is tiny; its page is the one that holds
    its middle. A record (a row of a table) is a passage; short ones share one. Code, tables and records that
    are longer than the limit are split at their lines.

    Args:
        reading: The document as read.
        max_characters: No passage is longer; at least 20.
        overlap: Characters that a passage may share with the one before, less than `max_characters`.

    Returns:
        Passages without surrounding white space, such that `reading.text[start:end] == text`.

    Raises:
        ConfigurationError: The limits cannot be kept.

    Example:
        ```python
        passages = split(reading, max_characters=800)
        ```
    """
    if max_characters < 20 or not 0 <= overlap < max_characters:
        raise ConfigurationError(
            f"Cannot split into passages of {max_characters} characters that share {overlap}: "
            "the length must be 20 or more, and the overlap from 0 to below it."
        )
    outline = _Outline(reading)
    spans: list[Span] = []
    for start, end in _parts(reading, max_characters):
        spans += _split_part(reading, outline, (start, end), max_characters, overlap)
    spans += _grouped_records(reading, max_characters)
    return [outline.passage(span) for span in sorted(spans)]


class _Outline:
    """The headings and pages of a reading, found by place."""

    def __init__(self, reading: Reading) -> None:
        self._text = reading.text
        self._headings = reading.headings
        self._starts = [heading.start for heading in reading.headings]
        self._pages = reading.pages
        self._page_starts = [page.start for page in reading.pages]
        self._paths = list(_paths(reading))
        self._fences = [match.start() for match in _FENCE.finditer(reading.text)] if reading.markdown else []

    def passage(self, span: Span) -> Passage:
        """The passage at a span, with its page and the headings that it stands under."""
        start, end = span
        page = bisect_right(self._page_starts, (start + end) // 2) - 1
        return Passage(
            text=self._text[start:end],
            start=start,
            end=end,
            page=self._pages[page].number if page >= 0 else None,
            headings=self._path(start, end),
        )

    def is_head(self, span: Span) -> bool:
        """Whether there is nothing in a span but headings and the first line of a code block."""
        start, end = span
        if self._in_code(start):
            return False
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        rest, position = "", start
        for heading in self._headings[first:last]:
            rest += self._text[position : heading.start]
            position = max(position, self._end_of_line(heading.start))
        rest = _NOTHING.sub("", rest + self._text[position:end])
        return not rest.strip("=-\n \t") or bool(_FENCE_LINE.fullmatch(rest))

    def is_torn(self, end: int, start: int) -> bool:
        """Whether a sentence of running text goes on from the end of one span to the start of the next."""
        if self._text.count("\n", end, start) > 1 or self._in_code(start):
            return False
        ended = _ENDED.search(self._text, max(0, end - 8), end)
        return not ended and (self._text[start].islower() or "\n" not in self._text[end:start])

    def _in_code(self, position: int) -> bool:
        """Whether a place is in a code block: an odd number of fences stands before it."""
        return bisect_left(self._fences, position) % 2 == 1

    def first_heading(self, start: int, end: int) -> int | None:
        """Where the first heading from `start` to before `end` begins."""
        index = bisect_left(self._starts, start)
        return self._starts[index] if index < len(self._starts) and self._starts[index] < end else None

    def _path(self, start: int, end: int) -> tuple[str, ...]:
        """The headings above the first words of a span, those that it begins with among them."""
        index = bisect_right(self._starts, start) - 1
        position = (
            self._end_of_line(self._starts[index]) if index >= 0 and self._starts[index] == start else start
        )
        while index + 1 < len(self._starts) and self._starts[index + 1] < end:
            following = self._starts[index + 1]
            if self._text[position:following].strip():
                break
            index += 1
            position = self._end_of_line(following)
        return self._paths[index] if index >= 0 else ()

    def _end_of_line(self, position: int) -> int:
        end = self._text.find("\n", position)
        return end if end >= 0 else len(self._text)


def _paths(reading: Reading) -> Iterator[tuple[str, ...]]:
    """For each heading, the titles from the top of the document down to it."""
    above: list[tuple[int, str]] = []
    for heading in reading.headings:
        while above and above[-1][0] >= heading.level:
            above.pop()
        above.append((heading.level, heading.title))
        yield tuple(title for _, title in above)


def _parts(reading: Reading, max_characters: int) -> Iterator[Span]:
    """The parts that no passage crosses: pages, what stands between records, windows of very long texts."""
    position = 0
    for start, end in (*reading.records, (len(reading.text), len(reading.text))):
        for part in _pages(reading, (position, start), max_characters):
            yield from _windows(reading, part)
        position = end


def _pages(reading: Reading, whole: Span, max_characters: int) -> list[Span]:
    start, end = whole
    tiny = _TINY_PAGE * max_characters
    cuts = [start]
    for page in reading.pages:
        if start < page.start < end and page.start - cuts[-1] > tiny:
            cuts.append(page.start)
    if len(cuts) > 1 and end - cuts[-1] <= tiny:
        cuts.pop()
    return list(zip(cuts, [*cuts[1:], end], strict=True))


def _windows(reading: Reading, part: Span) -> Iterator[Span]:
    start, end = part
    starts = [heading.start for heading in reading.headings] if end - start > _WINDOW else []
    while end - start > _WINDOW:
        heading = bisect_right(starts, start + _WINDOW) - 1
        if heading >= 0 and starts[heading] > start:
            cut = starts[heading]
        else:
            cut = _cut(reading.text, start, start + _WINDOW)
        yield start, cut
        start = cut
    if start < end:
        yield start, end


def _split_part(
    reading: Reading, outline: _Outline, part: Span, max_characters: int, overlap: int
) -> list[Span]:
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    splitter = (MarkdownSplitter if reading.markdown else TextSplitter)(max_characters, overlap)
    first, last = part
    pieces = splitter.chunk_indices(reading.text[first:last])
    spans = [_trimmed(reading.text, first + at, first + at + len(piece)) for at, piece in pieces]
    spans = [span for span in spans if span[0] < span[1]]
    if overlap == 0:
        spans = _at_sentences(reading.text, outline, spans, max_characters)
        spans = list(_at_headings(reading.text, outline, spans, max_characters))
    headed = _with_heads(reading.text, outline, spans, max_characters)
    return _without_scraps(reading.text, outline, headed, max_characters)


def _at_sentences(text: str, outline: _Outline, spans: Sequence[Span], max_characters: int) -> list[Span]:
    """Moves cuts to the ends of sentences; the splitter prefers those of links, emphasis and lines."""
    done: list[Span] = []
    for span in spans:
        if not done or not outline.is_torn(done[-1][1], span[0]):
            done.append(span)
            continue
        start, end = done.pop()[0], span[1]
        while end - start > max_characters:
            cut = _cut(text, start, start + max_characters)
            done.append(_trimmed(text, start, cut))
            start, _ = _trimmed(text, cut, end)
        done.append((start, end))
    return done


def _at_headings(text: str, outline: _Outline, spans: Sequence[Span], max_characters: int) -> Iterator[Span]:
    """Parts the end of one section from the next, unless one of them is a scrap."""
    tiny = _TINY * max_characters
    for start, end in spans:
        heading = outline.first_heading(start, end)
        if heading is not None and min(heading - start, end - heading) > tiny:
            yield _trimmed(text, start, heading)
            start, end = _trimmed(text, heading, end)
        if start < end:
            yield start, end


def _with_heads(text: str, outline: _Outline, spans: Sequence[Span], max_characters: int) -> list[Span]:
    """Joins a span that only heads something with what follows, or a part of it where it is too long."""
    waiting = deque(spans)
    done: list[Span] = []
    while waiting:
        start, end = waiting.popleft()
        if not waiting or not outline.is_head((start, end)):
            done.append((start, end))
            continue
        following, last = waiting[0]
        if last - start <= max_characters:
            waiting[0] = (start, last)
        elif _BLOCK.match(text, following):
            done.append((start, end))
        else:
            cut = _cut(text, start, start + max_characters, least=end)
            done.append(_trimmed(text, start, cut))
            rest = _trimmed(text, cut, last)
            waiting[0] = rest
            if rest[0] == rest[1]:
                waiting.popleft()
    return done


def _without_scraps(text: str, outline: _Outline, spans: Sequence[Span], max_characters: int) -> list[Span]:
    """Joins a scrap with the passage before it in the same section, and drops mere lines and marks."""
    done: list[Span] = []
    for start, end in spans:
        scrap = end - start <= _TINY * max_characters
        if (
            scrap
            and done
            and end - done[-1][0] <= max_characters
            and outline.first_heading(start, end) is None
        ):
            done[-1] = (done[-1][0], end)
        elif not scrap or len(spans) == 1 or not _BORDERS.fullmatch(text, start, end):
            done.append((start, end))
    return done


def _grouped_records(reading: Reading, max_characters: int) -> Iterator[Span]:
    """Short neighbouring records as one span, up to a share of the limit; a long one is split like a text."""
    group: Span | None = None
    for start, end in reading.records:
        if (
            group is not None
            and end - group[0] <= max_characters // _RECORD_SHARE
            and not reading.text[group[1] : start].strip()
        ):
            group = (group[0], end)
            continue
        if group is not None:
            yield from _fitting(reading.text, group, max_characters)
        group = (start, end)
    if group is not None:
        yield from _fitting(reading.text, group, max_characters)


def _fitting(text: str, span: Span, max_characters: int) -> Iterator[Span]:
    start, end = _trimmed(text, *span)
    while end - start > max_characters:
        cut = _cut(text, start, start + max_characters)
        yield _trimmed(text, start, cut)
        start, end = _trimmed(text, cut, end)
    if start < end:
        yield start, end


def _cut(text: str, start: int, limit: int, *, least: int | None = None) -> int:
    """The best place to cut before a limit: where a paragraph, sentence, line or word ends, else the limit.

    Args:
        text: The whole text.
        start: Where the piece begins.
        limit: Where it must have ended.
        least: Cut behind this where possible; half of the piece by default.
    """
    least = (start + limit) // 2 if least is None else min(least + 1, limit)
    begins = [start + first for first, _ in sentences(text[start:limit])]
    code = text.count("```", start, limit) % 2 == 1
    places = (
        0 if code else text.rfind("\n\n", least, limit),
        0 if code or not begins else begins[-1],
        text.rfind("\n", least, limit) + 1,
        text.rfind(" ", least, limit) + 1,
    )
    return next((place for place in places if place > least), limit)


def _trimmed(text: str, start: int, end: int) -> Span:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    return (start + left, start + len(piece.rstrip())) if left < len(piece) else (start, start)
