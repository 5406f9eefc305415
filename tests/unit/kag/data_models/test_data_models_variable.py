"""Variables and trials: state that changes only when it fits, and candidates that do not see each other."""

from __future__ import annotations

import asyncio

import pytest

from kag.data_models.data_model import DataModel
from kag.data_models.session import Session, auto_name, clear_session, snake_case
from kag.data_models.trainable import Instructions
from kag.data_models.variable import Trial, Variable
from kag.errors import SchemaError


class Query(DataModel):
    query: str


def test_a_variable_begins_with_an_instance_or_a_class_and_a_dict() -> None:
    for variable in (Variable(Query(query="q")), Variable(Query, initializer={"query": "q"})):
        assert variable["query"] == variable.get("query") == "q"
        assert (variable + Query(query="r")).get_json() == {"query": "q", "query_1": "r"}


def test_an_update_that_does_not_fit_changes_nothing() -> None:
    variable = Variable(Query(query="q"), name="state")
    with pytest.raises(SchemaError, match="'state'"):
        variable.update({"query": 5})
    with pytest.raises(SchemaError):
        variable.update({"unknown": 5})
    assert variable.get_json() == {"query": "q"}
    variable.update({"query": "r"})
    assert variable["query"] == "r"
    variable.reset()
    assert variable["query"] == "q"


def test_what_a_variable_hands_out_is_a_copy() -> None:
    variable = Variable(Instructions(instructions="x"))
    variable["examples"].append({"inputs": {}})
    variable.get("examples").append({"inputs": {}})
    assert variable.get("examples") == []


def test_an_instruction_variable_has_the_documented_fields() -> None:
    assert set(Variable(Instructions()).keys()) == {
        "instructions", "examples", "current_predictions", "predictions", "seed_candidates", "candidates",
        "best_candidates", "history", "nb_visit", "cumulative_reward",
    }  # fmt: skip


async def test_trials_at_the_same_time_see_their_own_values() -> None:
    variable = Variable(Query(query="base"))
    both_in = asyncio.Barrier(2)

    async def attempt(text: str) -> tuple[str, str]:
        with Trial({variable: {"query": text}}):
            await both_in.wait()
            before = variable["query"]
            variable.update({"query": f"{text}!"})
            await both_in.wait()
            return before, variable["query"]

    assert await asyncio.gather(attempt("a"), attempt("b")) == [("a", "a!"), ("b", "b!")]
    assert variable["query"] == "base"


def test_predictions_go_to_the_trial_or_to_the_variable() -> None:
    variable = Variable(Instructions())
    with Trial({variable: variable.get_json()}) as trial:
        variable.record({"q": 1}, {"a": 2})
    assert [(each.inputs, each.outputs) for each in trial.predictions] == [({"q": 1}, {"a": 2})]
    assert variable["current_predictions"] == []
    variable.record({"q": 1}, {"a": 2})
    assert variable["current_predictions"] == [{"inputs": {"q": 1}, "outputs": {"a": 2}}]


async def test_one_trial_may_be_entered_by_several_tasks_and_within_another() -> None:
    one, two = Variable(Query(query="1")), Variable(Query(query="2"))
    outer, inner = Trial({one: {"query": "outer"}}), Trial({two: {"query": "inner"}})
    both_in = asyncio.Barrier(2)

    async def attempt() -> tuple[str, str, str]:
        with outer, inner:
            await both_in.wait()
            seen = one["query"], two["query"]
            await both_in.wait()
        return *seen, one["query"]

    assert await asyncio.gather(attempt(), attempt()) == [("outer", "inner", "1")] * 2


def test_a_trial_refuses_values_that_do_not_fit() -> None:
    with pytest.raises(SchemaError):
        Trial({Variable(Query(query="q")): {"query": 5}})


def test_names_repeat_in_a_new_session() -> None:
    with Session():
        assert [auto_name("x"), auto_name("x"), auto_name("y")] == ["x", "x_1", "y"]
        clear_session()
        assert auto_name("x") == "x"
        with Session():
            assert auto_name("x") == "x"
        assert auto_name("x") == "x_1"


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("Generator", "generator"),
        ("ChainOfThought", "chain_of_thought"),
        ("Text2SQL", "text2_sql"),
        ("OMEGA", "omega"),
    ],
)
def test_class_names_become_snake_case(name: str, snake: str) -> None:
    assert snake_case(name) == snake
