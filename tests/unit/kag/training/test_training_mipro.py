"""MIPRO proposes instructions and examples, and searches their combinations."""

from __future__ import annotations

import json
from itertools import product
from random import Random
from typing import Any

import pytest
from planted_model import Ask, PlantedLanguageModel, Reply, items, planted_program
from planted_search import STATE, RandomSearch, searched

import kag
from kag.errors import KagError, StructuredOutputError
from kag.testing import ScriptedLanguageModel
from kag.training.optimizers._tpe import suggest

CALLS = 4000
SEEDS = range(10)


def mipro(model: Any, **options: Any) -> Any:
    return kag.optimizers.MIPRO(language_model=model, **options)


def writer(asked: list[Any]) -> ScriptedLanguageModel:
    """Answers wrongly; writes new instructions each time."""

    def answer(messages: list[Any], schema: Any) -> Any:
        if "thinking" not in schema["properties"]:
            return {"answer": "no idea"}
        asked.append((messages, schema))
        return {"data_summary": "Items.", "thinking": "So.", "instructions": f"Try {len(asked)}."}

    return ScriptedLanguageModel(answer)


async def fitted(optimizer: Any, model: Any, **options: Any) -> Any:
    """The history of a short fit."""
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer)
    settings = {"epochs": 4, "batch_size": 4, "seed": 1, "max_concurrency": 2, "verbose": 0}
    settings["validation_data"] = items(8, 100)
    return await program.fit(*items(12), **{**settings, **options})


async def test_it_finds_planted_phrases_and_examples_in_nine_of_ten_searches() -> None:
    found = [await searched(seed, mipro, CALLS, phrases=2, examples=2) for seed in SEEDS]
    assert sum(one.found for one in found) >= 9
    assert all(one.calls <= CALLS for one in found)


async def test_random_search_does_not_find_them_with_as_many_calls() -> None:
    found = [
        await searched(seed, lambda _: RandomSearch(phrases=2, examples=2), CALLS, phrases=2, examples=2)
        for seed in SEEDS
    ]
    assert sum(one.found for one in found) <= 1


@pytest.mark.parametrize("seed", range(5))
async def test_the_reported_best_is_the_best_ever_scored_on_all_held_out_samples(seed: int) -> None:
    found = await searched(seed, mipro, 400, phrases=2)
    scored = {t.candidate.key: t.val_reward for t in found.history.trials if t.val_reward is not None}
    assert found.history.best_reward == max(scored.values())
    assert (await found.program.evaluate(*items(20, 100)))["reward"] == pytest.approx(max(scored.values()))


@pytest.mark.parametrize("seed", range(10))
def test_the_estimator_finds_a_good_point_in_a_quarter_of_all(seed: int) -> None:
    random = Random(seed)
    counts = (8, 8, 8)
    worth = [[random.random() for _ in range(count)] for count in counts]
    every = list(product(*map(range, counts)))
    value = {point: sum(worth[part][choice] for part, choice in enumerate(point)) for point in every}
    seen = [(point, value[point]) for point in random.sample(every, 10)]
    while len(seen) < len(every) // 4:
        point = suggest(counts, seen, random) or random.choice(every)
        if point not in dict(seen):
            seen.append((point, value[point]))
    rank = sorted(value.values(), reverse=True).index(max(dict(seen).values()))
    assert rank < 5


def test_the_estimator_never_suggests_what_was_tried() -> None:
    seen = [((0, 0), 1.0), ((1, 0), 0.5), ((0, 1), 0.5)]
    suggested = {suggest((2, 2), seen, Random(seed)) for seed in range(50)}
    assert suggested <= {(1, 1), None}
    assert suggest((2, 2), [*seen, ((1, 1), 0.1)], Random(1)) is None


async def test_the_first_steps_propose_and_later_ones_combine() -> None:
    asked: list[Any] = []
    model = writer(asked)
    history = await fitted(mipro(model, nb_candidates=5, proposal_rate=0), model, epochs=8)
    origins = [trial.candidate.origin for trial in history.trials]
    assert set(origins[1:6]) == {"proposal", "examples"} or set(origins[1:6]) == {"examples"}
    assert "combination" in origins[6:]
    known = {trial.candidate.values[STATE]["instructions"] for trial in history.trials[:6]}
    for trial in history.trials[6:]:
        if trial.candidate.origin == "combination":
            known_by_then = {
                one.candidate.values[STATE]["instructions"] for one in history.trials[: trial.number]
            }
            assert trial.candidate.values[STATE]["instructions"] in known_by_then
    assert len(known) == 6


