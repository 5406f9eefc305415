"""The baselines of `retrieval_baselines.py`, imported from where it lies, with our cached embeddings."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kag
from benchmarks._retrieval_data import PUBLIC, QuestionSet

SCRIPT = PUBLIC.parent / "retrieval_baselines.py"
_NEEDED = ("bm25s", "scipy")
_DEEP = 100


def rankings(
    chosen: QuestionSet, model: kag.EmbeddingModel, *, triples: bool
) -> Iterator[tuple[str, list[list[str]]]]:
    """Each baseline with its rankings: the ids of each question's passages, best first."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not SCRIPT.is_file() or missing:
        what = f"pip install {' '.join(missing)}" if missing else f"no {SCRIPT}"
        print(f"  (baselines left out: {what})")
        return
    script = _load(SCRIPT)
    corpus, questions = chosen.passages(), [q["question"] for q in chosen.questions()]
    documents = [f"{row['title']}\n{row['text']}".strip() for row in corpus]

    def embed(texts: Sequence[str]) -> np.ndarray:
        rows = asyncio.run(model.embed(list(texts)))
        return np.asarray(rows, dtype=np.float32)

    ids = [row["id"] for row in corpus]
    lexical = script.bm25(documents, questions)
    yield "BM25", _ranked(lexical, ids)
    passages, asked = embed(documents), embed(questions)
    dense = asked @ passages.T
    yield "dense", _ranked(dense, ids)
    yield "RRF", _ranked(script.rrf(lexical, dense), ids)
    both = zip(lexical, dense, strict=True)
    yield "min-max", _ranked(np.stack([script.minmax(a) / 2 + script.minmax(b) / 2 for a, b in both]), ids)
    facts = script.pseudo_triples(corpus)
    walked = script.graph_ppr(corpus, questions, facts, embed, passages, asked, "lexical")
    yield "HippoRAG-2 style", _ranked(walked, ids)
    if triples:
        _, _, given = script.load(str(chosen.folder))
        if given is None:
            print(f"  ({chosen.folder.name} has no given triples)")
            return
        walked = script.graph_ppr(corpus, questions, given, embed, passages, asked, "triples")
        yield "HippoRAG-2, triples", _ranked(walked, ids)


def _ranked(scores: Any, ids: Sequence[str]) -> list[list[str]]:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :_DEEP]
    return [[ids[i] for i in row] for row in order]


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("retrieval_baselines", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
