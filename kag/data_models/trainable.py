"""What training keeps in a variable: the instructions and examples in use, and the search's memory."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from kag.data_models.data_model import DataModel


class Prediction(DataModel):
    """One run of a module: an example, once its reward is known to be good."""

    inputs: dict[str, Any] | None = Field(default=None, description="What the module was given")
    outputs: dict[str, Any] | None = Field(default=None, description="What it answered")
    reward: float | None = Field(default=None, description="The reward of the program's answer, 0 to 1")


class Trainable(DataModel):
    """The fields that every trainable variable has, whatever is trained in it."""

    examples: list[Prediction] = Field(default=[], description="Examples shown to the model")
    current_predictions: list[Prediction] = Field(default=[], description="Predictions of this batch")
    predictions: list[Prediction] = Field(default=[], description="Predictions of this epoch, with rewards")
    seed_candidates: list[dict[str, Any]] = Field(default=[], description="Values to start from")
    candidates: list[dict[str, Any]] = Field(
        default=[], description="Values tried in this epoch, with rewards"
    )
    best_candidates: list[dict[str, Any]] = Field(default=[], description="The best values so far")
    history: list[dict[str, Any]] = Field(default=[], description="The best value of each epoch")
    nb_visit: int = Field(default=0, description="How often the present value was scored")
    cumulative_reward: float = Field(default=0.0, description="Sum of the present value's rewards")


class Instructions(Trainable):
    """The trainable state of a generator."""

    instructions: str = Field(default="", description="The instructions of the prompt")
