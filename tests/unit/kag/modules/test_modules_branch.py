from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.errors import ModuleError, ProgramError, StructuredOutputError
from kag.module import Module
from kag.modules.branch import Branch
from kag.modules.chain_of_thought import ChainOfThought
from kag.modules.generator import Generator
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.modules.multi_decision import MultiDecision
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class Fails(Module):
    async def call(self, inputs: Any, training: bool = False) -> Any:
        raise ValueError("no luck")


class Waits(Module):
    """Never ends by itself; notes that it was cancelled."""

    cancelled = False

    async def call(self, inputs: Any, training: bool = False) -> Any:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


Script = Callable[[list[dict[str, Any]], dict[str, Any] | None], dict[str, Any]]


def choosing(*labels: str) -> Script:
    """Chooses given labels, and answers everything else with "Paris"."""

    def script(messages: list[dict[str, Any]], schema: dict[str, Any] | None) -> dict[str, Any]:
        assert schema is not None
        answers = {"thinking": "hm", "choice": labels[0], "choices": list(labels), "answer": "Paris"}
        wanted = {key: answers[key] for key in schema["properties"]}
        enum = schema["properties"].get("choice", {}).get("enum")
        if enum is not None:
            wanted["choice"] = next(label for label in labels if label in enum)
        return wanted

    return script


def branch(lm: Any, **options: Any) -> Branch:
    return Branch(
        question="How difficult?",
        labels=["easy", "difficult"],
        branches=[Generator(Answer, lm, name="quick"), ChainOfThought(Answer, lm, name="slow")],
        language_model=lm,
        **options,
    )


async def test_only_the_chosen_branch_runs_after_one_decision() -> None:
    lm = ScriptedLanguageModel(choosing("difficult"))
    easy, hard = await branch(lm, return_decision=False)(Query(query="Why?"))
    assert easy is None
    assert hard.get_json() == {"thinking": "hm", "answer": "Paris"}
    assert len(lm.calls) == 2


async def test_the_branch_gets_the_decision_and_the_result_begins_with_it() -> None:
    lm = ScriptedLanguageModel(choosing("easy"))
    easy, _ = await branch(lm)(Query(query="Why?"))
    assert lm.calls[1].messages[-1]["content"] == '{"query":"Why?","thinking":"hm","choice":"easy"}'
    assert easy.get_json() == {"thinking": "hm", "choice": "easy", "answer": "Paris"}


async def test_without_injection_and_return_the_decision_stays_out_of_it() -> None:
    lm = ScriptedLanguageModel(choosing("easy"))
    easy, _ = await branch(lm, inject_decision=False, return_decision=False)(Query(query="Why?"))
    assert lm.calls[1].messages[-1]["content"] == '{"query":"Why?"}'
    assert easy.get_json() == {"answer": "Paris"}


@pytest.mark.parametrize("label", ["easy", "difficult"])
@pytest.mark.parametrize("inject", [True, False])
@pytest.mark.parametrize("give", [True, False])
async def test_symbols_have_the_schemas_of_the_values(label: str, inject: bool, give: bool) -> None:
    lm = ScriptedLanguageModel(choosing(label))
    inputs = Input(data_model=Query)
    symbols = await branch(lm, inject_decision=inject, return_decision=give)(inputs)
    results = await Program(inputs=inputs, outputs=list(symbols))(Query(query="Why?"))
    for symbol, result in zip(symbols, results, strict=True):
        assert result is None or result.get_schema() == symbol.get_schema()
    assert [result is not None for result in results] == [label == "easy", label == "difficult"]


async def test_or_gives_the_branch_that_was_taken() -> None:
    inputs = Input(data_model=Query)
    easy, hard = await branch(ScriptedLanguageModel(choosing("difficult")), return_decision=False)(inputs)
    program = Program(inputs=inputs, outputs=easy | hard)
    assert (await program(Query(query="Why?"))).get_json() == {"thinking": "hm", "answer": "Paris"}


async def test_inputs_of_none_take_no_branch_and_ask_no_model() -> None:
    lm = ScriptedLanguageModel()
    assert await branch(lm)(None) == (None, None)
    assert lm.calls == []


