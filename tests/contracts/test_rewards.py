"""What every reward does: one suite over all that `discover` finds in `kag.training.rewards`."""

from __future__ import annotations

from typing import Any

import pytest

import kag
from kag import discover
from kag.errors import KagError, TrainingError
from kag.testing import FakeEmbeddingModel, ScriptedLanguageModel
from kag.training.rewards.base import Judgement, Reward


class Answer(kag.DataModel):
    answer: str


class Judge(kag.Module):
    """Gives full marks."""

    async def call(self, inputs: Any, training: bool = False) -> Any:
        return inputs + kag.JsonDataModel(
            schema={
                "type": "object",
                "title": "Mark",
                "properties": {"reward": {"type": "number"}},
                "required": ["reward"],
            },
            json={"reward": 1.0},
        )


async def same(y_true: Any, y_pred: Any) -> float:
    return float(y_true.get("answer") == y_pred.get("answer"))


def judge_model() -> ScriptedLanguageModel:
    return ScriptedLanguageModel(lambda messages, schema: {"critique": "Right.", "score": 1.0})


ARGUMENTS: dict[str, dict[str, Any]] = {
    "ComposableReward": {"rewards": [kag.rewards.ExactMatch()]},
    "CosineSimilarity": {"embedding_model": FakeEmbeddingModel()},
    "LMAsJudge": {"language_model": judge_model()},
    "MeanRewardWrapper": {"fn": same},
    "ProgramAsJudge": {"program": Judge()},
}
REWARDS = [
    thing
    for name in discover.names("kag.training.rewards")
    for thing in vars(discover.load("kag.training.rewards", name)).values()
    if isinstance(thing, type) and issubclass(thing, Reward) and thing.__module__.endswith(f".{name}")
]


def made(cls: type[Reward], **further: Any) -> Reward:
    return cls(**ARGUMENTS.get(cls.__name__, {}), **further)


def value(**fields: Any) -> kag.JsonDataModel:
    kinds: dict[type, str] = {str: "string", list: "array", bool: "boolean"}
    properties = {name: {"type": kinds[type(item)]} for name, item in fields.items()}
    return kag.JsonDataModel(
        schema={"type": "object", "title": "Value", "properties": properties, "required": list(fields)},
        json=fields,
    )


PASSAGE = {"id": "chk_1", "text": "Ada Lovelace was born in London in 1815."}
RIGHT = value(
    answer="Ada Lovelace was born in London.",
    sentences=[
        {"text": "Ada Lovelace was born in London.", "citations": [{"passage": 1, "quote": "born in London"}]}
    ],
    result=[PASSAGE],
)


def test_all_rewards_are_found() -> None:
    assert len(REWARDS) >= 10


@pytest.mark.parametrize("cls", REWARDS, ids=lambda cls: cls.__name__)
async def test_a_right_answer_gets_the_full_reward(cls: type[Reward]) -> None:
    assert (await made(cls)(RIGHT, RIGHT)).reward == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("cls", REWARDS, ids=lambda cls: cls.__name__)
async def test_a_branch_that_was_not_taken_gets_nothing(cls: type[Reward]) -> None:
    judged = await made(cls)(RIGHT, None)
    assert judged.reward == 0.0
    assert judged.feedback


@pytest.mark.parametrize("cls", REWARDS, ids=lambda cls: cls.__name__)
async def test_a_hostile_answer_is_judged_between_0_and_1(cls: type[Reward]) -> None:
    for text in (
        "",
        " ",
        "\0",
        "x" * 20_000,
        "}) RETURN n //",
        "שלום 👩🏽‍🚀",
        "half \ud800 pair",
        "((((" * 500,
    ):
        judged = await made(cls)(value(answer="London"), value(answer=text, result=[{"text": text}]))
        assert isinstance(judged, Judgement)
        assert 0 <= judged.reward <= 1


