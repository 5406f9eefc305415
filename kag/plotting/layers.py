"""Places the boxes of a directed acyclic graph in layers from top to bottom, with room for its edges.

Layers by longest path, crossings reduced by barycentres (Sugiyama, Tagawa and Toda: Methods for Visual
Understanding of Hierarchical System Structures, 1981), and in each layer the places that are closest to the
neighbours' while the order stays and no box touches another (isotonic regression).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf

_SWEEPS = 12
_SHIFTS = 60
_LANE = 0.16  # inches: room for an edge that passes a layer
_KINK = 0.06  # inches: a bend as small as this is drawn straight
_GAP = 0.34  # inches between boxes of a layer
_RISE = (0.4, 0.95)  # inches between layers: at least, at most

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is, in inches; y grows downwards from the top.

    Args:
        centres: Centre of each box.
        routes: For each edge, points from the source's bottom to the target's top. From an even point to the
            next it goes straight down, from an odd one it changes its place between two layers.
        width: Of the whole.
        height: Of the whole.
    """

    centres: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


@dataclass(slots=True)
class _Cell:
    """A box, or a lane in which an edge passes a layer."""

    width: float
    height: float
    layer: int
    box: int | None
    above: list[_Cell]
    below: list[_Cell]
    place: int = 0
    x: float = 0.0


