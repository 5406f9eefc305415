"""Finds facts that plain English states in few words: `A was born in B`, `a film directed by B`.

Few patterns, each hard to misread; what they do not see stays a co-occurrence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ingest.extractors import _lexicon as lexicon


class Named(NamedTuple):
    """An entity's mention in a text: its span, its name as the entity is called, and its label."""

    start: int
    end: int
    name: str
    label: str


class Fact(NamedTuple):
    """A typed fact between two mentions, and the span of the words that state it."""

    subject: Named
    type: str
    object: Named
    start: int
    end: int


class _Pattern(NamedTuple):
    type: str
    words: re.Pattern[str]  # stand right before the object
    turned: bool  # the object of the words is the subject of the fact
    label: str  # that the object must have, or empty


_WHEN = r"(?: (?:on )?[\w ,]{0,16}\d{4},?)?"  # a date on the way to a place
_WHERE = r"(?: (?:in|at) [A-Z][\w ,.-]{2,40}?,?)?"  # a place on the way to a date
_ALSO = r"(?:,? (?:and )?(?!born)[a-z-]+ed| and (?:written|sung))?(?: in \S+)?"
# Type, words, the words that they end with; then whether the fact is turned, and the object's label.
_TABLE: tuple[tuple[str, str, str, bool, str], ...] = (
    ("DIRECTED", "directed" + _ALSO, "by", True, ""),
    ("WROTE", "(?:written|authored|penned|co-written)" + _ALSO, "by", True, ""),
    ("PRODUCED", "(?:produced|co-produced)" + _ALSO, "by", True, ""),
    ("COMPOSED", "composed" + _ALSO, "by", True, ""),
    ("CREATED", "(?:created|co-created)" + _ALSO, "by", True, ""),
    ("FOUNDED", "(?:founded|co-founded|established|started)" + _ALSO, "by", True, ""),
    ("DEVELOPED", "developed" + _ALSO, "by", True, ""),
    ("PUBLISHED", "published" + _ALSO, "by", True, ""),
    ("DESIGNED", "designed" + _ALSO, "by", True, ""),
    ("OWNS", "owned" + _ALSO, "by", True, ""),
    ("ACQUIRED", "acquired|bought|purchased|taken over", "by", True, ""),
    ("RELEASED", "released" + _ALSO, "by", True, ""),
    ("PERFORMED", "(?:performed|recorded|sung)" + _ALSO, "by", True, ""),
    ("DISCOVERED", "discovered", "by", True, ""),
    ("INVENTED", "invented", "by", True, ""),
    ("LED", "led|headed|chaired", "by", True, ""),
    ("PLAYED", "played|portrayed", "by", True, ""),
    ("OPERATES", "operated|run|managed", "by", True, ""),
    ("STARRED_IN", "", "starring stars starred co-starring", True, ""),
    ("BORN_ON", r"(?:was )?born" + _WHERE, "on", False, "Date"),
    ("BORN_ON", "", "born b.", False, "Date"),
    ("BORN_IN", "born" + _WHEN + r"(?: to [^,.;]{3,60})?", "in at", False, "Name"),
    ("DIED_ON", r"died" + _WHERE, "on", False, "Date"),
    ("DIED_ON", "", "died d.", False, "Date"),
    ("DIED_IN", r"died" + _WHEN, "in at", False, "Name"),
    ("FOUNDED_IN", "founded|established|formed|incorporated|created", "in on", False, "Date"),
    ("RELEASED_ON", "released|published|premiered", "in on", False, "Date"),
    (
        "LOCATED_IN",
        "(?:located|situated|based|headquartered|seated|lies|lying)(?: [a-z-]+)?",
        "in at on within",
        False,
        "",
    ),
    ("LIVES_IN", "lives|lived|resides|resided|living", "in", False, "Name"),
    ("PART_OF", "(?:is|are|was|were|forms?|being) (?:an? |the )?(?:[a-z-]+ )?part", "of", False, ""),
    ("MEMBER_OF", "(?:a |the |founding |former |an? [a-z]+ )?members?", "of", False, ""),
    ("CAPITAL_OF", "capital(?: city)?(?: and largest city)?", "of", False, ""),
    ("CHILD_OF", "(?:the |a |only |eldest |youngest |second )?(?:son|daughter|child)", "of", False, ""),
    ("SPOUSE_OF", "(?:is|was|been|to|who) ?", "married", False, "Name"),
    ("SPOUSE_OF", "wife|husband|widow", "of", False, ""),
    ("SPOUSE_OF", "married", "to", False, ""),
    ("SIBLING_OF", "brother|sister|sibling", "of", False, ""),
    ("SUBSIDIARY_OF", "subsidiary|division|subdivision|imprint", "of", False, ""),
    ("NAMED_AFTER", "named(?: in honou?r)?", "after for of", False, ""),
    ("BASED_ON", "based", "on", False, ""),
    ("WROTE", "author", "of", False, ""),
    ("DIRECTED", "director", "of", False, ""),
    ("FOUNDED", "founder|co-founder", "of", False, ""),
    ("WORKS_FOR", "works?|worked|working", "for at", False, ""),
    ("WORKS_FOR", "(?:professor|researcher|lecturer|engineer)(?: of [a-z ]+)?", "at", False, ""),
    ("PLAYS_FOR", "(?:plays|played|playing)(?: as an? [a-z ]+)?", "for", False, ""),
    ("STUDIED_AT", "(?:studied|educated|graduated)(?: [a-z ]{3,30})?", "at from", False, ""),
    (
        "LEADS",
        "president|chairman|chief executive officer|ceo|CEO|head|leader|mayor|governor",
        "of",
        False,
        "",
    ),
)


