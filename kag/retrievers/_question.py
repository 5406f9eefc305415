"""What a question asks about: the spans that may name an entity, and the weight of its words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kag import text

_LONGEST_NAME = 6  # words of the question that may form one name
_PUNCTUATION = "\"'“”‘’().,;:?!"
COMMON = frozenset(
    "a about above after again all also am an and any are as at be because been before being between both "
    "but by can could did do does doing during each few for from further had has have having he her here "
    "hers him his how i if in into is it its itself just many me more most much must my no nor not of off "
    "on once only or other our out over own same she should so some such than that the their them then "
    "there these they this those through to too under until up us very was we were what when where which "
    "while who whom whose why will with would you your".split()
)


def names_in(question: str) -> list[str]:
    """Lists the spans of a question that may name an entity: up to six words, longest first.

    A span of common words only does not count; a single word does if it is capitalised or holds a digit.
    """
    tokens = [token.strip(_PUNCTUATION) for token in question.split()]
    spans = []
    for size in range(_LONGEST_NAME, 0, -1):
        for start in range(len(tokens) - size + 1):
            part = tokens[start : start + size]
            telling = any(token and token.casefold() not in COMMON for token in part)
            if telling and part[0] and part[-1] and (size > 1 or _stands_out(part[0])):
                spans.append(" ".join(part))
    return list(dict.fromkeys(spans))


def _stands_out(word: str) -> bool:
    return any(c.isupper() or c.isdigit() for c in word)


def word_weights(question: str, passages: Sequence[frozenset[str]]) -> dict[str, float]:
    """Weighs the question's words by how rare they are among some passages; words in none weigh nothing.

    Args:
        question: What was asked.
        passages: The words of each passage.
    """
    weights = {}
    for word in set(text.words(question)) - COMMON:
        degree = sum(word in passage for passage in passages)
        if degree:
            weights[word] = math.log(1 + len(passages) / degree)
    return weights
