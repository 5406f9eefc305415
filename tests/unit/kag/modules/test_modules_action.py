from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.errors import ModuleError, ProgramError, ToolError
from kag.modules.action import Action
from kag.modules.input import Input
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Sum(DataModel):
    total: int


class Add:
    """Adds two numbers; gives what it was made to give."""

    name = "add"
    description = "Adds two numbers."
    input_schema: Mapping[str, Any] = {
        "type": "object",
        "title": "Add",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    }

    def __init__(self, give: Any = None) -> None:
        self.give = give
        self.calls: list[dict[str, Any]] = []

    async def __call__(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        if isinstance(self.give, Exception):
            raise self.give
        return self.give


async def test_the_model_fills_in_the_arguments_and_the_tool_runs_once() -> None:
    lm = ScriptedLanguageModel([{"a": 1, "b": 2}])
    tool = Add({"sum": 3})
    result = await Action(tool=tool, language_model=lm)(Query(query="1 + 2?"))
    assert result.get_json() == {"action": {"inputs": {"a": 1, "b": 2}, "outputs": {"sum": 3}}}
    assert tool.calls == [{"a": 1, "b": 2}]
    assert "Adds two numbers." in lm.calls[0].messages[0]["content"]


@pytest.mark.parametrize(
    ("given", "outputs"),
    [
        (3, {"result": 3}),
        ([1, 2], {"result": [1, 2]}),
        (None, {"result": None}),
        (Sum(total=3), {"total": 3}),
    ],
)
async def test_any_json_or_data_model_is_a_result(given: Any, outputs: dict[str, Any]) -> None:
    action = Action(tool=Add(given), language_model=ScriptedLanguageModel())
    assert (await action(Query(query="1 + 2?"))).get("action")["outputs"] == outputs


@pytest.mark.parametrize("given", [object(), float("nan"), {1: 2}, {"a": {2}}])
async def test_a_result_that_is_not_json_is_an_error_of_the_tool(given: Any) -> None:
    with pytest.raises(ToolError, match="'add'"):
        await Action(tool=Add(given), language_model=ScriptedLanguageModel())(Query(query="1 + 2?"))


async def test_a_tool_that_fails_fails_the_action_and_is_not_run_again() -> None:
    tool = Add(ValueError("overflow"))
    with pytest.raises(ModuleError, match="overflow"):
        await Action(tool=tool, language_model=ScriptedLanguageModel())(Query(query="1 + 2?"))
    assert len(tool.calls) == 1


@pytest.mark.parametrize("return_inputs", [True, False])
async def test_an_action_in_a_program_knows_its_schema(return_inputs: bool) -> None:
    inputs = Input(data_model=Query)
    action = Action(tool=Add(3), language_model=ScriptedLanguageModel(), return_inputs=return_inputs)
    outputs = await action(inputs)
    result = await Program(inputs=inputs, outputs=outputs)(Query(query="1 + 2?"))
    assert result.get_schema() == outputs.get_schema()


def test_what_is_no_tool_is_refused() -> None:
    with pytest.raises(ProgramError, match="input_schema"):
        Action(tool=lambda: 3, language_model=ScriptedLanguageModel())  # type: ignore[arg-type]
