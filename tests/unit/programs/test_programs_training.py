"""Training with a gate: only a program that answers unseen questions better takes another one's place."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import kag
import programs
from ingest import Pipeline
from kag.errors import AuthenticationError, LanguageModelError, RateLimitError, TrainingError
from kag.testing import ScriptedLanguageModel
from programs._judging import judge
from programs._questions import RightAnswer, Row
from programs._training import Plan, Trained, train

CITIES = ("Ann Lee", "Bob Ray", "Cid Orr", "Dan Poe", "Eva Fry", "Flo Hay", "Gus Kay", "Hal Ivy")
ROWS = [Row(n, f"Where was {name} born?", RightAnswer(answer=f"Town{n}")) for n, name in enumerate(CITIES)]


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    pages = tmp_path / "pages"
    pages.mkdir()
    for number, name in enumerate(CITIES):
        (pages / f"{number}.md").write_text(f"# {name}\n\n{name} was born in Town{number}.\n", "utf-8")
    async with kag.KnowledgeBase(uri=tmp_path / "store") as base:
        await Pipeline(base).run(pages)
        yield base


def answers(messages: list[Any], schema: Any) -> Any:
    """Right, and short for every second question, or with `Be brief` or an example in the prompt."""
    system, request = messages[0]["content"], messages[-1]["content"]
    question = request.rpartition("Question: ")[2]
    number = next(n for n, name in enumerate(CITIES) if name in question)
    passage = next(
        n for n in range(1, 9) if f"[{n}] " in request and f"Town{number}." in request.split(f"[{n}] ")[1]
    )
    short = "Be brief" in system or "<example>" in system or number % 2
    text = (
        f"Town{number}."
        if short
        else f"It is beyond all reasonable doubt that it must have been Town{number}."
    )
    citations = [{"passage": passage, "quote": f"born in Town{number}"}]
    return {"sentences": [{"text": text, "citations": citations}], "insufficient": False}


PLAN = Plan(
    reward=kag.rewards.TokenF1(in_mask=["answer"]),
    optimizer=kag.optimizers.RandomFewShot(),
    epochs=2,
    batch_size=2,
    validation=0.3,
    concurrency=2,
    seed=1,
    max_cost=None,
    max_calls=None,
    max_time=None,
    run_dir=None,
    tell=lambda _: None,
)


async def made(base: kag.KnowledgeBase, model: Any, **options: Any) -> kag.Program:
    return await programs.make("answer", base, model, mode="keyword", **options)


async def trained(base: kag.KnowledgeBase, rival: kag.Program | None = None, **changes: Any) -> Trained:
    program = await made(base, ScriptedLanguageModel(answers))
    return await train(program, rival or program, ROWS[:6], ROWS[6:], replace(PLAN, **changes))


async def test_what_answers_unseen_questions_better_may_take_the_place(base: kag.KnowledgeBase) -> None:
    outcome = await trained(base)
    assert outcome.better
    assert outcome.new.mean > outcome.old.mean
    assert "+Example output" in outcome.diff


async def test_a_rival_that_is_as_good_keeps_its_place(base: kag.KnowledgeBase) -> None:
    rival = await made(base, ScriptedLanguageModel(answers), instructions="Be brief.")
    outcome = await trained(base, rival)
    assert outcome.changed
    assert not outcome.better
    assert "-Be brief." in outcome.diff


async def test_a_worse_rival_gives_way_even_if_the_search_finds_nothing(base: kag.KnowledgeBase) -> None:
    nothing = {"sentences": [], "insufficient": True}
    rival = await made(base, ScriptedLanguageModel(lambda messages, schema: nothing), k=2)
    start = await made(base, ScriptedLanguageModel(answers), instructions="Be brief.")
    outcome = await train(start, rival, ROWS[:6], ROWS[6:], PLAN)
    assert outcome.better
    assert (outcome.old.mean, outcome.new.mean) == (0.0, 1.0)


async def test_a_search_that_changes_nothing_is_not_judged_again(base: kag.KnowledgeBase) -> None:
    model = ScriptedLanguageModel(answers)
    program = await made(base, model, instructions="Be brief.")
    outcome = await train(program, program, ROWS[:6], ROWS[6:], replace(PLAN, max_calls=6))
    assert not outcome.changed
    assert not outcome.better
    assert outcome.diff == ""
    assert len(model.calls) == outcome.calls <= 6


async def test_a_cost_that_is_not_known_cannot_be_a_budget(base: kag.KnowledgeBase) -> None:
    def unpriced(messages: list[Any], schema: Any) -> Any:
        model.usage.add(unpriced=1)
        return answers(messages, schema)

    model = ScriptedLanguageModel(unpriced)
    program = await made(base, model)
    with pytest.raises(TrainingError, match="price of the model is not known"):
        await train(program, program, ROWS[:6], ROWS[6:], replace(PLAN, max_cost=1.0))


async def test_a_question_that_fails_counts_nothing_and_is_named(base: kag.KnowledgeBase) -> None:
    def often(messages: list[Any], schema: Any) -> Any:
        return RateLimitError("Slow down.") if "Ann" in messages[-1]["content"] else answers(messages, schema)

    program = await made(base, ScriptedLanguageModel(often), instructions="Be brief.", k=1)
    scores = await judge(program, PLAN.reward, ROWS[:4], 2)
    assert scores.mean == 0.75
    (failure,) = scores.failures
    assert failure.error.startswith("RateLimitError: Slow down.")
    assert scores.as_data()["answers"][0]["error"] == failure.error
    assert scores.calls == 4


@pytest.mark.parametrize("error", [AuthenticationError("wrong key"), LanguageModelError("x")])
async def test_what_the_next_question_would_meet_too_ends_it(
    base: kag.KnowledgeBase, error: LanguageModelError
) -> None:
    program = await made(base, ScriptedLanguageModel(lambda messages, schema: error))
    if isinstance(error, AuthenticationError):
        with pytest.raises(AuthenticationError):
            await judge(program, PLAN.reward, ROWS, 2)
    else:
        assert len((await judge(program, PLAN.reward, ROWS, 2)).failures) == len(ROWS)


async def test_what_is_known_of_a_killed_run_is_not_asked_again(
    base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    first = await trained(base, run_dir=tmp_path / "run")
    model = ScriptedLanguageModel(answers)
    with (tmp_path / "run" / "held_out.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"key": "half wri')
    program = await made(base, model)
    again = await train(program, program, ROWS[:6], ROWS[6:], replace(PLAN, run_dir=tmp_path / "run"))
    assert model.calls == []
    assert (again.old.mean, again.new.mean, again.diff) == (first.old.mean, first.new.mean, first.diff)
    assert again.calls == first.calls
