"""Small data models that many programs share: embeddings, scores, thinking, generic values."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from kag.data_models.data_model import DataModel


class GenericInputs(DataModel):
    """Any inputs."""

    inputs: dict[str, Any] = Field(description="The inputs")


class GenericOutputs(DataModel):
    """Any outputs."""

    outputs: dict[str, Any] = Field(description="The outputs")


class GenericIO(DataModel):
    """Any inputs and what came of them."""

    inputs: dict[str, Any] = Field(description="The inputs")
    outputs: dict[str, Any] = Field(description="The outputs")


class GenericResult(DataModel):
    """Any list of results."""

    result: list[Any] = Field(default=[], description="The results, best first")


class GenericAction(DataModel):
    """A tool that was run."""

    action: GenericIO = Field(description="The tool's inputs and outputs")


class Stamp(DataModel):
    """When something was made."""

    created_at: str = Field(description="Time in UTC, ISO 8601")


class EmbeddingRequest(DataModel):
    """Texts to embed."""

    texts: list[str] = Field(description="The texts")


class Embedding(DataModel):
    """One vector."""

    embedding: list[float] = Field(default=[], description="The vector")


class Embeddings(DataModel):
    """Some vectors."""

    embeddings: list[list[float]] = Field(default=[], description="The vectors, in the order of the texts")


class Thinking(DataModel):
    """Reasoning that comes before an answer."""

    thinking: str = Field(description="Your step by step thinking")


class Question(DataModel):
    """A question put to a model."""

    question: str = Field(description="The question to answer")


_TENTHS = [step / 10 for step in range(11)]


def _a_tenth(score: float) -> float:
    if score not in _TENTHS:
        raise ValueError(f"a score is one of {_TENTHS}; got {score}")
    return score


class Score(DataModel):
    """A score in steps of a tenth."""

    score: Annotated[float, AfterValidator(_a_tenth)] = Field(
        description="From bad 0 to good 1", json_schema_extra={"enum": [*_TENTHS]}
    )


class Rating(DataModel):
    """A rating from one to five."""

    rating: Literal[1, 2, 3, 4, 5] = Field(description="From bad 1 to good 5")
