"""Generator: what the model is sent, what comes back, what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kag.data_models.chat import ChatMessage, ChatMessages
from kag.data_models.data_model import DataModel
from kag.data_models.variable import Trial
from kag.errors import ConfigurationError, LanguageModelError, ProgramError, StructuredOutputError
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    thinking: str
    answer: str


class Found(DataModel):
    result: list[str]


QUERY = Query(query='say "hi" to Zoë')


def contents(lm: ScriptedLanguageModel) -> list[tuple[str, str]]:
    return [(m["role"], m["content"]) for m in lm.calls[-1].messages]


async def test_the_prompt_holds_the_keys_and_the_input_as_json() -> None:
    lm = ScriptedLanguageModel([{"thinking": "t", "answer": "a"}])
    result = await Generator(data_model=Answer, language_model=lm)(QUERY)
    assert result.get_json() == {"thinking": "t", "answer": "a"}
    (role, system), (user_role, user) = contents(lm)
    assert (role, user_role) == ("system", "user")
    assert '"thinking", "answer"' in system
    assert json.loads(user) == QUERY.get_json()
    assert lm.calls[0].schema == Answer.get_schema()
    assert lm.calls[0].options == {}


async def test_schemas_examples_and_instructions_stand_in_the_prompt_in_order() -> None:
    lm = ScriptedLanguageModel()
    generator = Generator(
        data_model=Answer,
        language_model=lm,
        instructions=["Be brief.", "Be right."],
        examples=[
            (QUERY, {"thinking": "x", "answer": "y"}),
            {"inputs": {"query": "2"}, "outputs": Answer(thinking="1", answer="2")},
        ],
        use_inputs_schema=True,
        use_outputs_schema=True,
    )
    await generator(QUERY)
    system = contents(lm)[0][1]
    blocks = [
        "<instructions>\nBe brief.\nBe right.\n",
        "<input_schema>",
        "<output_schema>",
        "<examples>",
        '"answer":"2"',
    ]
    assert sorted(system.index(block) for block in blocks) == [system.index(block) for block in blocks]
    shown = [line.removeprefix("Input: ") for line in system.splitlines() if line.startswith("Input: ")]
    assert [json.loads(line) for line in shown] == [QUERY.get_json(), {"query": "2"}]


async def test_text_of_the_input_is_no_template() -> None:
    lm = ScriptedLanguageModel()
    await Generator(data_model=Answer, language_model=lm, instructions="{{ 7 * 7 }}")(
        Query(query="{{ 6 * 7 }}")
    )
    assert "49" not in str(contents(lm))
    assert "42" not in str(contents(lm))


async def test_a_template_of_ones_own_gets_variables() -> None:
    lm = ScriptedLanguageModel()
    generator = Generator(
        data_model=Answer,
        language_model=lm,
        prompt_template="{{ tone }}: {{ instructions }}",
        prompt_variables={"tone": "Kind"},
        instructions="Go.",
    )
    await generator(QUERY)
    assert contents(lm)[0] == ("system", "Kind: Go.")


async def test_a_template_cannot_leave_its_sandbox() -> None:
    lm = ScriptedLanguageModel()
    hostile = "{{ instructions.__class__.__mro__[1].__subclasses__() }}"
    with pytest.raises(ProgramError, match="cannot be rendered"):
        await Generator(data_model=Answer, language_model=lm, prompt_template=hostile)(QUERY)
    with pytest.raises(ProgramError, match="not a Jinja template"):
        Generator(data_model=Answer, language_model=lm, prompt_template="{% if %}")
    with pytest.raises(ProgramError, match="cannot be rendered"):
        await Generator(data_model=Answer, language_model=lm, prompt_template="{{ unknown }}")(QUERY)


async def test_a_conversation_follows_the_instructions_whatever_it_brings() -> None:
    lm = ScriptedLanguageModel(["Hello."])
    chat = ChatMessages(
        messages=[ChatMessage(role="system", content="Old."), ChatMessage(role="user", content="hi")]
    )
    result = await Generator(language_model=lm, instructions="New.")(chat)
    assert result.get_json() == {"role": "assistant", "content": "Hello."}
    assert [text for _, text in contents(lm)] == ["<instructions>\nNew.\n</instructions>", "Old.", "hi"]
    assert lm.calls[0].schema is None


async def test_fields_around_a_conversation_are_not_lost() -> None:
    lm = ScriptedLanguageModel(["ok"])
    chat = ChatMessages(messages=[ChatMessage(role="user", content="hi")])
    await Generator(language_model=lm)(QUERY + chat + Found(result=["fact"]))
    before, message, after = contents(lm)
    assert json.loads(before[1]) == QUERY.get_json()
    assert message == ("user", "hi")
    assert json.loads(after[1]) == {"result": ["fact"]}


async def test_inputs_can_be_returned_with_the_output() -> None:
    lm = ScriptedLanguageModel()
    generator = Generator(data_model=Query, language_model=lm, return_inputs=True)
    symbol = await generator(Input(data_model=Query))
    assert symbol.keys() == ["query", "query_1"]
    assert (await generator(QUERY)).get_json() == {"query": QUERY.query, "query_1": "text"}


async def test_options_reach_the_model() -> None:
    lm = ScriptedLanguageModel()
    options: dict[str, Any] = {
        "temperature": 0.7,
        "max_tokens": 9,
        "top_p": 0.5,
        "top_k": 3,
        "reasoning_effort": "low",
    }
    await Generator(data_model=Answer, language_model=lm, **options)(QUERY)
    assert lm.calls[0].options == options


async def test_streaming_gives_words_and_is_off_with_a_schema() -> None:
    lm = ScriptedLanguageModel(["one two", {"thinking": "t", "answer": "a"}])
    stream = await Generator(language_model=lm, streaming=True)(QUERY)
    assert [piece async for piece in stream] == ["one", " two"]
    result = await Generator(data_model=Answer, language_model=lm, streaming=True)(QUERY)
    assert result.get("answer") == "a"


async def test_training_records_predictions_and_inference_does_not() -> None:
    lm = ScriptedLanguageModel()
    generator = Generator(data_model=Answer, language_model=lm)
    await generator(QUERY)
    assert generator.state["current_predictions"] == []
    with Trial() as trial:
        await generator(QUERY, training=True)
    assert [p.inputs for p in trial.predictions] == [QUERY.get_json()]
    await generator(QUERY, training=True)
    assert [p["inputs"] for p in generator.state["current_predictions"]] == [QUERY.get_json()]


async def test_a_trial_changes_the_prompt_for_itself_only() -> None:
    lm = ScriptedLanguageModel()
    generator = Generator(data_model=Answer, language_model=lm, instructions="Old.")
    with Trial({generator.state: {**generator.state.get_json(), "instructions": "New."}}):
        await generator(QUERY)
    await generator(QUERY)
    assert ["New." in call.messages[0]["content"] for call in lm.calls] == [True, False]
    generator.state.update({"instructions": "Newest."})
    await generator(QUERY)
    assert "Newest." in lm.calls[-1].messages[0]["content"]


async def test_seed_instructions_are_kept_for_training() -> None:
    generator = Generator(
        data_model=Answer, language_model=ScriptedLanguageModel(), seed_instructions=["a", "b"]
    )
    assert generator.state["seed_candidates"] == [{"instructions": "a"}, {"instructions": "b"}]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"instructions": 42}, "instructions"),
        ({"instructions": ["a", 5]}, "instructions"),
        ({"examples": ["text"]}, "example"),
        ({"examples": [(QUERY,)]}, "example"),
        ({"seed_instructions": "text"}, "seed_instructions"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -1}, "temperature"),
        ({"tools": [{"name": "x"}]}, "tools"),
        ({"language_model": None}, "language_model"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused(arguments: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProgramError, match=reason):
        Generator(**{"data_model": Answer, "language_model": ScriptedLanguageModel(), **arguments})


def test_a_wrong_model_or_schema_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        Generator(data_model=Answer, language_model=5)
    for bad in (5, "Answer", Answer(thinking="t", answer="a").get_json()):
        with pytest.raises(Exception, match="data_model"):
            Generator(data_model=bad, language_model=ScriptedLanguageModel())


@pytest.mark.parametrize("bad", ["text", 5, [QUERY, QUERY]])
async def test_inputs_of_a_wrong_kind_are_refused(bad: Any) -> None:
    with pytest.raises(ProgramError, match="expected one data model"):
        await Generator(data_model=Answer, language_model=ScriptedLanguageModel(), name="g")(bad)


async def test_a_failing_model_is_named_with_the_module() -> None:
    lm = ScriptedLanguageModel([LanguageModelError("openai/x failed", model="openai/x")])
    inputs = Input(data_model=Query)
    program = Program(
        inputs=inputs,
        outputs=await Generator(data_model=Answer, language_model=lm, name="g")(inputs),
        name="p",
    )
    with pytest.raises(LanguageModelError, match="openai/x") as caught:
        await program(QUERY)
    assert caught.value.__notes__ == ["In module: p/g (Generator)"]


async def test_the_scripted_model_checks_its_answers() -> None:
    lm = ScriptedLanguageModel([{"answer": "thinking is missing"}])
    with pytest.raises(StructuredOutputError, match="thinking"):
        await Generator(data_model=Answer, language_model=lm)(QUERY)
    with pytest.raises(LanguageModelError, match="script has 1"):
        await Generator(data_model=Answer, language_model=lm)(QUERY)
