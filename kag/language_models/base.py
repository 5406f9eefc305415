"""What a transport is: the one contract between a language model and the way its requests travel.

A transport sends one request and gives back one reply, in the words of the OpenAI chat API, which most
servers speak. It does not retry, count, cache or check answers: the model does that, in the same way for
every transport. A new way to reach models is one new file here with a class named `Transport`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is, and how to get in.

    Args:
        provider: The provider's name, such as `groq`.
        model: The model as the user named it, such as `groq/llama-3.1-8b-instant`; errors show it.
        name: The model's name on the wire, such as `llama-3.1-8b-instant`.
        api_base: URL that `/chat/completions` is appended to; empty when the transport knows it.
        api_key: The secret, or empty.
        local: True for a loopback or private address: nobody pays for its tokens.
        headers: Further HTTP headers.
    """

    provider: str
    model: str
    name: str
    api_base: str = ""
    api_key: str = field(default="", repr=False)
    local: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One request to a chat model.

    Args:
        messages: In the wire form: role and content, tool calls in OpenAI's form.
        fields: The other fields of the body, such as `temperature`, `response_format`, `tools`.
        timeout: Seconds until the answer must be complete (in a stream: until its next piece).
    """

    messages: Sequence[Json]
    fields: Mapping[str, Any]
    timeout: float


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a request used.

    Args:
        prompt: Tokens of the prompt, cached ones included.
        completion: Tokens of the answer, reasoning included.
        cached: Those of the prompt that the provider had in its own cache.
        cost: USD, where the provider itself says so.
    """

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer.

    Args:
        content: The text, as the model wrote it.
        tool_calls: Tool calls in OpenAI's form, arguments as text.
        reasoning: The reasoning, where the server gives it apart from the text.
        refusal: Why the model would not answer, where it says so.
        finish_reason: `stop`, `length`, `tool_calls`, `content_filter` or what the server said.
        tokens: What it used.
        request_id: The provider's identifier.
    """

    content: str
    tool_calls: Sequence[Json] = ()
    reasoning: str = ""
    refusal: str = ""
    finish_reason: str = "stop"
    tokens: Tokens = Tokens()
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Delta:
    """One piece of a streamed answer; the last ones carry `finish_reason` and, where counted, `tokens`."""

    content: str = ""
    reasoning: str = ""
    tool_calls: Sequence[Json] = ()
    finish_reason: str = ""
    tokens: Tokens | None = None


class Transport(Protocol):
    """What the class `Transport` of a module of this package offers; it is built with an `Endpoint`."""

    async def send(self, request: Request) -> Reply:
        """Sends a request and waits for the whole answer.

        Raises:
            LanguageModelError: The narrowest kind that fits; nothing else is raised for a failed call.
        """

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Sends a request and yields the answer as it grows.

        Raises:
            LanguageModelError: As for `send`; possible before the first piece and between two.
        """
