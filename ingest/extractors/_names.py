"""Finds names in English prose without a model: runs of capitalised words, cut and checked.

The rules look at form first (capitals, particles, possessives, initials), then at how the document writes
its words (`_profile`), and only then at word lists (`_lexicon`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ingest.extractors import _lexicon as lexicon
from ingest.extractors._profile import Profile, blanked, headline_spans
from ingest.extractors._tokens import Token, tokens

_QUOTED = re.compile(r"(?<![\w\"”])[\"“«]\s?([^\"“”«»\n\0]{2,90}?)[,.;]?\s?[\"”»](?![\w\"“])")
_ROMAN = re.compile(r"[IVXLC]+$")
_UNFINISHED = lexicon.KINDS | lexicon.INSTITUTIONS  # `Kansas Department` (of Health) is no name
_ORDINARY = lexicon.KINDS | lexicon.COMMON
_NO_NAME_ALONE = lexicon.KINDS | lexicon.GENERIC_TITLES
_NEVER_ALONE = lexicon.FUNCTION | lexicon.DAYS | frozenset(lexicon.MONTHS)
_SEAMS = lexicon.PARTICLES | {"the"}
_LONGEST = 18  # tokens in a name


class Found(NamedTuple):
    """A name in a text: `text[start:end]`, and the form that stands for it."""

    start: int
    end: int
    name: str


class _Run(NamedTuple):
    """Tokens that may form a name, and what surrounds them."""

    tokens: tuple[Token, ...]
    initial: bool  # the first of them begins a sentence
    headline: bool  # in a line whose capitals say nothing
    before: str  # the word before, in lower case
    after: str  # the word after, in lower case
    stop: bool  # a full stop follows at once


def find_names(text: str, sentences: Sequence[tuple[int, int]], profile: Profile) -> list[Found]:
    """Finds names, in order of the text.

    Longer names also give their parts: `Bank of England` gives `England`, `Tim Burton's Batman` `Tim Burton`.

    Args:
        text: Text without markup, dates blanked (see `_markup.plain`).
        sentences: Its sentences.
        profile: How the whole document uses its words.
    """
    found = dict.fromkeys(quoted_titles(text))
    headlines = headline_spans(text)
    text = blanked(text, [(quoted.start, quoted.end) for quoted in found])
    for start, end in sentences:
        headline = any(low <= start < high for low, high in headlines)
        words = tokens(text, start, end)
        runs = list(_runs(text, words, headline))
        for run in runs:
            found.update(dict.fromkeys(_names_of(text, run, profile)))
        found.update(dict.fromkeys(_places(text, runs)))
    return sorted(found)


def without_article(name: str) -> str:
    """A name without `The`, `A` or `An` before it, unless nothing is left but a function word (`The Who`)."""
    article, _, rest = name.partition(" ")
    kept = rest.strip() if article.lower() in ("the", "a", "an") else ""
    return kept if kept and kept.lower() not in lexicon.FUNCTION else name


def quoted_titles(text: str) -> list[Found]:
    """Finds titles in quotation marks: `"Deliver Us from Evil"`, not quoted speech."""
    found = []
    for match in _QUOTED.finditer(text):
        words = tokens(match.group(1))
        heavy = [word for word in words if word.low not in lexicon.FUNCTION or word is words[0]]
        if not words or len(words) > 10 or not all(word.capital or word.number for word in heavy):
            continue
        if words[0].text[0].islower() or all(word.low in lexicon.FUNCTION for word in words):
            continue
        found.append(Found(match.start(1), match.end(1), _clean(match.group(1))))
    return found


def _runs(text: str, words: list[Token], headline: bool) -> Iterator[_Run]:
    first = 0
    while first < len(words):
        if not words[first].capital:
            first += 1
            continue
        last = first
        while last - first < _LONGEST and (further := _extend(text, words, first, last)) > last:
            last = further
        before = words[first - 1].low if first else ""
        after = words[last + 1].low if last + 1 < len(words) else ""
        initial = first == 0 or ":" in text[words[first - 1].end : words[first].start]
        stop = text[words[last].end : words[last].end + 1] == "."
        yield _Run(tuple(words[first : last + 1]), initial, headline, before, after, stop)
        first = last + 1


def _extend(text: str, words: list[Token], first: int, last: int) -> int:
    """The index of the token with which the name goes on, or `last` where it ends."""
    following = last + 1
    if following >= len(words):
        return last
    gap, word = text[words[last].end : words[following].start], words[following]
    if gap.strip(" \n") == "&" and word.capital:
        return following
    if gap == ", " and word.low in lexicon.NAME_SUFFIXES and word.capital:
        return following
    if (gap.lstrip("'’s") if words[last].possessive else gap) not in (" ", "\n") or words[last].number:
        return last
    if word.capital or word.number:
        return following
    return _over_particles(text, words, first, last)


def _over_particles(text: str, words: list[Token], first: int, last: int) -> int:
    """Joins `Bank` and `England` over `of`, `Alexander` and `Great` over `the`."""
    word = words[last + 1]
    institution = any(token.low in lexicon.INSTITUTIONS for token in words[first : last + 1])
    again = any(token.text == word.text for token in words[first : last + 1])
    joins = word.text in lexicon.PARTICLES or (word.text in lexicon.JOINERS and institution and not again)
    if not joins and not (word.text == "the" and first == last and not words[first].possessive):
        return last
    place = last + 2
    while place < len(words) and place <= last + 3 and words[place].text in _SEAMS:
        place += 1
    if place >= len(words) or not words[place].capital:
        return last
    if word.text in lexicon.JOINERS and place > last + 2:
        return last
    between = text[words[last].end : words[place].start]
    return place if re.fullmatch(r"[\w \n]+", between) else last


def _names_of(text: str, run: _Run, profile: Profile) -> Iterator[Found]:
    """The names in a run: the run without what does not belong to it, and its parts."""
    words = _trimmed(run, profile)
    if not words:
        return
    initial = run.initial and words[0] is run.tokens[0]
    for piece in _pieces(words):
        starts = initial and piece[0] is words[0]
        if _accepted(piece, run, starts, profile):
            start, end = piece[0].start, piece[-1].end
            yield Found(start, end, _clean(text[start:end]))


def _bare(words: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """A person's name without rank or office: `George V` of `King George V`, `X Y` of `Governor X Y`."""
    if words[0].low in lexicon.ROYAL and len(words) > 2 and all(word.capital for word in words[1:3]):
        yield words[1:]
    for place, word in enumerate(words[:-1]):
        rest = words[place + 1 :]
        office = word.low.removesuffix("s") in lexicon.OFFICES
        if (
            office
            and len(rest) > 1
            and all(token.capital for token in rest)
            and rest[0].low not in lexicon.KINDS
        ):
            yield rest