def _by_last_word() -> dict[str, tuple[_Pattern, ...]]:
    patterns: dict[str, list[_Pattern]] = {}
    for type_, words, lasts, turned, label in _TABLE:
        for last in lasts.split():
            before = rf"(?:{words})\s" if words else ""
            pattern = re.compile(rf"(?:^|[\s(,]){before}{re.escape(last)}\s(?:the\s)?$")
            patterns.setdefault(last, []).append(_Pattern(type_, pattern, turned, label))
    return {last: tuple(found) for last, found in patterns.items()}


_BY_LAST_WORD = _by_last_word()
# Between subject and object and nothing else.
_ACTIVE = re.compile(
    r"^,?\s(?:who |which |that |also |later |has |had |co-|first )*"
    r"(?P<verb>founded|directed|wrote|produced|created|married|acquired|discovered|invented|defeated|developed|published"
    r"|owns|composed|designed|joined|won|led|established|succeeded|replaced|contains|uses|supports)"
    r"\s(?:the |an? )?$"
)
_ACTIVE_TYPES = {
    "wrote": "WROTE",
    "married": "SPOUSE_OF",
    "owns": "OWNS",
    "joined": "MEMBER_OF",
    "established": "FOUNDED",
    "contains": "CONTAINS",
    "uses": "USES",
    "supports": "SUPPORTS",
}
_IS_A = re.compile(
    r"^(?:\s?\([^()]{0,120}\))?,?\s(?:is|was|are|were)\s(?:an?|one of the|the)\s"
    r"(?P<class>(?:(?!that\b|who\b|which\b|as\b|of\b|in\b)[^\s,.;:()\0]+\s){0,6}?[a-z][a-z-]+)"
    r"(?=,|\.|;|$|\s(?:of|in|that|who|which|from|and|for|by|on|at|to|with|or|where|whose|used|made|located|based|held|written|directed"
    r"|produced|known|founded|situated|created|starring|released|published|\(|is|was|has|designed|developed)\b|\s\()"
)
_LIST_GAP = re.compile(r"\s?(?:,|,? and|&|,? or)\s")
_PLAIN = lexicon.PLAIN_ADJECTIVES | lexicon.FUNCTION
_NEXT_WORD = re.compile(r"[a-z][\w-]*")
_WITH_AND = re.compile(r"(?:er|or|ist|ian|ess|man|ent|ete|eur|ic|ll|um|ngle)$")  # `an actor and singer`
_REACH = 160  # characters between a subject and its object
_PRONOUN = re.compile(r"(?:He|She|It|They)\b")


def find_facts(text: str, start: int, end: int, named: Sequence[Named], topic: Named | None) -> list[Fact]:
    """Finds the facts that one sentence states.

    Args:
        text: Text without markup.
        start: Where the sentence begins.
        end: Where it ends.
        named: The mentions of the sentence, in order, without overlap.
        topic: What the document is about, where that is known: `He`, `She` and `It` stand for it.
    """
    mentions = [mention for mention in named if not _is_adjective(text, mention)]
    leader = _leader(text, start, mentions, topic)
    facts = list(_is_a(text, end, leader)) if leader else []
    previous: Fact | None = None
    for place, mention in enumerate(mentions):
        fact = _in_list(text, mention, previous) or _fact(text, start, mentions[:place], mention, leader)
        if fact:
            facts.append(fact)
        previous = fact
    return facts


