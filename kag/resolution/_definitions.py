"""Where a text itself says that two names mean the same thing: `Long Form (LF)`, `X, also known as Y`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from kag.text import Span

_ADVERB = (
    "also|formerly|commonly|better|previously|originally|now|later|locally|sometimes|often|simply|informally|"
    "initially|officially|popularly|usually|colloquially|widely|variously|hereinafter|generally"
)
_CALLED = (
    "known|called|referred to|named|renamed|styled|stylized|stylised|abbreviated|nicknamed|dubbed|"
    "spelled|spelt|born|née|nee|a\\.?k\\.?a\\.?|alias"
)
_CUE = re.compile(
    rf"[\"”'’]?[\s,;(–—-]*(?:(?:or|and|but|is|was|were|are|he|she|it|the)\s)*"
    rf"(?:(?:{_ADVERB})\s)*(?:(?:{_CALLED})\s(?:(?:{_ADVERB})\s)*(?:(?:as|by|to|to as|the|a)\s)*|"
    rf"(?:formerly|or simply|hereinafter)\s(?:the\s)?)[\"“'‘(]?",
    re.I,
)
_OPEN = re.compile(r"[\"”'’]?\s?[(\[](?:the |or |abbreviated |[A-Z][a-z]+: |; )?[\"“]?")
_CLOSE = re.compile(r"[\"”'’]?\s?[)\];]")
_GLOSS = re.compile(r"[\"”'’]?\s?[(\[][^()\[\]]*")  # still within the brackets after the first name
_NAMED_SO = re.compile(
    r"\b(?:(?:was|were) born(?: in [^.;]{2,40} as)?|(?:birth|real|full|original) name (?:is|was)|"
    r"(?:under|used|using|has|had|by) (?:the|his|her|several) "
    r"(?:pseudonym|pen[ -]name|stage name|nickname)s?(?: of)?) [\"“'‘]?$"
)
_LIST = re.compile(r"[\"”'’]?(?: \([^()]{0,60}\))?(?:, and | and |, or | or |, )[\"“'‘]?")
_LONGEST = 60
_NEXT = 3


def defined(text: str, places: Sequence[tuple[Span, int]]) -> Iterator[tuple[str, int, int]]:
    """Finds pairs of names that the text equates.

    Args:
        text: The document.
        places: Spans of names in order, each with the number of its name.

    Yields:
        `("brackets" | "called" | "script", first, second)`; `script` is brackets with another script.
    """
    for place, ((_, end), first) in enumerate(places):
        for (start, stop), second in places[place + 1 : place + 1 + _NEXT]:
            between = text[end:start]
            if start < end or first == second or len(between) > _LONGEST:
                continue
            if _OPEN.fullmatch(between) and _CLOSE.match(text, stop):
                yield "brackets", first, second
            elif _CUE.fullmatch(between):
                yield "called", first, second
            elif _GLOSS.fullmatch(between) and not _latin(text[start:stop]) and _latin(text[:end][-1:]):
                yield "script", first, second


def named_so(text: str, places: Sequence[tuple[Span, int]]) -> Iterator[int]:
    """Finds the names that a text gives its subject: born, or writing under the pseudonyms ...

    Args:
        text: The document.
        places: Spans of names in order, each with the number of its name.
    """
    listed = 0  # where a list of pseudonyms goes on
    for (start, end), name in places:
        before = text[max(0, start - _LONGEST) : start]
        if _NAMED_SO.search(before) or (listed and listed <= start and _LIST.fullmatch(text[listed:start])):
            yield name
            listed = end


def _latin(text: str) -> bool:
    letters = [c for c in text if c.isalpha()]
    return any("LATIN" in unicodedata.name(c, "") for c in letters[:3])
