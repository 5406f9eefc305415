"""What every module of `kag.modules` keeps; a new module is found by discover and held to it.

A module that needs an argument of a new kind gets it in `ARGUMENTS`, by the name of its parameter.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kag import discover
from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.session import Session, snake_case
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.variable import Trial
from kag.errors import KagError, LanguageModelError
from kag.graph.structure import leaves, leaves_like
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.module import Module
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.program import Program
from kag.testing import FakeEmbeddingModel, ScriptedLanguageModel, sample_graph


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class Echo:
    name = "echo"
    description = "Says it again."
    input_schema = Query.get_schema()

    async def call(self, arguments: dict[str, Any]) -> Any:
        return {"said": arguments["query"]}

    async def __call__(self, **arguments: Any) -> Any:
        return {"said": arguments["query"]}


ARGUMENTS: dict[str, Callable[[Any], Any]] = {
    "data_model": lambda lm: Answer,
    "language_model": lambda lm: lm,
    "function": lambda lm: lambda inputs: {"answer": inputs.get("query")},
    "mask": lambda lm: ["query"],
    "question": lambda lm: "Which?",
    "labels": lambda lm: ["easy", "hard"],
    "branches": lambda lm: [
        Generator(data_model=Answer, language_model=lm, name=name) for name in ("one", "two")
    ],
    "tool": lambda lm: Echo(),
    "embedding_model": lambda lm: FakeEmbeddingModel(),
    "knowledge_base": lambda lm: STORES[-1],
}
STORES: list[KnowledgeBase] = []  # that of the test
TAKES_A_LIST = {"And", "Or", "Xor", "Concat"}
TAKES_KNOWLEDGE = {"EmbedKnowledge", "UpdateKnowledge"}
WRITES = {"UpdateKnowledge"}  # so that a second call has nothing left to do


def found() -> Iterator[type[Module]]:
    for name in discover.names("kag.modules"):
        module = discover.load("kag.modules", name)
        for each in vars(module).values():
            own = inspect.isclass(each) and each.__module__ == module.__name__
            if (
                own
                and issubclass(each, Module)
                and not inspect.isabstract(each)
                and not each.__name__.startswith("_")
            ):
                yield each


MODULES = sorted(set(found()), key=lambda each: each.__name__)


def make(kind: type[Module], lm: Any = None, **more: Any) -> Module:
    lm = lm or ScriptedLanguageModel()
    taken = inspect.signature(kind.__init__).parameters
    known = {name: value(lm) for name, value in ARGUMENTS.items() if name in taken}
    return kind(**{**known, **more})


def given(kind: type[Module]) -> Any:
    if kind.__name__ in TAKES_KNOWLEDGE:
        return sample_graph()
    return [Query(query="a"), Query(query="b")] if kind.__name__ in TAKES_A_LIST else Query(query="a")


def recorded_inputs(kind: type[Module]) -> Any:
    value = given(kind)
    if kind.__name__ in TAKES_KNOWLEDGE:
        return Input(data_model=type(value))
    return [Input(data_model=Query) for _ in value] if isinstance(value, list) else Input(data_model=Query)


async def settled(kind: type[Module], module: Module) -> Module:
    """A module that gives the same from now on."""
    if kind.__name__ in WRITES:
        await module(given(kind))
    return module


@pytest.fixture(autouse=True)
async def store(tmp_path: Path) -> AsyncIterator[None]:
    STORES[:] = [KnowledgeBase(uri=tmp_path / "kb")]
    yield
    await STORES.pop().close()


@pytest.fixture(params=MODULES, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Module]:
    return request.param


def test_there_are_modules() -> None:
    assert {"Generator", "And", "Or", "Xor", "Not", "Identity", "InMask", "OutMask"} <= {
        m.__name__ for m in MODULES
    }


def test_its_name_is_its_class_and_can_be_given(kind: type[Module]) -> None:
    with Session():
        expected = "lambda" if kind.__name__ == "Lambda" else snake_case(kind.__name__)
        assert make(kind).name == expected
    assert make(kind, name="mine", description="what for").name == "mine"
    assert make(kind, description="what for").description == "what for"


def test_an_unknown_argument_is_an_error(kind: type[Module]) -> None:
    with pytest.raises((TypeError, KagError)):
        make(kind, no_such_argument=1)


def test_it_is_documented(kind: type[Module]) -> None:
    assert inspect.getdoc(kind)
    doc = "".join(base.__doc__ or "" for base in kind.__mro__ if issubclass(base, Module))
    if "rguments as for" in doc or "rguments are" in doc:  # of another module, which is held to it
        return
    for name in inspect.signature(kind.__init__).parameters:
        assert name in ("self", "options") or f"{name}:" in doc, (
            f"{kind.__name__} does not say what {name} is"
        )


async def test_what_it_promises_on_symbols_it_keeps_on_values(kind: type[Module]) -> None:
    module = make(kind)
    inputs = recorded_inputs(kind)
    promised = await module(inputs)
    program = Program(inputs=inputs, outputs=promised)
    result = await program(given(kind))
    values = leaves_like(promised, result)
    assert values is not None
    for symbol, value in zip(leaves(promised), values, strict=True):
        assert isinstance(symbol, SymbolicDataModel)
        if value is None:
            continue
        assert isinstance(value, JsonDataModel)
        value.schema.check(value.data)
        if symbol.known_schema is not None:
            symbol.known_schema.check(value.data)


async def test_a_call_gives_the_same_alone_and_in_a_graph(kind: type[Module]) -> None:
    module = await settled(kind, make(kind))
    inputs = recorded_inputs(kind)
    program = Program(inputs=inputs, outputs=await module(inputs))
    assert list(leaves(await module(given(kind)))) == list(leaves(await program(given(kind))))


async def test_a_branch_that_is_not_taken_is_none_and_asks_no_model(kind: type[Module]) -> None:
    lm = ScriptedLanguageModel()
    nothing = [None, None] if kind.__name__ in TAKES_A_LIST else None
    if kind.__name__ == "Concat":
        with pytest.raises(KagError):
            await make(kind, lm)(nothing)
    else:
        assert all(leaf is None for leaf in leaves(await make(kind, lm)(nothing)))
    assert lm.calls == []


async def test_a_config_gives_an_equal_module(kind: type[Module]) -> None:
    module = await settled(kind, make(kind))
    twin = kind.from_config(module.get_config())
    assert (twin.name, twin.description, twin.trainable) == (
        module.name,
        module.description,
        module.trainable,
    )
    assert list(twin.variable_paths()) == list(module.variable_paths())
    assert [v.get_json() for v in twin.variables] == [v.get_json() for v in module.variables]
    assert list(leaves(await twin(given(kind)))) == list(leaves(await module(given(kind))))


def test_frozen_it_has_no_trainable_variables(kind: type[Module]) -> None:
    module = make(kind)
    module.trainable = False
    assert module.trainable_variables == []
    assert len(module.variable_paths()) == len(module.variables)


async def test_a_failing_model_keeps_its_error_and_the_path_is_noted(kind: type[Module]) -> None:
    def fails(messages: Any, schema: Any) -> Any:
        raise LanguageModelError("openai/x: no answer", model="openai/x")

    lm = ScriptedLanguageModel(fails)
    module = make(kind, lm, name="mine")
    if not module.variables:
        await module(given(kind))
        assert lm.calls == []
        return
    with pytest.raises(LanguageModelError, match="openai/x") as caught:
        await module(given(kind))
    assert caught.value.__notes__[0].startswith("In module: mine")


async def test_training_records_and_changes_nothing(kind: type[Module]) -> None:
    module = make(kind)
    before = [v.get_json() for v in module.variables]
    with Trial() as trial:
        await module(given(kind), training=True)
    assert bool(trial.predictions) == bool(module.variables)
    assert [v.get_json() for v in module.variables] == before


@pytest.mark.parametrize("bad", ["text", 5])
async def test_inputs_of_a_wrong_kind_are_refused(kind: type[Module], bad: Any) -> None:
    with pytest.raises(KagError, match=r".") as caught:
        await make(kind, name="mine")(bad)
    assert "mine" in str(caught.value) or any("mine" in note for note in caught.value.__notes__)
