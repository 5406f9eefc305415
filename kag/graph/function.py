"""Replaying: from input to output symbols, by a plan that starts every step when its own inputs are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kag.errors import ProgramError
from kag.graph.node import Node, Symbol
from kag.graph.structure import leaves, leaves_like, map_leaves

Fill = Callable[[list[Any]], Any]


@dataclass(slots=True, eq=False)
class Step:
    """A node, compiled: where its arguments are and where its results go.

    Args:
        node: What to run.
        args: Gives the positional arguments from the slots.
        kwargs: Gives the keyword arguments, None if there are none.
        outputs: Slots of the result's leaves.
        waits: How many different steps must have run before.
        followers: Steps that wait for this one.
    """

    node: Node
    args: Fill
    kwargs: Fill | None
    outputs: tuple[int, ...]
    waits: int = 0
    followers: list[Step] = field(default_factory=list)
    place: int = 0

    def start(self, slots: list[Any]) -> Any:
        """Applies the operation; the result is to be awaited if the node is."""
        if self.kwargs is None:
            return self.node.operation(*self.args(slots))
        return self.node.operation(*self.args(slots), **self.kwargs(slots))

    def keep(self, result: Any, slots: list[Any]) -> None:
        """Puts a result where others find it; None for a structure means that no branch was taken."""
        if isinstance(self.node.outputs, Symbol) and not isinstance(result, list | tuple | dict):
            slots[self.outputs[0]] = result
            return
        found = leaves_like(self.node.outputs, result)
        if found is None:
            raise self._misshapen(result)
        for slot, leaf in zip(self.outputs, found, strict=True):
            slots[slot] = leaf

    def _misshapen(self, result: Any) -> ProgramError:
        expected = (
            "one data model" if isinstance(self.node.outputs, Symbol) else f"{len(self.outputs)} results"
        )
        return ProgramError(
            f"{self.node.name!r} returned a {type(result).__name__}; the recorded graph expects {expected}. "
            "Define compute_output_spec so that it has the shape of what call returns."
        )


class Function:
    """A graph from inputs to outputs, ready to run any number of times, also concurrently.

    Args:
        inputs: Symbol or nested structure of symbols that the graph is given.
        outputs: Symbol or nested structure of symbols that it gives.

    Raises:
        ProgramError: Inputs or outputs are not symbols, or an output depends on something that is not an
            input.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        self.inputs = map_leaves(lambda leaf: leaf, inputs)  # the caller may go on changing his lists
        self.outputs = map_leaves(lambda leaf: leaf, outputs)
        given = _symbols(inputs, "inputs")
        if len({id(symbol) for symbol in given}) != len(given):
            raise ProgramError("A graph's inputs must differ; the same symbol is given twice.")
        self.nodes = _sorted_nodes(given, _symbols(outputs, "outputs"))
        self._slots = _number(given, self.nodes)
        self.steps = _compile(self.nodes, self._slots, {id(symbol) for symbol in given})
        self._first = [step for step in self.steps if not step.waits]
        self._result = _filler(outputs, self._slots)
        self._sequential = _is_sequential(self.steps)
        self._given = [self._slots[id(symbol)] for symbol in given]

    async def run(self, values: list[Any], max_concurrency: int | None = None) -> Any:
        """Runs the graph.

        Args:
            values: One for each leaf of the inputs, in their order; None where a branch was not taken.
            max_concurrency: At most so many awaited operations at a time; None for no limit.

        Returns: Results in the structure of the outputs. The first failure cancels what still runs and is
            raised as it is.
        """
        slots: list[Any] = [None] * (len(self._slots) + 1)
        for slot, value in zip(self._given, values, strict=True):
            slots[slot] = value
        if self._sequential:
            for step in self.steps:
                result = step.start(slots)
                step.keep(await result if step.node.awaited else result, slots)
        else:
            await _Run(self, slots, max_concurrency).all()
        return self._result(slots)

    @property
    def first_steps(self) -> list[Step]:
        """Steps that need nothing but the inputs."""
        return self._first


class _Run:
    """One concurrent run: a task follows a path of steps, and starts tasks for further paths that open up."""

    def __init__(self, function: Function, slots: list[Any], max_concurrency: int | None) -> None:
        self._function = function
        self._slots = slots
        self._waits = [step.waits for step in function.steps]
        self._limit = asyncio.Semaphore(max_concurrency) if max_concurrency else None
        self._open = len(function.steps)

    async def all(self) -> None:
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._spawn(self._ready(self._function.first_steps))
        except BaseExceptionGroup as group:
            failure = group.exceptions[0]
        if failure is not None:
            try:
                raise failure
            finally:
                del failure  # the traceback would keep this frame, and so the failure, alive
        if self._open:
            raise asyncio.CancelledError("A module was cancelled from inside, so the program has no result.")

    def _spawn(self, steps: list[Step]) -> None:
        for step in steps:
            self._tasks.create_task(self._follow(step), name=step.node.name)

    async def _follow(self, step: Step) -> None:
        while True:
            if self._limit is None:
                result = await step.start(self._slots)
            else:
                async with self._limit:
                    result = await step.start(self._slots)
            step.keep(result, self._slots)
            ready = self._ready(self._opened(step))
            if not ready:
                return
            step, *others = ready
            self._spawn(others)

    def _opened(self, done: Step) -> list[Step]:
        """Followers for which `done` was the last one to wait for."""
        self._open -= 1
        opened = []
        for step in done.followers:
            self._waits[step.place] -= 1
            if not self._waits[step.place]:
                opened.append(step)
        return opened

    def _ready(self, steps: list[Step]) -> list[Step]:
        """The awaited ones of some open steps; operators are applied at once, which may open more."""
        ready, queue = [], list(steps)
        while queue:
            step = queue.pop(0)
            if step.node.awaited:
                ready.append(step)
            else:
                step.keep(step.start(self._slots), self._slots)
                queue.extend(self._opened(step))
        return ready