def lay_out(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places boxes and edges.

    Args:
        sizes: Width and height of each box in inches.
        edges: Pairs (source, target) of boxes, without cycles.
    """
    levels = _levels(len(sizes), edges)
    boxes = [_Cell(w, h, levels[i], i, [], []) for i, (w, h) in enumerate(sizes)]
    layers: list[list[_Cell]] = [[] for _ in range(max(levels, default=-1) + 1)]
    for box in boxes:
        layers[box.layer].append(box)
    chains = _connect(boxes, edges, layers)
    _order(layers)
    _spread(layers)
    left = min((cell.x - cell.width / 2 for layer in layers for cell in layer), default=0.0)
    for layer in layers:
        for cell in layer:
            cell.x -= left
    tops, height = _heights(layers)
    return Layout(
        centres=[(box.x, tops[box.layer] + _tall(layers[box.layer]) / 2) for box in boxes],
        routes=_routes(chains, layers, tops),
        width=max((cell.x + cell.width / 2 for layer in layers for cell in layer), default=0.0),
        height=height,
    )


def _levels(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box: one below the lowest of those it depends on."""
    levels = [0] * count
    for _ in range(count):
        changed = False
        for source, target in edges:
            if levels[target] <= levels[source]:
                levels[target] = levels[source] + 1
                changed = True
        if not changed:
            break
    return levels


def _connect(
    boxes: list[_Cell], edges: Sequence[tuple[int, int]], layers: list[list[_Cell]]
) -> list[list[_Cell]]:
    """Adds lanes for edges that pass layers; edges from one box share a lane. Gives each edge's cells."""
    lanes: dict[tuple[int, int], _Cell] = {}
    chains = []
    for source, target in edges:
        chain = [boxes[source]]
        for level in range(boxes[source].layer + 1, boxes[target].layer):
            lane = lanes.get((source, level))
            if lane is None:
                lane = lanes[source, level] = _Cell(_LANE, 0.0, level, None, [], [])
                layers[level].append(lane)
            chain.append(lane)
        chain.append(boxes[target])
        for upper, lower in pairwise(chain):
            if lower not in upper.below:
                upper.below.append(lower)
                lower.above.append(upper)
        chains.append(chain)
    return chains


def _order(layers: list[list[_Cell]]) -> None:
    """Orders each layer so that few edges cross; the first of equally good orders wins."""
    _number(layers)
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        for layer in layers if downwards else reversed(layers):
            layer.sort(key=lambda cell: _barycentre(cell, downwards))
            _renumber(layer)
        _swap(layers)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    for layer, order in zip(layers, best, strict=True):
        layer[:] = order
        _renumber(layer)


def _swap(layers: list[list[_Cell]]) -> None:
    """Exchanges neighbours where that takes crossings away."""
    for layer in layers:
        for place in range(len(layer) - 1):
            one, two = layer[place], layer[place + 1]
            if _crossed(two, one) < _crossed(one, two):
                layer[place], layer[place + 1] = two, one
                _renumber(layer)


def _crossed(left: _Cell, right: _Cell) -> int:
    """Crossings between the edges of two cells of a layer that stand in this order."""
    pairs = [(left.above, right.above), (left.below, right.below)]
    return sum(a.place > b.place for some, others in pairs for a in some for b in others)


def _crossings(layers: list[list[_Cell]]) -> int:
    total = 0
    for layer in layers:
        lines = [(cell.place, lower.place) for cell in layer for lower in cell.below]
        total += sum(
            (a - c) * (b - d) < 0 for number, (a, b) in enumerate(lines) for c, d in lines[number + 1 :]
        )
    return total


def _barycentre(cell: _Cell, downwards: bool) -> float:
    near = cell.above if downwards else cell.below
    return sum(other.place for other in near) / len(near) if near else float(cell.place)


def _number(layers: list[list[_Cell]]) -> None:
    for layer in layers:
        _renumber(layer)


def _renumber(layer: list[_Cell]) -> None:
    for place, cell in enumerate(layer):
        cell.place = place


def _spread(layers: list[list[_Cell]]) -> None:
    """Finds a place for each cell, close to its neighbours above and below."""
    for layer in layers:
        x = 0.0
        for cell in layer:
            cell.x = x + cell.width / 2
            x += cell.width + _GAP
    for shift in range(_SHIFTS):
        for layer in layers if shift % 2 == 0 else reversed(layers):
            wanted = [_wanted(cell, shift) for cell in layer]
            for cell, x in zip(layer, _apart(layer, wanted), strict=True):
                cell.x = x
    for layer in layers:
        for cell in layer:
            if cell.box is None and all(upper.box is not None for upper in cell.above):
                _straighten(cell, layers)


def _straighten(first: _Cell, layers: list[list[_Cell]]) -> None:
    """Moves the cells of a lane below each other, as far as the boxes beside them leave room."""
    run: list[_Cell] = []
    low, high = -inf, inf
    cell: _Cell | None = first
    while cell is not None:
        left, right = _room(cell, layers[cell.layer])
        if run and (max(low, left) > min(high, right)):
            _align(run, low, high)
            run, low, high = [], -inf, inf
        run, low, high = [*run, cell], max(low, left), min(high, right)
        cell = next((lower for lower in cell.below if lower.box is None), None)
    _align(run, low, high)


def _align(run: list[_Cell], low: float, high: float) -> None:
    """Gives cells one place between two limits, close to what they come from or lead to."""
    ends = [*run[0].above, *(lower for cell in run for lower in cell.below if lower.box is not None)]
    places = [min(max(end.x, low), high) for end in ends]
    away = [abs(place - end.x) for place, end in zip(places, ends, strict=True)]
    for cell in run:
        cell.x = places[away.index(min(away))]


def _room(cell: _Cell, layer: list[_Cell]) -> tuple[float, float]:
    """Between which places a lane can move in its layer."""
    low, high = -inf, inf
    if cell.place > 0:
        left = layer[cell.place - 1]
        low = left.x + (left.width + cell.width) / 2 + _GAP / 4
    if cell.place < len(layer) - 1:
        right = layer[cell.place + 1]
        high = right.x - (right.width + cell.width) / 2 - _GAP / 4
    return low, max(low, high)


def _wanted(cell: _Cell, shift: int) -> float:
    near = [*cell.above, *cell.below] if shift > _SHIFTS // 2 else (cell.above, cell.below)[shift % 2]
    return sum(other.x for other in near) / len(near) if near else cell.x


def _apart(layer: list[_Cell], wanted: list[float]) -> list[float]:
    """Places as close as possible to those wanted (least squares), in order and without touching."""
    offsets = [0.0]
    for left, right in pairwise(layer):
        gap = _GAP if left.box is not None and right.box is not None else _GAP / 2
        offsets.append(offsets[-1] + (left.width + right.width) / 2 + gap)
    blocks: list[tuple[float, int]] = []  # mean, how many
    for want, offset in zip(wanted, offsets, strict=True):
        mean, count = want - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (mean * count + before * many) / (count + many), count + many
        blocks.append((mean, count))
    places = [mean for mean, count in blocks for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]


def _tall(layer: list[_Cell]) -> float:
    return max(cell.height for cell in layer)


def _heights(layers: list[list[_Cell]]) -> tuple[list[float], float]:
    """Top of each layer, and height of the whole; where edges go far sideways, layers are further apart."""
    tops, y = [], 0.0
    for layer in layers:
        tops.append(y)
        longest = max((abs(cell.x - lower.x) for cell in layer for lower in cell.below), default=0.0)
        y += _tall(layer) + min(_RISE[1], _RISE[0] + 0.09 * longest)
    return tops, y - min(_RISE[1], _RISE[0]) if layers else 0.0


def _routes(chains: list[list[_Cell]], layers: list[list[_Cell]], tops: list[float]) -> list[list[Point]]:
    ports = _ports(chains)
    routes = []
    for number, chain in enumerate(chains):
        points: list[Point] = []
        for cell in chain:
            top, tall = tops[cell.layer], _tall(layers[cell.layer])
            x = ports.get((number, id(cell)), cell.x)
            if cell is not chain[0]:
                points.append((x, top))
                points.append((x, top + (tall - cell.height) / 2))
            if cell is not chain[-1]:
                points.append((x, top + (tall + cell.height) / 2))
                points.append((x, top + tall))
        routes.append(points)
    return routes


def _ports(chains: list[list[_Cell]]) -> dict[tuple[int, int], float]:
    """Where each edge meets its target's top, by edge and cell: side by side, in the order they come from."""
    arriving: dict[int, list[int]] = {}
    for number, chain in enumerate(chains):
        arriving.setdefault(id(chain[-1]), []).append(number)
    ports = {}
    for numbers in arriving.values():
        target = chains[numbers[0]][-1]
        numbers.sort(key=lambda number: chains[number][-2].x)
        if len(numbers) == 1 and abs(chains[numbers[0]][-2].x - target.x) < _KINK:
            ports[numbers[0], id(target)] = chains[numbers[0]][-2].x
            continue
        step = min(0.3, 0.7 * target.width / len(numbers))
        for place, number in enumerate(numbers):
            ports[number, id(target)] = target.x + (place - (len(numbers) - 1) / 2) * step
    return ports
