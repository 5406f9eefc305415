"""fit, evaluate and predict: data, budgets, failures, branches, logs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_model import Ask, PlantedLanguageModel, Reply, items, planted_program, right_answer

import kag
from kag.errors import KagError, ProviderError, TrainingError
from kag.testing import ScriptedLanguageModel
from kag.training.callbacks.base import Callback


def reply(messages: list[Any], schema: Any) -> Any:
    """Always right."""
    return {"answer": right_answer(messages[-1]["content"].split('"')[-2])}


async def one_generator(script: Any = reply) -> tuple[ScriptedLanguageModel, kag.Program]:
    model = ScriptedLanguageModel(script)
    inputs = kag.Input(data_model=Ask)
    outputs = await kag.Generator(data_model=Reply, language_model=model, name="generator")(inputs)
    program = kag.Program(inputs=inputs, outputs=outputs, name="qa")
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    return model, program


def pairs(count: int) -> Iterator[tuple[Ask, Reply]]:
    yield from zip(*items(count), strict=True)


async def later(count: int) -> AsyncIterator[tuple[Ask, Reply]]:
    for pair in pairs(count):
        yield pair


@pytest.mark.parametrize("kind", ["lists", "arrays", "tuples", "pairs", "async pairs", "iterables"])
async def test_data_comes_as_lists_arrays_and_iterables(kind: str) -> None:
    _, program = await one_generator()
    x, y = items(10)
    data: Any = {
        "lists": lambda: (x, y),
        "arrays": lambda: (np.array(x, dtype="object"), np.array(y, dtype="object")),
        "tuples": lambda: (tuple(x), tuple(y)),
        "pairs": lambda: (pairs(10), None),
        "async pairs": lambda: (later(10), None),
        "iterables": lambda: (iter(x), iter(y)),
    }[kind]()
    history = await program.fit(*data, batch_size=3, validation_split=0.2, seed=1)
    assert history.history == {"reward": [1.0], "val_reward": [1.0]}
    assert history.params["samples"] == 8
    assert history.params["val_samples"] == 2


@pytest.mark.parametrize("kind", [tuple, list])
async def test_validation_data_are_inputs_and_targets(kind: Any) -> None:
    _, program = await one_generator()
    history = await program.fit(*items(4), validation_data=kind(items(3, 50)), seed=1)
    assert history.params["samples"] == 4
    assert history.history["val_reward"] == [1.0]


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [
        ([], [], "no sample"),
        (items(3)[0], items(2)[1], "3 inputs and 2 targets"),
        ("text", None, "got str"),
        (Ask(question="a"), None, "got Ask"),
        ([{"question": "a"}], None, "Sample 0"),
        ([Ask], None, "the class Ask"),
        (7, None, "got int"),
    ],
)
async def test_data_that_cannot_be_used_is_refused(x: Any, y: Any, said: str) -> None:
    _, program = await one_generator()
    with pytest.raises(TrainingError, match=said):
        await program.fit(x, y)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"minibatch_size": 1.5},
        {"epochs": True},
        {"validation_split": 1.0},
        {"max_concurrency": 0},
        {"max_calls": -1},
        {"max_cost": "much"},
        {"seed": "x"},
        {"on_error": "ignore"},
        {"shuffle": 1},
        {"verbose": 5},
        {"callbacks": [kag.callbacks.EarlyStopping]},
        {"validation_data": ([], [])},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_an_argument_that_cannot_be_used_is_refused(wrong: dict[str, Any]) -> None:
    model, program = await one_generator()
    with pytest.raises(TrainingError, match=next(iter(wrong))):
        await program.fit(*items(4), **wrong)
    assert not model.calls


async def test_a_program_that_is_not_compiled_says_how_to() -> None:
    program = await planted_program(PlantedLanguageModel())
    with pytest.raises(TrainingError, match=r"program\.compile\(reward="):
        await program.fit(*items(4))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "needs reward"),
        ({"reward": kag.rewards.ExactMatch}, "the class ExactMatch"),
        ({"reward": lambda *_: 1.0}, "MeanRewardWrapper"),
        ({"reward": kag.rewards.ExactMatch(), "optimizer": "adam"}, "got str"),
        ({"reward": kag.rewards.ExactMatch(), "metrics": ["f1"]}, "metrics must be a Metric"),
        ({"reward": kag.rewards.ExactMatch(), "metrics": [kag.metrics.F1Score()] * 2}, "f1_score"),
        ({"reward": kag.rewards.ExactMatch(), "reward_weights": [-1]}, "reward_weights"),
        ({"reward": [kag.rewards.ExactMatch()] * 2, "reward_weights": [1]}, "2 rewards"),
    ],
)
async def test_compile_refuses_what_it_cannot_use(settings: dict[str, Any], said: str) -> None:
    program = await planted_program(PlantedLanguageModel())
    with pytest.raises(TrainingError, match=said):
        program.compile(**settings)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    batch_size=st.integers(1, 9),
    minibatch_size=st.integers(1, 9),
    concurrency=st.integers(1, 9),
    held_out=st.sampled_from([0, 0.1, 0.5]),
)
def test_the_reported_best_is_the_best_ever_scored_on_validation(
    seed: int, batch_size: int, minibatch_size: int, concurrency: int, held_out: float
) -> None:
    async def main() -> None:
        model = PlantedLanguageModel(seed, examples=4, example_gain=0.2, base=0.2, of_items=12, jitter=seed)
        program = await planted_program(model)
        program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
        history = await program.fit(
            *items(12),
            epochs=2,
            batch_size=batch_size,
            minibatch_size=minibatch_size,
            validation_split=held_out,
            max_concurrency=concurrency,
            seed=seed,
            verbose=0,
        )
        validated = len(history.trials[0].validation)
        complete = [trial for trial in history.trials if len(trial.validation) == validated]
        scored = [sum(one.reward for one in trial.validation) / validated for trial in complete]
        assert history.best_reward == pytest.approx(max(scored))
        if held_out:
            assert history.history["val_reward"][-1] == pytest.approx(max(scored))
        best = complete[scored.index(max(scored))].candidate
        for path, variable in program.variable_paths(trainable_only=True).items():
            assert variable.get("examples") == best.values[path]["examples"]

    asyncio.run(main())


async def test_the_same_seed_gives_the_same_validation_samples_and_another_seed_others() -> None:
    async def held_out(seed: int) -> set[int]:
        _, program = await one_generator()
        history = await program.fit(*items(20), validation_split=0.25, seed=seed)
        return {one.sample.index for one in history.trials[0].validation}

    assert await held_out(1) == await held_out(1)
    assert await held_out(1) != await held_out(2)
    assert len(await held_out(1)) == 5


@pytest.mark.parametrize("shuffle", [True, False])
async def test_shuffle_draws_a_new_order_in_each_epoch(shuffle: bool) -> None:
    _, program = await one_generator()
    history = await program.fit(
        *items(12), epochs=2, batch_size=3, shuffle=shuffle, seed=1, validation_data=items(2, 50)
    )
    order = [one.sample.index for trial in history.trials[1:] for one in trial.outcomes]
    assert sorted(order[:12]) == sorted(order[12:]) == list(range(12))
    assert (order[:12] != list(range(12))) is shuffle
    assert (order[:12] != order[12:]) is shuffle


async def test_what_was_run_before_is_not_run_again() -> None:
    model, program = await one_generator()
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=Stays())
    await program.fit(*items(6), epochs=5, batch_size=2, seed=1, validation_data=items(3, 50))
    assert len(model.calls) == 6 + 3


async def test_two_steps_that_want_the_same_run_it_once() -> None:
    model, program = await one_generator()
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=Stays())
    x, y = items(2)
    await program.fit(x * 10, y * 10, batch_size=2, seed=1, validation_data=items(2, 50))
    assert len(model.calls) == 2 + 2


class Stays(kag.optimizers.Optimizer):
    """Proposes what is there."""

    async def propose(self, search: Any) -> Any:
        return search.best.candidate


class Watches(Callback):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def on_train_begin(self, logs: Any) -> None:
        self.told.append("begin")

    def on_train_end(self, logs: Any) -> None:
        self.told.append("end")

    def on_epoch_begin(self, epoch: int, logs: Any) -> None:
        self.told.append(f"epoch {epoch}")

    def on_train_batch_end(self, batch: int, logs: Any) -> None:
        self.told.append(f"batch {batch}")

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.told.append(f"epoch {epoch} is over")


async def test_callbacks_are_told_in_order() -> None:
    _, program = await one_generator()
    watches = Watches()
    await program.fit(*items(5), epochs=2, batch_size=2, validation_data=items(1), callbacks=[watches])
    epoch = ["batch 0", "batch 1", "batch 2"]
    assert watches.told == [
        "begin",
        *["epoch 0", *epoch, "epoch 0 is over"],
        *["epoch 1", *epoch, "epoch 1 is over"],
        "end",
    ]


def sometimes(messages: list[Any], schema: Any) -> Any:
    """Fails on item-001."""
    if "item-001" in messages[-1]["content"]:
        return ProviderError("the provider is down", provider="scripted", model="m")
    return reply(messages, schema)


async def test_a_failed_sample_is_raised_and_named() -> None:
    _, program = await one_generator(sometimes)
    watches = Watches()
    with pytest.raises(ProviderError, match="the provider is down") as caught:
        await program.fit(*items(4), validation_data=items(2, 50), callbacks=[watches])
    assert "In training: sample 1" in caught.value.__notes__
    assert watches.told[-1] == "end"


async def test_a_failed_sample_counts_as_zero_if_asked_for() -> None:
    _, program = await one_generator(sometimes)
    history = await program.fit(*items(4), validation_data=items(2, 50), on_error="zero", seed=1)
    assert history.history["reward"] == [0.75]
    assert {failure.sample for failure in history.failures} == {1}
    assert "the provider is down" in history.failures[0].error
    assert "qa/generator" in history.failures[0].error
    values = await program.evaluate(*items(4), on_error="zero")
    assert values == {"reward": 0.75, "failures": 1.0}
    with pytest.raises(ProviderError):
        await program.evaluate(*items(4))


async def test_a_reward_that_is_no_number_from_0_to_1_is_refused() -> None:
    _, program = await one_generator()
    program.compile(reward=kag.rewards.MeanRewardWrapper(fn=lambda y_true, y_pred: 7))
    with pytest.raises(TrainingError, match="gave 7; expected a number from 0 to 1"):
        await program.evaluate(*items(2))


async def test_feedback_of_a_reward_reaches_the_trials() -> None:
    _, program = await one_generator(lambda *_: {"answer": "wrong"})
    history = await program.fit(*items(4), seed=1)
    assert 'got {"answer":"wrong"}' in history.trials[0].outcomes[0].feedback


async def test_evaluate_gives_reward_and_metrics_and_predict_answers_in_order() -> None:
    _, program = await one_generator()
    program.compile(reward=kag.rewards.ExactMatch(), metrics=[kag.metrics.F1Score()])
    x, y = items(7)
    assert await program.evaluate(x, y, batch_size=2) == {"reward": 1.0, "f1_score": 1.0}
    assert await program.test_on_batch(x, y) == {"reward": 1.0, "f1_score": 1.0}
    answers = await program.predict(x, batch_size=3)
    assert [one.get("answer") for one in answers] == [one.answer for one in y]
    assert answers.dtype == object
    assert len(await program.predict_on_batch(x[:2])) == 2
    assert len(await program.predict([])) == 0


async def test_predict_keeps_to_its_limit() -> None:
    most = now = 0

    class Counts(kag.Module):
        async def call(self, inputs: Any, training: bool = False) -> Reply:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            return Reply(answer="x")

    inputs = kag.Input(data_model=Ask)
    program = kag.Program(inputs=inputs, outputs=await Counts()(inputs))
    await program.predict(items(20)[0], max_concurrency=3)
    assert most == 3


async def test_train_on_batch_keeps_what_does_better() -> None:
    model = PlantedLanguageModel(0, examples=6, of_items=8, base=0.2, example_gain=0.4)
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    x, y = items(8)
    before = (await program.evaluate(x, y))["reward"]
    for seed in range(8):
        logs = await program.train_on_batch(x, y, seed=seed)
    assert set(logs) == {"reward"}
    assert (await program.evaluate(x, y))["reward"] > before


async def test_a_sequential_program_is_trained_before_its_first_call() -> None:
    model = ScriptedLanguageModel(reply)
    program = kag.Sequential([kag.Generator(data_model=Reply, language_model=model)])
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    history = await program.fit(*items(6), batch_size=2, seed=1)
    assert history.history["val_reward"] == [1.0]


async def test_a_subclass_is_trained() -> None:
    class Two(kag.Program):
        def __init__(self, model: Any) -> None:
            super().__init__(name="two")
            self.inner = kag.Generator(data_model=Reply, language_model=model)

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return await self.inner(inputs)

    program = Two(ScriptedLanguageModel(reply))
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    history = await program.fit(*items(6), batch_size=2, seed=1)
    assert history.trials[0].outcomes[0].demonstrations[0].path.startswith("two/")


async def test_a_branch_that_was_not_taken_gets_no_credit_and_no_examples() -> None:
    def script(messages: list[Any], schema: Any) -> Any:
        text = messages[-1]["content"]
        even = int(text.split("item-")[1][:3]) % 2 == 0
        if "choice" in schema["properties"]:
            return {"thinking": "so", "choice": "even" if even else "odd"}
        return {"answer": right_answer(f"item-{text.split('item-')[1][:3]}")}

    model = ScriptedLanguageModel(script)
    inputs = kag.Input(data_model=Ask)
    even, odd = await kag.Branch(
        question="Is the number even?",
        labels=["even", "odd"],
        branches=[
            kag.Generator(data_model=Reply, language_model=model, name="for_even"),
            kag.Generator(data_model=Reply, language_model=model, name="for_odd"),
        ],
        language_model=model,
        name="branch",
    )(inputs)
    program = kag.Program(inputs=inputs, outputs=even | odd, name="p")
    program.compile(
        reward=kag.rewards.ExactMatch(in_mask=["answer"]), optimizer=kag.optimizers.RandomFewShot()
    )
    history = await program.fit(*items(12), epochs=4, batch_size=4, seed=2)
    evens, odds = "p/branch/for_even/state", "p/branch/for_odd/state"
    for trial in history.trials:
        for outcome in trial.outcomes:
            assert outcome.touches(evens) is (outcome.sample.index % 2 == 0)
            assert outcome.touches(odds) is (outcome.sample.index % 2 == 1)
        for path, rest in ((evens, 0), (odds, 1)):
            shown = [e["inputs"]["question"] for e in trial.candidate.values[path]["examples"]]
            assert all(int(question[-3:]) % 2 == rest for question in shown)
    assert any(trial.candidate.values[odds]["examples"] for trial in history.trials)


async def test_several_outputs_have_their_own_rewards_and_weights() -> None:
    inputs = kag.Input(data_model=Ask)
    good = kag.Generator(data_model=Reply, language_model=ScriptedLanguageModel(reply), name="good")
    bad_model = ScriptedLanguageModel(lambda *_: {"answer": "wrong"})
    bad = kag.Generator(data_model=Reply, language_model=bad_model, name="bad")
    program = kag.Program(inputs=inputs, outputs=[await good(inputs), await bad(inputs)])
    rewards = [kag.rewards.ExactMatch(), kag.rewards.ExactMatch()]
    program.compile(reward=rewards, reward_weights=[3, 1])
    x, y = items(4)
    assert await program.evaluate(x, [[one, one] for one in y]) == {"reward": 0.75}
    program.compile(reward=kag.rewards.ExactMatch())
    assert await program.evaluate(x, [[one, one] for one in y]) == {"reward": 0.5}
    with pytest.raises(TrainingError, match="structure of the program's outputs"):
        await program.evaluate(x, y)


async def test_outputs_that_are_rightly_none_have_no_part_in_the_reward() -> None:
    inputs = kag.Input(data_model=Ask)
    one = await kag.Generator(data_model=Reply, language_model=ScriptedLanguageModel(reply))(inputs)
    none = await Nothing()(inputs)
    program = kag.Program(inputs=inputs, outputs=[one, none])
    program.compile(reward=kag.rewards.ExactMatch())
    x, y = items(3)
    assert await program.evaluate(x, [[answer, None] for answer in y]) == {"reward": 1.0}
    assert await program.evaluate(x, [[answer, answer] for answer in y]) == {"reward": 0.5}
    assert await program.evaluate(x, y) == {"reward": 1.0}


class Nothing(kag.Module):
    """A branch that is never taken."""

    async def call(self, inputs: Any, training: bool = False) -> Reply | None:
        return None


async def test_a_reward_that_compares_needs_targets() -> None:
    _, program = await one_generator()
    with pytest.raises(TrainingError, match="give y="):
        await program.fit(items(4)[0])


async def test_time_is_a_budget_too() -> None:
    class Waits(kag.Module):
        async def call(self, inputs: Any, training: bool = False) -> Reply:
            await asyncio.Event().wait()
            return Reply(answer="never")

    inputs = kag.Input(data_model=Ask)
    outputs = await Waits()(
        await kag.Generator(data_model=Ask, language_model=ScriptedLanguageModel())(inputs)
    )
    program = kag.Program(inputs=inputs, outputs=outputs)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=Stays())
    history = await program.fit(*items(4), max_time=0.05)
    assert "max_time" in history.stop_reason
    assert history.history == {}


async def test_a_cancelled_fit_leaves_the_best_values_and_no_task() -> None:
    model = PlantedLanguageModel(0, examples=6, of_items=8, example_gain=0.4)
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    before = asyncio.all_tasks()

    class Cancels(Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            if epoch == 2:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()

    history = kag.callbacks.History()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(
            program.fit(
                *items(8),
                epochs=9,
                batch_size=2,
                seed=1,
                validation_data=items(8, 100),
                callbacks=[history, Cancels()],
            )
        )
    assert asyncio.all_tasks() == before
    assert 3 <= len(history.epoch) < 9
    assert model.skill(str(program.trainable_variables[0].data)) > 0.1


async def test_seed_instructions_are_tried_first() -> None:
    model = PlantedLanguageModel(0)
    inputs = kag.Input(data_model=Ask)
    outputs = await kag.Generator(
        data_model=Reply, language_model=model, seed_instructions=["Be brief.", "Be exact."]
    )(inputs)
    program = kag.Program(inputs=inputs, outputs=outputs)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=Stays())
    history = await program.fit(*items(8), batch_size=2, seed=1)
    tried = [next(iter(t.candidate.values.values()))["instructions"] for t in history.trials[1:3]]
    assert tried == ["Be brief.", "Be exact."]


async def test_a_saved_program_keeps_how_it_is_trained_and_what_it_learned(tmp_path: Any) -> None:
    model = PlantedLanguageModel(0, examples=6, of_items=8, example_gain=0.4)
    program = await planted_program(model)
    program.compile(
        reward=kag.rewards.ExactMatch(in_mask=["answer"]),
        optimizer=kag.optimizers.RandomFewShot(nb_max_examples=2),
        metrics=[kag.metrics.F1Score()],
    )
    await program.fit(*items(8), epochs=2, batch_size=2, seed=1)
    program.save(tmp_path / "p.json")
    again = kag.Program.load(tmp_path / "p.json")
    assert again.training is not None
    assert again.training["optimizer"].get_config() == {"nb_max_examples": 2}
    assert again.training["state"]["epochs"] == 2
    assert again.training["state"]["candidates"] == program.training["state"]["candidates"]  # type: ignore[index]
    assert await again.evaluate(*items(8)) == await program.evaluate(*items(8))
    seen: list[Any] = []

    class Looks(kag.optimizers.Optimizer):
        async def propose(self, search: Any) -> Any:
            seen.append((search.epoch, len(search.earlier)))
            return search.best.candidate

    again.compile(reward=kag.rewards.ExactMatch(), optimizer=Looks())
    await again.fit(*items(8), epochs=1, batch_size=8, seed=1)
    assert seen == [(2, len(program.training["state"]["candidates"]))]  # type: ignore[index]


async def test_an_optimizer_that_proposes_nonsense_is_named() -> None:
    class Odd(kag.optimizers.Optimizer):
        async def propose(self, search: Any) -> Any:
            return search.start.with_value("qa/generator/state", instructions=7)

    _, program = await one_generator()
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=Odd())
    with pytest.raises(TrainingError, match=r"odd.*do not fit.*instructions"):
        await program.fit(*items(4))


async def test_calls_of_reward_and_optimizer_are_counted_apart() -> None:
    judge = ScriptedLanguageModel(lambda *_: {"answer": "1"})

    async def judged(y_true: Any, y_pred: Any) -> float:
        await judge([{"role": "user", "content": "?"}], schema=None)
        return 1.0

    class Asks(kag.optimizers.Optimizer):
        async def propose(self, search: Any) -> Any:
            async with search.slot():
                await judge([{"role": "user", "content": "better?"}], schema=None)
            return search.best.candidate

    model, program = await one_generator()
    program.compile(reward=kag.rewards.MeanRewardWrapper(fn=judged), optimizer=Asks())
    history = await program.fit(*items(6), batch_size=2, seed=1, validation_data=items(2, 50))
    assert judge.usage.phases["reward"].calls == 6 + 2
    assert judge.usage.phases["optimizer"].calls == 3
    assert history.calls == len(model.calls) + len(judge.calls)


async def test_errors_of_the_library_are_raised_as_they_are() -> None:
    _, program = await one_generator(sometimes)
    with pytest.raises(KagError):
        await program.predict(items(3)[0])


async def test_a_mask_that_leaves_nothing_of_the_answer_is_refused() -> None:
    _, program = await one_generator()
    program.compile(reward=kag.rewards.ExactMatch(in_mask=["anwser"]))
    with pytest.raises(TrainingError, match=r"anwser.*answer"):
        await program.evaluate(*items(2))


async def test_a_metric_that_fails_is_named() -> None:
    class Broken(kag.metrics.Metric):
        async def measure(self, y_true: Any, y_pred: Any) -> Any:  # type: ignore[override]
            raise ValueError("no unit")

    _, program = await one_generator()
    program.compile(reward=kag.rewards.ExactMatch(), metrics=[Broken()])
    with pytest.raises(TrainingError, match=r"metric 'broken' failed.*no unit"):
        await program.evaluate(*items(2))
