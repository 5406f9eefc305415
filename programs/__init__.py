"""Ready-made trainable answerers, one a file; `load` and `make` give one for a knowledge base."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from programs._library import inputs_for as inputs_for
    from programs._library import load as load
    from programs._library import make as make
    from programs._library import makers as makers

__all__ = ["inputs_for", "load", "make", "makers"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'programs' has no attribute {name!r}")
    return getattr(importlib.import_module("programs._library"), name)
