from __future__ import annotations

from typing import Any

import pytest
from pydantic import Field

from kag.data_models.common import Rating
from kag.data_models.data_model import DataModel
from kag.errors import ProgramError, StructuredOutputError
from kag.modules.chain_of_thought import ChainOfThought
from kag.modules.input import Input
from kag.modules.self_critique import SelfCritique
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


class LateThinking(DataModel):
    answer: str
    thinking: str = ""


async def test_thinking_comes_before_the_answer() -> None:
    lm = ScriptedLanguageModel([{"thinking": "1 and 1", "answer": "2"}])
    result = await ChainOfThought(data_model=Answer, language_model=lm)(Query(query="1 + 1?"))
    assert list(result.get_json()) == ["thinking", "answer"]
    assert lm.calls[0].schema is not None
    assert list(lm.calls[0].schema["properties"]) == ["thinking", "answer"]
    assert '"thinking", "answer"' in lm.calls[0].messages[0]["content"]


async def test_a_thinking_field_of_the_data_model_comes_first_and_is_required() -> None:
    lm = ScriptedLanguageModel()
    await ChainOfThought(data_model=LateThinking, language_model=lm)(Query(query="1 + 1?"))
    assert lm.calls[0].schema is not None
    assert list(lm.calls[0].schema["properties"]) == ["thinking", "answer"]
    assert lm.calls[0].schema["required"] == ["thinking", "answer"]


async def test_a_chain_of_thought_in_a_program_knows_its_schema() -> None:
    inputs = Input(data_model=Query)
    chain = ChainOfThought(
        data_model=Answer, language_model=ScriptedLanguageModel(), return_inputs=True, name="c"
    )
    outputs = await chain(inputs)
    program = Program(inputs=inputs, outputs=outputs, name="p")
    result = await program(Query(query="1 + 1?"))
    assert outputs.keys() == list(result.keys()) == ["query", "thinking", "answer"]
    assert list(program.variable_paths()) == ["p/c/generator/state"]


async def test_a_chain_of_thought_without_an_answer_is_refused() -> None:
    with pytest.raises(ProgramError, match="data_model"):
        ChainOfThought(language_model=ScriptedLanguageModel())


async def test_a_critique_comes_after_the_inputs_with_a_reward() -> None:
    lm = ScriptedLanguageModel([{"critique": "Short.", "score": 0.3}])
    result = await SelfCritique(language_model=lm)(Answer(answer="Paris"))
    assert result.get_json() == {"answer": "Paris", "critique": "Short.", "reward": 0.3}


async def test_the_model_criticises_before_it_scores() -> None:
    lm = ScriptedLanguageModel()
    await SelfCritique(language_model=lm)(Answer(answer="Paris"))
    assert lm.calls[0].schema is not None
    assert list(lm.calls[0].schema["properties"]) == ["critique", "score"]


@pytest.mark.parametrize(("rating", "reward"), [(1, 0.0), (2, 0.25), (3, 0.5), (5, 1.0)])
async def test_ratings_become_rewards_from_0_to_1(rating: int, reward: float) -> None:
    lm = ScriptedLanguageModel([{"critique": "", "rating": rating}])
    critique = SelfCritique(language_model=lm, score_type=Rating, return_inputs=False)
    assert (await critique(Answer(answer="Paris"))).get("reward") == reward


async def test_a_scale_of_ones_own_is_mapped_by_its_limits() -> None:
    class Percent(DataModel):
        percent: int = Field(ge=0, le=100)

    lm = ScriptedLanguageModel([{"critique": "", "percent": 85}])
    result = await SelfCritique(language_model=lm, score_type=Percent)(Answer(answer="Paris"))
    assert result.get("reward") == 0.85


async def test_a_critique_can_be_had_alone() -> None:
    lm = ScriptedLanguageModel([{"critique": "Short."}])
    result = await SelfCritique(language_model=lm, return_reward=False, return_inputs=False)(
        Answer(answer="Paris")
    )
    assert result.get_json() == {"critique": "Short."}


@pytest.mark.parametrize("return_reward", [True, False])
@pytest.mark.parametrize("return_inputs", [True, False])
async def test_a_critique_in_a_program_knows_its_schema(return_reward: bool, return_inputs: bool) -> None:
    inputs = Input(data_model=Answer)
    critique = SelfCritique(
        language_model=ScriptedLanguageModel(), return_reward=return_reward, return_inputs=return_inputs
    )
    outputs = await critique(inputs)
    result = await Program(inputs=inputs, outputs=outputs)(Answer(answer="Paris"))
    assert result.get_schema() == outputs.get_schema()


@pytest.mark.parametrize("score", [1.5, -0.1, "good", None, True])
async def test_a_score_off_the_scale_is_refused(score: object) -> None:
    async def loose(messages: object, schema: object = None, **options: object) -> Any:
        return {"critique": "", "score": score}

    with pytest.raises(StructuredOutputError, match="does not fit 'Critique': score"):
        await SelfCritique(language_model=loose)(Answer(answer="Paris"))


def test_a_score_type_needs_one_number_with_limits() -> None:
    class Words(DataModel):
        verdict: str

    class Two(DataModel):
        one: int = Field(ge=0, le=1)
        two: int = Field(ge=0, le=1)

    class Open(DataModel):
        score: float

    for wrong in (Words, Two, Open):
        with pytest.raises(ProgramError, match="score_type of"):
            SelfCritique(language_model=ScriptedLanguageModel(), score_type=wrong)
