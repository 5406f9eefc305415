"""Checks what a language model answered against the passage: what does not stand there is dropped.

The answer is untrusted. Labels and types become plain identifiers, names must stand in the passage, quotes
must be found in it, lists are cut to a length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ingest.extractors._dates import find_dates
from ingest.extractors._names import without_article
from kag.knowledge_bases.records import normalise
from kag.modules.extract import MOST
from kag.text import Span, find_quote, sentences, words

_MOST_WORDS_IN_LABEL = 3
_MOST_WORDS_IN_TYPE = 6
_LONGEST_NAME = 120
_LONGEST_DESCRIPTION = 300
_SHARED_WITH_SENTENCE = 0.6
_PRONOUNS = frozenset(
    "i he him his she her hers it its they them their we us our you your this that these those".split()
)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TYPE = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")


@dataclass(frozen=True, slots=True)
class StatedEntity:
    """An entity that the passage names: `spans` is where."""

    name: str
    label: str
    description: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class StatedRelation:
    """A fact that the passage states in the words at `span`; ends are names of entities."""

    subject: str
    type: str
    object: str
    description: str
    span: Span


@dataclass(slots=True)
class Checked:
    """What of an answer holds, and how many statements were dropped because the passage lacks their words."""

    entities: dict[str, StatedEntity] = field(default_factory=dict)
    relations: list[StatedRelation] = field(default_factory=list)
    dropped: int = 0


def check(
    answer: Mapping[str, Any],
    text: str,
    entity_labels: Sequence[str] = (),
    relation_types: Sequence[str] = (),
) -> Checked:
    """Checks an answer against the passage.

    Args:
        answer: As the model gave it; anything that is not of the asked form is left out.
        text: The passage.
        entity_labels: The only labels allowed, where given.
        relation_types: The only types allowed, where given.
    """
    checked = Checked()
    for item in _items(answer, "entities", MOST):
        label = allowed(_label(_string(item, "label")), entity_labels)
        if label:
            _add_entity(checked, text, item, label)
    for item in _items(answer, "relations", MOST):
        type_ = allowed(_type(_string(item, "type")), relation_types)
        if type_:
            _add_relation(checked, text, item, type_)
    return checked


def _items(answer: Mapping[str, Any], name: str, most: int) -> list[Mapping[str, Any]]:
    items = answer.get(name) if isinstance(answer, Mapping) else None
    return [item for item in items[:most] if isinstance(item, Mapping)] if isinstance(items, list) else []


def _string(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    return " ".join(_CONTROL.sub(" ", value).split()) if isinstance(value, str) else ""


def _label(raw: str) -> str:
    """`Person`, `MusicGroup`; what is no short name of a kind is a `Name`."""
    parts = _PARTS.findall(raw)
    if not 0 < len(parts) <= _MOST_WORDS_IN_LABEL or not parts[0].isalpha() or len(raw) > 40:
        return "Name"
    return "".join(
        part[0].upper() + (part[1:] if part.isupper() and len(part) < 4 else part[1:].lower())
        for part in parts
    )


def _type(raw: str) -> str:
    """`BORN_IN`; empty where nothing usable is left."""
    parts = [part.upper() for part in _PARTS.findall(raw)]
    if not 0 < len(parts) <= _MOST_WORDS_IN_TYPE or not parts[0].isalpha() or len(raw) > 60:
        return ""
    return "_".join(parts)


def allowed(identifier: str, choices: Sequence[str]) -> str:
    """The choice that an identifier equals but for case and signs, or nothing; any without choices."""
    if not choices:
        return identifier
    plain = normalise(identifier).replace(" ", "")
    return next((choice for choice in choices if normalise(choice).replace(" ", "") == plain), "")


def _add_entity(checked: Checked, text: str, item: Mapping[str, Any], label: str) -> None:
    written = _string(item, "name")
    name, label = canonical(written, label)
    if not _is_name(name):
        return
    if normalise(label).replace(" ", "") == normalise(name).replace(" ", ""):
        label = "Name"  # the model had no better idea than to repeat the name
    span = find_quote(text, written)
    spans = _everywhere(text, span) if span else _anchored(text, written, _string(item, "quote"))
    if not spans:
        checked.dropped += 1
        return
    checked.entities.setdefault(
        normalise(written),
        StatedEntity(name, label, _string(item, "description")[:_LONGEST_DESCRIPTION], spans),
    )


def canonical(name: str, label: str) -> tuple[str, str]:
    """The form under which the local extractor knows the same thing: ISO dates, no leading article."""
    dates = [date for date in find_dates(name) if date.name and date.end - date.start == len(name)]
    if dates:
        return dates[0].name, "Date"
    return without_article(name), label


def _is_name(name: str) -> bool:
    if not 1 < len(name) <= _LONGEST_NAME or not words(name):
        return False
    return name.lower() not in _PRONOUNS and not _TYPE.fullmatch(name)


def _everywhere(text: str, span: Span) -> tuple[Span, ...]:
    """All places where the words of a span stand."""
    found = re.finditer(rf"(?<!\w){re.escape(text[slice(*span)])}(?!\w)", text)
    return tuple(match.span() for match in found) or (span,)


def _anchored(text: str, name: str, quote: str) -> tuple[Span, ...]:
    """Where a name that the passage writes otherwise is quoted: the quote shares a word of names with it."""
    span = find_quote(text, quote)
    if span is None:
        return ()
    written = (part for part in text[span[0] : span[1]].split() if not part[0].islower())
    there = {word for part in written for word in words(part)}
    return (span,) if any(len(word) > 2 and word in there for word in words(name)) else ()


def _add_relation(checked: Checked, text: str, item: Mapping[str, Any], type_: str) -> None:
    ends = [_end(checked, text, _string(item, side)) for side in ("subject", "object")]
    if not all(ends) or ends[0] == ends[1]:
        checked.dropped += any(not end for end in ends)
        return
    span = _quoted(text, _string(item, "quote"), ends)
    if span is None:
        checked.dropped += 1
        return
    description = _string(item, "description")[:_LONGEST_DESCRIPTION]
    checked.relations.append(StatedRelation(ends[0], type_, ends[1], description, span))


def _end(checked: Checked, text: str, name: str) -> str:
    """The key of the entity at one end; a name that was not listed but stands in the passage is added."""
    key = normalise(name)
    if key not in checked.entities and _is_name(name):
        span = find_quote(text, name)
        if span:
            checked.entities[key] = StatedEntity(*canonical(name, "Name"), "", _everywhere(text, span))
    return key if key in checked.entities else ""


def _quoted(text: str, quote: str, ends: Sequence[str]) -> Span | None:
    """Where the words that state a relation stand; they must speak of one of its ends."""
    span = find_quote(text, quote) or _sentence_like(text, quote, ends)
    if span is None:
        return None
    said = words(text[span[0] : span[1]])
    of_ends = {word for end in ends for word in end.split()}
    return span if len(said) > 1 and of_ends & set(said) else None


def _sentence_like(text: str, quote: str, ends: Sequence[str]) -> Span | None:
    """The sentence that a paraphrase means: it names both ends and shares most of the quote's words."""
    wanted = set(words(quote))
    names = (part for part in quote.split()[1:] if not part.islower())  # and numbers
    firm = {word for part in names for word in words(part)}
    for start, end in sentences(text) if wanted else ():
        said = words(text[start:end])
        both = all(f" {name} " in f" {' '.join(said)} " for name in ends)
        if both and firm <= set(said) and len(wanted & set(said)) >= _SHARED_WITH_SENTENCE * len(wanted):
            return start, end
    return None
