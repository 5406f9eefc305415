"""Optimizers: how new values of trainable variables are proposed; one file each."""

from __future__ import annotations

from typing import Any

from kag.training._open import public_class, public_names
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate

__all__ = ["Candidate", "Optimizer", "Search"]


def __getattr__(name: str) -> Any:
    return public_class(__name__, Optimizer, name)


def __dir__() -> list[str]:
    return [*public_names(__name__, Optimizer), *__all__]
