from __future__ import annotations

import pytest

from kag.data_models.data_model import DataModel
from kag.errors import DataModelError, ProgramError, StructuredOutputError
from kag.modules.decision import Decision
from kag.modules.input import Input
from kag.modules.multi_decision import MultiDecision
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Loose:
    """A model that answers whatever it likes, without a look at the schema."""

    model = "loose/model"

    def __init__(self, answer: dict[str, object]) -> None:
        self.answer = answer

    async def __call__(self, messages: object, schema: object = None, **options: object) -> dict[str, object]:
        return self.answer


async def test_a_decision_gives_reasons_and_one_label() -> None:
    lm = ScriptedLanguageModel([{"thinking": "One step.", "choice": "easy"}])
    decision = Decision(question="How difficult is it?", labels=["easy", "difficult"], language_model=lm)
    result = await decision(Query(query="1 + 1?"))
    assert result.get_json() == {"thinking": "One step.", "choice": "easy"}
    assert list(result.get_schema()["properties"]) == ["thinking", "choice"]


async def test_the_model_is_held_to_the_labels_and_sees_inputs_and_question() -> None:
    lm = ScriptedLanguageModel()
    await Decision(question="How difficult?", labels=["easy", "difficult"], language_model=lm)(
        Query(query="1 + 1?")
    )
    (call,) = lm.calls
    assert call.schema is not None
    assert call.schema["properties"]["choice"]["enum"] == ["easy", "difficult"]
    assert call.messages[-1]["content"] == '{"query":"1 + 1?","question":"How difficult?"}'
    assert "easy, difficult" in call.messages[0]["content"]


async def test_a_question_of_the_inputs_own_is_kept() -> None:
    class Asked(DataModel):
        question: str

    lm = ScriptedLanguageModel()
    await Decision(question="How difficult?", labels=["easy"], language_model=lm)(Asked(question="1 + 1?"))
    assert lm.calls[0].messages[-1]["content"] == '{"question":"1 + 1?","question_1":"How difficult?"}'


@pytest.mark.parametrize("choice", ["medium", "Easy", "", None, ["easy"], 1])
async def test_a_choice_that_is_no_label_is_refused_by_name(choice: object) -> None:
    lm = Loose({"thinking": "", "choice": choice})
    decision = Decision(
        question="How difficult?", labels=["easy", "difficult"], language_model=lm, name="difficulty"
    )
    with pytest.raises(
        StructuredOutputError, match=r"(?s)choice: .* is not one of \['easy', 'difficult'\].*difficulty"
    ) as caught:
        await decision(Query(query="1 + 1?"))
    assert caught.value.model == "loose/model"


async def test_several_labels_are_kept_once_and_in_order() -> None:
    lm = ScriptedLanguageModel([{"thinking": "", "choices": ["b", "a", "b"]}])
    decision = MultiDecision(question="Which?", labels=["a", "b", "c"], language_model=lm)
    assert (await decision(Query(query="x"))).get("choices") == ["b", "a"]


async def test_no_label_at_all_may_apply() -> None:
    lm = ScriptedLanguageModel([{"thinking": "", "choices": []}])
    decision = MultiDecision(question="Which?", labels=["a", "b"], language_model=lm)
    assert (await decision(Query(query="x"))).get("choices") == []


@pytest.mark.parametrize("choices", [["a", "z"], "a", None, [["a"]], {"a": 1}])
async def test_choices_that_are_no_labels_are_refused(choices: object) -> None:
    decision = MultiDecision(
        question="Which?", labels=["a", "b"], language_model=Loose({"thinking": "", "choices": choices})
    )
    with pytest.raises(StructuredOutputError, match="does not fit 'MultiDecision': choices"):
        await decision(Query(query="x"))


@pytest.mark.parametrize("labels", [[], "easy", None, [""], ["a", "a"], ["a", 1], {"a": "b"}, [" "]])
def test_labels_must_be_different_non_empty_strings(labels: object) -> None:
    with pytest.raises(ProgramError, match=r"labels of <Decision difficulty> must"):
        Decision(question="?", labels=labels, language_model=ScriptedLanguageModel(), name="difficulty")  # type: ignore[arg-type]


@pytest.mark.parametrize("question", ["", "  ", None, 3])
def test_a_question_must_be_text(question: object) -> None:
    with pytest.raises(ProgramError, match="question of"):
        Decision(question=question, labels=["a"], language_model=ScriptedLanguageModel())  # type: ignore[arg-type]


async def test_inputs_that_are_no_data_model_are_refused() -> None:
    decision = Decision(question="?", labels=["a"], language_model=ScriptedLanguageModel())
    with pytest.raises(DataModelError, match="got list"):
        await decision([Query(query="x")])


async def test_a_decision_that_is_not_reached_is_none() -> None:
    lm = ScriptedLanguageModel()
    assert await Decision(question="?", labels=["a"], language_model=lm)(None) is None
    assert lm.calls == []


async def test_options_go_to_the_generator_and_unknown_ones_are_errors() -> None:
    lm = ScriptedLanguageModel()
    await Decision(question="?", labels=["a"], language_model=lm, temperature=0.5)(Query(query="x"))
    assert lm.calls[0].options["temperature"] == 0.5
    with pytest.raises(TypeError, match="temprature"):
        Decision(question="?", labels=["a"], language_model=lm, temprature=0.5)  # type: ignore[call-arg]


async def test_what_a_decision_learns_is_found_in_a_program() -> None:
    inputs = Input(data_model=Query)
    decision = await Decision(question="?", labels=["a"], language_model=ScriptedLanguageModel(), name="d")(
        inputs
    )
    program = Program(inputs=inputs, outputs=decision, name="p")
    assert list(program.variable_paths()) == ["p/d/generator/state"]
