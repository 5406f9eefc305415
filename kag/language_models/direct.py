"""The direct transport: servers that speak the OpenAI chat API, over one pooled HTTP client.

It serves OpenAI, Groq, OpenRouter, Mistral, Together, DeepSeek, xAI, Ollama, LM Studio, vLLM, llama.cpp and
any other `api_base`. A call costs a fraction of a millisecond of CPU.
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson

from kag.errors import ConfigurationError, ProviderError
from kag.http import proxy_for, session, shorten
from kag.language_models._errors import failure, timed_out, unreachable
from kag.language_models.base import Delta, Endpoint, Json, Reply, Request, Tokens

if TYPE_CHECKING:
    from aiohttp import ClientResponse

_CONNECT_SECONDS = 15.0


class Transport:
    """Sends requests to an OpenAI-compatible server."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._url = f"{endpoint.api_base}/chat/completions"
        self._headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {endpoint.api_key or 'none'}",
        }
        self._headers.update(endpoint.headers)

    async def send(self, request: Request) -> Reply:
        """Sends a request and waits for the whole answer."""
        async with self._post(request, stream=False) as response:
            body = await response.read()
            if response.status != 200:
                raise failure(self.endpoint, response.status, body, response.headers)
            return self._reply(body, response)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Sends a request and yields the answer as it grows."""
        async with self._post(request, stream=True) as response:
            if response.status != 200:
                raise failure(self.endpoint, response.status, await response.read(), response.headers)
            if not response.content_type.startswith("text/event-stream"):
                yield _whole(self._reply(await response.read(), response))
                return
            ended = False
            async with aclosing(_lines(response)) as lines:
                async for line in lines:
                    if line.startswith(b"data:") and (data := line[5:].strip()):
                        if data == b"[DONE]":
                            return
                        delta = self._delta(data)
                        ended = ended or bool(delta.finish_reason)
                        yield delta
            if not ended:  # some servers end without [DONE], but not without a finish_reason
                raise self._broke_off()

    @asynccontextmanager
    async def _post(self, request: Request, *, stream: bool) -> AsyncIterator[ClientResponse]:
        """Opens the exchange; what breaks in it becomes one of our errors, and its connection is closed."""
        import aiohttp

        body: Json = {"model": self.endpoint.name, "messages": request.messages, **request.fields}
        if stream:
            body["stream"] = True
        timeout = aiohttp.ClientTimeout(
            total=None if stream else request.timeout,
            sock_connect=min(_CONNECT_SECONDS, request.timeout),
            sock_read=request.timeout if stream else None,
        )
        try:
            client = await session()
            async with client.post(
                self._url,
                data=self._encoded(body),
                headers=self._headers,
                timeout=timeout,
                allow_redirects=False,
                proxy=proxy_for(self._url),
            ) as response:
                yield response
        except aiohttp.ConnectionTimeoutError as error:
            raise unreachable(self.endpoint, error) from error
        except TimeoutError as error:
            raise timed_out(self.endpoint, request.timeout) from error
        except (aiohttp.ClientError, OSError) as error:
            raise unreachable(self.endpoint, error) from error

    def _encoded(self, body: Json) -> bytes:
        try:
            return orjson.dumps(body)
        except TypeError as error:
            raise ConfigurationError(
                f"{self.endpoint.model}: a message or an option is not JSON: {error}."
            ) from error

    def _reply(self, body: bytes, response: ClientResponse) -> Reply:
        value = self._parsed(body)
        choices = value.get("choices")
        if not choices or value.get("error"):
            raise failure(self.endpoint, 502, body, response.headers)
        choice, message = self._parts(choices, "message", body)
        return Reply(
            content=text_of(message.get("content")),
            tool_calls=message.get("tool_calls") or (),
            reasoning=text_of(message.get("reasoning_content") or message.get("reasoning")),
            refusal=text_of(message.get("refusal")),
            finish_reason=text_of(choice.get("finish_reason")) or "stop",
            tokens=tokens_of(value.get("usage")),
            request_id=response.headers.get("x-request-id") or text_of(value.get("id")) or None,
        )

    def _delta(self, data: bytes) -> Delta:
        value = self._parsed(data)
        if value.get("error"):
            raise failure(self.endpoint, 502, data, {})
        choice, piece = self._parts(value.get("choices") or [{}], "delta", data)
        return Delta(
            content=text_of(piece.get("content")),
            reasoning=text_of(piece.get("reasoning_content") or piece.get("reasoning")),
            tool_calls=piece.get("tool_calls") or (),
            finish_reason=text_of(choice.get("finish_reason")),
            tokens=tokens_of(value["usage"]) if value.get("usage") else None,
        )

    def _parts(self, choices: Any, part: str, body: bytes) -> tuple[Json, Json]:
        """Returns the first choice and its message or delta, checked as far as they are read."""
        choice = choices[0] if isinstance(choices, list) else None
        piece = (choice.get(part) or {}) if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(piece, dict):
            raise self._nonsense(body)
        calls = piece.get("tool_calls") or []
        if not isinstance(calls, list) or not all(_is_call(call) for call in calls):
            raise self._nonsense(body)
        return choice, piece

    def _parsed(self, body: bytes) -> Json:
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise self._nonsense(body) from error
        if not isinstance(value, dict):
            raise self._nonsense(body)
        return value

    def _nonsense(self, body: bytes) -> ProviderError:
        shown = shorten(body.decode("utf-8", "replace"), 120)
        return self._failed(f"the answer is not that of a chat API: {shown!r}. Is api_base= right?")

    def _broke_off(self) -> ProviderError:
        return self._failed("the stream broke off: neither a finish_reason nor [DONE] came. Ask again.")

    def _failed(self, what: str) -> ProviderError:
        return ProviderError(
            f"{self.endpoint.model}: {what}",
            provider=self.endpoint.provider,
            model=self.endpoint.model,
            status=200,
        )


async def _lines(response: ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yields the lines of a body, of any length: the client's own reading refuses long ones."""
    rest: list[bytes] = []
    async for block in response.content.iter_any():
        *lines, last = block.split(b"\n")
        for line in lines:
            yield b"".join([*rest, line])
            rest.clear()
        rest.append(last)
    yield b"".join(rest)


