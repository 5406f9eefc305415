from __future__ import annotations

import contextlib
import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from kag.data_models.data_model import DataModel
from kag.data_models.variable import Variable
from kag.errors import SavingError
from kag.language_models import LanguageModel
from kag.module import Module
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.modules.lambda_ import Lambda
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.saving import deserialize_kag_object, load_program, save_program, serialize_kag_object
from kag.testing import ScriptedLanguageModel

Json = dict[str, Any]


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class Unregistered(Module):
    async def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs


@register_kag_serializable(package="refusals")
class Holder(Module):
    """Keeps anything as an argument."""

    def __init__(self, thing: Any = None, api_key: str | None = None, name: str | None = None) -> None:
        super().__init__(name)

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs


async def program_of(module: Module) -> Program:
    inputs = Input(data_model=Query)
    return Program(inputs=inputs, outputs=await module(inputs), name="p")


@pytest.fixture
async def saved() -> Json:
    """A program as the content of its file."""
    text = (await program_of(Generator(Answer, ScriptedLanguageModel(), name="g"))).to_json()
    content: Json = json.loads(text)
    return content


def load(content: Json) -> Program:
    return Program.from_json(json.dumps(content))


async def test_an_unregistered_class_is_refused_when_it_is_saved() -> None:
    with pytest.raises(
        SavingError, match=r"p/unregistered.*Unregistered is not registered.*register_kag_serializable"
    ):
        (await program_of(Unregistered(name="unregistered"))).to_json()


async def test_a_lambda_is_refused_when_it_is_saved() -> None:
    module = Lambda(lambda inputs: {"answer": "x"}, data_model=Answer, name="loud")
    with pytest.raises(SavingError, match=r"p/loud.function.*register_kag_serializable"):
        (await program_of(module)).to_json()


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        (object(), "object, which cannot be saved"),
        (float("nan"), "nan, which JSON does not have"),
        ({1: 2}, "the key 1; keys must be strings"),
        ({"a"}, "set, which cannot be saved"),
        (b"bytes", "bytes, which cannot be saved"),
        (os.system, "is not registered"),
    ],
)
async def test_what_json_does_not_have_is_refused_with_its_place(thing: Any, message: str) -> None:
    with pytest.raises(SavingError, match=f"p/h.thing.*{message}"):
        (await program_of(Holder({"deep": [thing]}, name="h"))).to_json()


KEY = "sk-proj-abc4def5ghi6jkl7mno8"


@pytest.mark.parametrize(
    "thing",
    [
        {"api_key": "abc"},
        {"headers": {"Authorization": "Bearer abc"}},
        {"options": [{"password": "abc"}]},
        {"keys": {"api_key": ["abc"]}},
        "postgresql://user:hunter2@host/db",
        ["https://user:hunter2@host"],
        {"url": KEY},
        {"deep": [[["x", KEY]]]},
        {"access_token": "abc"},
        {"aws_secret_access_key": "abc"},
        {"token": "abc4def5ghi6jkl7mno8"},
        "https://host/v1?key=abc",
        "https://host/v1?a=b&api_key=abc",
        {"url": "wss://host/?model=x&access_token=abc#top"},
        "https://host/v1?x-api-key=abc",
        {"extra": '{"api_key": "abc"}'},
        {"headers": ["Authorization: Basic abc"]},
        {"header": "Bearer abc4def5ghi6"},
        {"instructions": f"Use {KEY} to call it."},
        {"description": "See https://user:hunter2@host."},
        {"prompt_variables": {"api_key": "abc"}},
    ],
)
async def test_a_secret_is_refused_and_not_repeated(thing: Any) -> None:
    with pytest.raises(SavingError, match="looks like a secret") as caught:
        (await program_of(Holder(thing))).to_json()
    assert not any(secret in str(caught.value) for secret in ("abc", "hunter2"))


async def test_a_secret_argument_is_refused() -> None:
    with pytest.raises(SavingError, match="'api_key'"):
        (await program_of(Holder(api_key="abc"))).to_json()


