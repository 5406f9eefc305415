"""What a question asks about: the spans that may name an entity, and where in passages its words stand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from kag import text

_LONGEST_NAME = 6  # words of the question that may form one name
PUNCTUATION = "\"'“”‘’().,;:?!"
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
    tokens = [token.strip(PUNCTUATION) for token in question.split()]
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


class Words:
    """The question's words in some passages: which passages hold them, and which sentences.

    A word weighs the more the fewer of the passages hold it; words in none weigh nothing.

    Args:
        question: What was asked.
        passages: Texts of the passages, by id.
    """

    def __init__(self, question: str, passages: Mapping[str, str]) -> None:
        self._passages = passages
        self.of_passages = {i: words_of(passage) for i, passage in passages.items()}
        self.weights: dict[str, float] = {}
        for word in set(text.words(question)) - COMMON:
            degree = sum(word in words for words in self.of_passages.values())
            if degree:
                self.weights[word] = math.log(1 + len(passages) / degree)
        self._total = sum(self.weights.values()) or 1.0
        self._shares: dict[str, list[tuple[int, int, float]]] = {}

    def share_at(self, chunk_id: str, start: int) -> float:
        """The share of the question's words, by weight, in the sentence at a place of a passage."""
        return next((share for a, b, share in self._sentences(chunk_id) if a <= start < b), 0.0)

    def best_share(self, chunk_id: str) -> float:
        """The share of the question's words in the sentence of a passage that holds most of them."""
        return max((share for *_, share in self._sentences(chunk_id)), default=0.0)

    def _sentences(self, chunk_id: str) -> list[tuple[int, int, float]]:
        if chunk_id not in self._shares:
            self._shares[chunk_id] = [
                (start, end, self._share(words))
                for start, end, words in _sentences_of(self._passages.get(chunk_id, ""))
            ]
        return self._shares[chunk_id]

    def _share(self, words: frozenset[str]) -> float:
        return sum(self.weights[word] for word in self.weights.keys() & words) / self._total


@lru_cache(maxsize=10_000)
def words_of(passage: str) -> frozenset[str]:
    """The words of a passage; kept, because passages of one store come up again and again."""
    return frozenset(text.words(passage))


@lru_cache(maxsize=2_000)
def _sentences_of(passage: str) -> tuple[tuple[int, int, frozenset[str]], ...]:
    spans = text.sentences(passage)
    return tuple((start, end, frozenset(text.words(passage[start:end]))) for start, end in spans)
