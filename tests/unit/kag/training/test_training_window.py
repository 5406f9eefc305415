"""How well a fit fills its limit: on a clock that jumps, so that it takes no time and is always the same."""

from __future__ import annotations

import asyncio
import heapq
from typing import Any

import pytest
from planted_model import PlantedLanguageModel, items, planted_program
from virtual_time import VirtualTime

import kag

CONCURRENCY = 32


class Timed(PlantedLanguageModel):
    """Notes how long each call took and how many were under way."""

    def __init__(self) -> None:
        super().__init__(1, examples=3, example_gain=0.2, phrases=3, phrase_gain=0.1, latency=0.2)
        self.took: list[float] = []
        self.now = self.most = 0

    async def __call__(self, *args: Any, **options: Any) -> Any:
        """Answers."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await super().__call__(*args, **options)
        finally:
            self.now -= 1
            self.took.append(loop.time() - begun)


def ideal(took: list[float]) -> float:
    """Time of a sliding window that begins the next call whenever one ends."""
    slots = [0.0] * CONCURRENCY
    for seconds in took:
        heapq.heapreplace(slots, slots[0] + seconds)
    return max(slots)


class Evolves(kag.optimizers.Optimizer):
    """Runs a parent on the batch, and asks a model for a child: one thing after the other."""

    def __init__(self, language_model: Any) -> None:
        super().__init__()
        self.language_model = language_model

    async def propose(self, search: Any) -> Any:
        """A child of one of the best."""
        best = sorted(search.trials, key=lambda trial: -trial.score)[:5]
        parent = search.random.choice(best).candidate
        await search.run(parent, search.batch)
        (path,) = parent.values
        async with search.slot():
            told = await self.language_model([{"role": "user", "content": f"{search.step} {parent.values}"}])
        return parent.with_value(path, instructions=told["content"])


@pytest.mark.parametrize("evolving", [False, True], ids=["few-shot", "evolving"])
@pytest.mark.parametrize(("batch_size", "samples", "held_out"), [(8, 120, 50), (32, 320, 64), (4, 100, 20)])
def test_a_whole_fit_takes_little_longer_than_an_ideal_window(
    batch_size: int, samples: int, held_out: int, evolving: bool
) -> None:
    async def main() -> tuple[Timed, float]:
        model = Timed()
        program = await planted_program(model)
        optimizer = Evolves(model) if evolving else kag.optimizers.RandomFewShot()
        program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer)
        begun = asyncio.get_running_loop().time()
        await program.fit(
            *items(samples),
            epochs=6,
            batch_size=batch_size,
            validation_data=items(held_out, 1000),
            seed=1,
            max_concurrency=CONCURRENCY,
        )
        return model, asyncio.get_running_loop().time() - begun

    with asyncio.Runner(loop_factory=VirtualTime) as runner:
        model, wall = runner.run(main())
    assert model.most == CONCURRENCY
    assert ideal(model.took) / wall >= 0.9
