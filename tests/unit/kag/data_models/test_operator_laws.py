"""Laws of the operators, on generated expressions: values keep what symbols promise, alone and in graphs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from json_objects import NAMES, instances

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import (
    AND,
    CONCAT,
    FACTORIZE,
    OR,
    XOR,
    InMask,
    OutMask,
    Prefix,
    Suffix,
    UnaryOperation,
)
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError
from kag.program import Program
from kag.schema import Schema

Expression = Callable[[list[Any]], Any]

unary = st.one_of(
    st.just(FACTORIZE),
    st.sampled_from([Prefix("p"), Suffix("s")]),
    st.builds(InMask, st.lists(st.sampled_from(NAMES), max_size=4).map(tuple), st.none(), st.booleans()),
    st.builds(OutMask, st.lists(st.sampled_from(NAMES), max_size=2).map(tuple), st.none(), st.booleans()),
)


def changed(pair: tuple[UnaryOperation, Expression]) -> Expression:
    operation, inner = pair
    return lambda operands: operation(inner(operands))


def combined(triple: tuple[Any, Expression, Expression]) -> Expression:
    operation, left, right = triple
    return lambda operands: operation(left(operands), right(operands))


leaves = st.integers(0, 3).map(lambda place: lambda operands: operands[place])
expressions: st.SearchStrategy[Expression] = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from([CONCAT, AND, OR, XOR]), inner, inner).map(combined)
        | st.tuples(unary, inner).map(changed)
    ),
    max_leaves=6,
)
operands = st.lists(instances(), min_size=4, max_size=4)


def computed(expression: Expression, values: list[JsonDataModel | None]) -> Any:
    try:
        return expression(values)
    except DataModelError:
        return DataModelError


@given(expressions, operands, st.lists(st.booleans(), min_size=4, max_size=4))
def test_a_graph_computes_what_python_computes_and_fits_its_symbol(
    expression: Expression, pairs: list[tuple[Schema, dict[str, Any]]], there: list[bool]
) -> None:
    values = [JsonDataModel.trusted(*pair) if here else None for pair, here in zip(pairs, there, strict=True)]
    symbols = [SymbolicDataModel(schema=schema, optional=True) for schema, _ in pairs]
    outputs = expression(symbols)
    expected = computed(expression, values)

    async def run() -> Any:
        try:
            return await Program(inputs=symbols, outputs=outputs)(values)
        except DataModelError:
            return DataModelError

    result = asyncio.run(run())
    assert result == expected
    if isinstance(result, JsonDataModel):
        result.schema.check(result.data)
        promised = outputs.known_schema
        if promised is not None:
            promised.check(result.data)
            assert not outputs.is_exact or result.schema is promised


@given(instances(), instances())
def test_the_truth_table_holds(
    one: tuple[Schema, dict[str, Any]], two: tuple[Schema, dict[str, Any]]
) -> None:
    a, b = JsonDataModel.trusted(*one), JsonDataModel.trusted(*two)
    assert (a & None) is None
    assert (None & a) is None
    assert (a | None) == a == (None | a) == (a ^ None) == (None ^ a)
    assert (a ^ b) is None
    assert (a & b) == (a | b) == (a + b)
    assert ~a is None


@given(instances(), instances(), instances())
def test_joining_keeps_values_whatever_the_grouping(
    one: tuple[Schema, dict[str, Any]],
    two: tuple[Schema, dict[str, Any]],
    three: tuple[Schema, dict[str, Any]],
) -> None:
    a, b, c = (JsonDataModel.trusted(*each) for each in (one, two, three))
    left, right = ((a + b) + c).get_json(), (a + (b + c)).get_json()
    assert list(left.values()) == list(right.values())
