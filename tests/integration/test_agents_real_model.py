"""A small real model on a local server calls tools by schema, where tool calls of its own would fail."""

from __future__ import annotations

from real_models import LanguageModelServer

from kag.agents.function_calling_agent import FunctionCallingAgent
from kag.agents.tool import Tool
from kag.data_models.data_model import DataModel
from kag.language_models import LanguageModel


class Query(DataModel):
    query: str


class Answer(DataModel):
    result: float


async def test_a_very_small_model_calls_tools_and_answers_in_form(
    language_model_server: LanguageModelServer,
) -> None:
    runs: list[tuple[int, int]] = []

    async def multiply(a: int, b: int) -> int:
        """Multiplies two numbers.

        Args:
            a: One number.
            b: Another.
        """
        runs.append((a, b))
        return a * b

    lm = LanguageModel(
        language_model_server.model,
        api_base=language_model_server.url,
        temperature=0,
        max_tokens=400,
        timeout=120,
    )
    agent = FunctionCallingAgent(
        Answer,
        [Tool(multiply)],
        lm,
        max_iterations=2,
        max_parallel_calls=1,
        tool_calling="constrained",
        return_inputs_with_trajectory=True,
    )
    given = await agent(Query(query="Use the tool to multiply 6 by 7."))
    assert isinstance(given.get("result"), float | int)
    calls = [call for step in given.get("trajectory") for call in step["calls"]]
    assert all(call["tool"] == "multiply" for call in calls)
    assert sum(call["error"] == "" for call in calls) == len(runs)
    assert sum(step["usage"]["completion_tokens"] for step in given.get("trajectory")) > 0
