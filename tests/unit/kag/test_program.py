"""Programs: four ways to make one, inputs checked, modules found, summaries, nesting."""

from __future__ import annotations

import gc
import resource
import weakref
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.session import clear_session
from kag.errors import DataModelError, ProgramError
from kag.module import Module
from kag.modules.generator import Generator
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.modules.merging import And, Or
from kag.program import Program
from kag.sequential import Sequential
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


async def question_answerer(**options: Any) -> Program:
    inputs = Input(data_model=Query)
    outputs = await Generator(data_model=Answer, language_model=ScriptedLanguageModel())(inputs)
    return Program(inputs=inputs, outputs=outputs, **options)


async def test_a_program_of_a_graph() -> None:
    program = await question_answerer(name="qa", description="Answers")
    assert (program.name, program.description) == ("qa", "Answers")
    assert (await program(Query(query="q"))).get_json() == {"answer": "text"}


async def test_a_sequential_program_records_its_chain_at_the_first_call() -> None:
    lm = ScriptedLanguageModel()
    program = Sequential(
        [Input(data_model=Query), Identity(), Generator(data_model=Answer, language_model=lm)]
    )
    assert len(program.modules) == 2
    assert (await program(Query(query="q"))).get("answer") == "text"
    assert program.outputs.keys() == ["answer"]
    assert (await Sequential([Identity()])(Query(query="q"))).get("query") == "q"


@pytest.mark.parametrize("bad", [[], None, ["text"], [Query(query="q")]])
def test_a_sequential_program_needs_modules(bad: Any) -> None:
    with pytest.raises(ProgramError, match="Sequential"):
        Sequential(bad)


async def test_a_subclass_with_call() -> None:
    class Mine(Program):
        def __init__(self) -> None:
            super().__init__()
            self.generator = Generator(data_model=Answer, language_model=ScriptedLanguageModel())

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return await self.generator(inputs) + inputs

    program = Mine()
    assert (await program(Query(query="q"))).get_json() == {"answer": "text", "query": "q"}
    assert len(program.trainable_variables) == 1
    assert await program(None) is None
    inputs = Input(data_model=Query)
    outer = Program(inputs=inputs, outputs=await program(inputs))
    assert outer.outputs.keys() == ["answer", "query"]
    assert (await outer(Query(query="q"))).get("answer") == "text"


class Mixed(Program):
    def __init__(self, lm: Any) -> None:
        super().__init__(name="mixed", description="Both ways", max_concurrency=3)
        self.lm = lm

    async def build(self, inputs: Any) -> None:
        outputs = await Generator(data_model=Answer, language_model=self.lm)(inputs)
        super().__init__(inputs=inputs, outputs=outputs)


async def test_a_program_that_builds_its_graph_keeps_its_name() -> None:
    program = Mixed(ScriptedLanguageModel())
    assert (await program(Query(query="q"))).get("answer") == "text"
    assert (program.name, program.description, program.max_concurrency) == ("mixed", "Both ways", 3)
    assert [type(m) for m in program.modules] == [Generator]


async def test_a_built_program_can_stand_in_a_graph() -> None:
    inputs = Input(data_model=Query)
    outer = Program(inputs=inputs, outputs=await Mixed(ScriptedLanguageModel())(inputs) + inputs)
    assert (await outer(Query(query="q"))).get_json() == {"answer": "text", "query": "q"}
    assert len(outer.trainable_variables) == 1


async def test_a_program_without_graph_says_what_to_do() -> None:
    with pytest.raises(ProgramError, match="no graph"):
        await Program()(Query(query="q"))
    with pytest.raises(ProgramError, match="one of them"):
        Program(inputs=Input(data_model=Query))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("text", "got str"),
        ({"query": "q"}, "expected a data model|got dict"),
        ([Query(query="q")], "list"),
        (Answer(answer="a"), "'query' is a required property|unfit"),
        (5, "got int"),
    ],
)
async def test_inputs_of_a_wrong_kind_are_refused(bad: Any, reason: str) -> None:
    program = await question_answerer(name="qa")
    with pytest.raises(ProgramError, match=reason) as caught:
        await program(bad)
    assert "qa" in str(caught.value)


async def test_missing_and_superfluous_inputs_are_refused() -> None:
    a, b = Input(data_model=Query, name="a"), Input(data_model=Query, name="b")
    pair = Program(inputs=[a, b], outputs=a + b)
    named = Program(inputs={"a": a, "b": b}, outputs=a + b)
    query = Query(query="q")
    for bad in ([query], [query, query, query], query, {"a": query, "b": query}):
        with pytest.raises(ProgramError, match=r"expects its inputs as \['a', 'b'\]"):
            await pair(bad)
    for worse in ({"a": query}, {"a": query, "c": query}, [query, query]):
        with pytest.raises(ProgramError, match="expects its inputs"):
            await named(worse)
    with pytest.raises(Exception, match="inputs"):
        await pair()
    with pytest.raises(ProgramError, match="optional=True"):
        await pair([query, None])


