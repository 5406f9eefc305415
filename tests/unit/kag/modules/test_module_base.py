"""Module: calls, None, tracing, building, state found in fields, errors."""

from __future__ import annotations

import asyncio
import copy
import threading
from typing import Any

import pytest

from kag.data_models.chat import ChatMessage
from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.session import Session
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.variable import Variable
from kag.errors import ModuleError, ProgramError
from kag.module import Module, observe
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.program import Program


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class Shout(Module):
    async def call(self, inputs: Any, training: bool = False) -> Any:
        return Answer(answer=inputs.get("query").upper())


async def test_data_models_go_in_and_come_out_as_json() -> None:
    seen: list[Any] = []

    class Spy(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            seen.append(inputs)
            return [Answer(answer="a"), None, {"again": Query(query="q")}]

    first, nothing, third = await Spy()([Query(query="1"), None])
    assert all(isinstance(each, JsonDataModel) for each in (seen[0][0], first, third["again"]))
    assert nothing is None
    assert seen[0][1] is None


async def test_a_module_whose_input_is_none_is_not_called() -> None:
    assert await Shout()(None) is None
    assert await Shout()(inputs=None) is None


async def test_a_parameter_with_a_default_may_be_none() -> None:
    class Optional(Module):
        async def call(self, inputs: Any, context: Any = None) -> Any:
            return inputs if context is None else context

    module = Optional()
    assert (await module(Query(query="q"), None)).get("query") == "q"
    assert (await module(Query(query="q"), context=Answer(answer="a"))).get("answer") == "a"
    assert await module(None, context=Answer(answer="a")) is None


@pytest.mark.parametrize("bad", ["text", 5, {"key": "text"}, object()])
async def test_results_that_are_no_data_model_are_refused(bad: Any) -> None:
    class Bad(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            return bad

    with pytest.raises(ModuleError, match="Bad bad"):
        await Bad()(Query(query="q"))


async def test_a_class_in_place_of_an_instance_is_refused() -> None:
    with pytest.raises(ProgramError, match="class Query"):
        await Shout()(Query)


async def test_a_module_without_call_says_so() -> None:
    class Empty(Module):
        pass

    with pytest.raises(ProgramError, match="Empty must define"):
        await Empty()(Query(query="q"))


async def test_a_forgotten_super_init_is_named() -> None:
    class Forgetful(Module):
        def __init__(self) -> None:
            pass

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return inputs

    with pytest.raises(ProgramError, match="super"):
        await Forgetful()(Query(query="q"))
    with pytest.raises(ProgramError, match="super"):
        await Forgetful()(Input(data_model=Query))


def test_unknown_arguments_and_bad_names_are_refused() -> None:
    with pytest.raises(TypeError):
        Identity(colour="red")  # type: ignore[call-arg]
    for bad in ("", "a/b", 5):
        with pytest.raises(ProgramError, match="name"):
            Identity(name=bad)  # type: ignore[arg-type]


async def test_a_return_annotation_gives_the_symbol() -> None:
    class Annotated(Module):
        async def call(self, inputs: Any, training: bool = False) -> Answer | None:
            raise AssertionError("it is not traced")

    class Either(Module):
        async def call(self, inputs: Any, training: bool = False) -> Answer | Query:
            raise AssertionError("it is not traced")

    assert (await Annotated()(Input(data_model=Query))).keys() == ["answer"]
    assert (await Either()(Input(data_model=Query))).keys() == ["answer", "query"]


async def test_an_endless_recursion_ends_with_a_readable_error() -> None:
    class Endless(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            return await self(inputs)

    module = Endless(name="endless")
    assert (await module(Input(data_model=Query))).is_open
    with pytest.raises(ModuleError, match="RecursionError") as caught:
        await module(Query(query="q"))
    assert str(caught.value).count("endless") < 30


async def test_tracing_gives_the_symbol_of_composed_modules() -> None:
    class Composed(Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Identity()

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return await self.inner(inputs) + inputs

    outputs = await Composed()(inputs := Input(data_model=Query))
    assert outputs.keys() == ["query", "query_1"]
    program = Program(inputs=inputs, outputs=outputs)
    assert (await program(Query(query="q"))).get_json() == {"query": "q", "query_1": "q"}
    assert [m.name for _, m in program.walk()][1:] == [program.modules[0].name, program.modules[0].inner.name]


@pytest.mark.parametrize("returned", [None, ChatMessage(role="user", content="x")])
async def test_a_trace_that_tells_nothing_gives_an_open_symbol(returned: Any) -> None:
    class Unclear(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            return returned

    assert (await Unclear()(Input(data_model=Query))).is_open
    assert (await Shout()(Input(data_model=Query))).is_open


async def test_operators_on_open_symbols_resolve_when_the_program_runs() -> None:
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=(await Shout()(inputs)) & inputs)
    assert (await program(Query(query="q"))).get_json() == {"answer": "Q", "query": "q"}


async def test_a_wrong_spec_is_named() -> None:
    class Wrong(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            return inputs

        async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
            return "text"

    with pytest.raises(ProgramError, match="compute_output_spec of <Wrong wrong> gave str"):
        await Wrong()(Input(data_model=Query))


async def test_a_result_of_another_shape_than_recorded_is_named() -> None:
    class Two(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            return (inputs, inputs) if inputs.get("query") == "two" else inputs

    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await Two()(inputs))
    assert (await program(Query(query="one"))).get("query") == "one"
    with pytest.raises(ProgramError, match="compute_output_spec"):
        await program(Query(query="two"))


async def test_build_runs_once_with_symbols_also_when_calls_come_together() -> None:
    class Built(Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[Any] = []

        async def build(self, inputs: Any) -> None:
            await asyncio.sleep(0)
            self.seen.append(inputs)

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return inputs

    module = Built()
    await asyncio.gather(*[module(Query(query=str(n))) for n in range(5)])
    assert len(module.seen) == 1
    assert isinstance(module.seen[0], SymbolicDataModel)
    assert module.seen[0].keys() == ["query"]


async def test_the_training_flag_is_inherited() -> None:
    flags: list[bool] = []

    class Leaf(Module):
        async def call(self, inputs: Any, training: bool = False) -> Any:
            flags.append(training)
            return inputs

    class Outer(Module):
        def __init__(self) -> None:
            super().__init__()
            self.leaf = Leaf()

        async def call(self, inputs: Any) -> Any:
            return await self.leaf(inputs)

    outer = Outer()
    await outer(Query(query="q"), training=True)
    await outer(Query(query="q"))
    await outer.leaf(Query(query="q"))
    assert flags == [True, False, False]


def test_variables_and_modules_are_found_in_fields_lists_and_dicts() -> None:
    class Leaf(Module):
        def __init__(self, name: str) -> None:
            super().__init__(name)
            self.state = Variable(Query(query="q"), name="state")
            self.fixed = Variable(Query(query="q"), name="fixed", trainable=False)

    class Tree(Module):
        def __init__(self) -> None:
            super().__init__("tree")
            self.one = Leaf("one")
            self.many = [Leaf("two"), {"three": Leaf("three")}]
            self.again = self.one
            self.self = self

    tree = Tree()
    assert [m.name for m in tree.modules] == ["one", "two", "three", "tree"]
    assert [path for path, _ in tree.walk()] == ["tree", "tree/one", "tree/two", "tree/three"]
    assert list(tree.variable_paths()) == [
        f"tree/{leaf}/{name}" for leaf in ("one", "two", "three") for name in ("state", "fixed")
    ]
    assert len(tree.variables) == 6
    assert len(tree.trainable_variables) == 3
    tree.one.trainable = False
    assert len(tree.trainable_variables) == 2


def test_two_variables_of_one_name_are_refused() -> None:
    class Double(Module):
        def __init__(self) -> None:
            super().__init__("double")
            self.a = Variable(Query(query="q"), name="state")
            self.b = Variable(Query(query="q"), name="state")

    with pytest.raises(ProgramError, match="double/state"):
        Double().variable_paths()


def test_a_config_gives_an_equal_module() -> None:
    class Configured(Module):
        def __init__(self, size: int, *, colour: str = "red", name: str | None = None) -> None:
            super().__init__(name)
            self.size, self.colour = size, colour

    module = Configured(3, colour="blue")
    assert module.get_config() == {"size": 3, "colour": "blue", "name": module.name}
    twin = Configured.from_config(module.get_config())
    assert (twin.size, twin.colour, twin.name) == (3, "blue", module.name)


async def test_a_deep_copy_is_independent() -> None:
    class Leaf(Module):
        def __init__(self) -> None:
            super().__init__()
            self.state = Variable(Answer(answer="old"), name="state")

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return self.state

        async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
            return SymbolicDataModel(Answer)

    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await Leaf()(inputs))
    twin = copy.deepcopy(program)
    twin.trainable_variables[0].update({"answer": "new"})
    assert (await program(Query(query="q"))).get("answer") == "old"
    assert (await twin(Query(query="q"))).get("answer") == "new"


def test_threads_have_sessions_of_their_own() -> None:
    names: dict[int, list[str]] = {}

    def build(number: int) -> None:
        names[number] = [Identity().name for _ in range(3)]

    threads = [threading.Thread(target=build, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names[0] == names[1] == ["identity", "identity_1", "identity_2"]


async def test_one_program_runs_in_several_threads_at_once() -> None:
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=[await Identity()(inputs), await Identity()(inputs)])
    results: list[str] = []

    def use(text: str) -> None:
        for _ in range(50):
            first, _ = asyncio.run(program(Query(query=text)))
            results.append(text if first.get("query") == text else "mixed")

    await asyncio.gather(*[asyncio.to_thread(use, text) for text in ("a", "b")])
    assert sorted(set(results)) == ["a", "b"]


async def test_observers_see_calls_and_results_until_they_are_removed() -> None:
    from contextlib import contextmanager

    seen: list[str] = []

    @contextmanager
    def observer(call: Any, args: Any) -> Any:
        seen.append(f"{call.path} in")
        yield lambda result: seen.append(f"{call.path} {result.get('answer')}")
        seen.append(f"{call.path} out")

    with Session():
        stop = observe(observer)
        try:
            await Shout()(Query(query="q"))
        finally:
            stop()
        await Shout()(Query(query="q"))
    assert seen == ["shout in", "shout Q", "shout out"]
