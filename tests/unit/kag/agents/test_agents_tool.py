from __future__ import annotations

import asyncio
import dataclasses
import datetime
import functools
import threading
import warnings
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

import kag.saving
from kag.agents.tool import Shown, Tool, ToolWarning
from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.errors import SavingError, ToolError
from kag.modules.action import Action
from kag.registry import register_kag_serializable
from kag.testing import ScriptedLanguageModel


class Unit(StrEnum):
    METRE = "m"
    MILE = "mi"


class Place(DataModel):
    name: str
    size: int = 1


@register_kag_serializable()
async def add(a: int, b: int = 2) -> int:
    """Adds two numbers.

    Args:
        a: One number.
        b: Another.
    """
    return a + b


async def google(first: int, second: str = "x", third: list[int] | None = None) -> None:
    """Does something.

    It does it well.

    Args:
        first (int): The first
            of them: all.
        second: The second.
        third (list[int] | None, optional): The third.

    Returns:
        Nothing.
    """


async def numpy(first: int, second: str = "x", third: list[int] | None = None) -> None:
    """Does something.

    It does it well.

    Parameters
    ----------
    first : int
        The first
        of them: all.
    second
        The second.
    third : list[int], optional
        The third.

    Returns
    -------
    None
    """


async def sphinx(first: int, second: str = "x", third: list[int] | None = None) -> None:
    """Does something.

    It does it well.

    :param int first: The first
        of them: all.
    :param second: The second.
    :type second: str
    :param third: The third.
    :returns: Nothing.
    """


@pytest.mark.parametrize("function", [google, numpy, sphinx])
def test_docstrings_of_all_styles_describe_the_tool_and_its_parameters(function: Callable[..., Any]) -> None:
    tool = Tool(function)
    assert tool.description == "Does something.\n\nIt does it well."
    described = {name: field["description"] for name, field in tool.input_schema["properties"].items()}
    assert described == {
        "first": "The first of them: all.",
        "second": "The second.",
        "third": "The third.",
    }
    assert tool.input_schema["required"] == ["first"]
    assert tool.definition() == {
        "name": function.__name__,
        "description": tool.description,
        "parameters": tool.input_schema,
    }


def test_a_docstring_of_every_awkward_form_does_no_harm() -> None:
    for text in (
        "",
        "\n\n",
        "Args:",
        "Args:\n",
        "Parameters\n---------",
        ":param",
        ":param x:",
        "----",
        "::",
    ):

        async def odd(x: int) -> int:
            return x

        odd.__doc__ = text
        with pytest.warns(ToolWarning):
            assert Tool(odd).input_schema["properties"]["x"]["type"] == "integer"


def test_a_parameter_without_a_hint_is_an_error_that_names_it() -> None:
    async def bad(a: int, b) -> int:  # type: ignore[no-untyped-def]
        return a

    with pytest.raises(ToolError, match=r"'b' of the tool 'bad' has no type hint"):
        Tool(bad)


def test_what_is_not_described_is_named_in_a_warning_and_stands_by_its_name() -> None:
    async def calculate(expression: str) -> dict[str, Any]:
        """Calculates."""
        return {}

    with pytest.warns(ToolWarning, match="expression"):
        tool = Tool(calculate)
    assert tool.input_schema["properties"]["expression"]["description"] == "expression"
    with pytest.warns(ToolWarning, match="no docstring"):
        assert Tool(lambda: 1, name="nothing_said").description == "nothing said"


def test_a_description_may_stand_in_the_hint() -> None:
    async def tool(a: Annotated[int, Field(ge=1, description="From 1 up")]) -> int:
        """Does."""
        return a

    assert Tool(tool).input_schema["properties"]["a"] == {
        "description": "From 1 up",
        "minimum": 1,
        "type": "integer",
    }


