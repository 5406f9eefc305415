"""Shows answers to people: sentences with numbers, the places that state them, and both while they come."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kag import console
from kag.text import printable


class Shown:
    """Prints sentences as they come, and remembers their sources for the end.

    Attributes:
        sentences: How many were printed.
        sources: The lines for the end.
    """

    def __init__(self) -> None:
        self.sentences = 0
        self.sources: list[str] = []

    def __call__(self, sentence: dict[str, Any]) -> None:
        """Prints one sentence."""
        console.emit(None, sentence_line(sentence, self.sources))
        console.flush()
        self.sentences += 1


@contextmanager
def listening(shown: Shown | None) -> Iterator[None]:
    """Streams answers within it, if there is somebody to show them to."""
    from programs._cited import told_sentences

    if shown is None:
        yield
        return
    with told_sentences(shown):
        yield


def answer_text(answer: dict[str, Any], shown: Shown | None = None) -> str:
    """An answer with its sources, or what is left of it where sentences were shown already."""
    if shown is not None and shown.sentences:
        return "\n".join(["", *shown.sources])
    if "sentences" not in answer:  # a program that cites in another way, such as the agent
        listed = [printable(f"[{n}] {one}") for n, one in enumerate(answer.get("sources") or (), start=1)]
        return "\n".join([_plain(str(answer.get("answer", ""))), *(["", *listed] if listed else [])])
    sources: list[str] = []
    lines = [sentence_line(sentence, sources) for sentence in answer["sentences"]]
    return "\n".join([*lines, "", *sources])


def sentence_line(sentence: dict[str, Any], sources: list[str]) -> str:
    """A sentence with the numbers of its sources, which are added to those there are."""
    numbers = []
    for citation in sentence["citations"]:
        sources.append(_source(len(sources) + 1, citation))
        numbers.append(f"[{len(sources)}]")
    return f"{_plain(sentence['text'])} {''.join(numbers)}"


def _source(number: int, citation: dict[str, Any]) -> str:
    page = f", page {citation['page']}" if citation["page"] else ""
    place = f"{citation['uri']}{page}, characters {citation['start']}–{citation['end']}"
    return printable(f"[{number}] {citation['title']} ({place}): “{' '.join(citation['quote'].split())}”")


def _plain(words: str) -> str:
    """Text of a model, which must not steer the terminal."""
    return "\n".join(printable(line) for line in words.splitlines())
