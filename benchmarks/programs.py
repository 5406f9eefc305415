"""What programs cost us, beside Synalinks and dspy where a Python that runs them is found.

    python -m benchmarks.programs [--repeats N]

The model answers at once, in process, so CPU time is our own; every figure is the median of some repeats.
Peers are looked for in the Pythons that KAG_BENCH_SYNALINKS and KAG_BENCH_DSPY name, then in `python3`,
`python3.12` and `python3.13`. Bars: one-generator program 0.4 ms, identity module 25 us, `a + b` on JSON
models 20 us, 256 slow answers through 32 slots at 95 % of a simulated sliding window, 10,000 calls within
5 MB, `import kag` 50 ms, `from kag import Program` 300 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import heapq
import importlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import kag
from kag.graph.window import sliding

QUESTION = "What is the capital of the country whose best known river is the Seine?"
ANSWER = {"thinking": "The Seine flows through Paris.", "answer": "Paris"}
CHAIN = 20


class Query(kag.DataModel):
    """A question."""

    query: str = kag.Field(description="The question")


class Answer(kag.DataModel):
    """A reasoned answer."""

    thinking: str = kag.Field(description="Step by step")
    answer: str = kag.Field(description="One word")


@dataclass(frozen=True)
class Row:
    """One figure of the table, its bar and whether more is better."""

    name: str
    value: float
    unit: str
    bar: float
    more: bool = False
    synalinks: str = ""
    dspy: str = ""

    @property
    def passed(self) -> bool:
        """Whether the figure meets its bar."""
        return self.value >= self.bar if self.more else self.value <= self.bar


async def cpu_of(call: Callable[[int], Awaitable[Any]], n: int, repeats: int) -> float:
    """Median CPU seconds for one call."""
    for i in range(20):
        await call(-i)
    spent = []
    for _ in range(repeats):
        gc.collect()
        begun = time.process_time()
        for i in range(n):
            await call(i)
        spent.append((time.process_time() - begun) / n)
    return statistics.median(spent)


async def stub(messages: Any, schema: Any = None, streaming: bool = False, **options: Any) -> Any:
    await asyncio.sleep(0)
    return dict(ANSWER)


async def one_generator(lm: Any) -> kag.Program:
    inputs = kag.Input(data_model=Query)
    outputs = await kag.Generator(data_model=Answer, language_model=lm)(inputs)
    return kag.Program(inputs=inputs, outputs=outputs)


async def chain(length: int) -> kag.Program:
    inputs = outputs = kag.Input(data_model=Query)
    for _ in range(length):
        outputs = await kag.Identity()(outputs)
    return kag.Program(inputs=inputs, outputs=outputs)


def asks(program: kag.Program) -> Callable[[int], Awaitable[Any]]:
    return lambda i: program(Query(query=f"{QUESTION} #{i}"))


async def whole_client() -> kag.LanguageModel:
    """The real language model, with only its socket replaced by a canned answer."""
    direct = importlib.import_module("kag.language_models.direct")
    base = importlib.import_module("kag.language_models.base")
    reply = base.Reply(content=json.dumps(ANSWER), tokens=base.Tokens(50, 15))

    async def send(self: Any, request: Any) -> Any:
        await asyncio.sleep(0)
        return reply

    direct.Transport.send = send
    return kag.LanguageModel("openai/fake", api_base="http://127.0.0.1:9/v1", api_key="x")


async def cost_rows(repeats: int) -> list[Row]:
    generator = await cpu_of(asks(await one_generator(stub)), 1000, repeats)
    client = await cpu_of(asks(await one_generator(await whole_client())), 500, repeats)
    short, long = [await cpu_of(asks(await chain(n)), 500, repeats) for n in (1, 1 + CHAIN)]
    peers = {name: peer(name) for name in ("synalinks", "dspy")}
    call, transport, identity, plus = (
        {name: figures.get(key, figures["note"]) for name, figures in peers.items()}
        for key in ("model", "transport", "identity", "plus")
    )
    return [
        Row("program of one generator, model stubbed", generator * 1e3, "ms", 0.4, **call),
        Row("the same, transport stubbed", client * 1e3, "ms", 0.4, **transport),
        Row("identity module in a chain", (long - short) / CHAIN * 1e6, "us", 25, **identity),
        Row("a + b on JSON models", plus_cost(repeats) * 1e6, "us", 20, **plus),
    ]


def plus_cost(repeats: int) -> float:
    a = Query(query=QUESTION).to_json_data_model()
    b = Answer(**ANSWER).to_json_data_model()
    spent = []
    for _ in range(repeats):
        begun = time.process_time()
        for _ in range(5000):
            a + b
        spent.append((time.process_time() - begun) / 5000)
    return statistics.median(spent)


async def window_row() -> Row:
    """256 answers of log-normal latency through 32 slots, against a simulated window of the same ones."""
    r = random.Random(7)
    waits = [0.2 * r.lognormvariate(0, 0.6) for _ in range(256)]
    slots = [0.0] * 32
    for wait in waits:
        heapq.heappush(slots, heapq.heappop(slots) + wait)

    async def slow(messages: Any, schema: Any = None, streaming: bool = False, **options: Any) -> Any:
        await asyncio.sleep(waits[int(messages[-1]["content"].rpartition("#")[2].rstrip('"}'))])
        return dict(ANSWER)

    program = await one_generator(slow)
    await asks(program)(0)
    taken = []
    for _ in range(3):  # the best: other processes may hold the machine up
        begun = time.perf_counter()
        await sliding(asks(program), range(len(waits)), 32)
        taken.append(time.perf_counter() - begun)
    share = 100 * max(slots) / min(taken)
    return Row("256 slow answers, 32 slots: share of a simulated window", share, "%", 95, more=True)


async def memory_row() -> Row:
    call = asks(await one_generator(stub))
    for i in range(1000):
        await call(i)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(10_000):
        await call(i)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return Row("growth of memory in 10,000 calls", grown, "MB", 5)


def import_row(statement: str, bar: float, repeats: int) -> Row:
    code = f"import time; t = time.process_time(); {statement}; print(time.process_time() - t)"
    spent = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(repeats)]
    return Row(statement, statistics.median(spent) * 1e3, "ms", bar)


def peer(name: str) -> dict[str, str]:
    """Figures of a peer, as text; with a note instead where no Python has it."""
    for python in (os.environ.get(f"KAG_BENCH_{name.upper()}"), "python3", "python3.12", "python3.13"):
        found = shutil.which(python) if python else None
        if (
            found
            and not subprocess.run(
                [found, "-c", f"import {name}"], capture_output=True, check=False
            ).returncode
        ):
            done = subprocess.run([found, "-c", PEERS[name]], capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return {"note": "", **json.loads(done.stdout.splitlines()[-1])}
            print(f"{name} was found in {found} but failed:\n{done.stderr[-800:]}", file=sys.stderr)
    return {"note": "not found"}


def runs(python: str, code: str) -> bool:
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0


COMMON = f"""
import asyncio, json, os, statistics, time, warnings, logging
warnings.simplefilter("ignore"); logging.disable(logging.WARNING)
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True"); os.environ.setdefault("OPENAI_API_KEY", "x")
QUESTION, ANSWER = {QUESTION!r}, {ANSWER!r}
async def cpu(call, n=60, repeats=5):
    for i in range(5): await call(-i)
    spent = []
    for _ in range(repeats):
        t = time.process_time()
        for i in range(n): await call(i)
        spent.append((time.process_time() - t) / n)
    return statistics.median(spent)