async def test_a_combination_of_two_steps_joins_what_was_good_in_each() -> None:
    count = iter(range(10_000))

    def answer(messages: list[Any], schema: Any) -> Any:
        system, last = messages[0]["content"], messages[-1]["content"]
        if "thinking" in schema["properties"]:
            number = next(count)
            return {"data_summary": "", "thinking": "", "instructions": f"Word{number % 5}. {number}"}
        value = json.loads(last)
        if "question" in value:
            return {"answer": f"{value['question']} {'Word2' in system}"}
        item, _, first = value["answer"].partition(" ")
        good = (first == "True") + ("Word3" in system)
        return {"answer": f"answer to {item}" if good > int(item[-1]) % 3 - 1 else "no idea"}

    model = ScriptedLanguageModel(answer)
    inputs = kag.Input(data_model=Ask)
    draft = await kag.Generator(data_model=Reply, language_model=model, name="draft")(inputs)
    final = await kag.Generator(data_model=Reply, language_model=model, name="final")(draft)
    program = kag.Program(inputs=inputs, outputs=final, name="two")
    optimizer = mipro(model, few_shot_learning=False, proposal_rate=0.1)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer)
    history = await program.fit(
        *items(16),
        epochs=10,
        batch_size=4,
        validation_data=items(12, 100),
        seed=2,
        max_concurrency=2,
        verbose=0,
    )
    assert history.best_reward == 1.0
    best = next(trial for trial in history.trials if trial.val_reward == 1.0)
    assert best.candidate.origin in ("combination", "proposal")
    assert "combination" in {trial.candidate.origin for trial in history.trials}


async def test_a_proposal_is_grounded_in_data_program_and_runs_but_not_in_held_out_samples() -> None:
    asked: list[Any] = []
    model = writer(asked)
    await fitted(mipro(model, instructions="Be kind."), model, epochs=2)
    messages, schema = asked[0]
    assert list(schema["properties"]) == ["data_summary", "thinking", "instructions"]
    assert "Mind this: Be kind." in messages[0]["content"]
    shown = json.loads(messages[1]["content"].split("\n")[1])
    assert shown["program"]["name"] == "planted"
    assert shown["value"] == {"instructions": "Answer."}
    assert len(shown["samples"]) == 5
    assert shown["samples"][0]["expected"][0]["answer"].startswith("answer to item-0")
    assert len(shown["runs"]) == 3
    assert "item-10" not in json.dumps([messages for messages, _ in asked])


async def test_without_few_shot_learning_examples_are_kept() -> None:
    model = writer([])
    history = await fitted(mipro(model, few_shot_learning=False), model)
    assert {str(trial.candidate.values[STATE]["examples"]) for trial in history.trials} == {"[]"}
    assert len({trial.candidate.key for trial in history.trials}) > 6


async def test_a_reply_that_cannot_be_used_leaves_the_search_of_examples() -> None:
    def answer(messages: list[Any], schema: Any) -> Any:
        if "thinking" in schema["properties"]:
            return StructuredOutputError("no JSON", provider="test", model="test")
        return {"answer": "no idea"}

    model = ScriptedLanguageModel(answer)
    history = await fitted(mipro(model), model)
    values = [trial.candidate.values[STATE] for trial in history.trials]
    assert {value["instructions"] for value in values} == {"Answer."}
    assert len({str(value["examples"]) for value in values}) > 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"language_model": None},
        {"nb_candidates": 0},
        {"proposal_rate": 1.5},
        {"few_shot_learning": "no"},
        {"nb_min_examples": 4},
        {"nb_max_examples": "many"},
        {"sampling_temperature": 0},
        {"temperature": float("inf")},
        {"instructions": b"bytes"},
        {"auto": "light"},
    ],
    ids=str,
)
def test_an_argument_that_cannot_be_used_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(KagError, match=next(iter(wrong))):
        kag.optimizers.MIPRO(**{"language_model": PlantedLanguageModel(), **wrong})
