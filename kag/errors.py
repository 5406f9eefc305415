"""Every error that the library raises on purpose, as one tree: callers catch as narrowly as they like.

KagError
├── ConfigurationError            settings, kag.toml, flags
├── MissingDependencyError        an optional package is not installed
├── SchemaError                   a JSON schema or a value that does not fit it
│   └── DataModelError            a data model used wrongly (a symbol read, an operator on a non-model)
├── ProgramError                  a graph of modules that cannot be built or run
│   ├── ModuleError               one module failed; names the module and its path
│   └── SavingError               a program file that cannot be written, read or trusted
├── LanguageModelError            a call to a language model failed
│   ├── RateLimitError
│   ├── AuthenticationError
│   ├── ModelTimeoutError
│   ├── ContextLengthError
│   ├── ContentFilteredError
│   ├── ProviderError
│   ├── StructuredOutputError     the answer does not fit the schema
│   └── BudgetExceeded            the call would cost more than is left
├── EmbeddingModelError           an embedding model cannot be had, or a call to it failed
├── StoreError                    the knowledge base
│   ├── StoreNotFoundError
│   ├── StoreLockedError
│   ├── StoreReadOnlyError
│   ├── StoreVersionError
│   ├── StoreCorruptError
│   ├── StoreFullError
│   ├── EmbeddingMismatchError    vectors of another model or size
│   └── QueryError                a raw query that is refused or fails
├── SearchError                   a search that cannot be run as asked
├── ReadError                     a document that cannot be read
│   ├── UnsupportedFileError
│   ├── EmptyDocumentError
│   └── TooLargeError
├── IngestError                   an ingestion that cannot go on
├── ToolError                     a tool of an agent or of the server
└── TrainingError                 compile, fit, rewards, optimizers

A message says what failed, what was received, what was expected and how to fix it. It never holds a secret.
"""

from __future__ import annotations


class KagError(Exception):
    """The root of every error that this library raises on purpose."""


class ConfigurationError(KagError):
    """A setting is missing, misspelt or of the wrong type."""


class MissingDependencyError(KagError):
    """An optional package is needed and not installed; the message says which extra brings it."""


class SchemaError(KagError):
    """A JSON schema is not usable, or a value does not fit its schema."""


class DataModelError(SchemaError):
    """A data model is used in a way that cannot work, such as reading a value from a symbol."""


class ProgramError(KagError):
    """A graph of modules cannot be built or run."""


class ModuleError(ProgramError):
    """A module failed while a program ran; the message names the module and its path."""


class SavingError(ProgramError):
    """A program file cannot be written, read or trusted."""


class LanguageModelError(KagError):
    """A call to a language model failed, after all retries and fallbacks.

    Args:
        message: What failed and how to fix it, without secrets.
        provider: The provider's name, such as `openai`.
        model: The model as the user named it, such as `openai/gpt-4o-mini`.
        status: HTTP status of the last answer, where there was one.
        attempts: How many requests were sent.
        request_id: The provider's identifier of the last request, where it gave one.
        retry_after: Seconds that the provider asked us to wait, where it did.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str = "",
        model: str = "",
        status: int | None = None,
        attempts: int = 0,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.model = model
        self.status = status
        self.attempts = attempts
        self.request_id = request_id
        self.retry_after = retry_after


class RateLimitError(LanguageModelError):
    """The provider refused for too many requests or tokens (429)."""


class AuthenticationError(LanguageModelError):
    """The key is missing, wrong or not allowed to use the model (401, 403)."""


class ModelTimeoutError(LanguageModelError):
    """No answer came in time."""


class ContextLengthError(LanguageModelError):
    """The prompt or the answer is longer than the model allows."""


class ContentFilteredError(LanguageModelError):
    """The provider's filter withheld the answer."""


class ProviderError(LanguageModelError):
    """The provider failed (5xx), refused the request (4xx) or could not be reached."""


class StructuredOutputError(LanguageModelError):
    """The answer does not fit the schema after all retries; `raw` holds its shortened text."""

    raw: str = ""


class BudgetExceeded(LanguageModelError):  # noqa: N818  the name is part of the public API
    """The call was not sent, because it could cost more than the budget has left."""


class EmbeddingModelError(KagError):
    """An embedding model cannot be had, or a call to it failed."""


class StoreError(KagError):
    """The knowledge base cannot do what was asked."""


class StoreNotFoundError(StoreError):
    """There is no store, or no such document, chunk or entity in it."""


class StoreLockedError(StoreError):
    """Another process holds the store for longer than we wait."""


class StoreReadOnlyError(StoreError):
    """The store cannot be written: its file, folder or connection is read-only."""


class StoreVersionError(StoreError):
    """The store was written by a newer version of this program."""


class StoreCorruptError(StoreError):
    """The file is not a store, or is damaged."""


class StoreFullError(StoreError):
    """The disk is full; nothing of the change was kept."""


class EmbeddingMismatchError(StoreError):
    """Vectors come from another model, or have another size, than those of the store."""


class QueryError(StoreError):
    """A raw query was refused or failed."""


class SearchError(KagError):
    """A search cannot be run as asked."""


class ReadError(KagError):
    """A document cannot be read."""


class UnsupportedFileError(ReadError):
    """No reader knows this kind of file, or it is not what its name says."""


class EmptyDocumentError(ReadError):
    """The document holds no text (a scanned PDF, an empty file)."""


class TooLargeError(ReadError):
    """The document is larger than the limit."""


class IngestError(KagError):
    """An ingestion cannot go on."""


class ToolError(KagError):
    """A tool of an agent or of the server failed in a way that the caller should read."""


class TrainingError(KagError):
    """A program cannot be compiled, trained or evaluated as asked."""