def _trimmed(run: _Run, profile: Profile) -> tuple[Token, ...]:
    """Cuts articles, honorifics, letters after a name and, where a sentence begins, words before it."""
    words = run.tokens
    while len(words) > 2 and words[-1].low in lexicon.POST_NOMINALS and words[-1].acronym:
        words = words[:-1]
    whole = words
    while words and _cut(words, run, profile):
        words = words[1:]
        while words and not words[0].capital:
            words = words[1:]
    if not words and len(whole) == 2 and not run.initial and whole[0].low == "the":
        return whole  # `the band The Who`
    return words


def _cut(words: tuple[Token, ...], run: _Run, profile: Profile) -> bool:
    """Whether the first word does not belong to the name."""
    first, initial = words[0], run.initial and words[0] is run.tokens[0]
    if first.low in ("the", "a", "an") or first.low in lexicon.DAYS or first.low in lexicon.MONTHS:
        return True
    if first.low in lexicon.FUNCTION and (initial or len(words) == 1):
        return not first.acronym or run.headline
    if len(words) == 1:
        return False
    if initial and _is_lead(words, profile):
        return True
    return first.low in lexicon.HONORIFICS and words[1].capital and words[1].low not in lexicon.KINDS


def _is_lead(words: tuple[Token, ...], profile: Profile) -> bool:
    """Whether the first word of a sentence only leads to a name: `Actor X Y`, `Think of X`, `Creating X`."""
    first = words[0]
    if first.low in lexicon.LEADS:
        return True
    gerund = first.low.endswith("ing") and words[1].capital
    return gerund and (first.low in lexicon.COMMON or profile.usually_low(first.text))


