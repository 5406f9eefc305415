"""Rewards: how good an answer is, from 0 to 1; one file each."""

from __future__ import annotations

from typing import Any

from kag.training._open import public_class, public_names
from kag.training.rewards.base import Judgement, Reward

__all__ = ["Judgement", "Reward"]


def __getattr__(name: str) -> Any:
    return public_class(__name__, Reward, name)


def __dir__() -> list[str]:
    return [*public_names(__name__, Reward), *__all__]
