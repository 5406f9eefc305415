"""Finds terms, the things of a document that have no proper name: marked words, code, recurring phrases.

Recurring phrases follow RAKE (Rose et al., 2010): words between stop words, kept when they recur, few a
document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ingest.extractors import _lexicon as lexicon
from ingest.extractors._markup import Mark
from ingest.extractors._names import Found
from ingest.extractors._profile import Profile
from ingest.extractors._titles import is_generic

_IDENTIFIER = re.compile(r"[@$.]?[A-Za-z_][\w.:<>-]{1,58}(?:!|\(\))?$")
_COMMAND = re.compile(r"[a-z][\w-]{1,20}(?: [a-z][\w-]{1,20}){1,2}$")
_PHRASE = re.compile(r"[a-z][a-z'’-]+(?: [a-z][a-z'’-]+)+")
_WORDS_OF_PROSE = re.compile(r"[^\W\d_]+")
_NO_PROSE = re.compile(r"[\0(){}\[\]<>=;|]")
_PER_WORDS = 150  # one recurring phrase for so many words of the document
_MOST = 40
_LEAST_COUNT = 3
_NOT_LAST = ("ly", "ing", "ed")


def code_terms(text: str, marks: tuple[Mark, ...]) -> dict[str, str]:
    """Tells which code spans of a document are worth an entity: identifiers, and commands that come back.

    Returns:
        The span's text to the entity's name.
    """
    counts = Counter(text[mark.start : mark.end].strip() for mark in marks if mark.kind == "code")
    return {code: code.removesuffix("()") for code, count in counts.items() if _worth(code, count)}


def _worth(code: str, count: int) -> bool:
    if _COMMAND.match(code):
        return count >= 2
    if not _IDENTIFIER.match(code) or len(code) < 3 or code.lower() in lexicon.FUNCTION:
        return False
    return count >= 2 or any(c in "_:.!()" for c in code) or any(c.isupper() for c in code[1:])


def marked_terms(text: str, marks: tuple[Mark, ...], profile: Profile) -> Iterator[tuple[Found, str]]:
    """Terms and names among the words that the author made bold, italic or a link, with their labels."""
    for mark in marks:
        written = text[mark.start : mark.end]
        inner = written.strip(" \t\n*_\"“”'‘’.,;:!?")
        if mark.kind == "code" or not inner or _NO_PROSE.search(inner):
            continue
        label = _marked_label(" ".join(inner.split()), mark, profile)
        if label and not written.rstrip().endswith((":", "!", "?", ".")):
            start = mark.start + written.index(inner)
            yield Found(start, start + len(inner), " ".join(inner.split())), label


def _marked_label(inner: str, mark: Mark, profile: Profile) -> str:
    parts = inner.split()
    heavy = [part for part in parts if part.lower() not in lexicon.FUNCTION]
    if len(parts) > 6 or not heavy or is_generic(inner) or not _WORDS_OF_PROSE.search(inner):
        return ""
    if parts[0].lower() in lexicon.FUNCTION and mark.kind != "italic":
        return ""
    if len(heavy) > 1 and all(part[0].isupper() for part in heavy):
        gerund = parts[0].endswith("ing") and not profile.surely_name(parts[0])
        return "Term" if gerund or all(map(profile.usually_low, heavy)) else "Name"
    if not inner[0].islower() and not inner[1:].islower():
        return ""
    return "Term" if _is_phrase(inner.lower(), profile, least=2) else ""


def _is_phrase(phrase: str, profile: Profile, *, least: int) -> bool:
    """Whether lower-case words look like a noun phrase that the document speaks of."""
    parts = phrase.split()
    if len(parts) > 4 or any(part in lexicon.FUNCTION for part in parts):
        return False
    if len(parts) == 1:
        word = parts[0]
        return (
            len(word) > 3
            and word not in lexicon.COMMON
            and not word.endswith("ly")
            and profile.low[word] >= least
        )
    return not parts[-1].endswith(_NOT_LAST) and not parts[0].endswith("ly")


def recurring_terms(text: str, profile: Profile) -> Mapping[str, str]:
    """Finds the lower-case phrases of two or three words that keep coming back, few a document.

    Args:
        text: The document without markup.
        profile: How the document uses its words.

    Returns:
        Phrase to the term it stands for: itself, or its singular where the text has both.
    """
    counts: Counter[str] = Counter()
    for match in _PHRASE.finditer(text):
        for parts in _between_stop_words(match.group().split(" ")):
            counts.update(" ".join(parts[i : i + n]) for n in (2, 3) for i in range(len(parts) - n + 1))
    kept = {
        phrase: count for phrase, count in counts.items() if count >= _LEAST_COUNT and _good(phrase, profile)
    }
    kept = _without_parts(kept)
    most = min(_MOST, max(2, sum(profile.low.values()) // _PER_WORDS))
    ranked = sorted(kept.items(), key=lambda pair: (-pair[1] * len(pair[0].split()), pair[0]))
    terms = {phrase: phrase for phrase, _ in ranked[:most]}
    singular = {form: phrase for phrase in terms for form in (phrase + "s", phrase + "es") if form in counts}
    return terms | {form: phrase for form, phrase in singular.items() if phrase not in singular}


def _between_stop_words(parts: list[str]) -> Iterator[list[str]]:
    run: list[str] = []
    for part in parts:
        if part in lexicon.FUNCTION or len(part) < 3:
            if len(run) > 1:
                yield run
            run = []
        else:
            run.append(part)
    if len(run) > 1:
        yield run


def _good(phrase: str, profile: Profile) -> bool:
    parts = phrase.split()
    if sum(part in lexicon.COMMON for part in parts) > len(parts) - 1 or parts[0] in lexicon.SUBJECT_VERBS:
        return False
    return _is_phrase(phrase, profile, least=_LEAST_COUNT)


def _without_parts(counts: Mapping[str, int]) -> dict[str, int]:
    """Leaves out phrases of two words that mostly stand inside one of three."""
    longer: dict[str, int] = {}
    for phrase, count in counts.items():
        first, second, *third = phrase.split()
        for part in (f"{first} {second}", " ".join([second, *third])) if third else ():
            longer[part] = max(longer.get(part, 0), count)
    return {phrase: count for phrase, count in counts.items() if 2 * longer.get(phrase, 0) <= count}


def spot(text: str, phrases: Iterable[str]) -> Iterator[Found]:
    """Finds where known phrases stand in a text, as whole words, the longest first, without overlap.

    Args:
        text: Text without markup.
        phrases: With single spaces; several words are compared apart from case.
    """
    flat = text.replace("\n", " ")
    low = flat.lower()
    low = low if len(low) == len(flat) else flat
    taken: list[tuple[int, int]] = []
    for phrase in sorted(phrases, key=lambda phrase: (-len(phrase), phrase)):
        where, wanted = (low, phrase.lower()) if " " in phrase else (flat, phrase)
        start = where.find(wanted)
        while start >= 0:
            end = start + len(phrase)
            whole = not (flat[start - 1 : start].isalnum() or flat[end : end + 1].isalnum())
            if whole and not any(low < end and start < high for low, high in taken):
                taken.append((start, end))
                yield Found(start, end, phrase)
            start = where.find(wanted, end)
