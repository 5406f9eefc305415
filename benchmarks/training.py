"""What training costs us beside the model's own time, and how often its optimizers find a planted optimum.

    python -m benchmarks.training [--seeds N] [--calls N] [--skip-planted]
    python -m benchmarks.training --real [--calls N]

The model of the first command is a fake with a planted optimum (`tests/planted_model.py`): its accuracy
depends on phrases and examples in the prompt that the optimizers have to find. Bars: 1 ms of our own CPU
for a model call (the fake's own work included); a whole fit with an evolving population through 32 slots,
each call of a log-normal latency with a median of 200 ms, at 90 % of a simulated window that never waits.
It takes about three minutes.

The second command trains a small real model, served on this machine (`scripts/fetch-test-models
--with-runtime` brings both), to take a city out of a note. The program is not told what is asked of a note;
examples have to show it. It takes about eight minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import importlib
import random
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import kag
from kag.testing import FakeEmbeddingModel
from kag.training.optimizers.base import Optimizer

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "integration")]
planted = importlib.import_module("planted_model")
search = importlib.import_module("planted_search")

CPU_BAR, WINDOW_BAR = 1.0, 90.0
SLOTS = 32
CALLS = 4000
TASKS = {"3 phrases": (3, 0), "3 examples": (0, 3), "2 phrases, 2 examples": (2, 2)}
Make = Callable[[Any], Optimizer]


def omega(model: Any, **options: Any) -> Optimizer:
    return kag.optimizers.OMEGA(language_model=model, embedding_model=FakeEmbeddingModel(), **options)


OPTIMIZERS: dict[str, tuple[Make, Sequence[str]]] = {
    "RandomFewShot": (lambda _: kag.optimizers.RandomFewShot(), ["3 examples"]),
    "OMEGA": (omega, ["3 phrases"]),
    "OMEGA, few-shot": (lambda model: omega(model, few_shot_learning=True), list(TASKS)),
    "OMEGA, ga": (lambda model: omega(model, algorithm="ga"), ["3 phrases"]),
    "GEPA": (lambda model: kag.optimizers.GEPA(language_model=model), ["3 phrases"]),
    "MIPRO": (lambda model: kag.optimizers.MIPRO(language_model=model), list(TASKS)),
}


class Slow:
    """The planted model behind latencies that it notes.

    Args:
        model: The planted model, which answers at once.
        median: Seconds.
    """

    def __init__(self, model: Any, median: float) -> None:
        self.model = "planted/slow"
        self.inner = model
        self.median = median
        self.took: list[float] = []
        self._random = random.Random(7)

    async def __call__(self, *args: Any, **options: Any) -> Any:
        """Waits, then answers."""
        seconds = self.median * self._random.lognormvariate(0.0, 0.6)
        self.took.append(seconds)
        await asyncio.sleep(seconds)
        return await self.inner(*args, **options)


async def fit(model: Any, optimizer: Optimizer, *, samples: int, held_out: int, **options: Any) -> Any:
    program = await planted.planted_program(model)
    program.compile(reward=kag.rewards.ExactMatch(), optimizer=optimizer)
    held = planted.items(held_out, 1000)
    x, y = planted.items(samples)
    return await program.fit(x, y, validation_data=held, seed=1, verbose=0, **options)


async def costs(repeats: int) -> float:
    """CPU of a call for each optimizer; the worst of them."""
    print(f"{'own CPU for a model call':34}{'ms':>8}{'calls':>8}{'trials':>8}   bar <= {CPU_BAR:g} ms")
    worst = 0.0
    for name, (make, _) in OPTIMIZERS.items():
        spent = []
        for _ in range(repeats):
            model = planted.PlantedLanguageModel(1, phrases=3, phrase_gain=0.1, examples=3, example_gain=0.1)
            begun = time.process_time()
            history = await fit(
                model, make(model), samples=120, held_out=50, epochs=6, batch_size=8, max_concurrency=SLOTS
            )
            spent.append(1e3 * (time.process_time() - begun) / model.calls)
        worst = max(worst, statistics.median(spent))
        print(f"  {name:32}{statistics.median(spent):>8.2f}{model.calls:>8}{len(history.trials):>8}")
    return worst


async def window() -> float:
    """Share of an ideal window that a whole fit of an evolving population reaches, in percent."""
    inner = planted.PlantedLanguageModel(1, phrases=3, phrase_gain=0.25)
    model = Slow(inner, 0.2)
    begun, cpu = time.perf_counter(), time.process_time()
    history = await fit(
        model, omega(model), samples=120, held_out=50, epochs=6, batch_size=8, max_concurrency=SLOTS
    )
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    slots = [0.0] * SLOTS
    for seconds in model.took:
        heapq.heapreplace(slots, slots[0] + seconds)
    share = 100 * max(slots) / wall
    print(f"\n{'a fit of OMEGA through 32 slots':34}{'wall s':>8}{'ideal s':>8}{'share %':>8}", end="")
    print(f"   bar >= {WINDOW_BAR:g} %")
    print(f"  {len(model.took)} calls, {len(history.trials)} trials, {cpu:.1f} s of CPU", end="")
    print(f"{'':>6}{wall:>8.1f}{max(slots):>8.1f}{share:>8.1f}")
    return share


async def long_fit() -> None:
    model = planted.PlantedLanguageModel(2, phrases=3, phrase_gain=0.1)
    await fit(model, omega(model), samples=40, held_out=20, epochs=2)
    peak, calls, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, model.calls, time.process_time()
    history = await fit(model, omega(model), samples=200, held_out=50, epochs=100, max_calls=10_000)
    calls, cpu = model.calls - calls, time.process_time() - cpu
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024
    print(f"a fit of OMEGA with {calls} calls and {len(history.trials)} trials takes {grown:.1f} MB")
    print(f"more than a short one, and {1e3 * cpu / calls:.2f} ms of CPU for a call\n")


async def successes(seeds: int, calls: int) -> None:
    """Of so many searches: how many find all that is planted, with how many calls, and the mean skill."""
    print(f"\nplanted optimum: found in {seeds} searches of at most {calls} calls; mean calls; mean skill")
    print(f"  {'':18}" + "".join(f"{task:>26}" for task in TASKS))
    for name, (make, tasks) in OPTIMIZERS.items():
        cells = [await _cell(make, task, seeds, calls) if task in tasks else "" for task in TASKS]
        print(f"  {name:18}" + "".join(f"{cell:>26}" for cell in cells), flush=True)
    chance = [await _cell(_chance(*planted_), task, seeds, calls) for task, planted_ in TASKS.items()]
    print(f"  {'random search':18}" + "".join(f"{cell:>26}" for cell in chance))


def _chance(phrases: int, examples: int) -> Make:
    return lambda _: search.RandomSearch(phrases, examples)


async def _cell(make: Make, task: str, seeds: int, calls: int) -> str:
    phrases, examples = TASKS[task]
    done = [
        await search.searched(seed, make, calls, phrases=phrases, examples=examples) for seed in range(seeds)
    ]
    found, used = sum(one.found for one in done), statistics.mean(one.calls for one in done)
    skill = statistics.mean(one.skill for one in done)
    return f"{found}/{seeds}  {used:.0f}  {skill:.2f}"


class Note(kag.DataModel):
    """What somebody wrote down."""

    note: str


class Fact(kag.DataModel):
    """What is asked of it."""

    answer: str = kag.Field(max_length=40)


NAMES = "Anna Boris Carla David Elena Felix Greta Hugo Irene Jonas Karin Leo Marta Nils Olga Paul".split()
THINGS = "lamps chairs books pens cups shoes coats bikes boxes plates".split()
CITIES = "Oslo Rome Paris Madrid Berlin Vienna Lisbon Athens Dublin Prague Warsaw Cairo Lima Delhi".split()
FORMS = (
    "{name} bought {count} {thing} in {city}.",
    "In {city}, {name} sold {count} {thing}.",
    "{count} {thing} were sent to {city} by {name}.",
    "{name} is waiting for {count} {thing} from {city}.",
)


def notes(count: int) -> tuple[list[Note], list[Fact]]:
    """Different notes and their cities, always the same ones."""
    chance = random.Random(5)
    found: dict[str, str] = {}
    while len(found) < count:
        city = chance.choice(CITIES)
        parts = {"name": chance.choice(NAMES), "thing": chance.choice(THINGS), "count": chance.randint(2, 19)}
        found[chance.choice(FORMS).format(city=city, **parts)] = city
    return [Note(note=text) for text in found], [Fact(answer=city) for city in found.values()]


async def real(address: Any, calls: int) -> None:
    """Trains on 40 notes, chooses by 24, and asks 80 others before and after."""
    lm = kag.LanguageModel(
        address.model, api_base=address.url, api_key="none", temperature=0.0, max_tokens=60
    )
    inputs = kag.Input(data_model=Note)
    generator = kag.Generator(
        data_model=Fact, language_model=lm, instructions="Fill in the answer for the note.", name="generator"
    )
    program = kag.Program(inputs=inputs, outputs=await generator(inputs), name="facts")
    program.compile(
        reward=kag.rewards.ExactMatch(), optimizer=kag.optimizers.RandomFewShot(nb_max_examples=4)
    )
    x, y = notes(144)
    asked = {"x": x[64:], "y": y[64:], "max_concurrency": 2, "on_error": "zero"}
    before = await program.evaluate(**asked)
    first = [
        {"inputs": note.get_json(), "outputs": fact.get_json()} for note, fact in zip(x[:4], y, strict=False)
    ]
    generator.state.update({"examples": first})
    plain = await program.evaluate(**asked)
    generator.state.reset()
    begun = time.perf_counter()
    history = await program.fit(
        x[:40],
        y[:40],
        validation_data=(x[40:64], y[40:64]),
        epochs=20,
        batch_size=8,
        max_concurrency=2,
        max_calls=calls,
        seed=1,
        on_error="zero",
        verbose=0,
    )
    seconds = time.perf_counter() - begun
    after = await program.evaluate(**asked)
    print("SmolLM2-135M-Instruct (Q4_1, 1 thread), RandomFewShot, exact match of a city in a note")
    print(f"  reward on 80 held-out notes: before {before['reward']:.3f}, after {after['reward']:.3f}")
    print(f"  with the first four training samples as examples, without a search: {plain['reward']:.3f}")
    print(f"  on the 24 to choose by, after: {history.best_reward:.3f}; {len(history.trials)} trials")
    print(
        f"  {history.calls} calls, {history.tokens} tokens, {len(history.failures)} failed, {seconds:.0f} s"
    )
    for example in program.trainable_variables[0].get("examples"):
        print(f"  example: {example['inputs']['note']} -> {example['outputs']['answer']}")


def train_real(calls: int) -> int:
    models = importlib.import_module("real_models")
    if reason := models.missing_language_model():
        sys.exit(f"There is no model to train: {reason}.")
    with models.serve() as address:
        asyncio.run(real(address, calls))
    return 0


async def measure(options: argparse.Namespace) -> int:
    await long_fit()
    worst = await costs(options.repeats)
    share = await window()
    if not options.skip_planted:
        await successes(options.seeds, options.calls or CALLS)
    return int(worst > CPU_BAR or share < WINDOW_BAR)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--real", action="store_true", help="train the small real model instead")
    parser.add_argument("--seeds", type=int, default=10, help="searches for a planted optimum")
    parser.add_argument("--calls", type=int, help=f"most calls of a search ({CALLS}; 1,200 with --real)")
    parser.add_argument("--repeats", type=int, default=3, help="of the CPU's measurement")
    parser.add_argument("--skip-planted", action="store_true", help="leave the searches out")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    return train_real(options.calls or 1200) if options.real else asyncio.run(measure(options))


if __name__ == "__main__":
    sys.exit(main())