@pytest.mark.parametrize("label", ["deep", "flat"])
async def test_a_branch_inside_a_branch_keeps_its_shape_when_it_is_not_taken(label: str) -> None:
    lm = ScriptedLanguageModel(choosing(label, "easy"))
    inputs = Input(data_model=Query)
    inner = branch(lm, name="inner", return_decision=False)
    (easy, hard), flat = await Branch(
        question="How?",
        labels=["deep", "flat"],
        branches=[inner, Generator(Answer, lm)],
        language_model=lm,
        return_decision=False,
    )(inputs)
    results = await Program(inputs=inputs, outputs=[easy, hard, flat])(Query(query="Why?"))
    assert [result is not None for result in results] == [label == "deep", False, label == "flat"]


async def test_all_variables_of_decision_and_branches_are_found() -> None:
    inputs = Input(data_model=Query)
    outputs = await branch(ScriptedLanguageModel(), name="b")(inputs)
    program = Program(inputs=inputs, outputs=list(outputs), name="p")
    paths = ["p/b/decision/generator/state", "p/b/quick/state", "p/b/slow/generator/state"]
    assert list(program.variable_paths()) == paths


async def test_a_frozen_branch_module_freezes_everything_inside() -> None:
    inputs = Input(data_model=Query)
    outputs = await branch(ScriptedLanguageModel(), trainable=False)(inputs)
    assert Program(inputs=inputs, outputs=list(outputs)).trainable_variables == []


async def test_one_module_may_serve_two_labels() -> None:
    lm = ScriptedLanguageModel(choosing("b"))
    shared = Generator(Answer, lm)
    results = await Branch(
        question="?", labels=["a", "b"], branches=[shared, shared], language_model=lm, return_decision=False
    )(Query(query="x"))
    assert results[0] is None
    assert results[1].get("answer") == "Paris"


async def test_a_multi_decision_takes_several_branches() -> None:
    lm = ScriptedLanguageModel(choosing("a", "c"))
    results = await Branch(
        question="?",
        labels=["a", "b", "c"],
        branches=[Identity(name=name) for name in "xyz"],
        language_model=lm,
        decision_type=MultiDecision,
        inject_decision=False,
    )(Query(query="x"))
    expected = {"thinking": "hm", "choices": ["a", "c"], "query": "x"}
    assert [result and result.get_json() for result in results] == [expected, None, expected]


async def test_a_failing_branch_cancels_the_others_and_is_named() -> None:
    waiting = Waits()
    several = Branch(
        question="?",
        labels=["a", "b"],
        branches=[waiting, Fails(name="unlucky")],
        language_model=ScriptedLanguageModel(choosing("a", "b")),
        decision_type=MultiDecision,
        name="several",
    )
    with pytest.raises(ModuleError, match=r"several/unlucky.*no luck"):
        await several(Query(query="x"))
    assert waiting.cancelled


async def test_a_label_that_does_not_exist_is_an_error_and_not_no_branch() -> None:
    with pytest.raises(StructuredOutputError):
        await branch(ScriptedLanguageModel([{"thinking": "", "choice": "medium"}]))(Query(query="x"))


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ([], "must be a list of modules"),
        ("ab", "must be a list of modules"),
        ([Identity(), "b"], "must be a list of modules"),
        ([Identity()], "1 branches for 2 labels"),
        ([Identity(name="same"), Identity(name="same")], "called 'same'"),
        ([Identity(name="decision"), Identity()], "called 'decision'"),
    ],
)
def test_branches_must_be_one_module_for_each_label(branches: Any, message: str) -> None:
    with pytest.raises(ProgramError, match=message):
        Branch(
            question="?",
            labels=["a", "b"],
            branches=branches,
            language_model=ScriptedLanguageModel(),
            name="b",
        )


def test_another_kind_of_decision_is_refused() -> None:
    with pytest.raises(ProgramError, match="must be Decision or MultiDecision"):
        branch(ScriptedLanguageModel(), decision_type=Identity)