@pytest.mark.parametrize(
    ("function", "options", "reason"),
    [
        (lambda *a: a, {"name": "x"}, "by name"),
        (lambda **k: k, {"name": "x"}, "by name"),
        (lambda: 1, {}, "name"),
        (lambda: 1, {"name": "has space"}, "name"),
        (lambda: 1, {"name": "a" * 65}, "name"),
        (lambda: 1, {"name": "1st"}, "name"),
        (3, {}, "function"),
        (int, {}, "function"),
        (add, {"retries": 2}, "idempotent"),
        (add, {"retries": -1, "idempotent": True}, "retries"),
        (add, {"retries": 1.5, "idempotent": True}, "retries"),
        (add, {"timeout": 0}, "timeout"),
        (add, {"timeout": "1"}, "timeout"),
        (add, {"max_result_characters": -5}, "max_result_characters"),
        (add, {"input_schema": {"type": "array"}}, "object"),
        (add, {"input_schema": {"type": "nonsense"}}, "schema"),
        (add, {"input_schema": {"x": object()}}, "JSON"),
    ],
)
def test_what_cannot_be_a_tool_is_refused_with_the_reason(
    function: Any, options: dict[str, Any], reason: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ToolWarning)
        with pytest.raises(ToolError, match=reason):
            Tool(function, **options)


def test_a_hint_without_a_schema_is_refused_with_the_reason() -> None:
    async def bad(a: threading.Lock) -> None:  # type: ignore[valid-type]
        """Does.

        Args:
            a: A lock.
        """

    with pytest.raises(ToolError, match="type hints of the tool 'bad'"):
        Tool(bad)


async def test_arguments_arrive_as_the_types_that_the_function_declares() -> None:
    seen: dict[str, Any] = {}

    async def travel(
        to: Place, on: datetime.date, unit: Unit = Unit.MILE, how: Literal["car", "train"] = "car"
    ) -> str:
        """Travels.

        Args:
            to: Where to.
            on: When.
            unit: Of distances.
            how: By what.
        """
        seen.update(to=to, on=on, unit=unit, how=how)
        return "done"

    await Tool(travel)(to={"name": "Paris"}, on="2026-11-22", unit="m")
    assert seen == {
        "to": Place(name="Paris"),
        "on": datetime.date(2026, 11, 22),
        "unit": Unit.METRE,
        "how": "car",
    }


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "a is missing"),
        ({"a": "x"}, "a: "),
        ({"a": 1, "c": 2}, r"no argument 'c' \(it takes a, b\)"),
        ({"a": None}, "a: "),
        ({"a": 1.5}, "a: "),
    ],
)
async def test_arguments_that_do_not_fit_run_nothing_and_say_what_is_wrong(
    arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ToolError, match=reason):
        await Tool(add)(**arguments)
    outcome = await Tool(add).run(arguments)
    assert (outcome.error, outcome.runs) == ("invalid_arguments", 0)
    assert '"properties"' in outcome.text


async def test_names_that_models_keep_for_themselves_may_be_parameters() -> None:
    async def odd(schema: str, model_config: int, self_: int = 0, copy: bool = False) -> str:
        """Does.

        Args:
            schema: One.
            model_config: Two.
            self_: Three.
            copy: Four.
        """
        return f"{schema} {model_config} {self_} {copy}"

    result = await Tool(odd)(schema="s", model_config=1, copy=True)
    assert result.get("result") == "s 1 0 True"


@pytest.mark.parametrize(
    ("given", "value"),
    [
        (5, {"result": 5}),
        (None, {"result": None}),
        ("text", {"result": "text"}),
        ([1, "a"], {"result": [1, "a"]}),
        ({"x": 1}, {"x": 1}),
        (Place(name="Rome"), {"name": "Rome", "size": 1}),
        (JsonDataModel(data_model=Place(name="Rome")), {"name": "Rome", "size": 1}),
        (datetime.date(2026, 1, 2), {"result": "2026-01-02"}),
        ({"days": {1}, "unit": Unit.MILE}, {"days": [1], "unit": "mi"}),
        ((1, 2), {"result": [1, 2]}),
    ],
)
async def test_results_become_json_objects(given: Any, value: dict[str, Any]) -> None:
    async def give() -> Any:
        """Gives."""
        return given

    assert (await Tool(give)()).get_json() == value


async def test_a_dataclass_is_a_result_too() -> None:
    @dataclasses.dataclass
    class Point:
        x: int

    async def give() -> Point:
        """Gives."""
        return Point(3)

    assert (await Tool(give)()).get_json() == {"x": 3}


