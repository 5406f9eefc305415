"""Recall of every search mode on multi-hop question sets, through the real pipeline into a real store.

    python -m benchmarks.retrieval                     the default sets, all modes, baselines
    python -m benchmarks.retrieval --data FOLDER ... --modes graph hybrid --store neo4j://localhost:7687
    python -m benchmarks.retrieval --no-titles         titles removed from the corpus
    python -m benchmarks.retrieval --triples           given triples beside the mentions
    python -m benchmarks.retrieval --ablation          each ingredient of the walk removed
    python -m benchmarks.retrieval --latency 100000    a synthetic graph of so many passages
    python -m benchmarks.retrieval --evidence          recall of evidence within long documents

A set is a folder with `corpus.jsonl.gz` {id, title, text}, `queries.jsonl.gz` {id, question, gold: [ids]}
and, where there are any, `triples.jsonl.gz` {id, triples}. Recall@k is |gold in the top k| / |gold|, averaged
over questions, x 100; the interval is that of the difference to `hybrid` in R@5 by a paired bootstrap (95%,
2,000 draws). Milliseconds are CPU of one search, without the embedding of the question. With `--runs FOLDER`
it writes a ranking file for each mode and set: {"id", "ranking": [passage ids, best first]} a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kag
from benchmarks import _retrieval_baselines as baselines
from benchmarks import _retrieval_evidence as evidence
from benchmarks import _retrieval_latency as latency
from benchmarks._retrieval_data import PUBLIC, QuestionSet, embedding_model, ingest
from kag.retrievers import searcher
from kag.retrievers._neighbourhood import Weights
from kag.retrievers.auto import AutoRetriever
from kag.retrievers.base import MODES, Search, Searcher
from kag.retrievers.graph import GraphRetriever

SETS = ("hotpotqa500", "hotpotqa_train100", "musique_train100")
CHOICES = tuple(dict.fromkeys((*MODES, "auto")))
DEPTH = 40
METRICS = ("R@2", "R@5", "R@10", "All@5", "All@10", "MRR")
DRAWS = 2000
Ranking = list[list[str]]

# Each ingredient of the walk, taken out or made plain, one at a time.
ABLATION: dict[str, dict[str, Any]] = {
    "all of it": {},
    "blunt seeds: 30 passages, power 1": {"seeds": 30, "sharpness": 1.0},
    "no seeds from the question's entities": {"entity_share": 0.0},
    "sentences of mentions count alike": {"sentence": 0.0},
    "a title counts as a mention": {"title": 1.0, "title_back": 1.0},
    "the question's entities count in full": {"asked": 1.0},
    "dates and terms count as names": {"labels": {}},
    "go on with 0.5": {"proceed": 0.5},
    "2 steps": {"steps": 2},
    "mass not flattened": {"flatten": 1.0},
    "no first stage in the score": {"first_stage": 0.0},
    "first stage alone in the score": {"first_stage": 1.0},
    "no order by coverage": {"coverage": 0.0},
    "no order by links": {"link": 0.0},
    "neither": {"coverage": 0.0, "link": 0.0},
    "entities in at most 1% of the passages": {"max_share": 0.01},
}


def make(base: kag.KnowledgeBase, mode: str) -> Searcher:
    return AutoRetriever(base) if mode == "auto" else searcher(base, mode)  # type: ignore[arg-type]


async def rankings(
    base: kag.KnowledgeBase, retriever: Searcher, questions: Sequence[dict[str, Any]]
) -> tuple[Ranking, list[float]]:
    """The ids of each question's passages, best first, and the CPU milliseconds of each search."""
    ranked, spent = [], []
    for question in questions:
        await base.embed_query(question["question"])  # so that embedding is cached and not counted
        started = time.process_time()
        found = await retriever.search(Search(question["question"], k=DEPTH))
        spent.append(1000 * (time.process_time() - started))
        ranked.append(list(dict.fromkeys(hit.uri.rpartition("#")[2] for hit in found.hits)))
    return ranked, spent


