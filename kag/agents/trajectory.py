"""What an agent did, as data: its steps, the tools it called, what each step took, and why it stopped."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from kag.data_models.data_model import DataModel

Stopped = Literal["answered", "iterations", "budget", "loop"]


class StepUsage(DataModel):
    """What the language model took for one step."""

    seconds: float = Field(default=0.0, description="Time until the model had answered")
    requests: int = Field(default=0, description="Requests that were sent, with retries")
    prompt_tokens: int = Field(default=0, description="Tokens of the prompt")
    completion_tokens: int = Field(default=0, description="Tokens of the answer")
    cost: float = Field(default=0.0, description="USD")


class AgentCall(DataModel):
    """A tool call that the model wanted, and what came of it."""

    id: str = Field(description="The call's identifier")
    tool: str = Field(description="The tool's name")
    arguments: dict[str, Any] | str = Field(description="Its arguments; text if they were no JSON object")
    output: dict[str, Any] = Field(default={}, description="What the tool gave")
    error: str = Field(default="", description="What kind of failure it was; empty if there was none")
    message: str = Field(default="", description="What the model was told of a failure")
    runs: int = Field(default=0, description="How often the tool was run")
    seconds: float = Field(default=0.0, description="Time that it took")


class AgentStep(DataModel):
    """One turn of the model, and the tool calls that it led to."""

    content: str = Field(default="", description="What the model wrote")
    thinking: str = Field(default="", description="The model's reasoning, where it gave it")
    calls: list[AgentCall] = Field(default=[], description="The tools that were called, in order")
    usage: StepUsage = Field(default=StepUsage(), description="What the model took")


class Trajectory(DataModel):
    """The steps of an agent from the inputs to its answer."""

    trajectory: list[AgentStep] = Field(default=[], description="The steps, first to last")
    stopped: Stopped = Field(
        default="answered",
        description="Why it ended: the model was ready to answer, or a limit or a repeated call stopped it",
    )