@pytest.mark.parametrize("given", [object(), float("nan"), {1: object()}])
async def test_a_result_that_is_not_json_is_a_failure(given: Any) -> None:
    async def give() -> Any:
        """Gives."""
        return given

    outcome = await Tool(give).run({})
    assert outcome.error == "failed"
    assert "not JSON" in outcome.text


async def test_a_tool_that_raises_is_run_once_and_gives_a_short_typed_error() -> None:
    runs = []

    async def fail() -> None:
        """Fails."""
        runs.append(1)
        raise ValueError("b must not be 0\n" + "x" * 5000)

    outcome = await Tool(fail).run({})
    assert outcome.text.startswith("failed: ValueError: b must not be 0")
    assert len(outcome.text) < 600
    assert "\n" not in outcome.text
    assert (len(runs), outcome.runs) == (1, 1)
    with pytest.raises(ToolError, match="'fail'") as caught:
        await Tool(fail)()
    assert isinstance(caught.value.__cause__, ValueError)


async def test_what_an_unknown_error_says_is_not_shown() -> None:
    class DatabaseError(Exception):
        pass

    async def fail() -> None:
        """Fails."""
        raise DatabaseError("postgres://user:secret@host/db refused")

    assert (await Tool(fail).run({})).text == "failed: DatabaseError"


async def test_only_an_idempotent_tool_is_run_again() -> None:
    runs = []

    async def flaky() -> str:
        """Fails twice."""
        runs.append(1)
        if len(runs) < 3:
            raise ConnectionError("gone")
        return "here"

    outcome = await Tool(flaky, idempotent=True, retries=3).run({})
    assert (outcome.text, outcome.runs, len(runs)) == ("here", 3, 3)


async def test_a_tool_that_takes_too_long_is_given_up_and_cancelled() -> None:
    cancelled = []

    async def hang() -> None:
        """Hangs."""
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    outcome = await Tool(hang, timeout=0.01).run({})
    assert outcome.error == "timeout"
    assert "may or may not have been done" in outcome.text
    assert cancelled == [1]


async def test_a_timeout_inside_a_tool_is_a_failure_of_the_tool() -> None:
    async def fail() -> None:
        """Fails."""
        raise TimeoutError("the database took too long")

    assert (await Tool(fail).run({})).error == "failed"


async def test_cancelling_the_caller_cancels_the_tool() -> None:
    begun, cancelled = asyncio.Event(), []

    async def hang() -> None:
        """Hangs."""
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    task = asyncio.create_task(Tool(hang).run({}))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled == [1]


async def test_a_plain_function_runs_in_a_thread_and_does_not_hold_up_the_others() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def wait() -> str:
        """Waits."""
        inside.set()
        assert go_on.wait(10)
        return threading.current_thread().name

    task = asyncio.create_task(Tool(wait).run({}))
    assert await asyncio.to_thread(inside.wait, 10)
    go_on.set()
    assert (await task).text != threading.current_thread().name


def test_a_plain_function_that_never_ends_does_not_hold_up_the_end_of_the_loop() -> None:
    go_on = threading.Event()

    def hang() -> None:
        """Hangs."""
        go_on.wait(60)

    outcome = asyncio.run(Tool(hang, timeout=0.01).run({}))
    assert outcome.error == "timeout"
    go_on.set()


@pytest.mark.parametrize("raised", [StopIteration("x"), SystemExit(3), GeneratorExit(), KeyError("k")])
async def test_whatever_a_plain_function_raises_is_a_failure(raised: BaseException) -> None:
    def fail() -> None:
        """Fails."""
        raise raised

    assert (await Tool(fail).run({})).error == "failed"


class OddError(BaseException):
    """What is no `Exception`."""


@pytest.mark.parametrize("raised", [SystemExit(3), OddError("odd"), asyncio.CancelledError()])
@pytest.mark.parametrize("plain", [True, False])
async def test_a_tool_cannot_end_or_cancel_the_program(raised: BaseException, plain: bool) -> None:
    def sync() -> str:
        """Raises."""
        raise raised

    async def waiting() -> str:
        """Raises."""
        raise raised

    outcome = await Tool(sync if plain else waiting).run({})
    assert outcome.error == "failed"
    assert type(raised).__name__ in outcome.text


async def test_an_error_that_cannot_say_what_it_is_is_a_failure_too() -> None:
    class MuteError(ValueError):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    async def mute() -> str:
        """Raises."""
        raise MuteError

    assert (await Tool(mute).run({})).text == "failed: MuteError"


