"""Reranking: a cross-encoder reads the question with each of the first passages, and orders these anew.

The models are those of fastembed, or a folder with one; nothing is downloaded before the first use.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from kag import ranking
from kag.errors import ConfigurationError, EmbeddingModelError
from kag.retrievers.base import MAX_K, Evidence, Search, Searcher

DEFAULT = "Xenova/ms-marco-MiniLM-L-6-v2"
_ONNX = ("model.onnx", "onnx/model.onnx", "model_optimized.onnx", "onnx/model_quantized.onnx")
_BATCH = 32


class Reranker:
    """A cross-encoder that scores passages for a question.

    Args:
        model: A cross-encoder that fastembed knows.
        folder: In place of it: a folder with an ONNX cross-encoder and its `tokenizer.json`, `config.json`
            and `tokenizer_config.json`; nothing is downloaded.
        threads: Of the model; all cores by default.

    Raises:
        ConfigurationError: A model and a folder are given, or the folder has no model.

    Example:
        >>> reranked = Reranked(GraphRetriever(knowledge_base=base), Reranker(folder="models/ms-marco"))
        >>> evidence = await reranked.search(Search("Who built the engine?"))
    """

    def __init__(
        self, model: str | None = None, *, folder: str | Path | None = None, threads: int | None = None
    ) -> None:
        if model is not None and folder is not None:
            raise ConfigurationError(f"Give a model ({model!r}) or a folder ({folder}), not both.")
        self.model = model or (DEFAULT if folder is None else Path(folder).name)
        self.folder = Path(folder) if folder is not None else None
        self.threads = threads
        self._file = _model_file(self.folder) if self.folder is not None else ""
        self._encoder: Any = None

    async def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers a question, 0..1 by the logistic function, in the order given.

        Raises:
            EmbeddingModelError: The model cannot be had.
        """
        return await asyncio.to_thread(self._scores, question, list(texts)) if texts else []

    def _scores(self, question: str, texts: list[str]) -> list[float]:
        raw: Iterable[float] = self._loaded().rerank(question, texts, batch_size=_BATCH)
        return [1 / (1 + math.exp(-max(-60.0, min(60.0, float(score))))) for score in raw]

    def _loaded(self) -> Any:
        if self._encoder is None:
            try:
                self._encoder = self._load()
            except Exception as error:  # what it builds on raises classes that share no base
                raise EmbeddingModelError(
                    f"The reranker {self.model!r} cannot be loaded: {error}. Name another model, or a folder "
                    "with one: Reranker(folder=...)."
                ) from error
        return self._encoder

    def _load(self) -> Any:
        from fastembed.common.model_description import ModelSource
        from fastembed.rerank.cross_encoder import TextCrossEncoder

        if self.folder is None:
            return TextCrossEncoder(self.model, threads=self.threads)
        name = f"local/{self.folder.resolve()}#{self._file}"
        if name.lower() not in {
            str(each["model"]).lower() for each in TextCrossEncoder.list_supported_models()
        }:
            TextCrossEncoder.add_custom_model(
                model=name, sources=ModelSource(hf=name), model_file=self._file, size_in_gb=0.1
            )
        return TextCrossEncoder(name, specific_model_path=str(self.folder), threads=self.threads)


class Reranked:
    """A way of searching whose first passages a cross-encoder orders anew.

    Args:
        searcher: What finds the passages: any retriever of passages.
        reranker: What orders them.
        pool: How many passages it reads.
        share: What its score counts, 0..1; the rest is the first score, scaled to 0..1.
    """

    def __init__(self, searcher: Searcher, reranker: Reranker, *, pool: int = 30, share: float = 0.7) -> None:
        if not 1 <= pool <= MAX_K or not 0 <= share <= 1:
            raise ConfigurationError(f"pool is {pool} (1 to {MAX_K}) and share is {share} (0 to 1).")
        self.searcher = searcher
        self.reranker = reranker
        self.pool = pool
        self.share = share

    async def search(self, search: Search) -> Evidence:
        """Searches, and gives the passages in the new order."""
        found = await self.searcher.search(replace(search, k=max(search.k, self.pool)))
        pool, rest = found.hits[: self.pool], found.hits[self.pool :]
        before = ranking.min_max({hit.chunk.id: hit.score for hit in pool})
        read = await self.reranker.scores(search.text, [f"{hit.title}\n{hit.chunk.text}" for hit in pool])
        mixed = [
            replace(hit, score=self.share * score + (1 - self.share) * before[hit.chunk.id])
            for hit, score in zip(pool, read, strict=True)
        ]
        mixed.sort(key=lambda hit: (-hit.score, hit.chunk.id))
        floor = mixed[-1].score if mixed else 0.0
        behind = (
            replace(hit, score=min(hit.score, floor)) for hit in rest
        )  # not read: behind those that were
        return replace(found, hits=(*mixed, *behind)[: search.k])


def _model_file(folder: Path) -> str:
    found = next((name for name in _ONNX if (folder / name).is_file()), "")
    if not found or not (folder / "tokenizer.json").is_file():
        raise ConfigurationError(
            f"{folder} has no cross-encoder; expected tokenizer.json and one of {', '.join(_ONNX)}."
        )
    return found
