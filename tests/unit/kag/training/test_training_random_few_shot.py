"""RandomFewShot searches sets of examples."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from planted_model import Ask, PlantedLanguageModel, Reply, items, planted_program, prompt_of

import kag
from kag.errors import TrainingError
from kag.testing import ScriptedLanguageModel
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate

CALLS = 1200
SEEDS = range(10)


class RandomSearch(Optimizer):
    """Sets of right answers, drawn at random: what a search has to beat."""

    async def propose(self, search: Search) -> Candidate:
        drawn = search.random.sample(list(search.samples), search.random.randint(1, 3))
        examples = [{"inputs": one.inputs.data, "outputs": one.target.data} for one in drawn]
        return search.start.with_value("planted/generator/state", examples=examples)


async def skill_after(seed: int, optimizer: Optimizer) -> tuple[float, float, Any]:
    """Skill of the best program within the calls, the highest there is, and the history."""
    model = PlantedLanguageModel(seed, examples=3, example_gain=0.3)
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer)
    history = await program.fit(
        *items(40),
        epochs=100,
        batch_size=8,
        validation_data=items(20, 100),
        seed=seed,
        max_concurrency=4,
        max_calls=CALLS,
        callbacks=[kag.callbacks.EarlyStopping(patience=100, stop_at=1.0)],
    )
    assert model.calls <= CALLS
    return model.skill(prompt_of(program)), model.best_skill, history


async def test_it_finds_the_planted_examples_in_nine_of_ten_searches_and_beats_chance() -> None:
    found = [await skill_after(seed, kag.optimizers.RandomFewShot()) for seed in SEEDS]
    by_chance = [await skill_after(seed, RandomSearch()) for seed in SEEDS]
    assert sum(skill >= best for skill, best, _ in found) >= 9
    assert sum(skill >= best for skill, best, _ in by_chance) <= 1
    assert sum(skill for skill, _, _ in found) > sum(skill for skill, _, _ in by_chance)


async def test_the_set_of_candidates_grows_with_every_epoch() -> None:
    _, _, history = await skill_after(0, kag.optimizers.RandomFewShot())
    keys = [trial.candidate.key for trial in history.trials]
    assert len(set(keys[:10])) > 5
    assert len(set(keys)) > len(set(keys[:10])) + 5


async def test_only_well_rewarded_predictions_become_examples_where_no_right_answer_is_known() -> None:
    model = PlantedLanguageModel(2, base=0.5)
    program = await planted_program(model)

    def right(y_true: Any, y_pred: Any) -> float:
        return float(y_pred.get("answer").startswith("answer to"))

    program.compile(reward=kag.rewards.MeanRewardWrapper(fn=right), optimizer=kag.optimizers.RandomFewShot())
    history = await program.fit(items(20)[0], epochs=4, batch_size=5, seed=1)
    shown = [
        example["outputs"]["answer"]
        for trial in history.trials
        for example in trial.candidate.values["planted/generator/state"]["examples"]
    ]
    assert shown
    assert all(answer.startswith("answer to") for answer in shown)


async def test_a_validation_sample_never_becomes_an_example() -> None:
    _, _, history = await skill_after(1, kag.optimizers.RandomFewShot())
    shown = {
        example["inputs"]["question"]
        for trial in history.trials
        for example in trial.candidate.values["planted/generator/state"]["examples"]
    }
    assert shown
    assert shown <= {one.question for one in items(40)[0]}


async def test_the_number_of_examples_stays_within_its_bounds() -> None:
    optimizer = kag.optimizers.RandomFewShot(nb_min_examples=2, nb_max_examples=4)
    _, _, history = await skill_after(1, optimizer)
    counts = {
        len(t.candidate.values["planted/generator/state"]["examples"])
        for t in history.trials
        if t.candidate.origin == "examples"
    }
    assert counts
    assert counts <= {2, 3, 4}


async def test_examples_of_the_user_are_kept_and_said_so_if_few_shot_learning_is_off() -> None:
    inputs = kag.Input(data_model=Ask)
    outputs = await kag.Generator(
        data_model=Reply,
        language_model=ScriptedLanguageModel(lambda *_: {"answer": "yes"}),
        examples=[(Ask(question="a"), Reply(answer="b"))],
    )(inputs)
    program = kag.Program(inputs=inputs, outputs=outputs)
    optimizer = kag.optimizers.RandomFewShot(few_shot_learning=False)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer)
    with pytest.warns(UserWarning, match="keeps the current examples"):
        await program.fit(*items(6), batch_size=2, seed=1)
    (example,) = program.trainable_variables[0].get("examples")
    assert example["inputs"] == {"question": "a"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"nb_min_examples": 4},
        {"nb_max_examples": 0, "nb_min_examples": 0},
        {"nb_min_examples": -1},
        {"nb_max_examples": 2.5},
        {"sampling_temperature": 0},
        {"sampling_temperature": "hot"},
        {"min_reward": 2},
        {"few_shot_learning": "yes"},
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(TrainingError, match=next(iter(wrong))):
        kag.optimizers.RandomFewShot(**wrong)


async def test_examples_in_several_modules_are_searched_together() -> None:
    model = PlantedLanguageModel(4, examples=2, of_items=12, base=0.3, example_gain=0.3)
    inputs = kag.Input(data_model=Ask)
    draft = await kag.Generator(data_model=Reply, language_model=model, name="draft")(inputs)
    final = await kag.Generator(data_model=Reply, language_model=model, name="final")(inputs & draft)
    program = kag.Program(inputs=inputs, outputs=final, name="two")
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    history = await program.fit(*items(12), epochs=6, batch_size=4, seed=Random(1).randrange(100))
    tried = {
        path: {str(trial.candidate.values[path]["examples"]) for trial in history.trials}
        for path in ("two/draft/state", "two/final/state")
    }
    assert all(len(sets) > 2 for sets in tried.values())
