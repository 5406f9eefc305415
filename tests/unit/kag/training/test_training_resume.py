"""The journal of a fit, and going on from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from planted_model import PlantedLanguageModel, items, planted_program

import kag
from kag.errors import ProviderError, TrainingError


async def fresh(seed: int = 3) -> tuple[PlantedLanguageModel, kag.Program]:
    model = PlantedLanguageModel(seed, examples=3, example_gain=0.3, of_items=16)
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    return model, program


async def fit(program: kag.Program, folder: Path | None, **options: Any) -> Any:
    settings = {"epochs": 3, "batch_size": 4, "seed": 2, "max_concurrency": 4}
    return await program.fit(
        *items(16), **{**settings, "run_dir": folder, "validation_data": items(8, 100), **options}
    )


def told(history: Any) -> list[Any]:
    return [(trial.candidate.key, trial.reward, trial.val_reward) for trial in history.trials]


async def test_a_finished_fit_costs_nothing_the_second_time(tmp_path: Path) -> None:
    _, program = await fresh()
    first = await fit(program, tmp_path)
    model, program = await fresh()
    second = await fit(program, tmp_path)
    assert model.calls == 0
    assert told(second) == told(first)
    assert second.history == first.history
    assert second.calls == first.calls


async def test_a_fit_that_a_budget_stopped_goes_on_with_the_same_program(tmp_path: Path) -> None:
    _, program = await fresh()
    whole = await fit(program, None)
    model, program = await fresh()
    part = await fit(program, tmp_path, max_calls=70)
    assert part.stop_reason
    rest = await fit(program, tmp_path)
    assert told(rest) == told(whole)
    assert model.calls <= whole.calls + 4


async def test_budgets_count_what_was_spent_before(tmp_path: Path) -> None:
    model, program = await fresh()
    await fit(program, tmp_path, max_calls=60)
    await fit(program, tmp_path, max_calls=60)
    assert model.calls <= 60


async def test_a_line_that_was_cut_off_did_not_happen(tmp_path: Path) -> None:
    _, program = await fresh()
    whole = await fit(program, tmp_path)
    journal = tmp_path / "journal.jsonl"
    content = journal.read_bytes()
    journal.write_bytes(content[: int(len(content) * 0.6)])
    model, program = await fresh()
    rest = await fit(program, tmp_path)
    assert told(rest) == told(whole)
    assert 0 < model.calls < whole.calls
    assert all(json.loads(line) for line in journal.read_text().splitlines())


async def test_more_epochs_go_on_from_fewer(tmp_path: Path) -> None:
    _, program = await fresh()
    await fit(program, tmp_path, epochs=1)
    model, program = await fresh()
    longer = await fit(program, tmp_path, epochs=3)
    _, program = await fresh()
    assert told(longer) == told(await fit(program, None))
    assert model.calls < longer.calls


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": 9}, "seed"),
        ({"batch_size": 8}, "batch_size"),
        ({"validation_data": items(8, 200)}, "the validation samples"),
        ({"shuffle": False}, "shuffle"),
    ],
)
async def test_a_folder_of_another_fit_is_refused(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    _, program = await fresh()
    await fit(program, tmp_path, epochs=1)
    _, program = await fresh()
    with pytest.raises(TrainingError, match=f"{said}.* differ"):
        await fit(program, tmp_path, epochs=1, **change)


async def test_values_that_the_run_never_saw_are_refused(tmp_path: Path) -> None:
    _, program = await fresh()
    await fit(program, tmp_path, epochs=1)
    _, program = await fresh()
    program.trainable_variables[0].update({"instructions": "Something else."})
    with pytest.raises(TrainingError, match="other values"):
        await fit(program, tmp_path, epochs=1)


async def test_without_a_seed_the_one_of_the_run_is_used(tmp_path: Path) -> None:
    _, program = await fresh()
    first = await fit(program, tmp_path, seed=None)
    _, program = await fresh()
    second = await fit(program, tmp_path, seed=None)
    assert second.params["seed"] == first.params["seed"]
    assert told(second) == told(first)


async def test_two_fits_do_not_share_a_folder_at_once(tmp_path: Path) -> None:
    _, program = await fresh()
    _, other = await fresh()

    class Meddles(kag.callbacks.Callback):
        def on_train_begin(self, logs: Any) -> None:
            again = self.program.fit(*items(4), run_dir=tmp_path, seed=2)
            with pytest.raises(TrainingError, match="Another process trains"):
                again.send(None)

    await fit(program, tmp_path, epochs=1, callbacks=[Meddles()])
    await fit(other, tmp_path, epochs=1)  # and it is given back


@pytest.mark.parametrize("content", [b"[]\n", b"hello\n", b'{"kind": "program"}\n', b"\xff\xfe\n"])
async def test_a_file_that_is_no_journal_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_bytes(content)
    _, program = await fresh()
    with pytest.raises(TrainingError, match="run_dir"):
        await fit(program, tmp_path)
    assert (tmp_path / "journal.jsonl").read_bytes() == content


async def test_a_journal_with_a_line_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    _, program = await fresh()
    await fit(program, tmp_path, epochs=1)
    journal = tmp_path / "journal.jsonl"
    journal.write_text(journal.read_text() + '{"kind": "outcome", "candidate": "x"}\n')
    _, program = await fresh()
    with pytest.raises(TrainingError, match="is damaged"):
        await fit(program, tmp_path, epochs=1)


async def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    _, program = await fresh()
    with pytest.raises(TrainingError, match="run_dir"):
        await fit(program, tmp_path / "run")


async def test_failures_are_remembered_too(tmp_path: Path) -> None:
    async def judged(y_true: Any, y_pred: Any) -> float:
        raise TrainingError("no judge")

    _, program = await fresh()
    program.compile(reward=kag.rewards.MeanRewardWrapper(fn=judged), optimizer=kag.optimizers.RandomFewShot())
    first = await fit(program, tmp_path, on_error="zero", epochs=1)
    second = await fit(program, tmp_path, on_error="zero", epochs=1)
    assert len(second.failures) == len(first.failures) > 0
    assert "no judge" in second.failures[0].error


async def test_a_run_of_another_language_model_is_refused(tmp_path: Path) -> None:
    _, program = await fresh()
    await fit(program, tmp_path, epochs=1)
    model, program = await fresh()
    model.model = "planted/other"
    with pytest.raises(TrainingError, match=r"language models.* differ"):
        await fit(program, tmp_path, epochs=1)


async def test_what_failed_because_the_model_was_away_is_asked_again(tmp_path: Path) -> None:
    async def away(y_true: Any, y_pred: Any) -> float:
        raise ProviderError("connection refused")

    async def right(y_true: Any, y_pred: Any) -> float:
        return 1.0

    histories = []
    for fn in (away, right):
        fn.__qualname__ = "judged"
        _, program = await fresh()
        reward = kag.rewards.MeanRewardWrapper(fn=fn, name="judged")
        program.compile(reward=reward, optimizer=kag.optimizers.RandomFewShot())
        histories.append(await fit(program, tmp_path, on_error="zero", epochs=1))
    assert histories[0].best_reward == 0
    assert histories[0].failures
    assert histories[1].best_reward == 1
    assert not histories[1].failures
