"""The rules that score a pair of forms, the surest first, and how high context may lift each score."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kag.resolution._likeness import edits, given_fit, given_names, last_name, spells
from kag.resolution._names import DESCRIPTIVE, FEMALE, MALE, Name, parse
from kag.resolution._parts import like_a_person, titled
from kag.resolution._types import kind, types
from kag.resolution.base import UPPER, Form, Scalar

SHORT_FORM = "short_form"  # evidence: the id of the form that could mean several things
_REVIEW = UPPER - 0.01
_OPPOSED = (
    frozenset(
        ("north", "south", "east", "west", "central", "northeast", "northwest", "southeast", "southwest")
    ),
    frozenset(("northern", "southern", "eastern", "western")),
    frozenset(("upper", "lower", "middle")),
    frozenset(
        ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    ),
    frozenset(("old", "new")),
    frozenset(("men", "women", "mens", "womens", "boys", "girls")),
    frozenset(("anti", "pro", "pre", "post")),
)
_LEAST_TYPO = 8  # letters


@dataclass(frozen=True, slots=True)
class Match:
    """What a rule says of a pair.

    Args:
        rule: In words.
        score: Before context.
        most: After it.
        evidence: What the rule saw.
    """

    rule: str
    score: float
    most: float
    evidence: Mapping[str, Scalar] = field(default_factory=dict)


def match(first: Form, second: Form) -> Match:
    """Scores two forms by the first rule that says something."""
    if first.collection != second.collection:
        return Match("another collection", 0.0, 0.0)
    fit = types(first.label, second.label)
    if fit == "apart":
        return Match("types differ", 0.0, 0.0, {"labels": f"{first.label}, {second.label}"})
    one, other = parse(first.name), parse(second.name)
    found = next((m for rule in _RULES if (m := rule(one, other, first, second))), None)
    found = found or Match("nothing in common", 0.1, 0.1)
    if fit == "unlike" and found.score:
        cap = min(found.score, _REVIEW)
        return Match(found.rule, cap - 0.1, min(found.most, _REVIEW), {**found.evidence, "types": "unlike"})
    return found


def _dates(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    if kind(first.label) in ("time", "number") or kind(second.label) in ("time", "number"):
        equal = one.key == other.key
        return Match("equal values" if equal else "values differ", float(equal), float(equal))
    return None


def conflict(one: Name, other: Name) -> str:
    """Why two names can never mean the same thing, or nothing: other numbers, `North` and `South`, `Jr.`."""
    if one.numbers != other.numbers:
        return "numbers differ"
    if one.qualifier != other.qualifier:
        return "words in brackets differ"
    if one.generation != other.generation:
        return "one is another's namesake"
    left, right = set(one.words), set(other.words)
    for group in _OPPOSED:
        if (left & group) != (right & group):
            return "opposed words"
    if one.legal and other.legal and one.legal != other.legal and {one.legal, other.legal} & DESCRIPTIVE:
        return "legal forms differ"
    if (one.honorific & MALE and other.honorific & FEMALE) or (
        one.honorific & FEMALE and other.honorific & MALE
    ):
        return "titles differ"
    return ""


def contradict(first: Form, second: Form) -> str:
    """Why two forms can never stand in one cluster, whoever links them by merges; or nothing."""
    if first.collection != second.collection:
        return "another collection"
    if types(first.label, second.label) == "apart":
        return "types differ"
    one, other = parse(first.name), parse(second.name)
    if not set(one.content) & set(other.content):
        return ""
    surname = last_name(one) == last_name(other)
    if surname and "person" in (kind(first.label), kind(second.label)):
        left, right = given_names(one), given_names(other)
        if left and right and not given_fit(left, right):
            return "given names differ"
    return conflict(one, other)


def _same_name(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """The same normalised name: under one label it is one form; split forms are kept apart by links."""
    if one.key != other.key or one.qualifier != other.qualifier:
        return None
    left, right = kind(first.label), kind(second.label)
    untyped = {} if left == right else {SHORT_FORM: (second if left else first).id}
    if len(one.words) > 1:
        return Match("same name", 0.95, 1.0, untyped)
    if bool(one.short) != bool(other.short) or (left != right and "person" in (left, right)):
        return Match("same word", 0.7, _REVIEW, untyped)  # `WHO` and `Who`; `Smith` the name and the person
    return Match("same name", 0.9, 1.0, untyped)


def _alias(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """A name that documents give the other as an alias; a part of the name is no evidence."""
    shared = (_distinctive(first, one) & _distinctive(second, other)) - ({one.key} & {other.key})
    if not shared:
        return None
    alias = max(shared, key=lambda form: (form in (one.key, other.key), len(form), form))
    if alias not in (one.key, other.key):
        return Match("shared alias", 0.75, 0.97, {"alias": alias})
    short, long = (one, other) if alias == one.key else (other, one)
    evidence: dict[str, Scalar] = {"alias": alias, SHORT_FORM: _id(short, one, first, second)}
    return Match("known alias", 0.92 if _surely(short, long, first, second) else 0.78, 0.97, evidence)


def _surely(short: Name, long: Name, first: Form, second: Form) -> bool:
    """Whether a known alias says by itself whom it means in other documents too.

    `NASA`, a person's other full name, a plural; not `EU`, and not `the National Assembly`, which is another
    one in every country.
    """
    if short.short:
        return len(short.short) > 2 and spells(short.short, long.words)
    plural = short.key.removesuffix("s") == long.key.removesuffix("s")
    person = "person" in (kind(first.label), kind(second.label)) and len(short.words) > 1
    return plural or person


def _distinctive(form: Form, name: Name) -> set[str]:
    """The form's own name and those of its aliases that are more than a part of it."""
    found = {name.key}
    for alias in form.aliases:
        parsed = parse(alias)
        part = set(parsed.words) <= set(name.words)
        if not part and (len(parsed.words) > 1 or parsed.short or len(parsed.key) >= 6):
            found.add(parsed.key)
    return found


