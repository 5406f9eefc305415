"""Callbacks: what happens besides, at the end of epochs; one file each."""

from __future__ import annotations

from typing import Any

from kag.training._open import public_class, public_names
from kag.training.callbacks.base import Callback

__all__ = ["Callback"]


def __getattr__(name: str) -> Any:
    return public_class(__name__, Callback, name)


def __dir__() -> list[str]:
    return [*public_names(__name__, Callback), "Callback"]
