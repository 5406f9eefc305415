"""Which part of a full name stands for it in a document: a surname, `the Commission`, `Epic`."""

from __future__ import annotations

from collections.abc import Sequence

from kag.resolution._likeness import last_name
from kag.resolution._names import FUNCTION, PARTICLES, Name


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What an institution is, said after its own name or alone with an article.
HEADS = _set(
    "academy act administration agency agreement army assembly association authority bank board "
    "bureau cabinet church club college commission committee commonwealth company conference "
    "congress convention corporation council court department federation festival force forum "
    "foundation front fund gallery government hospital institute institution laboratory league "
    "legislature library ministry movement museum navy office orchestra organization organisation "
    "parliament party project school senate society team trust union university"
)
# What may follow the name of an organisation that is otherwise complete.
TAILS = _set(
    "records pictures entertainment studios university college school interactive magazine press "
    "music films productions television airlines airways motors publishing bros fc cf sc afc "
    "fotball bank newspaper network corporation company group software technologies systems "
    "industries international"
)
# What may stand before the name of a country or town that is otherwise complete.
_STATES = (
    "republic of",
    "kingdom of",
    "state of",
    "commonwealth of",
    "city of",
    "people republic of",
    "town of",
)
_NO_SURNAMES = (
    HEADS
    | TAILS
    | _set(
        "river lake mountain mount island islands county city street road bridge station airport "
        "park hall house palace castle valley bay ocean sea war battle treaty prize award games "
        "cup championship series album song film north south east west day festival region "
        "province district state states republic kingdom empire"
    )
)
# What stands before places and things, and seldom before a person's name.
NO_PERSON = _set("the a an in at near into throughout across around within outside inside")
LAST, FIRST, INSIDE = 3, 2, 1


def part_of_person(short: Name, long: Name) -> int:
    """How a name is a part of a person's longer one; the surname counts most."""
    few, many = short.words, long.words
    if len(few) >= len(many) or short.generation or short.numbers or short.legal or len(few[0]) < 2:
        return 0
    if few == last_name(long) or (few == many[-len(few) :] and few[0] not in PARTICLES):
        return LAST
    if few == many[: len(few)]:
        return FIRST
    inside = any(few == many[at : at + len(few)] for at in range(1, len(many) - len(few)))
    return INSIDE * inside


def part_of_organisation(short: Name, long: Name) -> int:
    """How a name is a part of an organisation's longer one: `the Commission`, `Chiefs`, `Epic`."""
    few, many = short.words, long.words
    if len(few) >= len(many) or short.numbers != long.numbers:
        return 0
    if few == many[-len(few) :]:
        team = len(few) <= 2 and (few[-1].endswith("s") or few[-1] == "sox") and len(few[-1]) >= 3
        named_after = len(many) - len(few) == 2 and many[0] in HEADS and many[1] == "of"
        return LAST * (team or named_after or all(word in HEADS for word in few))
    if few == many[: len(few)]:
        return FIRST * (not short.legal) * all(word in TAILS for word in many[len(few) :])
    return 0


def part_of_topic(short: Name, topic: Name) -> bool:
    """Whether a name is the end of what a document is about, as in `the Bee` for `The Sacramento Bee`."""
    few, many = short.words, topic.words
    return len(few) < len(many) and few == many[-len(few) :] and not short.numbers


def same_place(one: Name, other: Name) -> bool:
    """Whether two names of places differ by the kind of state only, or by what they lie in."""
    for long, short in ((one, other), (other, one)):
        key = " ".join(short.words)
        written = " ".join(long.words)
        if any(written == f"{state} {key}" for state in _STATES):
            return True
        head, comma, _ = long.text.partition(",")
        if comma and head.strip().casefold() == short.text.strip().casefold():
            return True
    return False


def like_a_person(name: Name) -> bool:
    """Whether a name without a type is written as persons' names are: two to four capitalised words."""
    if name.honorific:
        return True
    written = name.text.split()
    return (
        2 <= len(name.words) <= 4
        and not name.numbers
        and not name.legal
        and "," not in name.text.removesuffix(", Jr.")
        and not any(word in _NO_SURNAMES for word in name.words)
        and all(word[:1].isupper() or word.lower() in PARTICLES for word in written)
        and not any(word.isupper() and len(word) > 2 for word in written)
        and not any(word in FUNCTION - PARTICLES for word in name.words)
    )


def titled(name: Name) -> bool:
    """Whether a name's words, but for function words, begin with capitals."""
    return all(word[:1].isupper() or word.lower() in FUNCTION for word in name.text.split())


def content_equal(one: Sequence[str], other: Sequence[str], *, any_order: bool) -> bool:
    """Whether two names have the same words but for function words: `X University`, `University of X`."""
    left, right = ([word for word in words if word not in FUNCTION] for words in (one, other))
    return len(left) > 1 and (left == right or (any_order and sorted(left) == sorted(right)))
