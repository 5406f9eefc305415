"""What every metric does: one suite over all that `discover` finds in `kag.training.metrics`."""

from __future__ import annotations

from typing import Any

import pytest

import kag
from kag import discover
from kag.errors import TrainingError
from kag.testing import FakeEmbeddingModel
from kag.training.metrics.base import Metric, Run


class Answer(kag.DataModel):
    answer: str


def answer(words: str) -> kag.JsonDataModel:
    return Answer(answer=words).to_json_data_model()


ARGUMENTS: dict[str, dict[str, Any]] = {"CosineSimilarity": {"embedding_model": FakeEmbeddingModel()}}
METRICS = [
    thing
    for name in discover.names("kag.training.metrics")
    for thing in vars(discover.load("kag.training.metrics", name)).values()
    if isinstance(thing, type) and issubclass(thing, Metric) and thing.__module__.endswith(f".{name}")
]
COMPARING = [m for m in METRICS if m.mode == "max" and m.__name__ not in ("Metric", "Mean")]


def made(cls: type[Metric], **further: Any) -> Metric:
    return cls(**ARGUMENTS.get(cls.__name__, {}), **further)


def found() -> list[type[Metric]]:
    return [m for m in METRICS if m is not Metric]


def test_all_metrics_are_found() -> None:
    assert len(found()) >= 11


@pytest.mark.parametrize("cls", found(), ids=lambda cls: cls.__name__)
async def test_the_samples_are_summarised_and_forgotten_on_reset(cls: type[Metric]) -> None:
    metric = made(cls)
    run = Run(reward=1.0, seconds=0.5, calls=1, tokens=100, cost=0.25)
    for _ in range(3):
        await metric.update_state(answer("London"), answer("London"), run)
    assert metric.result() == {"tokens": 100.0, "cost": 0.25, "latency": 0.5}.get(metric.name, 1.0)
    metric.reset_state()
    assert metric.result() == 0.0


@pytest.mark.parametrize("cls", COMPARING, ids=lambda cls: cls.__name__)
async def test_half_of_the_answers_right_is_half_the_metric(cls: type[Metric]) -> None:
    metric = made(cls, in_mask=["answer"])
    await metric.update_state(answer("London"), answer("London"))
    await metric.update_state(answer("London"), answer(""))
    # An empty answer has no wrong word, and so full precision.
    assert metric.result() == (1.0 if cls.__name__ == "Precision" else 0.5)


@pytest.mark.parametrize("cls", found(), ids=lambda cls: cls.__name__)
def test_its_configuration_makes_an_equal_one(cls: type[Metric]) -> None:
    metric = made(cls, name="mine")
    assert cls.from_config(metric.get_config()).name == "mine"


@pytest.mark.parametrize("cls", found(), ids=lambda cls: cls.__name__)
def test_an_unknown_argument_is_named(cls: type[Metric]) -> None:
    with pytest.raises(TrainingError, match="colour"):
        made(cls, colour="red")


async def test_precision_and_recall_look_from_both_sides() -> None:
    for name, expected in (("Precision", 0.5), ("Recall", 1.0), ("F1Score", 2 / 3)):
        metric = getattr(kag.metrics, name)(in_mask=["answer"])
        await metric.update_state(answer("red"), answer("red car"))
        assert metric.result() == pytest.approx(expected)


async def test_beta_above_one_weighs_recall_more() -> None:
    metric = kag.metrics.FBetaScore(beta=2.0)
    await metric.update_state(answer("red"), answer("red car"))
    assert metric.result() == pytest.approx(5 * 0.5 / (4 * 0.5 + 1))
    with pytest.raises(TrainingError, match="beta"):
        kag.metrics.FBetaScore(beta=0)


async def test_pass_at_k_counts_attempts_that_stand_side_by_side() -> None:
    attempts = answer("wrong") + answer("London") + answer("wrong")
    for k, expected in ((1, 1 / 3), (2, 2 / 3), (3, 1.0)):
        metric = kag.metrics.PassAtK(k=k)
        await metric.update_state(answer("London"), attempts)
        assert metric.result() == pytest.approx(expected)


async def test_what_a_failed_sample_took_counts_too() -> None:
    metric = kag.metrics.Tokens()
    await metric.update_state(answer("London"), None, Run(tokens=50, failed=True))
    assert metric.result() == 50.0


async def test_the_mean_of_what_is_no_number_is_refused() -> None:
    metric = kag.metrics.Mean(in_mask=["answer"])
    with pytest.raises(TrainingError, match="London"):
        await metric.update_state(answer("London"), answer("London"))
