"""Ways to combine modules that are so common that they are promised to work."""

from __future__ import annotations

from typing import Any

from kag.data_models.chat import ChatMessage, ChatMessages
from kag.data_models.data_model import DataModel
from kag.module import Module
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class AnswerWithRationale(DataModel):
    rationale: str
    answer: str


class InputGuard(Module):
    """Refuses inputs with a forbidden word."""

    async def call(self, inputs: Any, training: bool = False) -> Any:
        if "forbidden" in inputs.prettify_json():
            return ChatMessage(role="assistant", content="Cannot process this request")
        return None


class OutputGuard(Module):
    """Withholds answers that name Paris."""

    async def call(self, inputs: Any, training: bool = False) -> Any:
        if "Paris" in (inputs.get("content") or ""):
            return ChatMessage(role="assistant", content="Withheld")
        return None


def chat(text: str) -> ChatMessages:
    return ChatMessages(messages=[ChatMessage(role="user", content=text)])


async def test_self_consistency_samples_several_answers_and_judges_them() -> None:
    lm = ScriptedLanguageModel()
    inputs = Input(data_model=Query)
    answers = [
        await Generator(AnswerWithRationale, language_model=lm, temperature=1.0)(inputs) for _ in range(3)
    ]
    merged = answers[0] & answers[1] & answers[2]
    outputs = await Generator(
        AnswerWithRationale, language_model=lm, instructions="Critically analyze the given answers."
    )(inputs & merged)
    program = Program(inputs=inputs, outputs=outputs)
    result = await program(Query(query="What is the capital of France?"))
    assert list(result.get_json()) == ["rationale", "answer"]
    assert [call.options.get("temperature") for call in lm.calls] == [1.0, 1.0, 1.0, None]
    last = lm.calls[-1].messages[-1]["content"]
    assert all(f'"{key}"' in last for key in ("query", "rationale", "rationale_1", "rationale_2", "answer_2"))
    assert len(program.trainable_variables) == 4


async def guarded_inputs(lm: ScriptedLanguageModel) -> Program:
    inputs = Input(data_model=ChatMessages)
    warning = await InputGuard()(inputs)
    answer = await Generator(language_model=lm)(warning ^ inputs)
    return Program(inputs=inputs, outputs=warning | answer)


async def test_an_input_guard_answers_without_asking_the_model() -> None:
    lm = ScriptedLanguageModel(["Paris"])
    result = await (await guarded_inputs(lm))(chat("something forbidden"))
    assert result.get("content") == "Cannot process this request"
    assert lm.calls == []


async def test_an_input_guard_lets_the_rest_through() -> None:
    lm = ScriptedLanguageModel(["Paris"])
    result = await (await guarded_inputs(lm))(chat("hello"))
    assert result.get("content") == "Paris"
    assert lm.calls[0].messages[-1]["content"] == "hello"


async def test_an_output_guard_replaces_what_must_not_be_said() -> None:
    lm = ScriptedLanguageModel(["It is Paris", "It is Rome"])
    inputs = Input(data_model=ChatMessages)
    answer = await Generator(language_model=lm)(inputs)
    warning = await OutputGuard()(answer)
    program = Program(inputs=inputs, outputs=(answer ^ warning) | warning)
    assert (await program(chat("hello"))).get("content") == "Withheld"
    assert (await program(chat("hello"))).get("content") == "It is Rome"
