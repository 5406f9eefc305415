"""Servers that speak the OpenAI embeddings API: OpenAI, OpenRouter, Ollama, vLLM, llama.cpp, any `api_base`.

Vectors travel as base64, which takes a quarter of the CPU of JSON numbers, until a server shows that it does
not want that.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from kag import http
from kag.embedding_models._retry import PassingError, retrying
from kag.embedding_models.base import Backend, Batch, Options
from kag.errors import EmbeddingModelError

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from kag.embedding_models.base import Vectors

_TOO_MUCH = re.compile(r"batch|too (many|large|long)|maximum|exceed|limit|tokens", re.IGNORECASE)
_CONNECT_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class _Server:
    """Where a provider is, which variables hold its key and another address, and what it takes at once."""

    base: str
    key: str = ""
    address: str = ""
    batch: Batch = field(default_factory=Batch)


_SERVERS = {
    "openai": _Server(
        "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL", Batch(texts=256, characters=400_000)
    ),
    "openrouter": _Server("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "mistral": _Server(
        "https://api.mistral.ai/v1", "MISTRAL_API_KEY", batch=Batch(texts=32, characters=30_000)
    ),
    "together_ai": _Server("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "ollama": _Server("http://localhost:11434/v1", "OLLAMA_API_KEY", "OLLAMA_HOST"),
    "lm_studio": _Server("http://localhost:1234/v1", "LM_STUDIO_API_KEY", "LM_STUDIO_API_BASE"),
    "hosted_vllm": _Server("http://localhost:8000/v1", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE"),
    "llama_cpp": _Server("http://localhost:8080/v1", "LLAMA_CPP_API_KEY", "LLAMA_CPP_API_BASE"),
}
_ALIASES = {
    "vllm": "hosted_vllm",
    "llamafile": "llama_cpp",
    "lmstudio": "lm_studio",
    "together": "together_ai",
}


def accepts(options: Options) -> bool:
    """Claims the providers it knows, and every model at an address of the user's own."""
    return bool(options.api_base) or _ALIASES.get(options.prefix(), options.prefix()) in _SERVERS


def build(options: Options) -> Backend:
    """Finds out where the server is and with which key; sends nothing.

    Raises:
        EmbeddingModelError: A hosted provider without a key, or a model without a name.
        ConfigurationError: `api_base` is no URL.
    """
    prefix = _ALIASES.get(options.prefix(), options.prefix())
    server = _SERVERS.get(prefix, _Server(""))
    name = options.name_after(prefix, options.prefix()) if prefix in _SERVERS else options.model or ""
    if not name or not options.model:
        raise EmbeddingModelError(
            "A server was given but no embedding model; name it as 'openai/NAME', such as 'openai/bge-m3'."
        )
    base = options.api_base or os.environ.get(server.address or "-", "") or server.base
    base = http.base_url(base, endpoint="/embeddings")
    # A server of one's own that speaks OpenAI's language has no business with the key for OpenAI.
    own = server.key == "OPENAI_API_KEY" and options.api_base is not None and http.is_local(base)
    key = options.api_key or ("" if own else os.environ.get(server.key or "-", ""))
    if not key and not options.api_base and not http.is_local(base):
        raise EmbeddingModelError(
            f"{options.model}: no key; set {server.key} or pass api_key=; your own server needs api_base=."
        )
    return OpenAIBackend(options, base=base, name=name, key=key, batch=server.batch)