def text_of(content: Any) -> str:
    """Returns the text of a message's content, which may be missing, a string, or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(
            part["text"]
            for part in content
            if isinstance(part, dict)
            and part.get("type", "text") == "text"
            and isinstance(part.get("text"), str)
        )
    return ""


def tokens_of(usage: Any) -> Tokens:
    """Returns the counts of a `usage` object; what is missing or no number counts as zero."""
    if not isinstance(usage, dict):
        return Tokens()
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    cost = usage.get("cost")
    return Tokens(
        prompt=_count(usage.get("prompt_tokens")),
        completion=_count(usage.get("completion_tokens")),
        cached=_count(cached or usage.get("prompt_cache_hit_tokens")),
        cost=float(cost or 0) if _is_amount(cost) else None,
    )


def _count(value: Any) -> int:
    return int(value) if _is_amount(value) else 0


def _is_amount(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value) and value >= 0


def _is_call(call: Any) -> bool:
    """Tells whether a tool call, or a piece of one, has the types that it is read with."""
    function = (call.get("function") or {}) if isinstance(call, dict) else None
    return (
        isinstance(function, dict)
        and isinstance(function.get("name") or "", str)
        and isinstance(function.get("arguments") or "", str | dict)
        and isinstance(call.get("id") or "", str)
        and isinstance(call.get("index") or 0, int)
    )


def _whole(reply: Reply) -> Delta:
    calls = [{**call, "index": index} for index, call in enumerate(reply.tool_calls)]
    return Delta(reply.content, reply.reasoning, calls, reply.finish_reason, reply.tokens)
