"""A block of vectors that never changes, and how the best of it are found: exactly, or by bits first.

In a large block the first pass reads one bit for each dimension: the sign of what sets a row apart from the
mean of the block, after a random rotation that mixes the dimensions, since some models put most into a few.
The share of equal signs estimates the angle between a row and the query, both seen from the mean (random
hyperplanes, Charikar 2002). So all rows get an estimate from 1/32 of their bytes, and only the most promising
are compared exactly. Each row has its own code, so there is nothing to train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

EXACT = 10_000  # rows up to which every row is compared
_SHARE = 25  # one row in so many is compared exactly, in larger blocks
_LEAST = 2_000  # and at least so many
_MIXED = 128  # dimensions that are mixed with each other
_SLICE = 8_192  # rows encoded at a time
_SAMPLE = 20_000  # rows that the mean is taken of

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Coder:
    """How vectors become codes.

    Args:
        mean: `(dimensions,)`: where they are seen from.
        order: `(bits,)`: how dimensions are shuffled, those added as zeros included.
        rotation: `(128, 128)`: how 128 of them at a time are mixed.
    """

    mean: Floats
    order: Ints
    rotation: Floats

    def codes(self, away: Floats) -> Codes:
        """Packs the signs of differences from the mean `(n, dimensions)` into words `(words, n)`."""
        padded = np.pad(away, ((0, 0), (0, len(self.order) - away.shape[1])))[:, self.order]
        mixed = padded.reshape(-1, _MIXED) @ self.rotation
        bits = np.packbits(mixed.reshape(padded.shape) > 0, axis=1)
        return np.ascontiguousarray(bits.view(np.uint64).T)


@dataclass(frozen=True, slots=True)
class Block:
    """Vectors with their keys and, in a large block, their codes.

    Args:
        keys: `(4, n)`: seq, owner, collection and document of each row; seq ascends.
        rows: `(n, dimensions)` unit vectors.
        coder: How the codes were made; None where there are none.
        shifts: `(2, n)`: each row's distance from the mean, and what the mean adds to every product with it.
        codes: `(words, n)`: 64 bits in a word.
    """

    keys: Ints
    rows: Floats
    coder: Coder | None
    shifts: Floats
    codes: Codes

    def best(self, query: Floats, allowed: NDArray[np.bool_], k: int) -> tuple[Ints, Floats]:
        """Finds the rows with the greatest cosine, in no order.

        Args:
            query: `(dimensions,)` unit vector.
            allowed: `(n,)`: rows that may be found.
            k: At most so many.

        Returns:
            Numbers of rows and their cosines.
        """
        there = int(np.count_nonzero(allowed))
        if self.coder is not None and there > EXACT:
            rows = np.sort(
                top(self._estimates(self.coder, query, allowed), max(_LEAST, there // _SHARE, 10 * k))
            )
            scores = _products(self.rows[rows], query)
        elif there * 8 < len(self.rows):
            rows = np.flatnonzero(allowed)
            scores = _products(self.rows[rows], query)
        else:
            rows = np.flatnonzero(allowed)
            scores = _products(self.rows, query)[rows]
        chosen = top(scores, k)
        return rows[chosen], scores[chosen]

    def _estimates(self, coder: Coder, query: Floats, allowed: NDArray[np.bool_]) -> Floats:
        """Estimates every row's cosine from its code; minus infinity where it is not allowed."""
        away = query - coder.mean
        code = coder.codes(away[np.newaxis])[:, 0]
        differing = np.zeros(len(self.rows), dtype=np.uint16)
        for word, of_rows in zip(code, self.codes, strict=True):
            differing += np.bitwise_count(of_rows ^ word)
        bits = len(coder.order)
        angles = np.pi * np.arange(bits + 1) / bits
        cosines = (np.cos(angles) * np.linalg.norm(away)).astype(np.float32)
        estimates: Floats = cosines[differing] * self.shifts[0] + self.shifts[1]
        estimates[~allowed] = -np.inf
        return estimates


def _products(rows: Floats, query: Floats) -> Floats:
    """Each row's product with a vector, on one thread: those that BLAS wakes spin for longer."""
    products: Floats = np.einsum("ij,j->i", rows, query)
    return products


def plain(keys: Ints, rows: Floats) -> Block:
    """Makes a block without codes."""
    return Block(keys, rows, None, np.empty((2, 0), dtype=np.float32), np.empty((0, 0), dtype=np.uint64))


def encoded(keys: Ints, rows: Floats) -> Block:
    """Makes a block with the codes of its rows."""
    n, dimensions = rows.shape
    step = max(1, n // _SAMPLE)
    coder = _coder(np.asarray(rows[::step].mean(axis=0), dtype=np.float32))
    shifts = np.empty((2, n), dtype=np.float32)
    codes = np.empty((bits_of(dimensions) // 64, n), dtype=np.uint64)
    for start in range(0, n, _SLICE):
        part = slice(start, start + _SLICE)
        away = rows[part] - coder.mean
        shifts[0, part] = np.linalg.norm(away, axis=1)
        shifts[1, part] = away @ coder.mean
        codes[:, part] = coder.codes(away)
    return Block(keys, rows, coder, shifts, codes)


def bits_of(dimensions: int) -> int:
    """Length of a code."""
    return -(-dimensions // _MIXED) * _MIXED


def rotation_shape() -> tuple[int, int]:
    """Shape of a coder's rotation."""
    return _MIXED, _MIXED


def _coder(mean: Floats) -> Coder:
    chance = np.random.default_rng(len(mean))
    rotation, _ = np.linalg.qr(chance.normal(size=rotation_shape()))
    return Coder(mean, chance.permutation(bits_of(len(mean))), rotation.astype(np.float32))


def top(scores: Floats, k: int) -> Ints:
    """Numbers of the greatest scores, in no order."""
    if k >= len(scores):
        return np.arange(len(scores))
    best: NDArray[Any] = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
    return best
