"""How well a way of searching finds what questions need: recall, all, reciprocal rank, gain, latency."""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kag.errors import ConfigurationError, SearchError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk
from kag.retrievers.base import MAX_K, Evidence, Search, Searcher

_FORM = (
    'expected {"question": "...", "gold": [...]} with, for each passage that is needed, a chunk\'s id, a '
    'document\'s id or URI (or the end of it), or {"uri": ..., "quote": ...}'
)


@dataclass(frozen=True, slots=True)
class Gold:
    """A passage that a question needs.

    Args:
        chunk_id: This chunk; empty where any of the document will do.
        document_id: Of this document; empty with a chunk.
        quote: One that holds these words; empty where any will do.
    """

    chunk_id: str = ""
    document_id: str = ""
    quote: str = ""

    def is_in(self, chunk: Chunk) -> bool:
        """Whether a passage is it."""
        if self.chunk_id:
            return chunk.id == self.chunk_id
        return chunk.document_id == self.document_id and self.quote in _flat(chunk.text)


@dataclass(frozen=True, slots=True)
class Question:
    """A question and the passages that only together answer it."""

    id: str
    text: str
    gold: tuple[Gold, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search found of what a question needs.

    Args:
        ranks: For each gold passage the rank at which it is found, from 1; 0 where it is not.
        milliseconds: How long the search took.
        mode: How it was searched.
    """

    ranks: tuple[int, ...]
    milliseconds: float
    mode: str

    def recall(self, k: int) -> float:
        """The share of the gold passages among the first `k`."""
        return sum(0 < rank <= k for rank in self.ranks) / len(self.ranks)

    def complete(self, k: int) -> float:
        """1 where all gold passages are among the first `k`, else 0."""
        return float(self.recall(k) == 1)

    def reciprocal_rank(self) -> float:
        """One over the rank of the first gold passage; 0 where there is none."""
        return max((1 / rank for rank in self.ranks if rank), default=0.0)

    def gain(self, k: int) -> float:
        """Discounted cumulative gain of the first `k`, beside the best there could be (nDCG)."""
        found = {rank for rank in self.ranks if 0 < rank <= k}
        ideal = sum(1 / math.log2(1 + rank) for rank in range(1, min(k, len(self.ranks)) + 1))
        return sum(1 / math.log2(1 + rank) for rank in found) / ideal


def scores(outcomes: Sequence[Outcome], ks: Sequence[int]) -> dict[str, float]:
    """The table of one way of searching: means over questions, 0..1, and the latency in milliseconds."""
    table: dict[str, float] = {}
    measures: Sequence[tuple[str, Callable[[Outcome, int], float]]] = (
        ("recall", Outcome.recall),
        ("all", Outcome.complete),
        ("ndcg", Outcome.gain),
    )
    for name, measure in measures:
        table |= {f"{name}@{k}": statistics.fmean(measure(one, k) for one in outcomes) for k in ks}
    spent = sorted(one.milliseconds for one in outcomes)
    table["mrr"] = statistics.fmean(one.reciprocal_rank() for one in outcomes)
    table["median_ms"] = statistics.median(spent)
    table["p95_ms"] = spent[math.ceil(0.95 * len(spent)) - 1]
    return table


async def run(
    searcher: Searcher, questions: Sequence[Question], k: int, progress: Callable[[], None] = lambda: None
) -> list[Outcome]:
    """Searches for each question, one after the other.

    Args:
        searcher: What searches.
        questions: What is asked.
        k: How deep to look.
        progress: Called after each question.
    """
    outcomes = []
    for question in questions:
        started = time.perf_counter()
        found = await searcher.search(Search(question.text, k=min(MAX_K, k)))
        spent = 1000 * (time.perf_counter() - started)
        outcomes.append(Outcome(_ranks(found, question.gold), spent, found.mode))
        progress()
    return outcomes


def _ranks(found: Evidence, gold: Sequence[Gold]) -> tuple[int, ...]:
    def rank(one: Gold) -> int:
        return next((n for n, hit in enumerate(found.hits, start=1) if one.is_in(hit.chunk)), 0)

    return tuple(rank(one) for one in gold)


async def read_questions(base: KnowledgeBase, path: Path) -> list[Question]:
    """Reads questions, one JSON object a line, and finds their gold passages in the collection.

    Args:
        base: Where the passages are.
        path: The file.

    Raises:
        ConfigurationError: A line is not a question in form; says which and what is expected.
        SearchError: A gold passage is not in the collection.
    """
    found = []
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            where = f"{path}, line {number}"
            found.append(await _question(base, line, where, str(number)))
    if not found:
        raise ConfigurationError(f"{path} has no questions; {_FORM}.")
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text: {error.reason}.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None


async def _question(base: KnowledgeBase, line: str, where: str, number: str) -> Question:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ConfigurationError(f"{where} is not JSON: {error}; {_FORM}.") from None
    text = row.get("question") if isinstance(row, dict) else None
    wanted = row.get("gold") if isinstance(row, dict) else None
    if not isinstance(text, str) or not text.strip() or not isinstance(wanted, list) or not wanted:
        raise ConfigurationError(f"{where} is not a question with its passages; {_FORM}.")
    gold = tuple(dict.fromkeys([await _gold(base, one, where) for one in wanted]))
    return Question(str(row.get("id", number)), text, gold)


async def _gold(base: KnowledgeBase, wanted: Any, where: str) -> Gold:
    if isinstance(wanted, Mapping):
        uri, quote = wanted.get("uri"), wanted.get("quote", "")
    else:
        uri, quote = wanted, ""
    if not isinstance(uri, str) or not uri.strip() or not isinstance(quote, str):
        raise ConfigurationError(f"{where}: gold {json.dumps(wanted)[:80]}; {_FORM}.")
    if uri.startswith("chk_"):
        chunk = (await base.store.get([uri])).get(uri)
        if isinstance(chunk, Chunk) and chunk.collection == base.collection:
            return Gold(chunk_id=uri)
    else:
        documents = await base.store.find_documents(base.collections, uri)
        if len(documents) == 1:
            return Gold(document_id=documents[0].id, quote=_flat(quote))
        if documents:
            raise SearchError(f"{where}: {uri!r} fits {len(documents)} documents; give more of the URI.")
    raise SearchError(
        f"{where}: gold passage {uri!r} is not in collection {base.collection!r}. Chunk ids change when a "
        'document is cut anew: a URI with a quote, {"uri": ..., "quote": ...}, does not.'
    )


def _flat(words: str) -> str:
    return " ".join(words.split())
