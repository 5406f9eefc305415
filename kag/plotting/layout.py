"""Places nodes on a plane so that distances follow hops in the graph, and so that no box covers another.

Stress majorisation (Gansner, Koren and North: Graph Drawing by Stress Majorization, 2004), begun from
classical multidimensional scaling; then boxes are pushed apart. It needs numpy only and no screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ROUNDS = 80  # of stress majorisation
_PUSHES = 100  # of boxes, apart
_BEND = 0.75  # below 1: long ways are drawn shorter than they are, which keeps the sheet small
_ROOM = 5.5  # area of the sheet, in areas of all boxes
_GAP = 0.5  # between unconnected parts, in hops


def place(
    count: int, edges: Sequence[tuple[int, int]], boxes: Floats, *, hop: tuple[float, float], seed: int
) -> Floats:
    """Places every node of a graph.

    Args:
        count: Number of nodes.
        edges: Pairs of nodes.
        boxes: Width and height `(count, 2)` that each node needs round its centre.
        hop: Wanted width and height of one hop, in the boxes' unit.
        seed: Of the small disturbance that separates nodes with the same distances.

    Returns:
        Centres `(count, 2)`; the boxes fill a rectangle whose lower left corner is at (0, 0).
    """
    centres = np.zeros((count, 2))
    parts = _parts(count, edges)
    local = {node: i for part in parts for i, node in enumerate(part)}
    inside: dict[int, list[tuple[int, int]]] = {id(part): [] for part in parts}
    home = {node: id(part) for part in parts for node in part}
    for a, b in edges:
        inside[home[a]].append((local[a], local[b]))
    generator = np.random.default_rng(seed)
    for part in parts:
        start = _stress(_distances(len(part), inside[id(part)]), generator) * np.array(hop)
        centres[part] = _separate(_shrink(start, boxes[part]), boxes[part])
    _pack(parts, centres, boxes, gap=_GAP * min(hop))
    return centres


def _parts(count: int, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Connected parts, largest first."""
    near: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    seen: set[int] = set()
    parts = []
    for first in range(count):
        if first in seen:
            continue
        part = [first]
        seen.add(first)
        for node in part:  # grows while it is walked
            fresh = [other for other in near[node] if other not in seen]
            seen.update(fresh)
            part += list(dict.fromkeys(fresh))
        parts.append(sorted(part))
    return sorted(parts, key=lambda part: (-len(part), part[0]))


def _distances(count: int, edges: Sequence[tuple[int, int]]) -> Floats:
    """Hops between all nodes of one connected part `(count, count)`; links between hubs count as longer."""
    degrees = np.bincount(np.array(edges, dtype=np.int64).ravel(), minlength=count)
    hops = np.full((count, count), np.inf)
    np.fill_diagonal(hops, 0.0)
    for a, b in edges:
        hops[a, b] = hops[b, a] = 1.0 + 0.25 * np.log2(min(degrees[a], degrees[b]))
    for via in range(count):
        np.minimum(hops, hops[:, via, None] + hops[None, via], out=hops)
    bent: Floats = hops**_BEND
    return bent


def _stress(distances: Floats, generator: np.random.Generator) -> Floats:
    """Positions `(n, 2)` whose distances come as close to those wanted as they can in a plane."""
    n = len(distances)
    if n == 1:
        return np.zeros((1, 2))
    positions = _scaling(distances) + generator.normal(scale=0.05, size=(n, 2))
    with np.errstate(divide="ignore"):
        weights = np.where(distances > 0, distances**-2, 0.0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    inverse = np.linalg.inv(laplacian + 1.0 / n) - 1.0 / n
    for _ in range(_ROUNDS):
        apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
        ratio = weights * distances / np.maximum(apart, 1e-9)
        positions = inverse @ (np.diag(ratio.sum(axis=1)) - ratio) @ positions
    return _upright(positions)


def _scaling(distances: Floats) -> Floats:
    """Classical multidimensional scaling to two dimensions `(n, 2)`."""
    squares = distances**2
    inner = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    values, vectors = np.linalg.eigh(inner)
    flat: Floats = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0.0))
    return flat


def _upright(positions: Floats) -> Floats:
    """Turns the longest axis to the horizontal, and the first node to the left and the top."""
    centred = positions - positions.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    turned: Floats = centred @ axes.T
    return turned * np.where(turned[0] * np.array([-1.0, 1.0]) < 0, -1.0, 1.0)


def _shrink(centres: Floats, boxes: Floats) -> Floats:
    """Draws everything closer together where it takes more room than its boxes need."""
    spread = centres.max(axis=0) - centres.min(axis=0)
    room = float((spread + boxes.mean(axis=0)).prod())
    return centres * min(1.0, sqrt(_ROOM * float(boxes.prod(axis=1).sum()) / room))


def _separate(centres: Floats, boxes: Floats) -> Floats:
    """Pushes overlapping boxes apart along the shorter way, and everything a little, until none overlap."""
    wanted = (boxes[:, None] + boxes[None]) / 2
    order = np.sign(np.arange(len(boxes))[:, None] - np.arange(len(boxes)))[..., None]
    for _ in range(_PUSHES):
        apart = centres[:, None] - centres[None]
        overlap = wanted - np.abs(apart)
        touching = (overlap > 1e-3).all(axis=2) & (order[..., 0] != 0)
        if not touching.any():
            break
        sideways = overlap[..., 0] < overlap[..., 1]
        along = np.stack([sideways, ~sideways], axis=2) & touching[..., None]
        way = np.where(apart == 0, order, np.sign(apart))
        centres = centres * 1.015 + 0.3 * np.where(along, overlap * way, 0.0).sum(axis=1)
    return centres


def _pack(parts: Sequence[list[int]], centres: Floats, boxes: Floats, *, gap: float) -> None:
    """Puts the parts side by side in rows, as books on shelves, so that the whole is wider than high."""
    corners = [
        ((centres[p] - boxes[p] / 2).min(axis=0), (centres[p] + boxes[p] / 2).max(axis=0)) for p in parts
    ]
    sizes = [high - low for low, high in corners]
    room = sum(float((size + gap).prod()) for size in sizes)
    width = max([sqrt(room * 1.7), *(float(size[0]) for size in sizes)])
    x = y = row = 0.0
    for part, (low, _), size in zip(parts, corners, sizes, strict=True):
        if x and x + size[0] > width:
            x, y, row = 0.0, y - row - gap, 0.0
        centres[part] += np.array([x, y - size[1]]) - low
        x += float(size[0]) + gap
        row = max(row, float(size[1]))
    if parts:
        centres -= (centres - boxes / 2).min(axis=0)
