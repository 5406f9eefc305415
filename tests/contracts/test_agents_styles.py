"""Every provider, in both styles of calling tools: the agent calls one, reads the result, answers in form."""

from __future__ import annotations

from typing import Any

import pytest
from fake_providers import FakeProvider, Fault

from kag.agents.function_calling_agent import FunctionCallingAgent
from kag.agents.tool import Tool
from kag.data_models.data_model import DataModel
from kag.errors import ProviderError
from kag.language_models import LanguageModel, Retry

# litellm's own warnings, about its own classes.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item '.*' on TypedDict class:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_.*' attribute:DeprecationWarning"),
]

MODELS = {
    "openai": "gpt-4o-mini",
    "groq": "llama-3.1-8b-instant",
    "openrouter": "meta-llama/llama-3.1-8b-instruct",
    "mistral": "mistral-small",
    "together_ai": "llama",
    "deepseek": "deepseek-chat",
    "xai": "grok-3-mini",
    "ollama": "mistral",
    "lm_studio": "local",
    "hosted_vllm": "mistral",
    "llama_cpp": "local",
    "anthropic": "claude-haiku-4-5",
    "gemini": "gemini-2.5-flash",
}


class Query(DataModel):
    query: str


class Answer(DataModel):
    result: float
    note: str | None = None


def lm_at(fake: FakeProvider, provider: str, model: str | None = None) -> LanguageModel:
    """A model at the fake, which is of the provider's flavour or of one that stands in for it."""
    name = f"{provider}/{model or MODELS[provider]}"
    return LanguageModel(name, api_base=fake.url, api_key=fake.key, retry=Retry(2, wait=0))


def counting() -> tuple[Tool, list[dict[str, Any]]]:
    """A tool, and the arguments that it was run with."""
    runs: list[dict[str, Any]] = []

    async def lookup(word: str, limit: int = 3, tags: list[str] | None = None) -> dict[str, Any]:
        """Looks a word up.

        Args:
            word: The word.
            limit: At most so many results.
            tags: Only with these tags.
        """
        runs.append({"word": word, "limit": limit, "tags": tags})
        return {"meaning": f"what {word} means"}

    return Tool(lookup), runs


@pytest.mark.parametrize("provider", MODELS)
async def test_a_provider_s_own_tool_calls_lead_to_an_answer_in_form(provider: str) -> None:
    tool, runs = counting()
    async with FakeProvider(provider) as fake:
        agent = FunctionCallingAgent(
            Answer,
            [tool],
            lm_at(fake, provider),
            tool_calling="native",
            return_inputs_with_trajectory=True,
        )
        answer = await agent(Query(query="What is number-1?"))
    assert isinstance(answer.get("result"), float | int)
    assert answer.get("stopped") == "answered"
    assert len(runs) == 1
    assert "what" in str(fake.requests[1])  # the result was sent back
    assert [step["usage"]["prompt_tokens"] for step in answer.get("trajectory")] == [10, 10, 10]
    assert [len(step["calls"]) for step in answer.get("trajectory")] == [1, 0, 0]


@pytest.mark.parametrize("provider", MODELS)
async def test_a_choice_by_schema_leads_to_an_answer_in_form(provider: str) -> None:
    tool, runs = counting()
    async with FakeProvider(provider) as fake:
        agent = FunctionCallingAgent(
            Answer,
            [tool],
            lm_at(fake, provider),
            tool_calling="constrained",
            max_iterations=4,
            return_inputs_with_trajectory=True,
        )
        answer = await agent(Query(query="What is number-1?"))
    assert isinstance(answer.get("result"), float | int)
    assert len(runs) == 1  # the fake asks for the same call again and again
    assert answer.get("stopped") == "loop"
    errors = [call["error"] for step in answer.get("trajectory") for call in step["calls"]]
    assert errors == ["", "repeated", "repeated"]
    for request in fake.requests:
        assert all(message["role"] != "tool" for message in request.get("messages", ()))


@pytest.mark.parametrize(("provider", "model"), [("groq", "compound-beta")])
async def test_where_a_server_takes_no_tools_the_agent_goes_on_by_schema(provider: str, model: str) -> None:
    tool, runs = counting()
    async with FakeProvider(provider) as fake:
        agent = FunctionCallingAgent(Answer, [tool], lm_at(fake, provider, model))
        first = await agent(Query(query="What is number-1?"))
        sent = len(fake.requests)
        await agent(Query(query="What is number-2?"))
    assert isinstance(first.get("result"), float | int)
    assert len(runs) == 2
    assert "tools" in fake.requests[0]
    assert not any("tools" in request for request in fake.requests[1:])
    assert sent < len(fake.requests)


async def test_an_agent_that_is_told_to_use_tool_calls_fails_where_there_are_none() -> None:
    tool, _ = counting()
    async with FakeProvider("groq") as fake:
        agent = FunctionCallingAgent(
            Answer, [tool], lm_at(fake, "groq", "compound-beta"), tool_calling="native"
        )
        with pytest.raises(ProviderError, match="tool"):
            await agent(Query(query="What is number-1?"))


@pytest.mark.parametrize("provider", ["ollama", "llama_cpp", "lm_studio"])
async def test_a_local_server_is_asked_for_a_choice_by_schema(provider: str) -> None:
    tool, _ = counting()
    async with FakeProvider(provider) as fake:
        await FunctionCallingAgent(Answer, [tool], lm_at(fake, provider))(Query(query="What?"))
    assert "tools" not in fake.requests[0]
    assert '"lookup"' in str(fake.requests[0]).replace("'", '"')


@pytest.mark.parametrize("fault", ["status", "nonsense", "half", "cut"])
async def test_a_provider_s_faults_are_the_language_model_s_and_no_tool_runs_twice(fault: str) -> None:
    tool, runs = counting()
    async with FakeProvider("openai") as fake:
        fake.faults.extend([Fault(fault), None, Fault(fault), None, Fault(fault)])
        lm = LanguageModel("openai/gpt-4o-mini", api_base=fake.url, api_key=fake.key, retry=Retry(3, wait=0))
        answer = await FunctionCallingAgent(Answer, [tool], lm)(Query(query="What?"))
    assert isinstance(answer.get("result"), float | int)
    assert len(runs) == 1