@pytest.mark.parametrize(
    "thing",
    [
        {"max_tokens": 10},
        {"tokens": "many"},
        "http://localhost:8000/v1",
        {"key": "x"},
        {"token": "word"},
        {"model": "sk-learn-text-classification"},
        {"model": "hf_internal_testing_tiny_random"},
        "https://host/search?q=api_key&page=2",
        "https://host/v1?key={key}",
        {"instructions": "Never repeat a password: it is secret. Send Authorization: Bearer tokens on."},
        {"description": "Calls https://host/v1?key=YOUR_KEY with sk-your-key-goes-here-and-nowhere."},
        {"api_key": ""},
        {"password": None},
    ],
)
async def test_ordinary_settings_are_no_secrets(thing: Any) -> None:
    twin = Program.from_json((await program_of(Holder(thing))).to_json())
    assert twin.modules[0].get_config()["thing"] == thing


async def test_a_model_with_a_secret_in_its_body_is_refused() -> None:
    lm = LanguageModel("openai/x", extra_body={"api_key": "abc"})
    with pytest.raises(SavingError, match="'api_key'"):
        (await program_of(Generator(Answer, lm))).to_json()


async def test_secrets_nested_in_the_body_of_requests_are_refused() -> None:
    for body in ({"metadata": {"notes": [f"with {KEY}"]}}, {"proxy": "https://host/?key=abc"}):
        lm = LanguageModel("openai/x", extra_body=body)
        with pytest.raises(SavingError, match="looks like a secret"):
            (await program_of(Generator(Answer, lm))).to_json()


async def test_ordinary_variables_of_a_prompt_are_no_secrets() -> None:
    lm = ScriptedLanguageModel()
    generator = Generator(
        Answer,
        lm,
        instructions="The api_key: is a secret, never say the password=1234 aloud.",
        prompt_variables={"token": "word"},
    )
    twin = Program.from_json((await program_of(generator)).to_json()).modules[0]
    assert twin.get_config()["prompt_variables"] == {"token": "word"}
    with pytest.raises(SavingError, match="'api_key'"):
        (await program_of(Generator(Answer, lm, prompt_variables={"api_key": "abc"}))).to_json()


class Login(DataModel):
    api_key: str


async def test_secrets_in_the_state_are_refused(tmp_path: Path) -> None:
    program = await program_of(Generator(Answer, ScriptedLanguageModel(), name="g"))
    program.variables[0].update({"instructions": f"Log in with {KEY}."})
    for save in (program.save, program.save_variables):
        with pytest.raises(SavingError, match=r"p/g/state.*'instructions'.*looks like a secret"):
            save(tmp_path / "p.json")
    assert os.listdir(tmp_path) == []
    holder = Holder(name="h")
    holder.login = Variable(Login(api_key="abc"), name="login")  # type: ignore[attr-defined]
    with pytest.raises(SavingError, match=r"p/h/login.*'api_key'"):
        (await program_of(holder)).save_variables(tmp_path / "p.json")


async def test_secrets_in_data_models_of_the_graph_and_in_descriptions_are_refused() -> None:
    inputs = Input(data_model=Query)
    with pytest.raises(SavingError, match="'api_key'"):
        Program(inputs=inputs, outputs=inputs & Login(api_key="abc")).to_json()
    with pytest.raises(SavingError, match="'description'"):
        Program(inputs=inputs, outputs=inputs.prefix("a"), description=f"With {KEY}").to_json()


async def test_a_program_that_gives_or_takes_logins_is_no_secret() -> None:
    inputs = Input(data_model=Login)
    twin = Program.from_json(Program(inputs=inputs, outputs=inputs.prefix("a")).to_json())
    assert list(twin.inputs.keys()) == ["api_key"]


@pytest.mark.parametrize("name", ["", "a/b", 7, None])
@pytest.mark.parametrize("place", ["state", "object"])
async def test_names_that_constructors_refuse_are_refused(saved: Json, name: Any, place: str) -> None:
    holder = (
        saved["state"]["modules"][0]
        if place == "state"
        else saved["program"]["graph"]["nodes"][0]["operation"]
    )
    holder["name"] = name
    with pytest.raises(SavingError, match="name must be a non-empty string without '/'"):
        load(saved)


