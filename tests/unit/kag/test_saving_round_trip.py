from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field

from kag.data_models.chat import ChatMessage, ChatMessages
from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.knowledge import Entity
from kag.data_models.session import Session
from kag.data_models.variable import Variable
from kag.embedding_models import EmbeddingModel
from kag.errors import DataModelError, SavingError
from kag.language_models import LanguageModel
from kag.module import Module
from kag.modules.branch import Branch
from kag.modules.chain_of_thought import ChainOfThought
from kag.modules.generator import Generator
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.modules.lambda_ import Lambda
from kag.modules.merging import And
from kag.modules.self_critique import SelfCritique
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.saving import deserialize_kag_object, serialize_kag_object
from kag.sequential import Sequential
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


@register_kag_serializable(package="test")
class Counting(Module):
    """Has a variable that exists only once the module is built."""

    async def build(self, inputs: Any) -> None:
        self.count = Variable(Answer(answer="0"), name="count")

    async def call(self, inputs: Any, training: bool = False) -> Any:
        self.count.update({"answer": str(int(self.count["answer"]) + 1)})
        return self.count.to_json_data_model()


@register_kag_serializable(package="test")
class Mine(Program):
    """A program with its own flow of control, and a module whose name was made up."""

    def __init__(self, language_model: Any) -> None:
        super().__init__()
        self.language_model = language_model
        self.generator = Generator(Answer, language_model)

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return await self.generator(inputs)

    def get_config(self) -> dict[str, Any]:
        return {"language_model": serialize_kag_object(self.language_model)}

    @classmethod
    def from_config(cls, config: Any) -> Mine:
        return cls(language_model=deserialize_kag_object(config.pop("language_model")))


@register_kag_serializable(package="test")
class Mixed(Program):
    """A program that records its graph when it is built."""

    def __init__(self, language_model: Any, name: str | None = None) -> None:
        super().__init__(name=name)
        self.language_model = language_model

    async def build(self, inputs: Any) -> None:
        outputs = await Generator(Answer, self.language_model)(inputs)
        Program.__init__(self, inputs=inputs, outputs=outputs)


@register_kag_serializable(package="test")
def shout(inputs: JsonDataModel) -> dict[str, Any]:
    return {"answer": inputs.get("query").upper()}


def again(program: Any, folder: Path) -> Any:
    """The program after a way through a file, loaded where other names were given before."""
    program.save(folder / "program.json")
    with Session() as session:
        for _ in range(3):
            session.name("generator")
        return type(program).load(folder / "program.json")


async def simple(lm: Any, **options: Any) -> Program:
    inputs = Input(data_model=Query)
    outputs = await Generator(Answer, lm, **options)(inputs)
    return Program(inputs=inputs, outputs=outputs, name="qa", description="Answers questions")


async def test_a_loaded_program_runs_and_is_called_the_same(tmp_path: Path) -> None:
    program = await simple(ScriptedLanguageModel(), temperature=0.3, instructions="Be brief.")
    twin = again(program, tmp_path)
    assert (twin.name, twin.description) == ("qa", "Answers questions")
    assert [m.name for m in twin.modules] == [m.name for m in program.modules]
    assert (await twin(Query(query="?"))).keys() == {"answer": ""}.keys()
    (call,) = twin.modules[0].language_model.calls
    assert call.options == {"temperature": 0.3}
    assert "Be brief." in call.messages[0]["content"]


async def test_saving_what_was_loaded_gives_the_same_file(tmp_path: Path) -> None:
    lm = ScriptedLanguageModel()
    inputs = Input(data_model=Query)
    easy, hard = await Branch(
        question="?",
        labels=["a", "b"],
        branches=[Generator(Answer, lm), ChainOfThought(Answer, lm)],
        language_model=lm,
    )(inputs)
    judged = await SelfCritique(language_model=lm)(easy | hard)
    outputs = {
        "answer": judged.out_mask(["critique"]),
        "all": [await And()([inputs, judged]), inputs.prefix("my")],
    }
    program = Program(inputs=[inputs], outputs=outputs, max_concurrency=2, name="all")
    twin = again(program, tmp_path)
    assert twin.to_json() == program.to_json()
    assert twin.max_concurrency == 2
    first, second = await program([Query(query="x")]), await twin([Query(query="x")])
    assert second == first


async def test_values_of_variables_and_what_is_frozen_survive(tmp_path: Path) -> None:
    program = await simple(ScriptedLanguageModel())
    generator = program.modules[0]
    (state,) = program.variables
    state.update(
        {"instructions": "Trained.", "examples": [{"inputs": {"query": "a"}, "outputs": {"answer": "b"}}]}
    )
    generator.trainable = False
    twin = again(program, tmp_path)
    assert twin.variables[0].get_json() == state.get_json()
    assert twin.trainable_variables == []
    assert twin.variables[0].initial == state.initial


async def test_inner_modules_keep_names_that_were_made_up(tmp_path: Path) -> None:
    program = Mine(ScriptedLanguageModel())
    program.variables[0].update({"instructions": "Trained."})
    twin = again(program, tmp_path)
    assert twin.variable_paths().keys() == program.variable_paths().keys()
    assert twin.variables[0]["instructions"] == "Trained."
    assert (await twin(Query(query="?"))).keys() == {"answer": ""}.keys()


