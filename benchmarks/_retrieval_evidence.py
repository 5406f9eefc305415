"""Where links are weaker than in Wikipedia: evidence within long documents, and a folder of mixed files.

`chunking472` asks questions of five long texts and says where in them the evidence stands. What counts is the
share of the evidence's characters within the first 5 passages, and within the first 4,000 characters, which
does not favour large passages. `docs_cli` has no questions: they are made of its graph by the templates of
`kag questions generate`, so they are easy for a walk over that graph, and are not evidence that it is better.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kag
from benchmarks._retrieval_data import CACHE, PUBLIC, embedding_model
from ingest import Pipeline
from kag import text
from kag.knowledge_bases.records import Document
from kag.retrievers import searcher
from kag.retrievers._evaluation import Gold, Question, scores
from kag.retrievers._evaluation import run as ask
from kag.retrievers._multi_hop import make
from kag.retrievers.auto import AutoRetriever
from kag.retrievers.base import MODES, Search, Searcher

CHARACTERS = 1200  # of a passage, for all ways of cutting
BUDGET = 4000
FIRST = 5
DEPTH = 20
Place = tuple[str, int, int]  # document, start, end


async def run(embedder: str | None) -> None:
    """Prints both tables."""
    model = embedding_model(embedder)
    await model.load()
    for name, work in (("chunking472", long_texts), ("docs_cli", mixed_files)):
        folder = PUBLIC / name
        if not folder.is_dir():
            print(f"\n{name}: no folder {folder}; left out.")
            continue
        store = CACHE / "stores" / name
        shutil.rmtree(store, ignore_errors=True)
        async with kag.KnowledgeBase(uri=str(store), embedding_model=model) as base:
            await work(folder, base, model)


async def long_texts(folder: Path, base: kag.KnowledgeBase, model: Any) -> None:
    await Pipeline(base, chunk_characters=CHARACTERS).run(_unpacked(folder))
    documents = {Path(d.uri).stem: d for d in await _documents(base)}
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    asked = [(row["question"], _evidence(row, documents)) for row in rows]
    asked = [(question, places) for question, places in asked if places]
    print(f"\n{folder.name}: {len(asked)} of {len(rows)} questions, whose evidence was found in the text")
    print(f"  {'system':34} {'in 5 passages':>14} {'in 4,000 characters':>20}")

    def show(name: str, found: Sequence[Sequence[Place]]) -> None:
        rows = list(zip(asked, found, strict=True))
        deep = np.mean([_covered(places, some[:FIRST]) for (_, places), some in rows])
        budget = np.mean([_covered(places, _within(some)) for (_, places), some in rows])
        print(f"  {name:34} {100 * deep:14.1f} {100 * budget:20.1f}", flush=True)

    for mode in (*MODES, "auto"):
        retriever = _searcher(base, mode)
        evidence = [await retriever.search(Search(question, k=DEPTH)) for question, _ in asked]
        show(
            f"structure, {mode}",
            [[(h.chunk.document_id, h.chunk.start, h.chunk.end) for h in e.hits] for e in evidence],
        )
    questions = np.stack([await model.embed_query(question) for question, _ in asked])
    for name, cut in (("fixed size, dense", _fixed), ("recursive, dense", _recursive)):
        places = [(d.id, a, b) for d in documents.values() for a, b in cut(d.text, 0, len(d.text))]
        whole = {d.id: d.text for d in documents.values()}
        rows_ = np.asarray(await model.embed([whole[d][a:b] for d, a, b in places]))
        order = np.argsort(-(questions @ rows_.T), axis=1, kind="stable")[:, :DEPTH]
        show(name, [[places[i] for i in best] for best in order])


async def mixed_files(folder: Path, base: kag.KnowledgeBase, model: Any) -> None:
    report = await Pipeline(base).run(folder)
    held = await base.store.statistics()
    made = [question async for question in make(base, 100)]
    questions = [
        Question(str(n), one.question, tuple(Gold(chunk_id=s.chunk_id) for _, s in one.evidence))
        for n, one in enumerate(made)
    ]
    print(
        f"\n{folder.name}: {report.counts()['stored']} documents, {held.chunks} passages; {len(questions)} "
        "questions made of the graph"
    )
    print(f"  {'system':10} {'R@2':>6} {'R@5':>6} {'R@10':>6} {'All@10':>7} {'MRR':>6}")
    for mode in (*MODES, "auto"):
        table = scores(await ask(_searcher(base, mode), questions, 10), (2, 5, 10))
        shown = [100 * table[name] for name in ("recall@2", "recall@5", "recall@10", "all@10", "mrr")]
        print(f"  {mode:10} {shown[0]:6.1f} {shown[1]:6.1f} {shown[2]:6.1f} {shown[3]:7.1f} {shown[4]:6.1f}")


def _unpacked(folder: Path) -> Path:
    texts = CACHE / "texts" / folder.name
    texts.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.md.gz"):
        (texts / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    return texts


def _searcher(base: kag.KnowledgeBase, mode: str) -> Searcher:
    return AutoRetriever(base) if mode == "auto" else searcher(base, mode)  # type: ignore[arg-type]


async def _documents(base: kag.KnowledgeBase) -> list[Document]:
    page = await base.store.page("document", base.collections, limit=1000)
    whole = await base.store.get([record.id for record in page])
    return [record for record in whole.values() if isinstance(record, Document)]


def _evidence(row: dict[str, Any], documents: dict[str, Document]) -> list[Place]:
    """Where a question's evidence stands in the texts as they are stored."""
    document = documents[row["corpus"]]
    spans = [text.find_quote(document.text, reference["content"]) for reference in row["references"]]
    return [(document.id, *span) for span in spans if span] if all(spans) else []


def _covered(evidence: Iterable[Place], found: Iterable[Place]) -> float:
    """The share of the evidence's characters that some places hold."""
    wanted = {(d, i) for d, a, b in evidence for i in range(a, b)}
    held = {(d, i) for d, a, b in found for i in range(a, b)}
    return len(wanted & held) / len(wanted)


def _within(found: Sequence[Place]) -> Iterator[Place]:
    """The first places, as far as the budget of characters goes; the last one is cut."""
    left = BUDGET
    for document, start, end in found:
        if left <= 0:
            return
        yield document, start, min(end, start + left)
        left -= end - start


def _fixed(_: str, start: int, end: int) -> Iterator[text.Span]:
    return ((a, min(a + CHARACTERS, end)) for a in range(start, end, CHARACTERS))


def _recursive(whole: str, start: int, end: int) -> Iterator[text.Span]:
    """Cuts at the strongest mark that leaves pieces small enough, and fills passages up from the left."""
    while end - start > CHARACTERS:
        window = whole[start : start + CHARACTERS]
        cuts = (window.rfind(mark) + len(mark) for mark in ("\n\n", "\n", ". ", " ") if mark in window[1:])
        cut = start + next(cuts, CHARACTERS)
        yield start, cut
        start = cut
    if start < end:
        yield start, end