def _symbols(structure: Any, role: str) -> list[Symbol]:
    symbols = list(leaves(structure))
    for symbol in symbols:
        if not isinstance(symbol, Symbol):
            raise ProgramError(
                f"A graph's {role} must be symbolic data models; got {type(symbol).__name__}. "
                "Begin with Input(data_model=...) and call modules on it."
            )
    if not symbols:
        raise ProgramError(f"A graph needs {role}; got none.")
    return symbols


def _sorted_nodes(given: list[Symbol], wanted: list[Symbol]) -> tuple[Node, ...]:
    """Nodes between inputs and outputs, each after those it depends on."""
    known = {id(symbol) for symbol in given}
    state: dict[
        int, bool
    ] = {}  # by id of the node: False while its inputs are walked, True when it is sorted
    order: list[Node] = []
    stack: list[tuple[Symbol, bool]] = [(symbol, False) for symbol in reversed(wanted)]
    while stack:
        symbol, walked = stack.pop()
        if id(symbol) in known:
            continue
        if symbol.origin is None:
            raise ProgramError(
                f"The graph is disconnected: its outputs depend on {symbol!r}, "
                "which is not among its inputs. "
                "Add it to inputs=[...], or build the outputs from the given inputs."
            )
        node = symbol.origin.node
        if walked:
            if not state[id(node)]:
                state[id(node)] = True
                order.append(node)
        elif id(node) not in state:
            state[id(node)] = False
            stack.append((symbol, True))
            stack.extend((needed, False) for needed in reversed(node.inputs))
        elif not state[id(node)]:
            _refuse_cycle(node, stack)
    return tuple(order)


def _refuse_cycle(node: Node, stack: list[tuple[Symbol, bool]]) -> None:
    """A node that is met again is a cycle only if it is met below itself."""
    path = [s.origin.node for s, walked in stack if walked and s.origin is not None]
    if any(one is node for one in path):
        names = " -> ".join(one.name for one in path[path.index(node) :])
        raise ProgramError(
            f"The graph has a cycle: {names} -> {node.name}; a module cannot use its own result."
        )


def _number(given: list[Symbol], nodes: tuple[Node, ...]) -> Mapping[int, int]:
    slots = {id(symbol): slot for slot, symbol in enumerate(given)}
    for node in nodes:
        for symbol in leaves(node.outputs):
            slots.setdefault(id(symbol), len(slots))
    return slots


def _compile(nodes: tuple[Node, ...], slots: Mapping[int, int], given: set[int]) -> list[Step]:
    steps: list[Step] = []
    makers: dict[int, Step] = {}
    spare = len(slots)  # for results that nobody reads, because the caller gives that symbol
    for place, node in enumerate(nodes):
        outputs = tuple(spare if id(s) in given else slots[id(s)] for s in leaves(node.outputs))
        kwargs = _filler(dict(node.kwargs), slots) if node.kwargs else None
        step = Step(node, _filler(node.args, slots), kwargs, outputs, place=place)
        needed = {
            id(makers[slots[id(s)]]): makers[slots[id(s)]] for s in node.inputs if slots[id(s)] in makers
        }
        for maker in needed.values():
            maker.followers.append(step)
        step.waits = len(needed)
        makers.update(dict.fromkeys(outputs, step))
        steps.append(step)
    return steps


def _filler(structure: Any, slots: Mapping[int, int]) -> Fill:
    """Fills a structure of symbols and constants from the slots; the usual shapes are quick."""
    if isinstance(structure, Symbol):
        only = slots[id(structure)]
        return lambda values: values[only]
    if type(structure) is tuple and all(isinstance(item, Symbol) for item in structure):
        places = tuple(slots[id(item)] for item in structure)
        if len(places) == 1:
            only = places[0]
            return lambda values: (values[only],)
        return lambda values: tuple([values[place] for place in places])
    template = map_leaves(
        lambda leaf: _Slot(slots[id(leaf)]) if isinstance(leaf, Symbol) else leaf, structure
    )
    return lambda values: map_leaves(
        lambda leaf: values[leaf.place] if isinstance(leaf, _Slot) else leaf, template
    )


@dataclass(frozen=True, slots=True)
class _Slot:
    place: int


def _is_sequential(steps: list[Step]) -> bool:
    """Whether no two awaited steps can run at the same time: each depends on the one before it."""
    before: Step | None = None
    reached: dict[int, set[int]] = {}
    for step in steps:
        above = reached.setdefault(step.place, set())
        if step.node.awaited:
            if before is not None and before.place not in above:
                return False
            before = step
        for follower in step.followers:
            reached.setdefault(follower.place, set()).update(above, {step.place})
    return True
