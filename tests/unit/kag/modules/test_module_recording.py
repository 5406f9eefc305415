"""Recording a custom module: nothing real happens, and what the trace cannot know is left open."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.variable import Variable
from kag.errors import DataModelError, LanguageModelError, ModuleError, ProgramError, StructuredOutputError
from kag.module import Module
from kag.modules.generator import Generator
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.modules.merging import Concat
from kag.program import Program
from kag.testing import FakeEmbeddingModel, ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class Custom(Module):
    """What a test gives as `call`."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return await self.function(inputs)


async def test_models_are_not_asked_while_a_program_is_recorded() -> None:
    lm, em = ScriptedLanguageModel(), FakeEmbeddingModel()

    async def asks(inputs: Any) -> Any:
        try:
            await lm([{"role": "user", "content": "x"}])
        except LanguageModelError:
            return inputs
        return Answer(answer="real")

    async def embeds(inputs: Any) -> Any:
        await em.embed(["x"])
        return inputs

    inputs = Input(data_model=Query)
    outputs = [await Custom(asks)(inputs), await Custom(embeds)(inputs)]
    assert all(symbol.is_open for symbol in outputs)
    assert (lm.calls, em.calls) == ([], [])
    answer, _ = await Program(inputs=inputs, outputs=outputs)(Query(query="q"))
    assert answer.get("answer") == "real"


