"""Every other provider, through the litellm library: Cohere, Voyage, Gemini, Azure, Bedrock and dozens more.

litellm takes seconds to import, so it is imported at the first request, and kept from looking for a newer
price list.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from kag import http
from kag.embedding_models._retry import PassingError, retrying
from kag.embedding_models.base import Backend, Batch, Options
from kag.errors import EmbeddingModelError, MissingDependencyError

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors

# Providers that want to know what a text is: their words for a question and for a passage.
_KINDS = {"cohere": ("search_query", "search_document"), "voyage": ("query", "document")}
_BATCH = Batch(texts=64, characters=100_000)


def accepts(options: Options) -> bool:
    """Claims what is named as `provider/name`; it is asked last."""
    return "/" in (options.model or "") and options.folder is None


def build(options: Options) -> Backend:
    """Takes note of the model; imports and sends nothing."""
    return LitellmBackend(options)


class LitellmBackend:
    """One model of any provider that litellm knows."""

    concurrency = 4
    batch = _BATCH

    def __init__(self, options: Options) -> None:
        self._options = options
        self._model = options.name_after("litellm")
        self.name = self._model
        self.dimensions = options.dimensions

    async def embed(self, texts: list[str], *, query: bool) -> Vectors:
        """Sends one request."""
        library = await asyncio.to_thread(_library)
        return await retrying(lambda: self._send(library, texts, query=query), self._options.retry)

    async def _send(self, library: ModuleType, texts: list[str], *, query: bool) -> Vectors:
        from openai import OpenAIError

        from kag.embedding_models import _rows

        try:
            reply = await library.aembedding(input=texts, **self._arguments(query=query))
        except (OpenAIError, ValueError) as error:
            raise self._failure(error) from error
        try:
            rows = _rows.from_items(reply.data, self.name, len(texts))
        except (TypeError, ValueError, KeyError) as error:
            raise EmbeddingModelError(f"{self.name}: the answer holds no vectors ({error}).") from error
        hidden = getattr(reply, "_hidden_params", None) or {}
        self._options.usage.spend(getattr(reply.usage, "prompt_tokens", None), hidden.get("response_cost"))
        return rows

    def _arguments(self, *, query: bool) -> dict[str, Any]:
        options = self._options
        found: dict[str, Any] = {
            "model": self._model,
            "timeout": options.timeout,
            "max_retries": 0,
            "num_retries": 0,
            "api_base": options.api_base,
            "api_key": options.api_key,
            "dimensions": options.dimensions,
            "provider": dict(options.provider) if options.provider else None,
        }
        kinds = _KINDS.get(self._model.partition("/")[0].lower())
        if kinds:
            found["input_type"] = kinds[0] if query else kinds[1]
        given: Mapping[str, Any] = {key: value for key, value in found.items() if value is not None}
        return {**given, **options.extra_body}

    def _failure(self, error: Exception) -> EmbeddingModelError:
        said = http.shorten(http.redact(str(error), self._options.api_key or ""))
        status = getattr(error, "status_code", None)
        text = f"{self.name}: litellm reports {type(error).__name__}: {said}"
        if status in (401, 403):
            text += " Set the provider's key variable or pass api_key=."
        if status == 429 or (isinstance(status, int) and status >= 500):
            return PassingError(text)
        return EmbeddingModelError(text)


def _library() -> ModuleType:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        litellm = importlib.import_module("litellm")
    except ImportError as error:
        raise MissingDependencyError("This provider needs litellm: pip install litellm") from error
    litellm.suppress_debug_info = True  # type: ignore[attr-defined]  # a flag of that library
    return litellm