def score(ranked: Iterable[Sequence[str]], questions: Sequence[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Each metric's value for each question."""
    rows = [(order, set(question["gold"])) for order, question in zip(ranked, questions, strict=True)]
    table = {f"R@{k}": [len(gold & set(order[:k])) / len(gold) for order, gold in rows] for k in (2, 5, 10)}
    table["All@5"] = [float(gold <= set(order[:5])) for order, gold in rows]
    table["All@10"] = [float(gold <= set(order[:10])) for order, gold in rows]
    table["MRR"] = [
        next((1 / rank for rank, item in enumerate(order, 1) if item in gold), 0.0) for order, gold in rows
    ]
    return {name: 100 * np.array(values) for name, values in table.items()}


def interval(values: np.ndarray, other: np.ndarray) -> str:
    """The mean difference with its 95% interval, by a paired bootstrap."""
    difference = values - other
    draws = np.random.default_rng(0).integers(len(difference), size=(DRAWS, len(difference)))
    low, high = np.percentile(difference[draws].mean(axis=1), [2.5, 97.5])
    return f"{difference.mean():+5.1f} [{low:+5.1f}, {high:+5.1f}]"


class Table:
    """Prints a row for each way of searching, beside `hybrid`."""

    def __init__(self, questions: Sequence[dict[str, Any]]) -> None:
        self.questions = questions
        self.hybrid: np.ndarray | None = None
        head = " ".join(f"{name:>6}" for name in METRICS)
        print(f"  {'system':40} {head}   R@5 beside hybrid   ms CPU (p95)")

    def add(self, name: str, ranked: Ranking, spent: Sequence[float] = ()) -> None:
        """Prints one row."""
        table = score(ranked, self.questions)
        if name == "hybrid":
            self.hybrid = table["R@5"]
        beside = "" if self.hybrid is None or name == "hybrid" else interval(table["R@5"], self.hybrid)
        cost = f"{np.median(spent):6.1f} ({np.percentile(spent, 95):.1f})" if spent else ""
        values = " ".join(f"{values.mean():6.1f}" for values in table.values())
        print(f"  {name:40} {values}   {beside:19} {cost}", flush=True)


async def run_set(chosen: QuestionSet, options: argparse.Namespace) -> None:
    """Ingests a set and prints its table; without `--store`, into a store made anew."""
    questions = chosen.questions()
    model = embedding_model(options.embedder)
    await model.load()
    print(f"\n{chosen.name}: {len(questions)} questions, embeddings by {model.name}")
    uri = options.store or str(chosen.store(model))
    if options.store is None and not options.keep:
        shutil.rmtree(uri, ignore_errors=True)
    name = f"bench-{chosen.name}".replace(", ", "-").replace(" ", "-")
    async with kag.KnowledgeBase(uri=uri, embedding_model=model, collection=name) as base:
        print(f"  {await ingest(chosen, base)}")
        table = Table(questions)
        for mode in sorted(options.modes, key=lambda mode: mode != "hybrid"):
            ranked, spent = await rankings(base, make(base, mode), questions)
            table.add(mode, ranked, spent)
            if options.runs:
                write_run(options.runs / f"{chosen.name.replace(', ', '-')}-{mode}.jsonl", ranked, questions)
        for change, weights in ABLATION.items() if options.ablation else ():
            retriever = GraphRetriever(base, Weights(**weights))
            table.add(change, *(await rankings(base, retriever, questions)))
    options.tables.append((chosen, model, table))


def write_run(path: Path, ranked: Iterable[Sequence[str]], questions: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({"id": q["id"], "ranking": list(order)} for order, q in zip(ranked, questions, strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", type=Path, default=[PUBLIC / name for name in SETS])
    parser.add_argument("--modes", nargs="+", choices=CHOICES, default=list(CHOICES))
    parser.add_argument("--embedder", help="folder with an ONNX model, or a model's name")
    parser.add_argument("--store", help="URI of a server or a folder; by default SQLite, made anew")
    parser.add_argument("--keep", action="store_true", help="keep the SQLite store of the last run")
    parser.add_argument("--runs", type=Path, help="folder to write ranking files to")
    parser.add_argument("--no-titles", action="store_true", help="take the titles out of the corpus")
    parser.add_argument("--triples", action="store_true", help="add the facts of triples.jsonl.gz")
    parser.add_argument("--no-baselines", action="store_true", help="only our own modes")
    parser.add_argument("--ablation", action="store_true", help="take out each ingredient of the walk")
    parser.add_argument("--latency", type=int, metavar="N", help="a synthetic graph of N passages instead")
    parser.add_argument("--evidence", action="store_true", help="evidence within long documents instead")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if options.latency:
        asyncio.run(latency.run(options.latency, options.store))
        return
    if options.evidence:
        asyncio.run(evidence.run(options.embedder))
        return
    missing = [str(folder) for folder in options.data if not (folder / "queries.jsonl.gz").is_file()]
    if missing:
        sys.exit(f"No question set in {', '.join(missing)}; name folders that have one with --data.")
    for folder in options.data:
        chosen = QuestionSet(folder, titles=not options.no_titles, triples=options.triples)
        if options.triples and not (folder / "triples.jsonl.gz").is_file():
            print(f"\n{folder.name} has no triples.jsonl.gz; left out.")
            continue
        options.tables = []
        asyncio.run(run_set(chosen, options))
        for done, model, table in [] if options.no_baselines else options.tables:
            for name, ranked in baselines.rankings(done, model, triples=options.triples):
                table.add(name, ranked)


if __name__ == "__main__":
    main()