async def test_a_schema_that_multiplies_is_given_up() -> None:
    async def anything(**arguments: Any) -> str:
        return "done"

    node: dict[str, Any] = {"allOf": [{"properties": {"x": {"$ref": "#/$defs/N"}}}] * 2}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/$defs/N"}}, "$defs": {"N": node}}
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"x": deep}
    outcome = await Tool(anything, name="anything", description="Does.", input_schema=schema).run(deep)
    assert outcome.error == "invalid_arguments"
    assert "takes too long" in outcome.text


async def test_a_long_result_is_cut_and_says_so() -> None:
    async def long() -> str:
        """Gives much."""
        return "x" * 5_000_000

    outcome = await Tool(long, max_result_characters=100).run({})
    assert outcome.text.startswith("x" * 100 + "…")
    assert "100 of 5000000 characters" in outcome.text
    assert outcome.value == {"result": "x" * 100, "truncated": True, "characters": 5_000_000}


async def test_a_tool_may_show_a_model_something_else_than_its_result() -> None:
    async def draw() -> Shown:
        """Draws."""
        return Shown({"points": [1, 2]}, text="a line", images=("data:image/png;base64,AAAA",))

    outcome = await Tool(draw).run({})
    assert (outcome.value, outcome.text) == ({"points": [1, 2]}, "a line")
    assert outcome.images == ("data:image/png;base64,AAAA",)


async def test_partials_methods_and_objects_are_tools_too() -> None:
    class Counter:
        """Counts."""

        def __init__(self) -> None:
            self.total = 0

        async def count(self, by: int) -> int:
            """Counts on.

            Args:
                by: How far.
            """
            self.total += by
            return self.total

        async def __call__(self, to: int) -> int:
            """Sets the count.

            Args:
                to: Where to.
            """
            self.total = to
            return to

    counter = Counter()
    assert (await Tool(counter.count)(by=2)).get("result") == 2
    setting = Tool(counter, name="set")
    assert setting.description == "Sets the count."
    assert (await setting(to=7)).get("result") == 7
    assert (await Tool(functools.partial(add, b=40), name="plus_forty")(a=2)).get("result") == 42


async def test_a_schema_may_stand_in_place_of_hints() -> None:
    seen: list[dict[str, Any]] = []

    async def anything(**arguments: Any) -> str:
        """Takes anything."""
        seen.append(arguments)
        return "ok"

    schema = {
        "type": "object",
        "properties": {"self": {"type": "integer"}, "place": {"$ref": "#/$defs/Place"}},
        "required": ["self"],
        "$defs": {"Place": {"type": "object", "properties": {"name": {"type": "string"}}}},
    }
    tool = Tool(anything, input_schema=schema)
    assert (await tool.run({"self": 1, "place": {"name": "Rome"}})).text == "ok"
    assert (await tool.run({"self": "x"})).error == "invalid_arguments"
    assert (await tool.run({"self": 1, "place": {"name": 3}})).error == "invalid_arguments"
    lost = Tool(
        anything, input_schema={"type": "object", "properties": {"a": {"$ref": "https://x.example/y"}}}
    )
    assert (await lost.run({"a": 1})).error == "invalid_arguments"
    assert seen == [{"self": 1, "place": {"name": "Rome"}}]


async def test_a_tool_is_saved_by_the_registered_name_of_its_function() -> None:
    tool = Tool(add, name="plus", description="Adds.", idempotent=True, retries=1, timeout=3)
    twin = kag.saving.deserialize_kag_object(kag.saving.serialize_kag_object(tool))
    assert twin.get_config() == tool.get_config()
    assert (await twin(a=1)).get("result") == 3

    async def local(a: int) -> int:
        """Local.

        Args:
            a: One.
        """
        return a

    with pytest.raises(SavingError, match="register"):
        kag.saving.serialize_kag_object(Tool(local))


async def test_an_action_takes_a_tool() -> None:
    lm = ScriptedLanguageModel([{"a": 1, "b": 5}])
    result = await Action(tool=Tool(add), language_model=lm)(Place(name="sum"))
    assert result.get("action") == {"inputs": {"a": 1, "b": 5}, "outputs": {"result": 6}}