def _pieces(words: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """The whole and its parts: at a possessive, at particles and joiners."""
    owner = next((i for i, word in enumerate(words[:-1]) if word.possessive), None)
    if owner is not None:
        if all(word.low in _ORDINARY for word in words[owner + 1 :]) or words[owner].low == "people":
            yield words
        yield words[: owner + 1]
        yield from _pieces(words[owner + 1 :])
        return
    yield words
    yield from _bare(words)
    parts = _split(words)
    if len(parts) > 1:
        yield from (part for part in parts[:-1] if len(part) > 1 and part[-1].low not in _UNFINISHED)
        yield parts[-1]


def _split(words: tuple[Token, ...]) -> list[tuple[Token, ...]]:
    parts: list[tuple[Token, ...]] = [()]
    for word in words:
        if word.capital or word.number:
            parts[-1] = (*parts[-1], word)
        elif word.text in ("of", "in", "at") and parts[-1]:
            parts.append(())
        elif parts[-1] and word.text not in ("the", "a"):
            parts[-1] = (*parts[-1], word)  # `de`, `von`: no seam
    return [part for part in parts if part]


def _accepted(words: tuple[Token, ...], run: _Run, initial: bool, profile: Profile) -> bool:
    if len(words) == 1:
        return _single(words[0], run, initial, profile)
    if words[0].low in lexicon.NUMBERED and (
        words[1].number or words[1].marked or _ROMAN.match(words[1].text)
    ):
        return False
    if len(words) == 2 and words[1].number:
        return _single(words[0], run, initial, profile)
    if len(words) == 2 and len(words[1].text) == 1 and run.stop and words[1].text not in "IVX":
        return False  # `Frank C.`
    heavy = [word for word in words if word.capital and word.low not in lexicon.FUNCTION]
    if not heavy or all(profile.usually_low(word.text) for word in heavy):
        return False
    if run.headline:
        return all(profile.surely_name(word.text) for word in heavy)
    return True


def _single(word: Token, run: _Run, initial: bool, profile: Profile) -> bool:
    """Whether a capitalised word alone is a name."""
    low = word.low
    if len(word.text) < 2 or low in _NEVER_ALONE or not word.capital:
        return False
    if low in _NO_NAME_ALONE and not word.acronym:
        return False
    if profile.usually_low(word.text) and not (
        word.acronym and len(word.text) < 6 and low not in lexicon.COMMON
    ):
        return False
    if run.headline:
        return profile.surely_name(word.text) or word.marked
    if word.marked or (word.acronym and low not in lexicon.COMMON):
        return not _ROMAN.match(word.text)
    if not initial:
        return low not in lexicon.COMMON or (profile.never_low(word.text) and profile.often_within(word.text))
    return profile.surely_name(word.text) or _likely_subject(word, run)


def _likely_subject(word: Token, run: _Run) -> bool:
    """Whether an unknown first word of a sentence stands like a name: `Nugegoda is ...`, `Kepler's ...`."""
    if word.low in lexicon.COMMON or word.low.endswith(lexicon.COMMON_ENDINGS) or len(word.text) < 3:
        return False
    return run.after in lexicon.SUBJECT_VERBS or word.possessive


def _places(text: str, runs: list[_Run]) -> Iterator[Found]:
    """Places with what they lie in: `in Woodson, Arkansas`."""
    for left, right in pairwise(runs):
        start, end = left.tokens[0].start, right.tokens[-1].end
        if left.before not in lexicon.PLACE_PREPOSITIONS:
            continue
        if left.tokens[-1].possessive or right.tokens[-1].possessive:
            continue
        if text[left.tokens[-1].end : right.tokens[0].start] != ", " or right.after in ("and", "or"):
            continue
        if len(left.tokens) <= 4 and len(right.tokens) <= 3 and left.tokens[0].low not in lexicon.FUNCTION:
            yield Found(start, end, _clean(text[start:end]))


def _clean(name: str) -> str:
    return " ".join(name.split())
