"""Rows of numbers: checking what a model gave, and making unit vectors of it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kag.errors import EmbeddingModelError

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors


def from_items(items: Iterable[Mapping[str, Any]], model: str, count: int) -> Vectors:
    """Reads the `data` of an answer: numbers, or base64 of little-endian float32; in the order of `index`.

    Raises:
        EmbeddingModelError: There are not `count` vectors of one length.
        KeyError, TypeError, ValueError: It has another form.
    """
    ordered = sorted(items, key=lambda item: item.get("index") or 0)
    rows = [_numbers(item["embedding"]) for item in ordered]
    if len(rows) != count or len({len(row) for row in rows}) != 1:
        raise EmbeddingModelError(
            f"{model}: sent {count} texts and got {len(rows)} vectors of lengths "
            f"{sorted({len(row) for row in rows})}; expected one for each text, all of one length."
        )
    return np.stack(rows)


def _numbers(value: str | list[float]) -> Vectors:
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float32)
    return np.asarray(value, dtype=np.float32).reshape(-1)


def unit(rows: Vectors, model: str, dimensions: int | None) -> Vectors:
    """Scales rows `(n, dimensions)` to length 1; a row of zeros stays one.

    Raises:
        EmbeddingModelError: Some number is not finite, or the length is not the model's.
    """
    rows = np.asarray(rows, dtype=np.float32)
    if dimensions is not None and rows.shape[1] != dimensions:
        raise EmbeddingModelError(
            f"{model} returned vectors of {rows.shape[1]} dimensions, expected {dimensions}; "
            "check dimensions= and that the server still has the same model."
        )
    if not np.isfinite(rows).all():
        raise EmbeddingModelError(
            f"{model} returned numbers that are not finite; its weights may be damaged."
        )
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype=np.float32)


def assemble(texts: Sequence[str], vectors: Mapping[str, Vectors], dimensions: int) -> Vectors:
    """Lays vectors out in the order of texts `(len(texts), dimensions)`; texts without one get zeros."""
    rows = np.zeros((len(texts), dimensions), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        if text in vectors:
            row[:] = vectors[text]
    return rows
