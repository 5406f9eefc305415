"""Metrics: what is measured beside the reward; one file each."""

from __future__ import annotations

from typing import Any

from kag.training._open import public_class, public_names
from kag.training.metrics.base import Metric, Run

__all__ = ["Metric", "Run"]


def __getattr__(name: str) -> Any:
    return public_class(__name__, Metric, name)


def __dir__() -> list[str]:
    return [*public_names(__name__, Metric), *__all__]
