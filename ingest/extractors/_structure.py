"""What every extractor adds to the graph: names, terms, dates, titles and headings, found without a model.

A document is read once as a whole (its own counts, acronyms, recurring terms), then chunk by chunk.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice, takewhile

from ingest.extractors import _records
from ingest.extractors._acronyms import Acronym, find_acronyms
from ingest.extractors._assembly import Assembly
from ingest.extractors._dates import DateFound, find_dates
from ingest.extractors._markup import Mark, Plain, plain
from ingest.extractors._names import find_names
from ingest.extractors._patterns import Named, find_facts
from ingest.extractors._profile import Profile, blanked, profile
from ingest.extractors._terms import code_terms, marked_terms, recurring_terms, spot
from ingest.extractors._titles import Title, document_titles, heading_titles
from kag.knowledge_bases.records import Chunk, Document
from kag.text import Span, sentences

Rows = list[list[_records.Field]]
CO_OCCURS = "CO_OCCURS_WITH"
_PAIRS_PER_SENTENCE = 8
_LONGEST_QUOTE = 600
_OPENING = 300  # characters


class Structure:
    """A document as read for structure.

    Args:
        document: The document; where it carries no text, its chunks are joined.
        chunks: Its chunks.
    """

    def __init__(self, document: Document, chunks: Sequence[Chunk]) -> None:
        text = document.text or "\n\n".join(chunk.text for chunk in chunks)
        self.document = document
        self.plain = plain(text)
        self.profile: Profile = profile(self.plain.text, document.title)
        self.titles: list[Title] = document_titles(document.title, document.uri, self.profile)
        self.acronyms: list[Acronym] = find_acronyms(self.plain.text)
        self.code = code_terms(text, self.plain.marks)
        self.long_forms = {acronym.short: acronym.long for acronym in self.acronyms}
        self._known = self._phrases()

    def _phrases(self) -> dict[str, tuple[str, str]]:
        """Phrases that are spotted wherever they stand in the document: the phrase to its name and label."""
        terms = recurring_terms(self.plain.text, self.profile)
        known = {phrase: (term, "Term") for phrase, term in terms.items()}
        for acronym in self.acronyms:
            label = "Name" if acronym.long[0].isupper() else "Term"
            known[acronym.long] = (acronym.long, label)
            known[acronym.short] = (acronym.short, label)
        for title in self.titles:
            for form in (title.name, *title.aliases):
                if len(form.split()) > 1 or self.profile.never_low(form):
                    known[form] = (title.name, title.label) if form == title.name else (form, title.label)
        return known

    def topic(self) -> Named | None:
        """What the document is about: its title, where that is a name that the text begins with."""
        title = self.titles[-1]
        if title.label != "Name" or title.name.lower() not in self.plain.text[:_OPENING].lower():
            return None
        return Named(0, 0, title.name, "Name")

    def mentions(self, chunk: Chunk, view: Plain, spans: Sequence[Span], rows: Rows) -> list[Named]:
        """The mentions in a chunk, in order; a part of a name may stand inside it."""
        text = view.text
        columns = ((field.column_start, field.start) for row in rows for field in row)
        text = blanked(text, columns)
        dates = find_dates(text)
        found = dict.fromkeys(_dated(dates))
        text = blanked(text, [(date.start, date.end) for date in dates])
        spotted = [Named(start, end, *self._known[phrase]) for start, end, phrase in spot(text, self._known)]
        marked = [Named(*name, label) for name, label in marked_terms(text, view.marks, self.profile)]
        names = [Named(*name, "Name") for name in find_names(text, spans, self.profile)]
        fixed = [mention for mention in spotted + marked if not _within(mention, names)]
        found.update(dict.fromkeys(fixed))
        found.update(dict.fromkeys(name for name in names if not _within(name, spotted)))
        found.update(dict.fromkeys(self._codes(chunk.text, view.marks)))
        return sorted(mention for mention in found if mention.name)

    def _codes(self, text: str, marks: Sequence[Mark]) -> Iterator[Named]:
        for mark in marks:
            code = text[mark.start : mark.end].strip() if mark.kind == "code" else ""
            if code in self.code:
                start = text.index(code, mark.start)
                yield Named(start, start + len(code), self.code[code], "Term")

    def view(self, chunk: Chunk) -> Plain:
        """A chunk without markup: its part of the document if it is one: cut code fences stay code."""
        if self.document.text[chunk.start : chunk.end] != chunk.text:
            return plain(chunk.text)
        first = bisect_left(self.plain.marks, chunk.start, key=lambda mark: mark.start)
        marks = (
            Mark(mark.kind, mark.start - chunk.start, mark.end - chunk.start)
            for mark in takewhile(lambda mark: mark.start < chunk.end, islice(self.plain.marks, first, None))
            if mark.end <= chunk.end
        )
        return Plain(self.plain.text[chunk.start : chunk.end], tuple(marks))


def add_structure(
    assembly: Assembly, document: Document, chunks: Sequence[Chunk], *, facts: bool = True
) -> None:
    """Adds the titles, headings, mentions and plain facts of some chunks of one document.

    Args:
        assembly: What to add to.
        document: The document.
        chunks: All of its chunks, or some.
        facts: Whether to look for relations too.
    """
    structure = Structure(document, chunks)
    topic = structure.topic()
    for chunk in chunks:
        view = structure.view(chunk)
        _add_titles(assembly, structure, chunk)
        spans = sentences(view.text)
        rows = _records.find_rows(chunk.text)
        mentions = structure.mentions(chunk, view, spans, rows)
        for mention in mentions:
            _add_mention(assembly, chunk, mention)
            if mention.name in structure.long_forms:
                _add_mention(assembly, chunk, mention._replace(name=structure.long_forms[mention.name]))
        if facts:
            _add_facts(assembly, chunk, view.text, spans, mentions, topic)
            _add_records(assembly, chunk, rows)
    _add_aliases(assembly, structure.acronyms)


def _add_titles(assembly: Assembly, structure: Structure, chunk: Chunk) -> None:
    for title in (*structure.titles, *heading_titles(chunk.headings, structure.profile)):
        key = assembly.entity(title.name, title.label, aliases=title.aliases)
        assembly.mention(chunk, key, kind="title")


def _add_mention(assembly: Assembly, chunk: Chunk, mention: Named) -> str:
    written = " ".join(chunk.text[mention.start : mention.end].split())
    alias = (written,) if mention.label == "Date" and len(mention.name) > 4 else ()
    key = assembly.entity(mention.name, mention.label, aliases=alias)
    assembly.mention(chunk, key, mention.start, mention.end)
    return key


def _add_aliases(assembly: Assembly, acronyms: Sequence[Acronym]) -> None:
    """Gives long forms that are mentioned their short forms as aliases."""
    for acronym in acronyms:
        if assembly.has(acronym.long):
            assembly.entity(acronym.long, "Term", aliases=(acronym.short,))


def _add_facts(
    assembly: Assembly,
    chunk: Chunk,
    text: str,
    spans: Sequence[Span],
    mentions: Sequence[Named],
    topic: Named | None,
) -> None:
    outer = _outermost(mentions)
    place = 0
    for start, end in spans:
        while place < len(outer) and outer[place].start < start:
            place += 1
        inside = []
        while place < len(outer) and outer[place].end <= end:
            inside.append(outer[place])
            place += 1
        if not inside and topic is None:
            continue
        related = set()
        for fact in find_facts(text, start, end, inside, topic):
            subject = assembly.entity(fact.subject.name, fact.subject.label)
            object_ = assembly.entity(fact.object.name, fact.object.label)
            if fact.type == "IS_A":
                assembly.mention(chunk, object_, fact.object.start, fact.object.end)
            assembly.relation(subject, fact.type, object_, chunk, (fact.start, fact.end))
            related.add(frozenset((subject, object_)))
        _add_co_occurrences(assembly, chunk, (start, min(end, start + _LONGEST_QUOTE)), inside, related)


def _add_co_occurrences(
    assembly: Assembly,
    chunk: Chunk,
    span: Span,
    inside: Sequence[Named],
    related: set[frozenset[str]],
) -> None:
    """Relates names that stand side by side in a sentence, or with one between, unless a fact does."""
    keys = [
        assembly.entity(mention.name, mention.label)
        for mention in inside
        if mention.label == "Name" and mention.end <= span[1]
    ]
    pairs = [pair for step in (1, 2) for pair in zip(keys, keys[step:], strict=False)]
    for left, right in pairs[:_PAIRS_PER_SENTENCE]:
        if frozenset((left, right)) not in related:
            assembly.relation(min(left, right), CO_OCCURS, max(left, right), chunk, span)


def _add_records(assembly: Assembly, chunk: Chunk, rows: Rows) -> None:
    for fact in _records.find_facts(rows):
        subject = _add_mention(assembly, chunk, fact.subject)
        object_ = _add_mention(assembly, chunk, fact.object)
        assembly.relation(subject, fact.type, object_, chunk, (fact.start, fact.end))


def _dated(dates: Sequence[DateFound]) -> Iterator[Named]:
    """The mentions of dates: each under its normal form and, where that is longer, under its year."""
    for date in dates:
        yield Named(date.start, date.end, date.name, "Date")
        if date.year and date.year != date.name:
            yield Named(date.start, date.end, date.year, "Date")


def _within(mention: Named, others: Sequence[Named]) -> bool:
    """Whether another, longer mention covers this one."""
    size = mention.end - mention.start
    return any(o.start <= mention.start and mention.end <= o.end and o.end - o.start > size for o in others)


def _outermost(mentions: Sequence[Named]) -> list[Named]:
    """Mentions in order, without those that overlap an earlier or a longer one."""
    kept: list[Named] = []
    for mention in sorted(mentions, key=lambda m: (m.start, -m.end, -len(m.name), m.name)):
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept
