"""What rewards and metrics read out of answers: their texts, words and sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kag import text

_ARTICLES = frozenset(("a", "an", "the"))
_WORDS = re.compile(r"\w+")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The scalar values of a JSON value as text, each with its path, in order."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]")
    elif value is not None:
        yield path, str(value)


def data_of(value: Any) -> Any:
    """The JSON of a data model; an empty object for None."""
    return {} if value is None else value.data


def whole_text(value: Any) -> str:
    """All texts of a JSON value in one."""
    return " ".join(leaf for _, leaf in leaves(value))


def answer_words(value: Any) -> Counter[str]:
    """The words of a JSON value, folded, without articles and punctuation, with how often each stands there.

    Source: the normalisation of SQuAD's evaluation (Rajpurkar et al., arXiv 1606.05250, section 6).
    """
    found = _WORDS.findall(text.fold(whole_text(value)))
    return Counter(word for word in found if word not in _ARTICLES)


def f_score(expected: Counter[str], given: Counter[str], beta: float = 1.0) -> float:
    """F-measure of words; 1 where both have none, `beta` > 1 weighs recall more."""
    shared = sum((expected & given).values())
    if not expected and not given:
        return 1.0
    if not shared:
        return 0.0
    precision, recall = shared / sum(given.values()), shared / sum(expected.values())
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def sentences_of(value: Any) -> list[str]:
    """The sentences of a JSON value's texts."""
    return [leaf[start:end] for _, leaf in leaves(value) for start, end in text.sentences(leaf)]


def field_of(value: Any, name: str) -> Any:
    """The value of a field of a data model, at any depth; None if no object has it."""
    return _find(data_of(value), name)


def _find(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        if name in value:
            return value[name]
        value = list(value.values())
    if isinstance(value, list):
        return next((found for found in (_find(item, name) for item in value) if found is not None), None)
    return None


def shorten(words: str, most: int = 200) -> str:
    """The beginning of a text, for feedback."""
    flat = " ".join(words.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
