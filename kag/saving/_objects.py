"""Single objects as JSON and back, for a `get_config` and `from_config` of one's own."""

from __future__ import annotations

from typing import Any

from kag.saving._decoder import Decoder
from kag.saving._encoder import Encoder


def serialize_kag_object(thing: Any) -> Any:
    """A live object as JSON, for a `get_config` of your own.

    Args:
        thing: A module, language or embedding model, knowledge base, data model (class or instance),
            registered class or function, or JSON.

    Raises:
        SavingError: It, or something in its configuration, cannot be saved; the message says why.

    Example:
        >>> serialize_kag_object(LanguageModel("ollama/mistral"))["$object"]
        'kag>LanguageModel'
    """
    return Encoder().encode(thing)


def deserialize_kag_object(config: Any) -> Any:
    """The live object that `serialize_kag_object` was given.

    Raises:
        SavingError: It names a class that is not registered, or cannot be built.
    """
    return Decoder().decode(config)
