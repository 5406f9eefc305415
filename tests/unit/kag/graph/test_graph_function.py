"""Recording and replaying graphs: dependency-driven, bounded, cancelled as a whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import KagError, LanguageModelError, ModuleError, ProgramError
from kag.graph.function import Function
from kag.graph.node import Node
from kag.module import Module, current_call
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.program import Program


class Query(DataModel):
    query: str


class Step(Module):
    """Notes when it runs, and waits for an event before it goes on."""

    def __init__(
        self, log: list[str], name: str, gate: asyncio.Event | None = None, opens: asyncio.Event | None = None
    ) -> None:
        super().__init__(name)
        self.log, self.gate, self.opens = log, gate, opens

    async def call(self, inputs: Any, training: bool = False) -> Any:
        self.log.append(f"{self.name} starts")
        if self.opens is not None:
            self.opens.set()
        if self.gate is not None:
            await self.gate.wait()
        self.log.append(f"{self.name} ends")
        return inputs

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        return inputs.clone()


async def test_a_module_starts_when_its_own_inputs_are_ready() -> None:
    log: list[str] = []
    late = asyncio.Event()
    inputs = Input(data_model=Query)
    slow = await Step(log, "slow", gate=late)(inputs)
    fast = await Step(log, "fast")(inputs)
    after_fast = await Step(log, "after_fast", opens=late)(
        fast
    )  # opens slow's gate: a barrier would wait for ever
    program = Program(inputs=inputs, outputs=[slow, after_fast])
    async with asyncio.timeout(5):
        await program(Query(query="q"))
    assert log.index("after_fast ends") < log.index("slow ends")


async def test_a_chain_runs_in_the_task_of_its_caller() -> None:
    tasks: list[object] = []

    class Where(Module):
        async def call(self, inputs: Any, training: bool = False) -> Query:
            tasks.append(asyncio.current_task())
            return inputs

    inputs = Input(data_model=Query)
    outputs = await Where()(await Where()(inputs))
    await Program(inputs=inputs, outputs=outputs + inputs)(Query(query="q"))
    assert tasks == [asyncio.current_task()] * 2


async def test_no_more_modules_run_at_a_time_than_allowed() -> None:
    running: list[int] = []
    most: list[int] = []

    class Busy(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            running.append(1)
            most.append(len(running))
            for _ in range(5):
                await asyncio.sleep(0)
            running.pop()
            return inputs

    inputs = Input(data_model=Query)
    outputs = [await Busy()(inputs) for _ in range(6)]
    await Program(inputs=inputs, outputs=outputs, max_concurrency=2)(Query(query="q"))
    assert max(most) == 2
    most.clear()
    await Program(inputs=inputs, outputs=outputs)(Query(query="q"))
    assert max(most) == 6
    with pytest.raises(ProgramError, match="max_concurrency"):
        Program(inputs=inputs, outputs=outputs, max_concurrency=0)


async def test_the_first_failure_cancels_the_rest_and_names_the_module() -> None:
    log: list[str] = []

    class Broken(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            raise ValueError("no luck")

    inputs = Input(data_model=Query)
    waiting = await Step(log, "waiting", gate=asyncio.Event())(inputs)
    broken = await Broken()(inputs)
    program = Program(inputs=inputs, outputs=[waiting, broken], name="outer")
    async with asyncio.timeout(5):
        with pytest.raises(
            ModuleError, match=r"'outer/broken' \(Broken\) failed: ValueError: no luck"
        ) as caught:
            await program(Query(query="q"))
    assert isinstance(caught.value.__cause__, ValueError)
    assert log == ["waiting starts"]


async def test_errors_of_this_library_keep_their_class_and_get_the_path() -> None:
    class Failing(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            raise LanguageModelError("openai/x: no answer", model="openai/x")

    inner_inputs = Input(data_model=Query)
    inner = Program(inputs=inner_inputs, outputs=await Failing(name="asks")(inner_inputs), name="inner")
    inputs = Input(data_model=Query)
    outer = Program(inputs=inputs, outputs=[await inner(inputs), await Identity()(inputs)], name="outer")
    with pytest.raises(LanguageModelError, match="openai/x") as caught:
        await outer(Query(query="q"))
    assert caught.value.__notes__ == ["In module: outer/inner/asks (Failing)"]


async def test_cancelling_the_caller_cancels_everything() -> None:
    log: list[str] = []
    started = asyncio.Event()
    inputs = Input(data_model=Query)
    outputs = [await Step(log, name, gate=asyncio.Event(), opens=started)(inputs) for name in ("one", "two")]
    task = asyncio.create_task(Program(inputs=inputs, outputs=outputs)(Query(query="q")))
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["one starts", "two starts"]
    assert {t for t in asyncio.all_tasks() if t is not asyncio.current_task()} == set()


async def test_a_module_that_cancels_itself_is_no_untaken_branch() -> None:
    class Leaves(Module):
        async def call(self, inputs: Any, training: bool = False) -> Query:
            raise asyncio.CancelledError

    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=[await Leaves()(inputs), await Identity()(inputs)])
    with pytest.raises(asyncio.CancelledError):
        await program(Query(query="q"))


async def test_a_shared_module_runs_once_for_each_use() -> None:
    log: list[str] = []
    step = Step(log, "shared")
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await step(inputs) + await step(inputs))
    result = await program(Query(query="q"))
    assert result.get_json() == {"query": "q", "query_1": "q"}
    assert log.count("shared starts") == 2
    assert program.modules == [step]


async def test_what_no_output_needs_is_not_run() -> None:
    log: list[str] = []
    inputs = Input(data_model=Query)
    await Step(log, "unused")(inputs)
    await Program(inputs=inputs, outputs=await Identity()(inputs))(Query(query="q"))
    assert log == []


async def test_a_disconnected_graph_is_refused() -> None:
    inputs, other = Input(data_model=Query), Input(data_model=Query, name="other")
    with pytest.raises(ProgramError, match=r"disconnected.*other"):
        Program(inputs=inputs, outputs=(await Identity()(inputs)) + (await Identity()(other)))


async def test_a_cycle_is_refused() -> None:
    inputs = Input(data_model=Query)
    first, second = SymbolicDataModel(Query), SymbolicDataModel(Query)
    Node(Identity(), "one", (inputs & second,)).connect(first)
    Node(Identity(), "two", (first,)).connect(second)
    with pytest.raises(ProgramError, match=r"cycle.*one.*two|cycle.*two.*one"):
        Function(inputs, second)


@pytest.mark.parametrize("bad", [Query(query="q"), "text", [], {}, None])
async def test_inputs_and_outputs_must_be_symbols(bad: Any) -> None:
    inputs = Input(data_model=Query)
    with pytest.raises(KagError):
        Program(inputs=bad, outputs=inputs)
    with pytest.raises(KagError):
        Program(inputs=inputs, outputs=bad)


async def test_the_same_input_twice_is_refused() -> None:
    inputs = Input(data_model=Query)
    with pytest.raises(ProgramError, match="twice"):
        Program(inputs=[inputs, inputs], outputs=inputs)


async def test_a_graph_may_begin_at_any_symbol() -> None:
    log: list[str] = []
    inputs = Input(data_model=Query)
    middle = await Step(log, "before")(inputs)
    program = Program(inputs=middle, outputs=[await Step(log, "after")(middle), middle])
    await program(Query(query="q"))
    assert log == ["after starts", "after ends"]


async def test_inputs_and_outputs_may_be_nested() -> None:
    a, b = Input(data_model=Query), Input(data_model=Query)
    program = Program(inputs={"a": a, "rest": [b]}, outputs={"both": a + b, "pair": (a, b)})
    result = await program({"rest": [Query(query="2")], "a": Query(query="1")})
    assert result["both"].get_json() == {"query": "1", "query_1": "2"}
    assert [each.get("query") for each in result["pair"]] == ["1", "2"]
    assert isinstance(result["pair"], tuple)


async def test_calls_know_their_path_and_concurrent_calls_do_not_mix() -> None:
    paths: list[str] = []

    class Asks(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            await asyncio.sleep(0)
            call = current_call()
            assert call is not None
            paths.append(f"{call.path} {training}")
            return inputs

    inputs = Input(data_model=Query)
    outputs = [await Asks(name=name)(inputs) for name in ("x", "y")]
    program = Program(inputs=inputs, outputs=outputs, name="p")
    paths.clear()  # recording asked as well
    await asyncio.gather(program(Query(query="1"), training=True), program(Query(query="2")))
    assert sorted(paths) == ["p/x False", "p/x True", "p/y False", "p/y True"]
    assert current_call() is None