@pytest.mark.parametrize("cls", REWARDS, ids=lambda cls: cls.__name__)
def test_an_unknown_argument_is_named(cls: type[Reward]) -> None:
    with pytest.raises(TrainingError, match="colour"):
        made(cls, colour="red")


@pytest.mark.parametrize("cls", REWARDS, ids=lambda cls: cls.__name__)
def test_its_configuration_makes_an_equal_one(cls: type[Reward]) -> None:
    reward = made(cls, name="mine")
    twin = cls.from_config(reward.get_config())
    assert (
        (twin.name, twin.in_mask, twin.out_mask)
        == (reward.name, reward.in_mask, reward.out_mask)
        != ("", 0, 0)
    )


@pytest.mark.parametrize("name", ["CosineSimilarity", "LMAsJudge", "ProgramAsJudge", "ComposableReward"])
def test_a_missing_part_is_refused_when_the_reward_is_made(name: str) -> None:
    empty = {"ComposableReward": {"rewards": []}}.get(name, {})
    with pytest.raises(KagError):
        getattr(kag.rewards, name)(**empty)


async def test_words_are_compared_without_case_articles_and_accents() -> None:
    reward = kag.rewards.TokenF1(in_mask=["answer"])
    assert (await reward(value(answer="the Café"), value(answer="CAFE"))).reward == 1.0
    judged = await reward(value(answer="Eiffel Tower"), value(answer="Eiffel Bridge Road"))
    assert judged.reward == pytest.approx(0.4)
    assert "tower" in judged.feedback
    assert "bridge" in judged.feedback


async def test_what_the_sources_do_not_say_is_not_faithful() -> None:
    reward = kag.rewards.Faithfulness()
    told = value(answer="Ada Lovelace was born in London. She invented television in 1926.", result=[PASSAGE])
    judged = await reward(None, told)
    assert judged.reward == 0.5
    assert "television" in judged.feedback


async def test_a_model_may_decide_on_faithfulness() -> None:
    model = ScriptedLanguageModel([{"thinking": "It is not.", "choice": "not stated"}])
    judged = await kag.rewards.Faithfulness(language_model=model)(None, RIGHT)
    assert judged.reward == 0.0
    assert "Ada Lovelace was born in London." in str(model.calls[0].messages)


async def test_a_quote_must_stand_in_the_passage_that_it_names() -> None:
    passages = [PASSAGE, {"id": "chk_2", "text": "Charles Babbage built machines."}]
    cited = [{"passage": 2, "quote": "born in London"}, {"chunk_id": "chk_1", "quote": "born  in LONDON"}]
    judged = await kag.rewards.CitationPrecision()(None, value(citations=cited, result=passages))
    assert judged.reward == 0.5
    assert "born in London" in judged.feedback


async def test_context_recall_counts_the_sources_that_were_expected() -> None:
    reward = kag.rewards.ContextRecall(expected="gold")
    judged = await reward(value(gold=["chk_1", "chk_9"]), value(result=[PASSAGE]))
    assert judged.reward == 0.5
    assert "chk_9" in judged.feedback


async def test_weights_decide_what_counts_and_feedback_is_joined() -> None:
    parts = [kag.rewards.ExactMatch(in_mask=["answer"]), kag.rewards.TokenF1(in_mask=["answer"])]
    judged = await kag.rewards.ComposableReward(parts, weights=[1, 3])(
        value(answer="red car"), value(answer="red")
    )
    assert judged.reward == pytest.approx(0.75 * 2 / 3)
    assert "exact_match" in judged.feedback
    assert "token_f1" in judged.feedback


async def test_the_judge_sees_the_right_answer_and_what_was_asked() -> None:
    model = judge_model()
    await kag.rewards.LMAsJudge(language_model=model)(
        value(answer="Paris"), value(answer="Lyon"), value(question="Q?")
    )
    shown = str(model.calls[0].messages)
    assert all(word in shown for word in ("gold_answer", "Paris", "Lyon", "Q?"))