def _is_adjective(text: str, mention: Named) -> bool:
    """Whether one word such as `Australian` stands before the noun that it describes."""
    if mention.label != "Name" or " " in mention.name or text[mention.end : mention.end + 1] != " ":
        return False
    following = _NEXT_WORD.match(text, mention.end + 1)
    if not following or following.group() in lexicon.FUNCTION:
        return False
    return mention.name.endswith(lexicon.DEMONYM_ENDINGS)


def _leader(text: str, start: int, mentions: Sequence[Named], topic: Named | None) -> Named | None:
    """The subject of the sentence: its first words if they are a name, or a pronoun that means the topic."""
    if mentions and text[start : mentions[0].start].strip(' "“*').lower() in ("", "the", "-", "*"):
        return mentions[0] if mentions[0].label != "Date" else None
    pronoun = _PRONOUN.match(text, start)
    return topic._replace(start=pronoun.start(), end=pronoun.end()) if pronoun and topic else None


def _fact(
    text: str, start: int, before: Sequence[Named], mention: Named, leader: Named | None
) -> Fact | None:
    lead = text[max(start, mention.start - _REACH) : mention.start]
    nearest = before[-1] if before else None
    if nearest and mention.label != "Date" and nearest.label != "Date":
        active = _ACTIVE.match(text[nearest.end : mention.start])
        if active:
            verb = active["verb"]
            return _stated(nearest, _ACTIVE_TYPES.get(verb, verb.upper()), mention, turned=False)
    last = lead.removesuffix("the ").rsplit(maxsplit=1)[-1:]
    for pattern in _BY_LAST_WORD.get(last[0].lstrip("("), ()) if last else ():
        found = pattern.words.search(lead)
        if not found or (mention.label == "Date") != (pattern.label == "Date"):
            continue
        if pattern.label and pattern.label != mention.label:
            continue
        subject = _subject(text, mention, nearest, leader, mention.start - len(lead) + found.start())
        return _stated(subject, pattern.type, mention, turned=pattern.turned) if subject else None
    return None


def _subject(
    text: str, mention: Named, nearest: Named | None, leader: Named | None, words_start: int
) -> Named | None:
    """The nearest name if the words follow it at once, else the subject of the sentence."""
    if nearest and nearest.label != "Date" and nearest.end <= words_start + 1:
        gap = text[nearest.end : words_start + 1].strip(" ,(")
        if gap in (
            "",
            "is",
            "was",
            "are",
            "were",
            "who is",
            "who was",
            "which is",
            "is the",
            "was the",
            "is an",
            "is a",
            "was a",
            "a",
            "the",
        ):
            return nearest
    if (
        leader
        and leader.name != mention.name
        and leader.end <= words_start + 1
        and mention.start - leader.end <= _REACH
    ):
        return leader
    return None


def _stated(subject: Named, type_: str, object_: Named, *, turned: bool) -> Fact | None:
    if subject.name == object_.name:
        return None
    start, end = min(subject.start, object_.start), max(subject.end, object_.end)
    return Fact(object_, type_, subject, start, end) if turned else Fact(subject, type_, object_, start, end)


_TURNED = frozenset(type_ for type_, _, _, turned, _ in _TABLE if turned)


def _in_list(text: str, mention: Named, previous: Fact | None) -> Fact | None:
    """`directed by A and B` states the same of B."""
    if (
        previous is None
        or previous.type not in _TURNED
        or mention.label == "Date"
        or mention.name == previous.object.name
    ):
        return None
    if not _LIST_GAP.fullmatch(text[previous.subject.end : mention.start]):
        return None
    return Fact(mention, previous.type, previous.object, previous.start, mention.end)


def _is_a(text: str, end: int, leader: Named) -> Iterator[Fact]:
    match = _IS_A.match(text[leader.end : end])
    if not match:
        return
    words = match["class"].split()
    while words and not words[0].islower():
        words = words[1:]
    plain = words[-2:-1] and words[-2] in _PLAIN
    words = words[-1:] if plain else words[-2:]
    if not words or words[-1] in lexicon.VAGUE_KINDS or words[-1].endswith(("ed", "ly")):
        return
    if text.startswith(" and", leader.end + match.end("class")) and not _WITH_AND.search(words[-1]):
        return
    first = leader.end + match.end("class") - len(" ".join(words))
    last = leader.end + match.end("class")
    if text[first:last] == " ".join(words):
        kind = Named(first, last, " ".join(words), "Term")
        yield Fact(leader, "IS_A", kind, leader.start, last)