async def test_shared_modules_and_models_stay_shared(tmp_path: Path) -> None:
    lm = ScriptedLanguageModel()
    shared = Generator(Answer, lm, name="shared")
    inputs = Input(data_model=Query)
    outputs = [await shared(inputs), await shared(inputs), await Generator(Answer, lm, name="other")(inputs)]
    twin = again(Program(inputs=inputs, outputs=outputs), tmp_path)
    assert [m.name for m in twin.modules] == ["shared", "other"]
    await twin(Query(query="?"))
    assert twin.modules[0].language_model is twin.modules[1].language_model
    assert len(twin.modules[0].language_model.calls) == 3


@pytest.mark.parametrize("built", [True, False])
async def test_a_sequential_program_survives_built_or_not(built: bool, tmp_path: Path) -> None:
    program = Sequential(
        [Input(data_model=Query), Generator(Answer, ScriptedLanguageModel()), Identity()], name="s"
    )
    if built:
        await program(Query(query="?"))
    twin = again(program, tmp_path)
    assert type(twin) is Sequential
    assert (await twin(Query(query="?"))) == (await program(Query(query="?")))
    assert [m.name for m in twin.modules] == [m.name for m in program.modules]


@pytest.mark.parametrize("built", [True, False])
async def test_a_mixed_program_keeps_its_graph_and_what_it_learnt(built: bool, tmp_path: Path) -> None:
    program = Mixed(ScriptedLanguageModel(), name="mixed")
    if built:
        await program(Query(query="?"))
        program.variables[0].update({"instructions": "Trained."})
    twin = again(program, tmp_path)
    await twin(Query(query="?"))
    assert twin.built
    assert len(twin.variables) == 1
    assert not built or twin.variables[0]["instructions"] == "Trained."


async def test_state_that_exists_only_after_build_waits_for_it(tmp_path: Path) -> None:
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await Counting()(inputs), name="counting")
    for _ in range(4):
        await program(Query(query="?"))
    twin = again(program, tmp_path)
    assert await twin(Query(query="?")) == await program(Query(query="?"))


async def test_variables_can_be_loaded_before_a_module_is_built(tmp_path: Path) -> None:
    inputs = Input(data_model=Query)
    program = Program(inputs=inputs, outputs=await Counting(name="c")(inputs), name="counting")
    program.variables[0].trainable = False
    twin = again(program, tmp_path)
    program.variables[0].update({"answer": "40"})
    program.save_variables(tmp_path / "v.json")
    twin.load_variables(tmp_path / "v.json")
    assert (await twin(Query(query="?"))).get("answer") == "41"
    assert [(v.name, v.trainable) for v in twin.variables] == [("count", False)]


async def test_a_program_inside_a_program_survives(tmp_path: Path) -> None:
    inner = await simple(ScriptedLanguageModel())
    inner.variables[0].update({"instructions": "Trained."})
    inputs = Input(data_model=Query)
    twin = again(Program(inputs=inputs, outputs=await inner(inputs), name="outer"), tmp_path)
    assert twin.get_module("qa").description == "Answers questions"
    assert twin.variable_paths().keys() == {f"outer/qa/{inner.modules[0].name}/state": 0}.keys()
    assert twin.variables[0]["instructions"] == "Trained."
    assert (await twin(Query(query="?"))).keys() == {"answer": ""}.keys()


async def test_functions_constants_and_examples_survive(tmp_path: Path) -> None:
    inputs = Input(data_model=Query)
    loud = await Lambda(shout, data_model=Answer)(inputs)
    examples = [
        (Query(query="a"), Answer(answer="b")),
        {"inputs": {"query": "c"}, "outputs": {"answer": "d"}},
    ]
    answer = await Generator(Answer, ScriptedLanguageModel(), examples=examples)(loud & Query(query="always"))
    program = Program(inputs=inputs, outputs=[loud, answer])
    twin = again(program, tmp_path)
    loud_again, _ = await twin(Query(query="hush"))
    assert loud_again.get("answer") == "HUSH"
    (call,) = twin.modules[1].language_model.calls
    assert call.messages[-1]["content"] == '{"answer":"HUSH","query":"always"}'
    assert call.messages[0]["content"].count("<example>") == 2


async def test_library_data_models_come_back_as_themselves_and_others_from_their_schema(
    tmp_path: Path,
) -> None:
    inputs = Input(data_model=ChatMessages)
    outputs = await Generator(ChatMessage, ScriptedLanguageModel())(inputs)
    twin = again(Program(inputs=inputs, outputs=outputs), tmp_path)
    assert twin.modules[0].get_config()["data_model"] is ChatMessage
    other = again(await simple(ScriptedLanguageModel()), tmp_path).modules[0].get_config()["data_model"]
    assert other is not Answer
    assert other.get_schema() == Answer.get_schema()
    assert other(answer="x").get_json() == {"answer": "x"}
    with pytest.raises(ValueError, match="answer"):
        other(answer=3)


