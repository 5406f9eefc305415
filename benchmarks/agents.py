"""What an agent costs beside its model and its tools: our own CPU for each turn, in both styles.

    python -m benchmarks.agents

The model answers at once, from memory; each turn calls two tools that do nothing. A turn's cost is the
difference between a long and a short run, divided by the turns between them.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from kag.agents.function_calling_agent import FunctionCallingAgent
from kag.agents.tool import Tool
from kag.data_models.data_model import DataModel

BAR = 1.0  # ms of CPU for one turn
SHORT, LONG = 2, 12


class Query(DataModel):
    """A question."""

    query: str


class Answer(DataModel):
    """An answer."""

    answer: str


async def look(place: str, number: int, exact: bool = True) -> dict[str, Any]:
    """Looks at a place.

    Args:
        place: Where.
        number: What.
        exact: How.
    """
    return {"place": place, "found": [number, number + 1], "text": "Some words of a passage. " * 20}


class Model:
    """Asks for two calls in each turn, until it has taken so many."""

    model = "stub/model"

    def __init__(self, turns: int) -> None:
        self.turns = turns

    async def __call__(self, messages: Any, schema: Any = None, **options: Any) -> Any:
        """Answers at once."""
        await asyncio.sleep(0)
        turn = sum(message["role"] == "assistant" for message in messages)
        arguments = [{"place": "there", "number": 2 * turn + place} for place in range(2)]
        if schema is None:
            if turn >= self.turns:
                return {"role": "assistant", "content": "Found."}
            calls = [
                {"id": f"c{turn}_{place}", "name": "look", "arguments": one}
                for place, one in enumerate(arguments)
            ]
            return {"role": "assistant", "content": "", "tool_calls": calls}
        if "answer" in schema["properties"]:
            return {"answer": "Found."}
        wanted = [{"tool": "look", "arguments": one} for one in arguments] if turn < self.turns else []
        return {"thinking": "Looking.", "calls": wanted}


async def per_turn(style: Any, repeats: int) -> float:
    """Milliseconds of CPU for one turn with two calls."""
    spent = {}
    for turns in (SHORT, LONG):
        agent = FunctionCallingAgent(
            Answer, [Tool(look)], Model(turns), max_iterations=LONG + 1, tool_calling=style
        )
        spent[turns] = await cpu(lambda agent=agent: agent(Query(query="Where is it?")), repeats)  # type: ignore[misc]
    return (spent[LONG] - spent[SHORT]) / (LONG - SHORT)


async def per_call(repeats: int) -> float:
    """Milliseconds of CPU for one call of a tool."""
    tool = Tool(look)

    async def twenty() -> None:
        for number in range(20):
            await tool.run({"place": "there", "number": number})

    return await cpu(twenty, repeats) / 20


async def cpu(call: Callable[[], Awaitable[Any]], repeats: int) -> float:
    """Median milliseconds of CPU for one run."""
    await call()
    spent = []
    for _ in range(repeats):
        begun = time.process_time()
        for _ in range(20):
            await call()
        spent.append((time.process_time() - begun) / 20)
    return statistics.median(spent) * 1e3


async def measure(repeats: int) -> list[tuple[str, float]]:
    """The rows of the table."""
    return [
        ("one turn with two calls, the provider's tool calls", await per_turn("native", repeats)),
        ("one turn with two calls, a choice by schema", await per_turn("constrained", repeats)),
        ("one call of a tool alone", await per_call(repeats)),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    missed = 0
    for name, value in asyncio.run(measure(parser.parse_args().repeats)):
        missed += value > BAR
        print(f"{name:55} {value:8.3f} ms CPU   <= {BAR:g}{'  MISSED' if value > BAR else ''}")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
