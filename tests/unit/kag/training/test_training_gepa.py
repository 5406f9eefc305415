"""GEPA rewrites from feedback; its parents come from a Pareto front over held-out samples."""

from __future__ import annotations

import json
from typing import Any

import pytest
from planted_model import Ask, PlantedLanguageModel, Reply, items, planted_program
from planted_search import searched

import kag
from kag.errors import StructuredOutputError, TrainingError
from kag.testing import ScriptedLanguageModel
from kag.training.optimizers._standing import Standing
from kag.training.optimizers.gepa import pareto_front
from kag.training.records import Candidate

CALLS = 4000
SEEDS = range(10)


def gepa(model: Any, **options: Any) -> Any:
    return kag.optimizers.GEPA(language_model=model, **options)


def standing(name: str, *rewards: float) -> Standing:
    candidate = Candidate({"p": {"instructions": name}})
    validation = {f"s{number}": reward for number, reward in enumerate(rewards)}
    return Standing(candidate, sum(rewards) / len(rewards), {}, validation, complete=True)


async def two_steps(model: Any) -> kag.Program:
    """A draft, and an answer from it."""
    inputs = kag.Input(data_model=Ask)
    draft = await kag.Generator(data_model=Reply, language_model=model, name="draft", instructions="Draft.")(
        inputs
    )
    final = await kag.Generator(data_model=Reply, language_model=model, name="final", instructions="End.")(
        draft
    )
    return kag.Program(inputs=inputs, outputs=final, name="two")


def both_needed(asked: list[Any]) -> ScriptedLanguageModel:
    """Answers an item if each step has its word; items are of two kinds, each with a word of its own."""
    count = iter(range(10_000))

    def answer(messages: list[Any], schema: Any) -> Any:
        system, last = messages[0]["content"], messages[-1]["content"]
        if "thinking" in schema["properties"]:
            asked.append((messages, schema))
            shown = json.loads(last.split("\n")[1])
            word = "red" if "draft" in shown["part"]["path"] else "blue"
            return {"thinking": "", "instructions": f"Mind {word} {next(count)}."}
        if "question" in last:
            item = json.loads(last)["question"]
            return {"answer": f"{item} {'red' if 'red' in system else ''}"}
        item, _, red = json.loads(last)["answer"].partition(" ")
        odd = int(item.removeprefix("item-")) % 2
        good = red == "red" if odd else "blue" in system
        return {"answer": f"answer to {item}" if good else "no idea"}

    return ScriptedLanguageModel(answer)


async def test_it_finds_the_planted_phrases_in_nine_of_ten_searches() -> None:
    found = [await searched(seed, gepa, CALLS, phrases=3) for seed in SEEDS]
    assert sum(one.found for one in found) >= 9  # random search finds none, see the tests of OMEGA
    assert all(one.calls <= CALLS for one in found)


@pytest.mark.parametrize("seed", range(5))
async def test_the_reported_best_is_the_best_ever_scored_on_all_held_out_samples(seed: int) -> None:
    found = await searched(seed, gepa, 400, phrases=2)
    scored = {t.candidate.key: t.val_reward for t in found.history.trials if t.val_reward is not None}
    assert found.history.best_reward == max(scored.values())
    assert (await found.program.evaluate(*items(20, 100)))["reward"] == pytest.approx(max(scored.values()))


def test_the_front_holds_what_is_best_at_some_sample_and_nothing_dominated() -> None:
    broad, odd, like_broad = standing("a", 1, 1, 0), standing("b", 0, 0, 1), standing("c", 1, 0, 0)
    nowhere = standing("d", 0.5, 0.5, 0.5)
    assert pareto_front([broad, nowhere, odd, like_broad]) == {broad: 2, odd: 1}


def test_of_two_that_are_equal_everywhere_one_stays_in_the_front() -> None:
    assert len(pareto_front([standing("a", 1, 0), standing("b", 1, 0)])) == 1