@pytest.mark.parametrize("name", ["", 7, None])
async def test_names_that_no_variable_has_are_refused(saved: Json, name: Any) -> None:
    saved["state"]["modules"][0]["variables"][0]["name"] = name
    with pytest.raises(SavingError, match="name must be a non-empty string"):
        load(saved)


async def test_a_file_for_the_other_method_says_which_one_to_use(tmp_path: Path) -> None:
    program = await program_of(Generator(Answer, ScriptedLanguageModel()))
    program.save(tmp_path / "p.json")
    program.save_variables(tmp_path / "v.json")
    with pytest.raises(SavingError, match=r"whole program.*Program\.load.*save_variables"):
        program.load_variables(tmp_path / "p.json")
    with pytest.raises(SavingError, match=r"variables only.*load_variables.*program\.save\("):
        Program.load(tmp_path / "v.json")
    (tmp_path / "x.json").write_text('{"format": "other"}')
    with pytest.raises(SavingError, match=r"neither.*program\.save_variables"):
        program.load_variables(tmp_path / "x.json")


async def test_a_variable_as_an_argument_of_the_graph_is_refused() -> None:
    inputs = Input(data_model=Query)
    outputs = inputs & Variable(Answer(answer="x"))
    with pytest.raises(SavingError, match="has a variable as an argument"):
        Program(inputs=inputs, outputs=outputs).to_json()


def test_a_configuration_that_contains_itself_is_refused() -> None:
    holder = Holder(name="h")
    holder._config["thing"] = [holder]
    with pytest.raises(SavingError, match="contains itself"):
        serialize_kag_object(holder)


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "os>system",
        "subprocess>Popen",
        "builtins>eval",
        "kag>os",
        "kag>Module>x",
        "kag>importlib",
        "kag>KagError",
        "kag>ChatMessage",
        "kag>Unknown",
        "kag.training>Unknown",
        "kag>_Masking",
        "kag>Generator.__init__",
        "kag.modules.generator>Generator",
        "Custom>missing",
        ">",
        "",
        None,
        7,
        ["kag>Generator"],
        {"$registered": "kag>Generator"},
    ],
)
def test_no_name_reaches_anything_but_classes_that_can_be_loaded(name: Any) -> None:
    with pytest.raises(SavingError):
        deserialize_kag_object({"$object": name, "config": {}})


def test_an_unknown_class_says_how_to_register_it() -> None:
    with pytest.raises(SavingError, match=r"'Custom>Mine' is not registered.*register_kag_serializable"):
        deserialize_kag_object({"$object": "Custom>Mine", "config": {}})


@register_kag_serializable(package="refusals")
def explode(**config: Any) -> None:
    raise AssertionError("a function was called to load an object")


def test_a_registered_function_is_no_class_and_is_not_called() -> None:
    with pytest.raises(SavingError, match="not a class with from_config"):
        deserialize_kag_object({"$object": "refusals>explode", "config": {}})


async def test_a_file_of_a_newer_format_says_so(saved: Json) -> None:
    with pytest.raises(SavingError, match=r"newer version of kag \(format 2; this one reads up to 1\)"):
        load({**saved, "version": 2})


@pytest.mark.parametrize("version", [None, 0, -1, "1", True, 1.0, [1]])
async def test_a_file_without_a_usable_version_is_refused(saved: Json, version: Any) -> None:
    with pytest.raises(SavingError):
        load({**saved, "version": version})


async def test_every_truncation_of_a_file_is_refused(saved: Json, tmp_path: Path) -> None:
    text = json.dumps(saved)
    for end in range(0, len(text), 97):
        (tmp_path / "p.json").write_text(text[:end])
        with pytest.raises(SavingError):
            load_program(tmp_path / "p.json")


async def test_every_part_of_a_wrong_type_is_refused_or_harmless(saved: Json) -> None:
    """Replaces each value in the file by others; whatever happens, it is a `SavingError` or a program."""
    for path in list(_paths(saved)):
        for wrong in (None, 0, -1, 2**70, "x", [], {}, {"$again": 0}, {"$symbol": 99}, [[[]]], True):
            content = copy.deepcopy(saved)
            _replace(content, path, wrong)
            with contextlib.suppress(SavingError):
                assert isinstance(load(content), Program)


