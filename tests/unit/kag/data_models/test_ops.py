"""The operators as functions."""

from __future__ import annotations

import pytest

from kag import ops
from kag.data_models.data_model import DataModel
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import DataModelError, SchemaError


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


Q, A = Query(query="q"), Answer(answer="a")


@pytest.mark.parametrize(
    ("function", "both", "first", "second"),
    [
        (ops.logical_and, {"query": "q", "answer": "a"}, None, None),
        (ops.logical_or, {"query": "q", "answer": "a"}, {"query": "q"}, {"answer": "a"}),
        (ops.logical_xor, None, {"query": "q"}, {"answer": "a"}),
    ],
)
async def test_the_truth_table(function, both, first, second) -> None:
    results = [await function(*pair) for pair in ((Q, A), (Q, None), (None, A), (None, None))]
    assert [None if each is None else each.get_json() for each in results] == [both, first, second, None]


async def test_concat_refuses_none() -> None:
    assert (await ops.concat(Q, A)).get_json() == {"query": "q", "answer": "a"}
    for pair in ((Q, None), (None, A), (None, None)):
        with pytest.raises(DataModelError):
            await ops.concatenate(*pair)


async def test_not_is_always_none() -> None:
    assert await ops.logical_not(Q) is None
    assert await ops.logical_not(None) is None


async def test_unary_functions_leave_none_alone() -> None:
    assert await ops.factorize(None) is None
    assert await ops.in_mask(None, mask=["x"]) is None
    assert await ops.prefix(None, "p") is None
    assert (await ops.suffix(Q, "s")).get_json() == {"query_s": "q"}
    assert (await ops.out_mask(Q, pattern="q")).get_json() == {}
    with pytest.raises(SchemaError, match="mask="):
        await ops.in_mask(Q)


async def test_conversions() -> None:
    assert (await ops.convert_to_json_data_model(Q)).get_json() == {"query": "q"}
    symbol = await ops.convert_to_symbolic_data_model(Query)
    assert isinstance(symbol, SymbolicDataModel)
    assert symbol.keys() == ["query"]
    with pytest.raises(DataModelError, match="the class Query"):
        await ops.convert_to_json_data_model(Query)
