"""What was set after construction is saved as it is now, and what cannot be given back by name is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.errors import SavingError
from kag.language_models import LanguageModel
from kag.module import Module
from kag.modules.branch import Branch
from kag.modules.chain_of_thought import ChainOfThought
from kag.modules.decision import Decision
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class NotSaved:
    """A part that no file can hold; its module makes it anew."""


@register_kag_serializable(package="changes")
class Tagged(Module):
    """Keeps some arguments as they are, and makes others into something else."""

    def __init__(self, tag: str = "old", limits: dict[str, int] | None = None, part: Any = None) -> None:
        super().__init__()
        self.tag = tag
        self.limits = dict(limits or {})
        self.part = part or NotSaved()

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs


@register_kag_serializable(package="changes")
class Outer(Module):
    """Has a module inside that was given, and one of a list of others."""

    def __init__(self, inner: Module, others: list[Module], name: str | None = None) -> None:
        super().__init__(name)
        self.inner = inner
        self.others = list(others)

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return await self.inner(inputs)


@register_kag_serializable(package="changes")
class Many(Module):
    """Takes any number of parts."""

    def __init__(self, *parts: str, name: str | None = None) -> None:
        super().__init__(name)
        self.parts = parts

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs


async def program_of(module: Module) -> Program:
    inputs = Input(data_model=Query)
    return Program(inputs=inputs, outputs=await module(inputs), name="p")


def again(program: Program, folder: Path) -> Any:
    """The program's only module after a way through a file."""
    program.save(folder / "p.json")
    return Program.load(folder / "p.json").modules[0]


async def test_a_model_that_was_swapped_after_loading_is_saved(tmp_path: Path) -> None:
    program = await program_of(Generator(Answer, ScriptedLanguageModel(model="scripted/old")))
    program.save(tmp_path / "p.json")
    loaded = Program.load(tmp_path / "p.json")
    loaded.modules[0].language_model = ScriptedLanguageModel(model="scripted/new")
    twin = again(loaded, tmp_path)
    assert twin.language_model.model == "scripted/new"
    assert twin.schema.json == program.modules[0].schema.json


async def test_a_swapped_model_stays_shared(tmp_path: Path) -> None:
    inputs = Input(data_model=Query)
    first, second = Generator(Answer, "ollama/a"), Generator(Answer, "ollama/b")
    program = Program(inputs=inputs, outputs=[await first(inputs), await second(inputs)])
    first.language_model = second.language_model = LanguageModel("ollama/c", temperature=0.1)
    program.save(tmp_path / "p.json")
    one, two = Program.load(tmp_path / "p.json").modules
    assert one.language_model is two.language_model
    assert one.language_model.get_config() == first.language_model.get_config()


async def test_options_of_a_generator_are_saved_as_they_are_now(tmp_path: Path) -> None:
    generator = Generator(Answer, ScriptedLanguageModel(), temperature=0.3, max_tokens=5)
    program = await program_of(generator)
    generator.options["temperature"] = 0.9
    generator.options["top_p"] = 0.5
    del generator.options["max_tokens"]
    generator.use_inputs_schema = True
    generator.prompt_variables["tone"] = "kind"
    twin = again(program, tmp_path)
    assert twin.options == {"temperature": 0.9, "top_p": 0.5}
    assert twin.use_inputs_schema
    assert twin.prompt_variables == {"tone": "kind"}


async def test_another_schema_takes_the_place_of_the_data_model(tmp_path: Path) -> None:
    generator = Generator(Answer, ScriptedLanguageModel())
    program = await program_of(generator)
    generator.schema = Generator(Query, ScriptedLanguageModel()).schema
    assert again(program, tmp_path).schema.json == generator.schema.json


@pytest.mark.parametrize("kind", [ChainOfThought, Decision])
async def test_changes_to_the_generator_inside_a_library_module_are_saved(kind: Any, tmp_path: Path) -> None:
    lm = ScriptedLanguageModel(model="scripted/old")
    special = {"data_model": Answer} if kind is ChainOfThought else {"question": "?", "labels": ["a", "b"]}
    module = kind(language_model=lm, **special)
    program = await program_of(module)
    module.generator.language_model = ScriptedLanguageModel(model="scripted/new")
    module.generator.options["temperature"] = 0.7
    twin = again(program, tmp_path)
    assert twin.generator.language_model.model == "scripted/new"
    assert twin.generator.options == {"temperature": 0.7}