async def test_an_equal_value_of_another_class_is_welcome() -> None:
    class SameQuery(DataModel):
        query: str = ""

    program = await question_answerer()
    assert (await program(SameQuery(query="q"))).get("answer") == "text"
    nearly = JsonDataModel(schema={**Query.get_schema(), "required": []}, json={})
    with pytest.raises(ProgramError, match="required"):
        await program(nearly)
    loose = JsonDataModel(schema={"type": "object"}, json={"query": "q"})
    assert (await program(loose)).get("answer") == "text"
    with pytest.raises(ProgramError, match="unfit"):
        await program(JsonDataModel(schema={"type": "object"}, json={"query": 5}))


async def test_untaken_branches_are_none_and_cost_nothing() -> None:
    lm = ScriptedLanguageModel([])
    inputs, other = Input(data_model=Query), Input(data_model=Query, optional=True)
    answer = await Generator(data_model=Answer, language_model=lm)(other)
    program = Program(
        inputs=[inputs, other], outputs=[await Or()([inputs, answer]), answer, await And()([inputs, answer])]
    )
    either, none, both = await program([Query(query="q"), None])
    assert either.get_json() == {"query": "q"}
    assert none is None
    assert both is None
    assert lm.calls == []


async def test_modules_are_found_by_name_path_and_index() -> None:
    clear_session()
    inner = await question_answerer(name="inner")
    inputs = Input(data_model=Query)
    x = await Identity()(inputs)
    program = Program(inputs=inputs, outputs=await inner(x), name="outer")
    assert program.get_module(name="identity") is program.get_module(index=0) is program.modules[0]
    assert program.get_module(name="inner") is program.get_module(index=-1) is inner
    assert (
        program.get_module(name="generator") is program.get_module(name="inner/generator") is inner.modules[0]
    )
    with pytest.raises(ProgramError, match="it has: identity, inner, inner/generator"):
        program.get_module(name="missing")
    with pytest.raises(ProgramError, match="index 2"):
        program.get_module(index=2)
    with pytest.raises(ProgramError, match=r"name=.* or index"):
        program.get_module()


async def test_two_modules_of_one_name_are_refused() -> None:
    inputs = Input(data_model=Query)
    first = await Identity(name="same")(inputs)
    with pytest.raises(ProgramError, match="'same'"):
        Program(inputs=inputs, outputs=await Identity(name="same")(first))


async def test_the_summary_is_a_readable_table(capsys: pytest.CaptureFixture[str]) -> None:
    clear_session()
    program = await question_answerer(name="qa", description="Answers questions.")
    program.summary()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Answers questions."
    assert lines[4].split() == ["generator", "Generator", "answer", "state"]
    assert lines[-1] == "Variables: 1, of which trainable: 1"
    program.trainable = False
    assert "trainable: 0" in program.describe_modules()


async def test_names_repeat_after_the_session_is_cleared() -> None:
    clear_session()
    first = await question_answerer()
    second = await question_answerer()
    clear_session()
    third = await question_answerer()
    assert [first.name, first.modules[0].name] == ["program", "generator"]
    assert [second.name, second.modules[0].name] == ["program_1", "generator_1"]
    assert [third.name, third.modules[0].name] == ["program", "generator"]


async def test_a_program_is_freed_when_nobody_has_it() -> None:
    program = await question_answerer()
    await program(Query(query="q"))
    reference = weakref.ref(program)
    del program
    gc.collect()
    assert reference() is None


async def test_ten_thousand_calls_do_not_grow_memory() -> None:
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=[await Identity()(inputs), (await Identity()(inputs)) | inputs])

    async def calls(number: int) -> None:
        for n in range(number):
            await program(Query(query=f"question {n}"))

    await calls(1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await calls(10_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 5_000  # kB


async def test_input_needs_a_schema() -> None:
    for bad in ({}, {"data_model": Query, "schema": Query.get_schema()}):
        with pytest.raises(DataModelError, match="Input needs"):
            Input(**bad)
    assert Input(schema=Query.get_schema()).keys() == ["query"]


async def test_a_module_in_a_field_of_a_graph_is_found_once() -> None:
    class Holds(Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = {"generator": Generator(data_model=Answer, language_model=ScriptedLanguageModel())}

        async def call(self, inputs: Any, training: bool = False) -> Any:
            return await self.parts["generator"](inputs)

    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await Holds()(inputs))
    assert len(program.modules) == 1
    assert len(program.variables) == 1