async def test_a_cancellation_inside_a_trace_tells_nothing_but_one_from_outside_counts() -> None:
    async def cancelled(inputs: Any) -> Any:
        raise asyncio.CancelledError

    async def waits(inputs: Any) -> Any:
        await asyncio.Event().wait()

    assert (await Custom(cancelled)(Input(data_model=Query))).is_open
    task = asyncio.create_task(Custom(waits)(Input(data_model=Query)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_a_trace_gives_is_not_exact() -> None:
    async def perhaps(inputs: Any) -> Any:
        return inputs if inputs is not None else None

    traced = await Custom(perhaps)(Input(data_model=Query))
    assert traced.keys() == ["query"]
    assert not traced.is_exact


def test_threads_may_make_the_first_call_of_a_module_together() -> None:
    both = threading.Barrier(2)

    class Built(Module):
        async def build(self, inputs: Any) -> None:
            for _ in range(50):
                await asyncio.sleep(0)
            self.__dict__["times"] = self.__dict__.get("times", 0) + 1

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return inputs

    module, results = Built(), []

    async def calls() -> None:
        both.wait(10)
        results.extend(await asyncio.gather(*[module(Query(query="q")) for _ in range(3)]))

    threads = [threading.Thread(target=lambda: asyncio.run(calls()), daemon=True) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(results) == 6
    assert module.__dict__["times"] == 1


async def test_a_failed_build_is_tried_again_by_the_next_call() -> None:
    class Shaky(Module):
        tries = 0

        async def build(self, inputs: Any) -> None:
            await asyncio.sleep(0)
            Shaky.tries += 1
            if Shaky.tries == 1:
                raise OSError("not yet")

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return inputs

    module = Shaky(name="s")
    first, second = await asyncio.gather(
        module(Query(query="1")), module(Query(query="2")), return_exceptions=True
    )
    assert isinstance(first, ModuleError)
    assert second.get("query") == "2"


async def test_failures_while_recording_name_the_module() -> None:
    class Raises(Module):
        async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
            raise OSError("no disk")

    class Plain(Module):
        def build(self, inputs: Any) -> None:  # type: ignore[override]
            pass

    with pytest.raises(ModuleError, match=r"'r' .*no disk"):
        await Raises(name="r")(Input(data_model=Query))
    with pytest.raises(ProgramError, match="build of <Plain p> must be `async def`"):
        await Plain(name="p")(Input(data_model=Query))


async def test_a_tuple_annotation_means_several_results() -> None:
    class Two(Module):
        async def call(self, inputs: Any, training: bool = False) -> tuple[Query, Answer]:
            return Query(query="q"), Answer(answer=inputs.get("query"))

    class Many(Module):
        async def call(self, inputs: Any, training: bool = False) -> list[Query]:
            return [Query(query=inputs.get("query"))]

    inputs = Input(data_model=Query)
    first, second = await Two()(inputs)
    assert (first.keys(), second.keys()) == (["query"], ["answer"])
    assert (await Program(inputs=inputs, outputs=second)(Query(query="x"))).get("answer") == "x"
    with pytest.raises(ProgramError, match="how many"):
        await Many()(inputs)


async def test_a_result_that_contradicts_its_annotation_is_refused() -> None:
    class Liar(Module):
        async def call(self, inputs: Any, training: bool = False) -> Answer | None:
            return inputs  # type: ignore[no-any-return]

    with pytest.raises(ModuleError, match="annotation"):
        await Liar()(Query(query="q"))


async def test_arguments_that_call_does_not_take_are_named() -> None:
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await Identity()(inputs), name="p")
    for given in (Query(query="q"), inputs):
        with pytest.raises(ProgramError, match=r"2 arguments.*one list"):
            await program(given, given)


async def test_duplicate_names_inside_a_custom_module_are_refused_with_the_graph() -> None:
    class Pair(Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = [Identity(name="same"), Identity(name="same")]

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return await self.parts[1](inputs)

    inputs = Input(data_model=Query)
    outputs = await Pair()(inputs)
    with pytest.raises(ProgramError, match="called 'same'"):
        Program(inputs=inputs, outputs=outputs)


def test_a_second_constructor_call_changes_only_what_it_is_given() -> None:
    class Mixed(Program):
        def __init__(self) -> None:
            super().__init__(description="D", trainable=False, max_concurrency=3)
            super().__init__(name="again")

    program = Mixed()
    found = (program.name, program.description, program.trainable, program.max_concurrency)
    assert found == ("again", "D", False, 3)


@pytest.mark.parametrize("bad", [0, -1, True, "2", 1.5])
def test_max_concurrency_is_a_positive_number(bad: Any) -> None:
    with pytest.raises(ProgramError, match="max_concurrency"):
        Program(max_concurrency=bad)


@pytest.mark.parametrize("answer", [{"answer": 5}, {}, None, "text", {"answer": float("nan")}])
async def test_a_plain_function_as_model_is_checked(answer: Any) -> None:
    async def model(messages: Any, schema: Any = None, **options: Any) -> Any:
        return answer

    with pytest.raises(StructuredOutputError, match="g"):
        await Generator(data_model=Answer, language_model=model, name="g")(Query(query="q"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt_template": 5},
        {"prompt_variables": ["x"]},
        {"max_tokens": 1.5},
        {"max_tokens": 0},
        {"top_p": 2},
        {"top_k": True},
        {"reasoning_effort": 3},
        {"streaming": "yes"},
        {"trainable": "yes"},
        {"description": 5},
    ],
)
def test_generator_arguments_of_a_wrong_type_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProgramError, match=next(iter(wrong))):
        Generator(data_model=Answer, language_model=ScriptedLanguageModel(), **wrong)


async def test_a_variable_in_a_graph_is_a_variable_of_the_program() -> None:
    inputs, variable = Input(data_model=Query), Variable(Answer(answer="a"), name="v")
    program = Program(inputs=inputs, outputs=inputs + variable)
    assert program.variables == [variable]


async def test_a_single_none_cannot_be_concatenated() -> None:
    with pytest.raises(DataModelError, match="None"):
        await Concat()([None])


def test_classes_whose_json_would_not_fit_their_schema_are_refused() -> None:
    from pydantic import Field, field_serializer

    class Renamed(DataModel):
        x: int = Field(serialization_alias="y")

    class Changed(DataModel):
        x: int

        @field_serializer("x")
        def text(self, value: int) -> str:
            return str(value)

    for model in (Renamed, Changed):
        with pytest.raises(DataModelError, match="'x' is written otherwise"):
            model.get_schema()
    with pytest.raises(DataModelError, match="get_json"):
        type("Hides", (DataModel,), {"__annotations__": {"get_json": str}})


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_numbers_that_json_cannot_write_are_refused(bad: float) -> None:
    class Score(DataModel):
        value: float

    with pytest.raises(ValueError, match="finite"):
        Score(value=bad)
    with pytest.raises(DataModelError, match="update takes"):
        Variable(Score(value=1.0), name="v").update(5)  # type: ignore[arg-type]
    assert isinstance(Score(value=1.0).to_json_data_model(), JsonDataModel)
