"""The tool calls of one run: resolved, bounded, run side by side, each at most once, and kept in mind."""

from __future__ import annotations

import difflib
import json as stdlib_json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kag.agents.tool import Outcome, Tool
from kag.graph.window import sliding
from kag.http import shorten
from kag.schema.values import Json, json_text

_MOST_RUNS = 3  # of one call with the same arguments, if it failed or is idempotent
_MOST_TURNS_OF_REPEATS = 2
_CLOSEST = 3


@dataclass(slots=True)
class _Made:
    """What is known of a call with certain arguments."""

    first: str
    runs: int = 0
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """A call and what came of it."""

    call: Json
    outcome: Outcome

    def data(self) -> Json:
        """As in a trajectory."""
        outcome = self.outcome
        return {
            "id": self.call["id"],
            "tool": self.call["name"],
            "arguments": self.call["arguments"],
            "output": outcome.value,
            "error": outcome.error,
            "message": outcome.text if outcome.error else "",
            "runs": outcome.runs,
            "seconds": round(outcome.seconds, 6),
        }


class Calls:
    """Runs tool calls, and remembers which were made.

    Args:
        tools: The tools by name.
        parallel: How many run at a time.
        most: How many may be run in all.
    """

    def __init__(self, tools: Mapping[str, Tool], *, parallel: int, most: int) -> None:
        self.tools = tools
        self.parallel = parallel
        self.most = most
        self.left = most
        self._made: dict[str, _Made] = {}
        self._turns_of_repeats = 0

    @property
    def looping(self) -> bool:
        """Whether the model has asked for nothing but calls that it had made before, and again."""
        return self._turns_of_repeats >= _MOST_TURNS_OF_REPEATS

    @property
    def used_up(self) -> bool:
        """Whether no further call may be run."""
        return self.left <= 0

    async def run(self, calls: Sequence[Json]) -> list[Done]:
        """Runs the calls of one message, side by side; what cannot be run is answered with the reason."""
        planned = [(call, self._refused(call)) for call in calls]
        only_repeats = all(refusal is not None and refusal.error == "repeated" for _, refusal in planned)
        self._turns_of_repeats = self._turns_of_repeats + 1 if only_repeats else 0

        async def done(one: tuple[Json, Outcome | None]) -> Done:
            call, refusal = one
            if refusal is not None:
                return Done(call, refusal)
            outcome = await self.tools[call["name"]].run(call["arguments"])
            made = self._made[_key(call)]
            made.failed = bool(outcome.error)
            return Done(call, outcome)

        return await sliding(done, planned, self.parallel)

    def _refused(self, call: Json) -> Outcome | None:
        """Why a call is not run; None, and it is counted as run, if it is."""
        tool = self.tools.get(call["name"])
        if tool is None:
            return _failed("unknown_tool", self._unknown(str(call["name"])))
        if not isinstance(call["arguments"], dict):
            text = shorten(str(call["arguments"]), 200)
            schema = shorten(json_text(tool.input_schema), 1500)
            return _failed(
                "invalid_arguments",
                f"the arguments are no JSON object: {text!r}. Nothing was run. Their schema: {schema}",
            )
        made = self._made.setdefault(_key(call), _Made(call["id"]))
        if made.runs and (made.runs >= _MOST_RUNS or not (made.failed or tool.idempotent)):
            return _failed(
                "repeated",
                f"this very call was made before ({made.first}), and is not run again. Use its result, "
                "change the arguments, or answer.",
            )
        if self.used_up:
            return _failed("not_run", f"the limit of {self.most} tool calls is reached; answer now.")
        self.left -= 1
        made.runs += 1
        return None

    def _unknown(self, name: str) -> str:
        closest = difflib.get_close_matches(name, self.tools, n=_CLOSEST, cutoff=0.4)
        told = f"there is no tool {shorten(name, 80)!r}; nothing was run. "
        if closest:
            shown = "; ".join(
                f"{one} {shorten(json_text(self.tools[one].input_schema), 500)}" for one in closest
            )
            return f"{told}The closest, with the schemas of their arguments: {shown}."
        return f"{told}There are: {shorten(', '.join(self.tools), 1000)}."


def _failed(kind: str, text: str) -> Outcome:
    return Outcome({}, f"{kind}: {text}", kind)  # type: ignore[arg-type]


def _key(call: Json) -> str:
    return f"{call['name']} {stdlib_json.dumps(call['arguments'], sort_keys=True)}"


def messages(done: Sequence[Done], *, show_images: bool) -> list[Json]:
    """The answers to calls as they stand in the conversation; images follow in a message of their own."""
    told: list[Json] = [
        {
            "role": "tool",
            "tool_call_id": one.call["id"],
            "name": one.call["name"],
            "content": one.outcome.text,
        }
        for one in done
    ]
    images = [(one, url) for one in done for url in one.outcome.images] if show_images else []
    if images:
        parts: list[Json] = []
        for one, url in images:
            parts += [
                {"type": "text", "text": f"Image from {one.call['name']} ({one.call['id']}):"},
                {"type": "image_url", "image_url": {"url": url}},
            ]
        told.append({"role": "user", "content": parts})
    return told
