"""A fit that is killed goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
KILLS = 6
UNDER_WAY = 8  # samples at a time: so many calls may be lost in a kill

FIT = """
import asyncio, sys
from planted_model import PlantedLanguageModel, items, planted_program
import kag

class Slow(PlantedLanguageModel):
    async def __call__(self, *args, **kwargs):
        answer = await super().__call__(*args, **kwargs)
        print("call", flush=True)
        return answer

async def main():
    model = Slow(3, examples=3, of_items=24, base=0.1, example_gain=0.3, jitter=int(sys.argv[2]))
    program = await planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot())
    history = await program.fit(*items(24), epochs=6, batch_size=6, validation_data=items(16, 100), seed=4,
                                max_concurrency=8, run_dir=sys.argv[1])
    trials = [(t.candidate.key, t.reward, t.val_reward) for t in history.trials]
    print("done", __import__("json").dumps([history.best_reward, trials, history.calls]), flush=True)

asyncio.run(main())
"""


def run(folder: Path, jitter: int, kill_after: int | None = None) -> tuple[int, Any]:
    """Calls that were answered, and the result if the process was not killed after so many."""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"}
    command = [sys.executable, "-c", FIT, str(folder), str(jitter)]
    calls, result = 0, None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("done"):
                result = json.loads(line.removeprefix("done "))
            else:
                calls += 1
            if calls == kill_after:
                process.send_signal(signal.SIGKILL)
                kill_after = None
        process.wait()
    return calls, result


def test_a_fit_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed, whole = run(tmp_path / "undisturbed", 0)
    random, spent, kills, result = Random(1), 0, 0, None
    while result is None:
        after = random.randrange(1, undisturbed // 4) if kills < KILLS else None
        calls, result = run(tmp_path / "killed", kills, after)
        spent += calls
        kills += result is None
    assert kills >= 3
    assert result == whole
    assert spent <= undisturbed + kills * UNDER_WAY
