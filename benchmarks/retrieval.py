"""Recall of every search mode on multi-hop question sets, through the real pipeline and store.

    python -m benchmarks.retrieval [--data FOLDER ...] [--modes graph hybrid vector keyword] [--embedder
    FOLDER|NAME]

A set is a folder with `corpus.jsonl.gz` {id, title, text} and `queries.jsonl.gz` {id, question, gold: [ids]}.
Passages are ingested as JSONL with the local extractor; recall@k is |gold in the top k| / |gold|, averaged
over questions. With `--runs DIR` it also writes a ranking file for each mode and set: {"id", "ranking":
[passage ids, best first]} a line.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import shutil
import statistics
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import kag
from ingest import Pipeline
from kag.retrievers import searcher
from kag.retrievers.base import MODES, Mode, Search

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = ROOT.parent / "shared" / "bench" / "public"
SETS = ("hotpotqa500", "hotpotqa_train100", "musique_train100")
CACHE = ROOT / ".cache" / "benchmarks"
MINILM = ROOT / ".cache" / "models" / "minilm"
DEPTH = 40
METRICS = ("R@2", "R@5", "R@10", "All@5", "All@10", "MRR")


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def embedding_model(name: str | None) -> kag.EmbeddingModel:
    cache = CACHE / "embeddings.db"
    cache.parent.mkdir(parents=True, exist_ok=True)
    if name is None and MINILM.is_dir():
        return kag.EmbeddingModel(folder=str(MINILM), cache=str(cache))
    if name is not None and Path(name).is_dir():
        return kag.EmbeddingModel(folder=name, cache=str(cache))
    return kag.EmbeddingModel(model=name or "wordllama", cache=str(cache))


async def ingest(folder: Path, base: kag.KnowledgeBase) -> None:
    spent, started = time.process_time(), time.monotonic()
    report = await Pipeline(base).run(folder / "corpus.jsonl.gz")
    counts = report.counts()
    if report.failures:
        raise SystemExit(f"{folder.name}: {report.failures[0].reason}")
    cpu = (time.process_time() - spent) / max(1, counts["stored"])
    print(
        f"  ingested {counts['stored']} passages: {1000 * cpu:.2f} ms CPU a passage with embedding, "
        f"{time.monotonic() - started:.0f} s; {counts['entities']} entity contributions"
    )


async def rankings(
    base: kag.KnowledgeBase, mode: Mode, questions: Sequence[dict[str, Any]]
) -> tuple[list[list[str]], float]:
    """The ids of each question's passages, best first, and the median CPU milliseconds of a search."""
    retriever, ranked, spent = searcher(base, mode), [], []
    for question in questions:
        await base.embed_query(question["question"])  # so that embedding is cached and not counted
        started = time.process_time()
        found = await retriever.search(Search(question["question"], k=DEPTH))
        spent.append(1000 * (time.process_time() - started))
        ranked.append(list(dict.fromkeys(hit.uri.rpartition("#")[2] for hit in found.hits)))
    return ranked, statistics.median(spent)


def score(ranked: Iterable[Sequence[str]], questions: Sequence[dict[str, Any]]) -> dict[str, float]:
    rows = [(order, set(question["gold"])) for order, question in zip(ranked, questions, strict=True)]
    table = {f"R@{k}": [len(gold & set(order[:k])) / len(gold) for order, gold in rows] for k in (2, 5, 10)}
    table["All@5"] = [float(gold <= set(order[:5])) for order, gold in rows]
    table["All@10"] = [float(gold <= set(order[:10])) for order, gold in rows]
    table["MRR"] = [
        next((1 / rank for rank, item in enumerate(order, 1) if item in gold), 0.0) for order, gold in rows
    ]
    return {name: 100 * statistics.fmean(values) for name, values in table.items()}


async def run_set(folder: Path, options: argparse.Namespace) -> None:
    questions = lines(folder / "queries.jsonl.gz")
    model = embedding_model(options.embedder)
    await model.load()
    print(f"\n{folder.name}: {len(questions)} questions, embeddings by {model.name}")
    store = CACHE / "stores" / f"{folder.name}-{model.name.replace('/', '_')}"
    shutil.rmtree(store, ignore_errors=True)
    async with kag.KnowledgeBase(uri=str(store), embedding_model=model) as base:
        await ingest(folder, base)
        print(f"  {'mode':8} " + " ".join(f"{name:>6}" for name in (*METRICS, "CPU ms")))
        for mode in options.modes:
            ranked, cpu = await rankings(base, mode, questions)
            values = " ".join(f"{value:6.1f}" for value in score(ranked, questions).values())
            print(f"  {mode:8} {values} {cpu:6.1f}", flush=True)
            if options.runs:
                write_run(options.runs / f"{folder.name}-{mode}.jsonl", ranked, questions)


def write_run(path: Path, ranked: Iterable[Sequence[str]], questions: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = ({"id": q["id"], "ranking": list(order)} for order, q in zip(ranked, questions, strict=True))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", type=Path, default=[PUBLIC / name for name in SETS])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--embedder", help="folder with an ONNX model, or a model's name")
    parser.add_argument("--runs", type=Path, help="folder to write ranking files to")
    options = parser.parse_args()
    missing = [str(folder) for folder in options.data if not (folder / "queries.jsonl.gz").is_file()]
    if missing:
        sys.exit(f"No question set in {', '.join(missing)}; name folders that have one with --data.")
    for folder in options.data:
        asyncio.run(run_set(folder, options))


if __name__ == "__main__":
    main()
