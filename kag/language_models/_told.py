"""What servers tell about the models that they have: context length, and who serves a model of OpenRouter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf

import orjson

from kag.errors import ConfigurationError, LanguageModelError, ProviderError
from kag.http import base_url, is_local, proxy_for, session
from kag.language_models._errors import failure, unreachable
from kag.language_models._providers import PROVIDERS
from kag.language_models.base import Endpoint, Json

_OPENROUTER_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.:-]*", re.ASCII)
_TELL_SECONDS = 20.0
_CONTEXT_KEYS = (
    "loaded_context_length", "n_ctx", "max_model_len", "context_length", "context_window",
    "max_context_length", "max_input_tokens",
)  # fmt: skip


async def context_length(endpoint: Endpoint) -> int | None:
    """Returns how many tokens a prompt and its answer may have; None where the server does not tell."""
    if not endpoint.api_base:
        return None
    try:
        value = await _get(endpoint, "/models")
    except LanguageModelError:
        return None
    data = value.get("data")
    entries = [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
    named = [entry for entry in entries if entry.get("id") == endpoint.name]
    for entry in named or (entries if len(entries) == 1 else ()):
        described = entry | _object(entry.get("meta"))
        found = [described[key] for key in _CONTEXT_KEYS if isinstance(described.get(key), int)]
        if found:
            return int(found[0])
    return None


@dataclass(frozen=True, slots=True)
class BackEnd:
    """One of those that serve a model of OpenRouter.

    Args:
        name: What `provider={"only": [...]}` takes.
        context_length: Tokens that a prompt and its answer may have.
        prompt: USD for a million tokens of prompt.
        completion: USD for a million tokens of answer.
        quantization: Such as `fp8`; empty where it is not told.
        structured: Whether it holds answers to a JSON schema.
        tools: Whether it calls tools.
        uptime: Share of the last half hour in which it answered, 0 to 100; None where it is not told.
    """

    name: str
    context_length: int | None
    prompt: float | None
    completion: float | None
    quantization: str
    structured: bool
    tools: bool
    uptime: float | None


async def back_ends(model: str, *, api_base: str | None = None, api_key: str | None = None) -> list[BackEnd]:
    """Lists who serves a model of OpenRouter, the cheapest first.

    Args:
        model: `author/name`, with or without `openrouter/` before it.
        api_base: Another address than OpenRouter's own.
        api_key: The key, by default OpenRouter's usual variable; it tells this without one too.

    Raises:
        ConfigurationError: The name is not of that form.
        LanguageModelError: There is no such model, or no answer.
    """
    name = model.removeprefix("openrouter/")
    if not _OPENROUTER_NAME.fullmatch(name):
        raise ConfigurationError(
            f"A model of OpenRouter is named 'author/name', such as 'meta-llama/llama-3.1-8b-instruct'; "
            f"got {model!r}."
        )
    known = PROVIDERS["openrouter"]
    base = base_url(api_base or known.api_base)
    endpoint = Endpoint(
        "openrouter", f"openrouter/{name}", name, base, api_key or known.key(), is_local(base)
    )
    value = await _get(endpoint, f"/models/{name}/endpoints")
    entries = _object(value.get("data")).get("endpoints")
    if not isinstance(entries, list):
        raise ProviderError(
            f"{endpoint.model}: {base} gave no list of back-ends; is it OpenRouter?",
            provider="openrouter",
            model=endpoint.model,
        )
    found = [_back_end(entry) for entry in entries if isinstance(entry, dict)]
    return sorted(found, key=lambda one: ((one.prompt or 0.0) + (one.completion or 0.0), one.name))


def _back_end(entry: Json) -> BackEnd:
    pricing = _object(entry.get("pricing"))
    known, length = entry.get("supported_parameters"), entry.get("context_length")
    known = known if isinstance(known, list) else []
    uptime = entry.get("uptime_last_30m")
    quantization = str(entry.get("quantization") or "")
    return BackEnd(
        name=str(entry.get("provider_name") or entry.get("name") or "?"),
        context_length=length if isinstance(length, int) else None,
        prompt=_per_million(pricing.get("prompt")),
        completion=_per_million(pricing.get("completion")),
        quantization="" if quantization == "unknown" else quantization,
        structured="structured_outputs" in known,
        tools="tools" in known,
        uptime=float(uptime) if isinstance(uptime, int | float) else None,
    )


def _per_million(price: object) -> float | None:
    """Reads a price for one token; None where there is none, as for models that choose another model."""
    try:
        dollars = float(str(price)) * 1_000_000
    except ValueError:
        return None
    return round(dollars, 6) if 0 <= dollars < inf else None


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


async def _get(endpoint: Endpoint, path: str) -> Json:
    """Fetches a JSON object that a server tells about itself.

    Raises:
        LanguageModelError: There is none.
    """
    import aiohttp

    url = f"{endpoint.api_base}{path}"
    headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    limit = aiohttp.ClientTimeout(total=_TELL_SECONDS)
    try:
        client = await session()
        asked = client.get(url, headers=headers, timeout=limit, proxy=proxy_for(url), allow_redirects=False)
        async with asked as response:
            status, body, answered = response.status, await response.read(), response.headers
    except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
        raise unreachable(endpoint, error) from error
    if status != 200:
        raise failure(endpoint, status, body, answered)
    try:
        return _object(orjson.loads(body))
    except orjson.JSONDecodeError:
        return {}
