"""The litellm transport: providers that do not speak the OpenAI chat API (Anthropic, Gemini, Bedrock, ...).

litellm takes seconds to import, so it is imported in a thread at the first call, and kept off the network:
its table of models is the one in its package. Its HTTP clients are closed when their event loop ends.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import warnings
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from kag.errors import LanguageModelError, MissingDependencyError
from kag.http import retry_after
from kag.language_models._errors import Complaint, classify, timed_out, unreachable
from kag.language_models.base import Delta, Endpoint, Json, Reply, Request, Tokens

_NAMES = {
    "llama_cpp": "openai",
    "llama.cpp": "openai",
    "sglang": "openai",
    "vllm": "hosted_vllm",
    "ollama": "openai",
}
_NAMED = {
    "temperature", "top_p", "top_k", "stop", "max_tokens", "max_completion_tokens", "presence_penalty",
    "frequency_penalty", "seed", "stream_options", "response_format", "tools", "tool_choice",
    "reasoning_effort", "logit_bias", "user", "parallel_tool_calls",
}  # fmt: skip
_UNSUPPORTED = re.compile(r"does not support parameters: \[?['\"]?(\w+)")
_SHARED = "module_level_aclient"
_Keeper = AsyncGenerator[None, None]
_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Keeper] = WeakKeyDictionary()


class Transport:
    """Sends requests through litellm."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        provider = _NAMES.get(endpoint.provider, endpoint.provider)
        self._fixed: Json = {"model": f"{provider}/{endpoint.name}", "max_retries": 0, "num_retries": 0}
        if endpoint.api_base:
            self._fixed["api_base"] = endpoint.api_base
        if endpoint.api_key:
            self._fixed["api_key"] = endpoint.api_key
        elif endpoint.local:
            self._fixed["api_key"] = "none"
        if endpoint.headers:
            self._fixed["extra_headers"] = dict(endpoint.headers)

    async def send(self, request: Request) -> Reply:
        """Sends a request and waits for the whole answer."""
        litellm = await _library()
        try:
            async with asyncio.timeout(request.timeout):
                response = await litellm.acompletion(**self._arguments(request))
                return self._reply(response)
        except LanguageModelError:
            raise
        except TimeoutError as error:
            raise timed_out(self.endpoint, request.timeout) from error
        except Exception as error:  # noqa: BLE001  litellm raises whatever its providers' code raises
            raise self._failure(error, request) from None  # in its text the key may stand

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Sends a request and yields the answer as it grows."""
        litellm = await _library()
        try:
            response = await litellm.acompletion(**self._arguments(request), stream=True)
            async for chunk in response:
                yield _delta(chunk)
        except LanguageModelError:
            raise
        except Exception as error:  # noqa: BLE001  litellm raises whatever its providers' code raises
            raise self._failure(error, request) from None  # in its text the key may stand

    def _arguments(self, request: Request) -> Json:
        named = {name: value for name, value in request.fields.items() if name in _NAMED}
        others = {name: value for name, value in request.fields.items() if name not in _NAMED}
        arguments = {**self._fixed, **named, "messages": list(request.messages), "timeout": request.timeout}
        return {**arguments, "extra_body": others} if others else arguments

    def _reply(self, response: Any) -> Reply:
        if not response.choices:
            raise unreachable(self.endpoint, ValueError("the answer has no choices"))
        choice = response.choices[0]
        message = choice.message
        hidden = getattr(response, "_hidden_params", None) or {}
        return Reply(
            content=message.content or "",
            tool_calls=[_tool_call(call) for call in message.tool_calls or ()],
            reasoning=getattr(message, "reasoning_content", None) or "",
            finish_reason=choice.finish_reason or "stop",
            tokens=_tokens(getattr(response, "usage", None), hidden.get("response_cost")),
            request_id=response.id,
        )

    def _failure(self, error: Exception, request: Request) -> LanguageModelError:
        kind, text = (
            type(error).__name__,
            getattr(error, "message", None) or str(error) or type(error).__name__,
        )
        if kind in ("Timeout", "APITimeoutError"):
            return timed_out(self.endpoint, request.timeout)
        status = getattr(error, "status_code", None)
        headers = _headers(error)
        if not isinstance(status, int) or kind == "APIConnectionError" or "Connection error" in text:
            return unreachable(self.endpoint, error)
        unsupported = _UNSUPPORTED.search(text)
        complaint = Complaint(f"{kind}: {text}", code=kind, field=unsupported[1] if unsupported else "")
        failure = classify(self.endpoint, status, complaint)
        failure.retry_after = retry_after(headers)
        failure.request_id = headers.get("x-request-id") or headers.get("request-id")
        return failure


async def _library() -> Any:
    """Returns litellm, imported once; the end of the running loop will close what litellm opens in it."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    loop = asyncio.get_running_loop()
    if loop in _keepers:
        return importlib.import_module("litellm")
    try:
        litellm: Any = await asyncio.to_thread(importlib.import_module, "litellm")
    except ImportError as error:
        raise MissingDependencyError(
            f"litellm cannot be imported ({error}); install it with: pip install litellm"
        ) from error
    litellm.suppress_debug_info = True
    warnings.filterwarnings("ignore", message="Item '.*' on TypedDict class", category=UserWarning)
    keeper = _until_the_loop_ends(litellm, loop)
    if _keepers.setdefault(loop, keeper) is keeper:
        await anext(keeper)
    return litellm


async def _until_the_loop_ends(litellm: Any, loop: asyncio.AbstractEventLoop) -> _Keeper:
    try:
        yield
    finally:
        clients = litellm.in_memory_llm_clients_cache.cache_dict
        for key in [key for key in clients if key.endswith(f"-{id(loop)}")]:
            await _close(client := clients.pop(key))
            if vars(litellm).get(_SHARED) is client:
                delattr(litellm, _SHARED)  # litellm makes another one in the next loop


async def _close(client: Any) -> None:
    for name in ("close", "aclose"):
        if asyncio.iscoroutinefunction(close := getattr(client, name, None)):
            await close()
            return


def _headers(error: Exception) -> Mapping[str, str]:
    found = getattr(error, "litellm_response_headers", None) or getattr(
        getattr(error, "response", None), "headers", None
    )
    return {str(name).lower(): str(value) for name, value in dict(found or {}).items()}


def _tool_call(call: Any) -> Json:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": call.function.arguments},
    }


def _tokens(usage: Any, cost: Any) -> Tokens:
    details = getattr(usage, "prompt_tokens_details", None)
    return Tokens(
        prompt=getattr(usage, "prompt_tokens", None) or 0,
        completion=getattr(usage, "completion_tokens", None) or 0,
        cached=getattr(details, "cached_tokens", None) or 0,
        cost=cost if isinstance(cost, float) else None,
    )


def _delta(chunk: Any) -> Delta:
    usage = getattr(chunk, "usage", None)
    if not chunk.choices:
        return Delta(tokens=_tokens(usage, None) if usage else None)
    choice = chunk.choices[0]
    piece = choice.delta
    calls = [
        {"index": call.index or 0, **_tool_call(call)} for call in getattr(piece, "tool_calls", None) or ()
    ]
    return Delta(
        content=piece.content or "",
        reasoning=getattr(piece, "reasoning_content", None) or "",
        tool_calls=calls,
        finish_reason=choice.finish_reason or "",
        tokens=_tokens(usage, None) if usage else None,
    )
