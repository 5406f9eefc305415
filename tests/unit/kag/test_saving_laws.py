"""Laws of saving, on random graphs and values."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kag.data_models.data_model import DataModel
from kag.data_models.session import Session
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.modules.merging import And, Or, Xor
from kag.program import Program
from kag.saving import deserialize_kag_object, serialize_kag_object

_KEYS = st.text(max_size=8) | st.sampled_from(["$object", "$again", "$tuple", "$dict", "$", "id", "config"])
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(_KEYS, inner, max_size=4)
    ),
    max_leaves=20,
)


class A(DataModel):
    a: str


class B(DataModel):
    b: int
    a: str | None = None


@given(_VALUES)
def test_any_plain_value_survives_json(value: Any) -> None:
    assert deserialize_kag_object(json.loads(json.dumps(serialize_kag_object(value)))) == value


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["&", "|", "^", "Identity", "And", "Or", "Xor", "in_mask", "out_mask", "prefix", "factorize"]
        ),
        st.integers(0, 30),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(_STEPS, st.booleans(), st.booleans(), st.sets(st.integers(0, 30), min_size=1, max_size=3))
def test_a_loaded_graph_does_what_the_saved_one_does(
    steps: list[tuple[str, int, int]], give_a: bool, give_b: bool, ends: set[int]
) -> None:
    async def main() -> None:
        with Session():
            program = await _random(steps, sorted(ends))
        text = program.to_json()
        twin = Program.from_json(text)
        assert twin.to_json() == text
        inputs = [A(a="x") if give_a else None, B(b=1) if give_b else None]
        assert await twin(inputs) == await program(inputs)

    asyncio.run(main())


async def _random(steps: list[tuple[str, int, int]], ends: list[int]) -> Program:
    inputs = [Input(data_model=A, optional=True), Input(data_model=B, optional=True)]
    symbols: list[Any] = list(inputs)
    for kind, i, j in steps:
        x, y = symbols[i % len(symbols)], symbols[j % len(symbols)]
        symbols.append(await _step(kind, x, y))
    chosen = [symbols[end % len(symbols)] for end in ends]
    return Program(inputs=inputs, outputs=[*chosen, inputs[0] | inputs[1]], name="random")  # uses all inputs


async def _step(kind: str, x: Any, y: Any) -> Any:
    modules = {"And": And, "Or": Or, "Xor": Xor}
    if kind in modules:
        return await modules[kind]()([x, y])
    if kind == "Identity":
        return await Identity()(x)
    if kind in ("in_mask", "out_mask"):
        return getattr(x, kind)(["a"])
    if kind == "prefix":
        return x.prefix("p")
    return {"&": lambda: x & y, "|": lambda: x | y, "^": lambda: x ^ y, "factorize": x.factorize}[kind]()
