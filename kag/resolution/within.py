"""Which names of one document mean the same thing: `Curie` and `Marie Curie`, `NASA` and its long form.

A document introduces things by their full names and then calls them by a part; so a part joins the only
full name in the document that it can belong to, and stays alone where there are several, unless one of them
is what the document is about. Nothing outside the document is looked at.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from operator import itemgetter

from kag.resolution._definitions import defined, named_so
from kag.resolution._groups import ORGANISATION, PERSON, PLACE, VALUES, Groups
from kag.resolution._likeness import given_fit, given_names, last_name, skeleton, spelled_alike, spells
from kag.resolution._names import parse
from kag.resolution._parts import (
    INSIDE,
    LAST,
    NO_PERSON,
    content_equal,
    like_a_person,
    part_of_organisation,
    part_of_person,
    part_of_topic,
    same_place,
)
from kag.text import Span

_MOST_WITH_A_WORD = 40  # names; a word that more of them have says nothing


@dataclass(frozen=True, slots=True)
class Named:
    """A name as a document uses it.

    Args:
        key: What the caller knows it by.
        name: As it is written.
        label: Its type; `Name` says nothing about it.
        spans: Where it stands in the text, in order.
        aliases: What else the document's title or markup calls it.
    """

    key: str
    name: str
    label: str
    spans: tuple[Span, ...] = ()
    aliases: tuple[str, ...] = ()


def resolve_within(names: Sequence[Named], text: str = "", *, topic: str = "") -> dict[str, str]:
    """Gives every name's key the key of the fullest name in the document that means the same thing.

    Args:
        names: The names of one document; the order does not matter, equal keys count once.
        text: The document, for definitions such as `Long Form (LF)` and `X, also known as Y`.
        topic: What the document is about, such as its title: whom a surname means that several bear.

    Example:
        >>> resolve_within([Named("a", "Marie Curie", "Person"), Named("b", "Curie", "Person")])
        {'a': 'a', 'b': 'a'}
    """
    document = _Document(names, text, topic)
    document.join_equal()
    document.join_aliases()
    document.join_defined()
    document.join_variants()
    document.join_parts()
    return document.leading()


class _Document:
    """The names of a document, with what finds those that may belong together."""

    def __init__(self, names: Sequence[Named], text: str, topic: str) -> None:
        self.named = sorted({name.key: name for name in names}.values(), key=lambda name: name.key)
        self.groups = Groups([n.name for n in self.named], [n.label for n in self.named])
        self.names, self.kinds = self.groups.names, self.groups.kinds
        self.text = text
        self.topic = parse(topic)
        self.by_word: defaultdict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(self.names):
            for word in dict.fromkeys(name.words):
                self.by_word[word].append(i)

    def join_equal(self) -> None:
        """Joins names that differ by case, accents, marks, articles, titles or legal forms."""
        for kind_of in sorted(set(self.kinds), reverse=True):  # names without a type come last
            here = [i for i, kind in enumerate(self.kinds) if kind in (kind_of, "")]
            self._join_by(here, self._core)
            if kind_of not in (*VALUES, PERSON, PLACE, ""):
                here = [i for i in here if self.kinds[i]]
                self._join_by(here, lambda i: self.names[i].key.removesuffix("s"))

    def join_aliases(self) -> None:
        """Joins names with the names that they are known as."""
        by_key: defaultdict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(self.names):
            by_key[name.key].append(i)
        for first, named in enumerate(self.named):
            for second in (i for alias in named.aliases for i in by_key[parse(alias).key]):
                if self.groups.comparable(first, second):
                    self.groups.join(first, second)

    def _core(self, one: int) -> Hashable:
        name = self.names[one]
        if self.kinds[one] in VALUES:
            return tuple(sorted(name.key.split()))
        letters = "".join(c for c in "".join(name.words) if c.isascii() or not _is_mark(c))
        return (
            letters,
            name.generation,
            name.qualifier,
            name.legal and len(name.words) == 1 and not self.kinds[one],
        )

    def _join_by(self, members: Iterable[int], key: Callable[[int], Hashable]) -> None:
        groups: defaultdict[Hashable, list[int]] = defaultdict(list)
        for member in members:
            groups[key(member)].append(member)
        for first, *others in groups.values():
            for other in others:
                self.groups.join(first, other)

    def join_defined(self) -> None:
        """Joins what the text equates, and acronyms with the long forms that they spell."""
        by_letter: defaultdict[str, list[int]] = defaultdict(list)
        for i, name in enumerate(self.names):
            if not name.short:
                by_letter[name.words[0][:1]].append(i)
        for short, name in enumerate(self.names):
            longs = by_letter[name.short[0]] if name.short else ()
            longs = [
                j
                for j in longs
                if self.groups.comparable(short, j) and spells(name.short, self.names[j].words)
            ]
            self._join_only(short, longs)
        places = sorted((span, i) for i, name in enumerate(self.named) for span in name.spans)
        for how, first, second in defined(self.text, places):
            if self.groups.comparable(first, second) and self._trusted(how, first, second):
                self.groups.join(first, second)
        subjects = [i for i, kind in enumerate(self.kinds) if kind == PERSON and self._is_topic(i)][:1]
        for other in named_so(self.text, places):
            if self.kinds[other] == PERSON:
                for subject in subjects:
                    self.groups.join(subject, other)

    def _trusted(self, how: str, first: int, second: int) -> bool:
        """Whether to believe brackets: after persons and places they often hold another."""
        if how != "brackets":
            return True
        kinds = {self.kinds[first], self.kinds[second]}
        short = self.names[second].short
        if short and (kinds == {ORGANISATION} or spells(short, self.names[first].words)):
            return True
        return not kinds & {PERSON, PLACE, ""}

    def join_variants(self) -> None:
        """Joins full names that differ by middle names, initials, spelling, or what they lie in."""
        for first, second in self._pairs_with_a_word():
            if self._variants(first, second):
                self.groups.join(first, second)
        by_sound: defaultdict[Hashable, list[int]] = defaultdict(list)
        for i, name in enumerate(self.names):
            if self.kinds[i] == PERSON:
                by_sound[tuple(map(skeleton, name.words))].append(i)
        for alike in by_sound.values():
            for first, second in combinations(alike, 2):
                pairs = zip(self.names[first].words, self.names[second].words, strict=True)
                if all(a == b or spelled_alike(a, b) for a, b in pairs):
                    self.groups.join(first, second)

    def _pairs_with_a_word(self) -> Iterator[tuple[int, int]]:
        for members in self.by_word.values():
            if len(members) <= _MOST_WITH_A_WORD:
                yield from (pair for pair in combinations(members, 2) if self.groups.comparable(*pair))

    def _variants(self, first: int, second: int) -> bool:
        one, other = self.names[first], self.names[second]
        kinds = {self.kinds[first], self.kinds[second]}
        if PERSON in kinds:
            fit = last_name(one) == last_name(other) and given_fit(given_names(one), given_names(other))
            return bool(fit) and one.generation == other.generation
        if PLACE in kinds:
            return same_place(one, other)
        return content_equal(one.words, other.words, any_order=kinds == {ORGANISATION})

    def join_parts(self) -> None:
        """Joins parts of names with the only full name that they can belong to."""
        for short, name in enumerate(self.names):
            best: defaultdict[int, list[int]] = defaultdict(list)
            for long in self.by_word[name.words[0]]:
                if len(self.names[long].words) > len(name.words):
                    best[self._part(short, long)].append(long)
            strength = max(best, default=0)
            if strength:
                self._join_only(short, best[strength])

    def _part(self, short: int, long: int) -> int:
        """How surely a name is a part of a longer one, 0 for not."""
        one, other = self.names[short], self.names[long]
        kinds = {self.kinds[short], self.kinds[long]}
        if kinds == {PERSON}:
            return part_of_person(one, other)
        if "" in kinds:
            surname = kinds <= {"", PERSON} and part_of_person(one, other) == LAST
            return LAST * (surname and self._persons(short, long))
        if not self.groups.comparable(short, long):
            return 0
        part = part_of_organisation(one, other) if kinds == {ORGANISATION} else 0
        of_topic = self._is_topic(long) and part_of_topic(one, other) and self._with_article(short)
        return part or INSIDE * of_topic

    def _persons(self, short: int, long: int) -> bool:
        """Whether names without a type are written and used as those of persons are: the full name first."""
        if not like_a_person(self.names[long]) or self.names[short].short:
            return False
        full = sorted(self.named[long].spans)
        alone = _outside(self.named[short].spans, full)
        places = (alone, full)
        if not all(places) or min(alone) < min(full):
            return False
        before = (
            self.text[max(0, start - 12) : start].split()[-1:] for spans in places for start, _ in spans
        )
        return not any(word[0].lower() in NO_PERSON for word in before if word)

    def _with_article(self, one: int) -> bool:
        """Whether a name is used like a common noun: `the Agreement`."""
        named = self.named[one]
        if named.name.lower().startswith("the "):
            return True
        before = (self.text[max(0, start - 4) : start].lower() for start, _ in named.spans)
        return bool(named.spans) and all(word == "the " for word in before)

    def _join_only(self, short: int, longs: Iterable[int]) -> None:
        """Joins a name with its candidates if they are one thing, else with the topic if it is among them."""
        groups = {self.groups.of[long]: long for long in longs}
        if len(groups) > 1:
            groups = {g: i for g, i in groups.items() if any(map(self._is_topic, self.groups.members[g]))}
        if len(groups) == 1:
            self.groups.join(short, next(iter(groups.values())))

    def _is_topic(self, one: int) -> bool:
        name = self.names[one]
        if name.words == self.topic.words:
            return True
        person = self.kinds[one] == PERSON and last_name(name) == last_name(self.topic)
        return person and bool(given_fit(given_names(name), given_names(self.topic)))

    def leading(self) -> dict[str, str]:
        """Every key to the key of the fullest name of its group."""
        found = {}
        for members in self.groups.members:
            keys = [self.named[i].key for i in sorted(members, key=self._fullness)]
            found.update(dict.fromkeys(keys, keys[0] if keys else ""))
        return dict(sorted(found.items()))

    def _fullness(self, one: int) -> tuple[tuple[bool, int, int], str]:
        return self.names[one].fullness, self.named[one].key


def _outside(spans: Iterable[Span], covering: Sequence[Span]) -> list[Span]:
    """The spans that none of others, in order, covers."""
    kept = []
    for start, end in spans:
        place = bisect_right(covering, start, key=itemgetter(0)) - 1
        if place < 0 or covering[place][1] < end:
            kept.append((start, end))
    return kept


def _is_mark(character: str) -> bool:
    """Whether a character only modifies its neighbour: the half ring of `Qurʾān`."""
    return unicodedata.category(character) == "Lm"
