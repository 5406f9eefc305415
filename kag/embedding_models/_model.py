"""The embedding model that everything else uses: any provider, one way to call it."""

from __future__ import annotations

import inspect
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kag.embedding_models import _auto, _threads
from kag.embedding_models._auto import Choice
from kag.embedding_models._callable import CallableBackend
from kag.embedding_models.base import EmbedFunction, Habits, Options
from kag.errors import ConfigurationError, EmbeddingModelError, SavingError
from kag.graph.recording import refuse_while_recording
from kag.http import without_user

if TYPE_CHECKING:
    from kag.embedding_models._calls import Calls
    from kag.embedding_models.base import Vectors


class EmbeddingModel:
    """Turns texts into unit vectors whose dot product says how alike they are.

    The model is loaded, fetched or looked for when it is first used; the constructor does nothing of that.
    One object may be used from several event loops and threads.

    Args:
        model: `wordllama` (needs no download), `fastembed/NAME` or a hub name that fastembed knows,
            `openai/NAME`, `openrouter/NAME`, `ollama/NAME`, any name with `api_base`, any other
            `provider/NAME` through litellm; or an awaitable callable that returns `{"embeddings": [[...],
            ...]}`. None takes all-MiniLM-L6-v2 where its files are there or can be fetched within seconds,
            else `wordllama`.
        folder: Folder with an ONNX model and its `tokenizer.json`; needs no network.
        api_base: URL of an OpenAI-compatible server, with or without `/v1`.
        api_key: The server's key; the provider's usual variable by default.
        provider: OpenRouter's choice of back-ends, such as `{"only": ["DeepInfra"]}`.
        timeout: Seconds until one request must be answered.
        retry: How often a request is sent again after 429, 5xx and broken connections.
        cache: File (`.sqlite`) or folder that keeps vectors by the hash of their text; None keeps none.
        batch_size: Texts in one request; what the provider takes by default.
        max_concurrency: Requests under way at once; 8 for servers and 1 for local models by default.
        dimensions: Wanted length of vectors, for models that can shorten them.
        query_prompt: Words before each question; those the model is known to want by default.
        passage_prompt: Words before each passage; those the model is known to want by default.
        extra_body: Further fields of each request.
        download: False forbids fetching model files.
        threads: Threads for a model that runs in this process; one for each core by default.

    Raises:
        ConfigurationError: An argument is of the wrong type or out of range.

    Example:
        >>> em = EmbeddingModel("wordllama")
        >>> rows = await em.embed(["a cat", "a dog"])  # float32 (2, 256)
        >>> em.name
        'wordllama/l2_supercat_256'
    """

    def __init__(
        self,
        model: str | EmbedFunction | None = None,
        *,
        folder: str | os.PathLike[str] | None = None,
        api_base: str | None = None,
        api_key: str | None = None,
        provider: Mapping[str, Any] | None = None,
        timeout: float = 60.0,
        retry: int = 5,
        cache: str | os.PathLike[str] | None = None,
        batch_size: int | None = None,
        max_concurrency: int | None = None,
        dimensions: int | None = None,
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        download: bool = True,
        threads: int | None = None,
    ) -> None:
        _check_model(model)
        _check_numbers(retry=retry, batch_size=batch_size, max_concurrency=max_concurrency)
        _check_numbers(timeout=timeout, dimensions=dimensions, threads=threads)
        self.model = model
        self._habits = Habits(
            cache=None if cache is None else Path(cache).expanduser(),
            batch_size=batch_size,
            max_concurrency=max_concurrency,
            query_prompt=query_prompt,
            passage_prompt=passage_prompt,
        )
        self._options = Options(
            model=model if isinstance(model, str) else None,
            folder=None if folder is None else Path(folder).expanduser(),
            api_base=without_user(api_base or None, "EmbeddingModel"),
            api_key=api_key or None,
            provider=provider,
            timeout=timeout,
            retry=retry,
            dimensions=dimensions,
            extra_body=dict(extra_body or {}),
            download=download,
            threads=threads,
        )
        self.usage = self._options.usage
        self._choice: Choice | None = None
        self._calls: Calls | None = None
        self._loading = threading.Lock()

    def __repr__(self) -> str:
        shown = self._choice.backend.name if self._choice else self.model or self._options.folder or "auto"
        return f"EmbeddingModel({shown!s})"

    @property
    def name(self) -> str:
        """Full name under which its vectors are recorded, such as `wordllama/l2_supercat_256`."""
        return self._loaded().backend.name

    @property
    def dimensions(self) -> int:
        """Length of its vectors."""
        found = self._loaded().backend.dimensions
        if found is None:
            raise EmbeddingModelError(
                f"{self.name}: the length of its vectors is not known before `await load()`."
            )
        return found

    @property
    def reason(self) -> str:
        """Why it is this model, in one line."""
        return self._loaded().reason

    async def load(self, prefer: str | None = None) -> EmbeddingModel:
        """Makes the model ready, so that `name` and `dimensions` are known; a second call does nothing.

        A server whose vectors' length is not known is asked to embed one word.

        Args:
            prefer: Name of the model whose vectors are stored already. It is taken where the constructor
                named none, so that a store is read with the model that wrote it, without looking for a better
                one.

        Returns:
            The model itself.

        Raises:
            EmbeddingModelError: It cannot be had; says what was tried and what to do.
        """
        await (await self._ready(prefer)).measure()
        return self

    async def embed(self, texts: Iterable[Any], *, query: bool = False) -> Vectors:
        """Embeds texts.

        Args:
            texts: Any number of them; what is not a string is made one. Equal texts are embedded once.
            query: Whether they are questions that look for passages, which some models want to be told.

        Returns:
            float32 `(len(texts), dimensions)` in the order of the texts. Rows have length 1; that of a blank
            text is all zeros, and is like nothing.

        Raises:
            EmbeddingModelError: The model cannot be had or fails.
        """
        refuse_while_recording("An embedding model", EmbeddingModelError)
        given = [texts] if isinstance(texts, str) else texts
        wanted = [_writable(text if isinstance(text, str) else str(text)) for text in given]
        begun, failed = time.perf_counter(), 1
        try:
            rows = await (await self._ready()).rows(wanted, query=query)
            failed = 0
            return rows
        finally:
            seconds = time.perf_counter() - begun
            self.usage.add(calls=1, failures=failed, texts=len(wanted), latency=seconds)

    async def embed_query(self, text: Any) -> Vectors:
        """Embeds one question; float32 `(dimensions,)`. See `embed`."""
        row: Vectors = (await self.embed([text], query=True))[0]
        return row

    async def __call__(self, texts: Iterable[Any]) -> dict[str, list[list[float]]]:
        """Embeds texts and returns plain lists: `{"embeddings": [[...], ...]}`."""
        return {"embeddings": (await self.embed(texts)).tolist()}

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments, without the key and those that are None.

        Raises:
            SavingError: The model is a callable, which no file can hold.
        """
        if callable(self.model):
            raise SavingError(
                f"{self!r} is a callable and cannot be saved; name a model, such as 'wordllama'."
            )
        config = {**asdict(self._options), **asdict(self._habits), "api_key": None, "usage": None}
        plain = {key: str(value) if isinstance(value, Path) else value for key, value in config.items()}
        return {key: value for key, value in plain.items() if value is not None}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> EmbeddingModel:
        """Makes the model that `get_config` described; the key comes from the provider's usual variable.

        Raises:
            ConfigurationError: It has a field that a model does not take, or a wrong value.
        """
        unknown = sorted(set(config) - set(inspect.signature(cls).parameters))
        if unknown:
            raise ConfigurationError(f"EmbeddingModel: the configuration has unknown fields {unknown}.")
        return cls(**config)

    async def _ready(self, prefer: str | None = None) -> Calls:
        calls = self._calls
        return await _threads.abandonable(partial(self._load, prefer)) if calls is None else calls

    def _load(self, prefer: str | None) -> Calls:
        with self._loading:
            if self._calls is not None:
                return self._calls
            if callable(self.model):
                self._choice = Choice(CallableBackend(self.model), "it was given")
            else:
                self._choice = _auto.choose(self._options, prefer)
            from kag.embedding_models._calls import Calls

            self._calls = Calls(self._choice.backend, self._habits, self.usage)
            return self._calls

    def _loaded(self) -> Choice:
        if self._choice is None:
            raise EmbeddingModelError(f"{self!r} is not loaded yet; `await load()` or embed something first.")
        return self._choice


def get(source: EmbeddingModel | str | EmbedFunction) -> EmbeddingModel:
    """Makes an embedding model of whatever may stand for one.

    Args:
        source: An `EmbeddingModel`, which is returned as it is; a model's name; or an awaitable callable that
            takes texts and returns `{"embeddings": [[...], ...]}`.

    Raises:
        ConfigurationError: It is none of these.
    """
    if isinstance(source, EmbeddingModel):
        return source
    if source is None:
        raise ConfigurationError("An embedding model is needed here; give kag.EmbeddingModel() or a name.")
    return EmbeddingModel(source)


def _writable(text: str) -> str:
    """Replaces halves of surrogate pairs, which stand for nothing and which no server or tokenizer takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _check_model(model: object) -> None:
    if model is None or callable(model) or (isinstance(model, str) and model.strip()):
        return
    raise ConfigurationError(
        f"EmbeddingModel: model is {model!r}; expected a name such as 'wordllama' or 'ollama/NAME', "
        "an awaitable callable, or None to choose by what is there."
    )


def _check_numbers(**given: float | None) -> None:
    for name, value in given.items():
        least = 0 if name == "retry" else 1
        whole = isinstance(value, int) and not isinstance(value, bool)
        if name == "timeout":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigurationError(f"EmbeddingModel: timeout is {value!r}; expected seconds above 0.")
        elif value is not None and (not whole or value < least):
            raise ConfigurationError(
                f"EmbeddingModel: {name} is {value!r}; expected a whole number of at least {least}."
            )