def _paths(value: Any) -> Any:
    pairs: Any = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, item in pairs:
        yield (key,)
        for rest in _paths(item):
            yield (key, *rest)


def _replace(value: Any, path: tuple[Any, ...], new: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = new


async def test_missing_parts_are_refused(saved: Json) -> None:
    for key in ("format", "version", "program", "state", "schemas", "training"):
        content = {name: item for name, item in saved.items() if name != key}
        with pytest.raises(SavingError):
            load(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        '"kag program"',
        "{}",
        '{"format": "kag program", "version": 1, "x": NaN}',
        '{"format": "kag program", "version": 1' + "1" * 5000 + "}",
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"format": "kag variables", "version": 1}',
        "\x00\x01",
        "\ufeff{}",
    ],
    ids=range(13),
)
def test_text_that_is_no_program_is_refused(text: str) -> None:
    with pytest.raises(SavingError):
        Program.from_json(text)


async def test_deep_configurations_are_refused(saved: Json) -> None:
    text = json.dumps({**saved, "training": "HERE"})
    for opening, closing in (("[", "]"), ('{"$tuple":[', "]}"), ('{"$dict":[["a",', "]]}")):
        deep = opening * 900 + "1" + closing * 900
        try:
            Program.from_json(text.replace('"HERE"', deep))
        except SavingError as error:
            assert "nested" in str(error) or "Recursion" in str(error)


async def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_bytes(b"\xff\xfe{}\x80")
    with pytest.raises(SavingError, match="not a kag program"):
        load_program(tmp_path / "p.json")


async def test_a_template_in_a_file_cannot_run_code(saved: Json) -> None:
    config = saved["program"]["graph"]["nodes"][0]["operation"]["config"]
    config["prompt_template"] = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    program = load(saved)
    with pytest.raises(Exception, match=r"unsafe|undefined|access"):
        await program(Query(query="x"))


async def test_values_that_do_not_fit_their_variable_are_refused(saved: Json) -> None:
    saved["state"]["modules"][0]["variables"][0]["value"]["instructions"] = ["not", "text"]
    with pytest.raises(SavingError, match="The value of p/g/state does not fit"):
        load(saved)


async def test_schemas_that_are_none_are_refused(saved: Json) -> None:
    for wrong in ({"type": "array"}, {"properties": 3}, {"$ref": "https://example.org/x"}, [], "x", None):
        with pytest.raises(SavingError):
            load({**saved, "schemas": [wrong] * len(saved["schemas"])})


async def test_a_graph_with_a_cycle_or_a_gap_is_refused(saved: Json) -> None:
    node = saved["program"]["graph"]["nodes"][0]
    for source in (
        {"$symbol": 99, "schema": 0, "name": "", "optional": False, "exact": True},
        node["outputs"],
    ):
        content = copy.deepcopy(saved)
        content["program"]["graph"]["nodes"][0]["args"] = [source]
        with pytest.raises(SavingError):
            load(content)


async def test_a_folder_a_missing_file_and_a_forbidden_place_are_refused(tmp_path: Path) -> None:
    program = await program_of(Generator(Answer, ScriptedLanguageModel()))
    with pytest.raises(SavingError, match="Cannot read"):
        Program.load(tmp_path)
    with pytest.raises(SavingError, match="No such file"):
        Program.load(tmp_path / "missing.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(SavingError, match="Cannot write"):
        program.save(tmp_path / "file" / "p.json")
    with pytest.raises(SavingError, match="Cannot write"):
        program.save(tmp_path)


async def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    good = await program_of(Generator(Answer, ScriptedLanguageModel()))
    good.save(tmp_path / "p.json")
    before = (tmp_path / "p.json").read_bytes()
    with pytest.raises(SavingError):
        save_program(await program_of(Unregistered()), tmp_path / "p.json")
    assert (tmp_path / "p.json").read_bytes() == before
    assert os.listdir(tmp_path) == ["p.json"]