def test_a_class_made_from_a_schema_is_an_entity_where_that_was_one() -> None:
    class City(Entity):
        label: Literal["City"] = "City"
        name: str
        _population: int = 0
        class_: str | None = None
        json_schema: dict[str, Any] = Field(default={"a": 1})

    twin = deserialize_kag_object(json.loads(json.dumps(serialize_kag_object(City))))
    assert issubclass(twin, Entity)
    assert twin.__name__ == "City"
    assert twin.get_schema() == City.get_schema()
    assert twin(name="Paris").get_json() == City(name="Paris").get_json()
    assert twin(name="Paris", json_schema={"b": 2}).get("json_schema") == {"b": 2}
    with pytest.raises(ValueError, match="Town"):
        twin(label="Town", name="Paris")
    with pytest.raises(ValueError, match="extra"):
        twin(name="Paris", extra=1)


def test_properties_with_awkward_names_survive() -> None:
    names = ["class", "_private", "model_x", "json", "a b", "copy", "schema", "1st", ""]
    schema = {
        "type": "object",
        "title": "Odd",
        "properties": {name: {"type": "integer"} for name in names},
        "required": names,
        "additionalProperties": False,
    }
    from kag.saving._data_models import class_from_schema
    from kag.schema import Schema

    made = class_from_schema("Odd", Schema.of(schema))
    value = dict.fromkeys(names, 1)
    assert made(**value).get_json() == value


async def test_models_survive_with_their_settings_and_without_their_keys(tmp_path: Path) -> None:
    key = "sk-" + "secret" * 6
    lm = LanguageModel(
        "openai/x", api_key=key, api_base="http://localhost:1", temperature=0.2, fallback="ollama/y"
    )
    program = await simple(lm)
    program.save(tmp_path / "p.json")
    assert key not in (tmp_path / "p.json").read_text()
    twin = Program.load(tmp_path / "p.json").modules[0].get_config()["language_model"]
    assert twin.get_config() == lm.get_config()


def test_embedding_models_survive() -> None:
    model = EmbeddingModel("wordllama", batch_size=7)
    twin = deserialize_kag_object(json.loads(json.dumps(serialize_kag_object(model))))
    assert isinstance(twin, EmbeddingModel)
    assert twin.get_config() == model.get_config()


async def test_what_belongs_to_training_is_kept(tmp_path: Path) -> None:
    program = await simple(ScriptedLanguageModel())
    program.training = {
        "compile": {"judge": program.modules[0], "k": (1, 2)},
        "optimizer": {"$step": [1.5, None]},
    }
    twin = again(program, tmp_path)
    assert twin.training == {
        "compile": {"judge": twin.modules[0], "k": (1, 2)},
        "optimizer": {"$step": [1.5, None]},
    }
    assert again(twin, tmp_path).to_json() == program.to_json()


async def test_a_program_can_be_kept_as_text() -> None:
    program = await simple(ScriptedLanguageModel())
    assert Program.from_json(program.to_json()).to_json() == program.to_json()


async def test_variables_go_to_a_program_of_the_same_structure_whatever_its_names(tmp_path: Path) -> None:
    program, other = (
        await simple(ScriptedLanguageModel()),
        await simple(ScriptedLanguageModel(), name="another"),
    )
    program.variables[0].update({"instructions": "Trained. ☂"})
    program.save_variables(tmp_path / "p.variables.json")
    other.load_variables(tmp_path / "p.variables.json")
    assert other.variables[0].get_json() == program.variables[0].get_json()
    assert other.modules[0].name == "another"


async def test_variables_of_another_structure_are_refused_and_change_nothing(tmp_path: Path) -> None:
    lm = ScriptedLanguageModel()
    inputs = Input(data_model=Query)
    first = await Generator(Answer, lm)(inputs)
    two = Program(inputs=inputs, outputs=[first, await Generator(Answer, lm)(inputs)])
    mixed = Program(inputs=inputs, outputs=[first, await ChainOfThought(Answer, lm)(inputs)])
    for variable in two.variables:
        variable.update({"instructions": "Trained."})
    two.save_variables(tmp_path / "v.json")
    two.variables[0].update({"instructions": "Before."})
    with pytest.raises(SavingError, match=r"ChainOfThought.*Generator"):
        mixed.load_variables(tmp_path / "v.json")
    with pytest.raises(SavingError, match="1 modules inside, the file has 2"):
        (await simple(lm)).load_variables(tmp_path / "v.json")
    assert mixed.variables[0]["instructions"] == "Before."


async def test_a_file_of_another_kind_of_program_is_refused(tmp_path: Path) -> None:
    (await simple(ScriptedLanguageModel())).save(tmp_path / "p.json")
    with pytest.raises(SavingError, match="holds a Program; expected a Sequential"):
        Sequential.load(tmp_path / "p.json")


async def test_loaded_symbols_still_have_no_values(tmp_path: Path) -> None:
    twin = again(await simple(ScriptedLanguageModel()), tmp_path)
    with pytest.raises(DataModelError):
        twin.inputs.get_json()