"""

PEERS = {
    "dspy": COMMON
    + """
import dspy
from types import SimpleNamespace as N
TEXT = "[[ ## answer ## ]]\\nParis\\n\\n[[ ## completed ## ]]\\n"
class Stub(dspy.BaseLM):
    def __init__(self): super().__init__(model="stub", cache=False)
    async def aforward(self, prompt=None, messages=None, **kw):
        await asyncio.sleep(0)
        return N(choices=[N(message=N(content=TEXT, tool_calls=None), finish_reason="stop")],
                 usage={"prompt_tokens": 5}, model="fake", _hidden_params={})
dspy.configure(lm=Stub())
predict = dspy.Predict("question -> answer")
spent = asyncio.run(cpu(lambda i: predict.acall(question=f"{QUESTION} #{i}"), n=300))
print(json.dumps({"model": f"{spent * 1e3:.2f} ms"}))
""",
    "synalinks": COMMON
    + """
import synalinks
class Query(synalinks.DataModel):
    query: str = synalinks.Field(description="The question")
class Answer(synalinks.DataModel):
    thinking: str = synalinks.Field(description="Step by step")
    answer: str = synalinks.Field(description="One word")
from litellm import ModelResponse
message = {"role": "assistant", "content": json.dumps(ANSWER)}
reply = ModelResponse(choices=[{"index": 0, "finish_reason": "stop", "message": message}])
async def fake(**kw):
    await asyncio.sleep(0)
    return reply
import synalinks.src.modules.language_models.language_model as module
module.litellm.acompletion = fake
async def main():
    lm = synalinks.LanguageModel(model="openai/fake", api_base="http://127.0.0.1:9/v1")
    async def program(steps):
        inputs = x = synalinks.Input(data_model=Query)
        for step in steps: x = await step()(x)
        p = synalinks.Program(inputs=inputs, outputs=x, name="p", description="p")
        return lambda i: p(Query(query=f"{QUESTION} #{i}"))
    ask = await program([lambda: synalinks.Generator(data_model=Answer, language_model=lm)])
    short, long = [await cpu(await program([synalinks.Identity] * n), n=20) for n in (1, 21)]
    a, b = Query(query=QUESTION).to_json_data_model(), Answer(**ANSWER).to_json_data_model()
    async def plus(i): return a + b
    return {"transport": f"{await cpu(ask) * 1e3:.1f} ms", "identity": f"{(long - short) / 20 * 1e6:.0f} us",
            "plus": f"{await cpu(plus) * 1e6:.0f} us"}
print(json.dumps(asyncio.run(main())))
""",
}


async def measure(repeats: int) -> list[Row]:
    rows = await cost_rows(repeats)
    rows += [await window_row(), await memory_row()]
    rows += [import_row("import kag", 50, repeats), import_row("from kag import Program", 300, repeats)]
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=7)
    rows = asyncio.run(measure(parser.parse_args().repeats))
    print(f"{'':58} {'kag':>12} {'bar':>10} {'synalinks':>12} {'dspy':>12}")
    for row in rows:
        verdict = "" if row.passed else "MISSED"
        value, bar = f"{row.value:.3g} {row.unit}", f"{'>=' if row.more else '<='} {row.bar:g}"
        print(f"{row.name:58} {value:>12} {bar:>10} {row.synalinks:>12} {row.dspy:>12}  {verdict}")
    return 0 if all(row.passed for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
