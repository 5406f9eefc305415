"""What a provider of embeddings is: the contract of each file of this package without an underscore.

A new provider is one new file here with two functions: `accepts(options)`, which claims a model by its name
without doing anything, and `build(options)`, which gives a `Backend`. A model that is named after the file
(`fastembed/...` for `fastembed.py`) is always the file's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from kag.embedding_models._usage import Usage
from kag.errors import EmbeddingModelError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

EmbedFunction = Callable[[list[str]], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a user said about the model; the same for every provider.

    Args:
        model: Its name as given, such as `openai/text-embedding-3-small`; None where a folder says it all.
        folder: Folder with an ONNX model and its tokenizer.
        api_base: URL of an OpenAI-compatible server.
        api_key: The secret.
        provider: OpenRouter's choice of back-ends.
        timeout: Seconds until one request must be answered.
        retry: How often a request is sent again after 429, 5xx and broken connections.
        dimensions: Wanted length of vectors, for models that can shorten them.
        extra_body: Further fields of each request.
        download: False forbids fetching model files.
        threads: Threads for a model that runs in this process.
        usage: What a provider adds the tokens and the cost of its requests to.
    """

    model: str | None = None
    folder: Path | None = None
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    provider: Mapping[str, Any] | None = None
    timeout: float = 60.0
    retry: int = 5
    dimensions: int | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    download: bool = True
    threads: int | None = None
    usage: Usage = field(default_factory=Usage, repr=False, compare=False)

    def prefix(self) -> str:
        """Returns what stands before the first slash of the model's name, lower-cased."""
        return (self.model or "").partition("/")[0].lower()

    def name_after(self, *prefixes: str) -> str:
        """Returns the model's name without its first part, where that is one of some prefixes."""
        first, slash, rest = (self.model or "").partition("/")
        return rest if slash and first.lower() in prefixes else self.model or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a user wants texts to be sent, whatever the provider; None leaves it to what suits the model.

    Args:
        cache: File or folder that keeps vectors; None keeps none.
        batch_size: Texts in one request.
        max_concurrency: Requests under way at once.
        query_prompt: Words before each question.
        passage_prompt: Words before each passage.
    """

    cache: Path | None = None
    batch_size: int | None = None
    max_concurrency: int | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """How much goes into one request at most.

    Args:
        texts: Number of texts.
        characters: Characters of all texts together; a longer single text goes alone.
    """

    texts: int = 64
    characters: int = 200_000


class Backend(Protocol):
    """One model that is ready: a server that is known, or weights that are loaded.

    Attributes:
        name: Full name under which vectors are recorded, such as `wordllama/l2_supercat_256`.
        dimensions: Length of its vectors; None until the first answer of a server tells.
        batch: What one call of `embed` may be given.
        concurrency: How many calls may be under way at once, unless the user says otherwise.
    """

    name: str
    dimensions: int | None
    batch: Batch
    concurrency: int

    async def embed(self, texts: list[str], *, query: bool) -> Vectors:
        """Embeds texts that are not blank.

        Args:
            texts: At most `batch` of them.
            query: Whether they are questions rather than passages, for providers that want to be told.

        Returns:
            Rows `(len(texts), dimensions)` in the same order, of any length.

        Raises:
            EmbeddingModelError: The model cannot be had or fails; nothing else is raised for that.
        """


def need_native(options: Options, name: str, native: int) -> None:
    """Refuses a wish for another vector length than the one a model has.

    Raises:
        EmbeddingModelError: `options.dimensions` is set to something else.
    """
    if options.dimensions not in (None, native):
        raise EmbeddingModelError(
            f"{name} makes vectors of {native} dimensions and cannot be shortened to {options.dimensions}; "
            f"leave dimensions= out or set it to {native}."
        )