async def test_changes_to_the_decision_of_a_branch_leave_its_branches_alone(tmp_path: Path) -> None:
    lm = ScriptedLanguageModel(model="scripted/old")
    branch = Branch(
        question="?",
        labels=["a", "b"],
        branches=[Generator(Answer, lm), Generator(Answer, lm)],
        language_model=lm,
    )
    program = await program_of(branch)
    branch.decision.generator.language_model = ScriptedLanguageModel(model="scripted/new")
    twin = again(program, tmp_path)
    assert twin.decision.generator.language_model.model == "scripted/new"
    assert [generator.language_model.model for generator in twin.branches] == ["scripted/old"] * 2


async def test_attributes_of_a_module_of_ones_own_are_saved_as_they_are_now(tmp_path: Path) -> None:
    module = Tagged(limits={"a": 1})
    program = await program_of(module)
    module.tag = "new"
    module.limits["b"] = 2
    twin = again(program, tmp_path)
    assert (twin.tag, twin.limits) == ("new", {"a": 1, "b": 2})
    assert isinstance(twin.part, NotSaved)


async def test_a_module_that_took_another_one_s_place_is_saved(tmp_path: Path) -> None:
    outer = Outer(Tagged(), [Tagged(), Tagged()], name="outer")
    program = await program_of(outer)
    outer.inner = Tagged("other")
    outer.others[1] = Tagged("another")
    twin = again(program, tmp_path)
    assert (twin.inner.tag, [module.tag for module in twin.others]) == ("other", ["old", "another"])


async def test_what_was_not_changed_is_saved_as_it_was_given(tmp_path: Path) -> None:
    program = await program_of(Generator(Answer, "ollama/a", instructions=["One.", "Two."]))
    config = again(program, tmp_path).get_config()
    assert config["language_model"] == "ollama/a"
    assert config["instructions"] == ["One.", "Two."]
    assert "prompt_template" not in config
    assert "schema" not in config


async def test_any_number_of_parts_is_refused_before_a_file_is_written(tmp_path: Path) -> None:
    with pytest.raises(SavingError, match=r"p/many.*Many takes \*parts.*take a list"):
        (await program_of(Many("a", "b", name="many"))).save(tmp_path / "p.json")
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


async def test_no_parts_at_all_are_no_problem(tmp_path: Path) -> None:
    assert again(await program_of(Many()), tmp_path).parts == ()


@register_kag_serializable(package="changes")
class Once(Module):
    """Cannot be made a second time."""

    made = False

    def __init__(self, tag: str) -> None:
        super().__init__()
        self.tag = tag
        if Once.made:
            raise RuntimeError("only one")
        Once.made = True

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs


async def test_a_module_that_its_arguments_do_not_make_again_is_refused() -> None:
    with pytest.raises(SavingError, match=r"p/once.*Once cannot be made again.*only one"):
        (await program_of(Once("a"))).to_json()


@register_kag_serializable(package="changes")
class Pair(Module):
    """Makes two generators of one model, and sets an option itself."""

    def __init__(self, language_model: Any, name: str | None = None) -> None:
        super().__init__(name)
        self.first = Generator(Answer, language_model)
        self.second = Generator(Answer, language_model)
        self.second.options["temperature"] = 0.5

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return await self.second(await self.first(inputs))


async def test_a_change_inside_that_no_argument_makes_is_refused_and_not_lost(tmp_path: Path) -> None:
    pair = Pair(ScriptedLanguageModel(model="scripted/old"), name="pair")
    program = await program_of(pair)
    assert again(program, tmp_path).second.options == {"temperature": 0.5}
    new = ScriptedLanguageModel(model="scripted/new")
    pair.first.language_model = new
    with pytest.raises(SavingError, match=r"p/pair.*language_model.*no argument for that alone"):
        program.to_json()
    pair.second.language_model = new
    twin = again(program, tmp_path)
    assert {twin.first.language_model.model, twin.second.language_model.model} == {"scripted/new"}
    generator = Generator(Answer, new, name="g")
    generator.options["stop"] = "x"
    with pytest.raises(SavingError, match=r"p/g cannot be saved: its options have stop"):
        (await program_of(generator)).to_json()