async def test_variables_take_turns_and_candidates_that_improved_different_ones_are_merged() -> None:
    asked: list[Any] = []
    model = both_needed(asked)
    program = await two_steps(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=gepa(model))
    history = await program.fit(
        *items(16),
        epochs=8,
        batch_size=4,
        validation_data=items(12, 100),
        seed=1,
        max_concurrency=2,
        verbose=0,
    )
    parts = [json.loads(messages[1]["content"].split("\n")[1])["part"]["path"] for messages, _ in asked]
    assert {"two/draft/state", "two/final/state"} == set(parts)
    assert history.best_reward == 1.0
    merged = [trial for trial in history.trials if trial.candidate.origin == "merge"]
    assert merged
    assert all(len(trial.candidate.parents) == 2 for trial in merged)


async def test_nothing_is_merged_if_merging_is_off() -> None:
    model = both_needed([])
    program = await two_steps(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=gepa(model, merging=False))
    history = await program.fit(*items(16), epochs=8, batch_size=4, seed=1, max_concurrency=2, verbose=0)
    assert {trial.candidate.origin for trial in history.trials} == {"start", "reflection"}


async def test_a_reflection_sees_so_many_samples_with_their_feedback_and_none_held_out() -> None:
    asked: list[Any] = []
    model = both_needed(asked)
    program = await two_steps(model)

    def judged(y_true: Any, y_pred: Any) -> Any:
        return kag.rewards.Judgement(0.2, f"Say more than {y_pred.get('answer')}!")

    reward = kag.rewards.MeanRewardWrapper(fn=judged)
    program.compile(reward=reward, optimizer=gepa(model, reflection_size=2, instructions="Be kind."))
    await program.fit(*items(8), batch_size=4, validation_data=items(8, 100), seed=1, verbose=0)
    for messages, schema in asked:
        shown = json.loads(messages[1]["content"].split("\n")[1])
        assert len(shown["runs"]) == 2
        assert shown["runs"][0]["feedback"] == "Say more than no idea!"
        assert "Mind this: Be kind." in messages[0]["content"]
        assert "item-10" not in messages[1]["content"]
        assert next(iter(schema["properties"])) == "thinking"


async def test_a_parent_that_does_all_of_a_batch_right_is_shown_what_it_failed_at_before() -> None:
    asked: list[Any] = []

    def answer(messages: list[Any], schema: Any) -> Any:
        if "thinking" in schema["properties"]:
            asked.append(json.loads(messages[1]["content"].split("\n")[1]))
            return {"thinking": "", "instructions": "Answer."}
        item = json.loads(messages[-1]["content"])["question"]
        return {"answer": "no idea" if item == "item-000" else f"answer to {item}"}

    model = ScriptedLanguageModel(answer)
    program = await planted_program(model)  # type: ignore[arg-type]  # any language model will do
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=gepa(model))
    await program.fit(*items(12), batch_size=3, epochs=6, seed=1, max_concurrency=1, verbose=0)
    later = [run["reward"] for shown in asked[-6:] for run in shown["runs"]]
    assert 0.0 in later
    assert sum(later) < len(later)


async def test_a_reply_that_cannot_be_used_changes_nothing() -> None:
    def answer(messages: list[Any], schema: Any) -> Any:
        if "thinking" in schema["properties"]:
            return StructuredOutputError("no JSON", provider="test", model="test")
        return {"answer": "no idea"}

    model = ScriptedLanguageModel(answer)
    program = await two_steps(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=gepa(model))
    history = await program.fit(*items(8), batch_size=4, epochs=2, seed=1, verbose=0)
    assert len({trial.candidate.key for trial in history.trials}) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"language_model": None},
        {"language_model": 3},
        {"reflection_size": 0},
        {"temperature": -0.1},
        {"temperature": "warm"},
        {"merging": "yes"},
        {"instructions": 3},
        {"reflection_lm": "gpt"},
    ],
    ids=str,
)
def test_an_argument_that_cannot_be_used_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(kag.errors.KagError, match=next(iter(wrong)).replace("_", "[_ ]")):
        kag.optimizers.GEPA(**{"language_model": PlantedLanguageModel(), **wrong})


async def test_the_training_error_of_missing_models_names_the_optimizer() -> None:
    with pytest.raises(TrainingError, match="GEPA needs language_model"):
        kag.optimizers.GEPA()