class OpenAIBackend:
    """One model on one server.

    Args:
        options: What the user said; its `model` is the recorded name.
        base: URL that `/embeddings` is appended to.
        name: The model's name on the wire.
        key: The secret, or empty.
        batch: What one request may hold.
    """

    concurrency = 8

    def __init__(self, options: Options, *, base: str, name: str, key: str, batch: Batch) -> None:
        self.name = options.model or name
        self.dimensions = options.dimensions
        self.batch = batch
        self._options = options
        self._url = f"{base}/embeddings"
        self._wire_name = name
        self._key = key
        self._as_base64 = True

    async def embed(self, texts: list[str], *, query: bool) -> Vectors:
        """Sends one request, in halves where the server says that it is too much."""
        try:
            return await retrying(lambda: self._send(texts), self._options.retry)
        except _TooMuchError:
            if len(texts) == 1:
                raise
        import numpy as np

        half = len(texts) // 2
        first = await self.embed(texts[:half], query=query)
        return np.concatenate([first, await self.embed(texts[half:], query=query)])

    async def _send(self, texts: list[str]) -> Vectors:
        as_base64 = self._as_base64
        status, body, headers = await self._post(texts, as_base64=as_base64)
        if status in (400, 415, 422) and as_base64:
            status, body, headers = await self._post(texts, as_base64=False)
            if status == 200:
                self._as_base64 = False
        if status != 200:
            raise self._refused(status, body, headers)
        return self._rows(body, len(texts))

    async def _post(self, texts: list[str], *, as_base64: bool) -> tuple[int, bytes, Any]:
        import aiohttp

        client = await http.session()
        seconds = self._options.timeout
        limit = aiohttp.ClientTimeout(total=seconds, sock_connect=min(_CONNECT_SECONDS, seconds))
        request = client.post(
            self._url,
            data=orjson.dumps(self._body(texts, as_base64=as_base64)),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._key or 'none'}"},
            timeout=limit,
            proxy=http.proxy_for(self._url),
            allow_redirects=False,
        )
        try:
            async with request as response:
                return await _whole(response)
        except TimeoutError as error:
            raise PassingError(
                f"{self.name}: {self._url} did not answer within {seconds:g} s; raise timeout=."
            ) from error
        except (aiohttp.ClientError, OSError) as error:
            raise PassingError(
                f"{self.name}: {self._url} cannot be reached ({http.redact(str(error), self._key)}). "
                "Is the server up and api_base= right?"
            ) from error

    def _body(self, texts: list[str], *, as_base64: bool) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._wire_name, "input": texts}
        if as_base64:
            body["encoding_format"] = "base64"
        if self._options.dimensions is not None:
            body["dimensions"] = self._options.dimensions
        if self._options.provider:
            body["provider"] = dict(self._options.provider)
        return body | dict(self._options.extra_body)

    def _refused(self, status: int, body: bytes, headers: Any) -> EmbeddingModelError:
        said = http.shorten(http.redact(_complaint(body), self._key)) or "no reason given"
        text = f"{self.name}: the server answered {status}: {said}. {_advice(status)}"
        if status == 429 or status >= 500:
            error = PassingError(text)
            error.wait = http.retry_after(headers)
            return error
        if status == 413 or (status in (400, 422) and _TOO_MUCH.search(said)):
            return _TooMuchError(text)
        return EmbeddingModelError(text)

    def _rows(self, body: bytes, count: int) -> Vectors:
        from kag.embedding_models import _rows

        try:
            reply = orjson.loads(body)
            rows = _rows.from_items(reply["data"], self.name, count)
            if not rows.size:
                raise ValueError("vectors without numbers")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            said = http.shorten(http.redact(body[:300].decode("utf-8", "replace"), self._key), 200)
            raise EmbeddingModelError(
                f"{self.name}: {self._url} did not answer with embeddings but with: {said}. "
                "Is it an OpenAI-compatible server, and the model one for embeddings?"
            ) from error
        used = reply.get("usage")
        if isinstance(used, dict):
            self._options.usage.spend(used.get("prompt_tokens"), used.get("cost"))
        return rows


class _TooMuchError(EmbeddingModelError):
    """The server takes fewer or shorter texts in one request."""


async def _whole(response: ClientResponse) -> tuple[int, bytes, Any]:
    return response.status, await response.read(), response.headers


def _complaint(body: bytes) -> str:
    """Reads what a server says in its error body, whatever its form."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
    while isinstance(value, dict):
        value = value.get("error") or value.get("message") or value.get("detail") or str(value)
    return str(value)


def _advice(status: int) -> str:
    if status in (401, 403):
        return "Check api_key= or the provider's key variable, and that the key may use this model."
    if status == 404:
        return "Check the model's name and api_base=; a local server may have to fetch the model first."
    if status == 429:
        return "Send less at once (max_concurrency=, batch_size=)."
    return "Its log may say more." if status >= 500 else "Check the request's options."