def _conflict(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    reason = conflict(one, other)
    return Match(reason, 0.0, 0.0) if reason else None


def _same_core(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """Equal but for an article, titles or a legal form: `US Airways Group, Inc.`, `Dr. Marie Curie`."""
    if one.words != other.words:
        return None
    if len(one.words) > 1:
        return Match("same name but for titles or legal form", 0.93, 1.0)
    if one.legal != other.legal:
        organisation = kind(first.label) == kind(second.label) == "organisation"
        return Match("same word but for the legal form", 0.88 if organisation else 0.7, 0.95)
    if one.honorific or other.honorific:
        return Match("a bare surname", 0.3, 0.3)
    return Match("same word but for the article", 0.75, 0.95)


def _inverted(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """`Curie, Marie`."""
    if sorted(one.words) != sorted(other.words) or len(one.words) < 2:
        return None
    for left, right in ((one, other), (other, one)):
        last, comma, given = left.text.partition(",")
        if comma and tuple(parse(f"{given} {last}").words) == right.words:
            return Match("surname first", 0.9, 1.0)
    return Match("same words in another order", 0.65, 0.95)


def _acronym(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    for short, long in ((one, other), (other, one)):
        if short.short and not long.short and spells(short.short, long.words) and titled(long):
            evidence = {"acronym": short.text, "long": long.text, SHORT_FORM: _id(short, one, first, second)}
            return Match("acronym", 0.6, 0.95, evidence)
    return None


def _person(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """Full names with the same surname: `J. K. Rowling`, `John F. Kennedy`."""
    kinds = {kind(first.label), kind(second.label)}
    if kinds - {"person", ""} or last_name(one) != last_name(other):
        return None
    if "" in kinds and not (like_a_person(one) and like_a_person(other)):
        return None
    left, right = given_names(one), given_names(other)
    if not left or not right:
        return Match("a bare surname", 0.3, 0.3)
    fit = given_fit(left, right)
    if not fit:
        return None
    evidence = {SHORT_FORM: (first if len(one.key) < len(other.key) else second).id}
    if fit == "middle":
        return Match("middle name", 0.77, 0.97, evidence)
    several = min(len(left), len(right)) > 1
    return Match("initials", 0.86 if several else 0.62, 0.97, evidence)


def _place_tail(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """`West Chicago, Illinois` and `West Chicago`."""
    if {kind(first.label), kind(second.label)} - {"place", ""}:
        return None
    for long, short in ((one, other), (other, one)):
        head, comma, around = long.text.partition(",")
        if comma and " and " not in around and "," not in short.text and parse(head).words == short.words:
            evidence = {SHORT_FORM: _id(short, one, first, second)}
            return Match("a place without what it lies in", 0.7, 0.95, evidence)
    return None


def _spelling(one: Name, other: Name, first: Form, second: Form) -> Match | None:
    """A letter or two in a long name; endings that make an adjective or a plural are no slips."""
    size = min(len(one.key), len(other.key))
    person = "person" in (kind(first.label), kind(second.label))
    if size < _LEAST_TYPO or len(one.words) != len(other.words) or (person and len(one.words) == 1):
        return None
    wrong = edits(one.key, other.key, 2)
    ending = one.key.startswith(other.key) or other.key.startswith(one.key)
    if wrong > 2 or (wrong == 2 and size < 14) or ending:
        return None
    return Match("spelling", 0.6 if len(one.words) == 1 else 0.68, 0.95, {"edits": wrong})


def _id(name: Name, one: Name, first: Form, second: Form) -> str:
    return first.id if name is one else second.id


_Rule = Callable[[Name, Name, Form, Form], "Match | None"]
_RULES: tuple[_Rule, ...] = (
    _dates,
    _same_name,
    _alias,
    _conflict,
    _same_core,
    _inverted,
    _acronym,
    _person,
    _place_tail,
    _spelling,
)
