"""Checks of optimizers' arguments; each names the argument and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar

from kag.errors import TrainingError

T = TypeVar("T")


def checked_count(name: str, value: Any, least: int = 1) -> int:
    """A whole number of at least so much.

    Raises:
        TrainingError: It is something else.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise TrainingError(f"{name} must be a whole number of at least {least}; got {value!r}.")
    return value


def checked_number(
    name: str, value: Any, *, above: float = -math.inf, least: float = -math.inf, most: float = math.inf
) -> float:
    """A finite number within bounds.

    Raises:
        TrainingError: It is something else.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not (value > above and least <= value <= most):
        bounds = [f"above {above:g}"] if above > -math.inf else []
        bounds += [f"at least {least:g}"] if least > -math.inf else []
        bounds += [f"at most {most:g}"] if most < math.inf else []
        raise TrainingError(f"{name} must be a number {' and '.join(bounds)}; got {value!r}.")
    return float(value)


def checked_choice(name: str, value: T, choices: Sequence[T]) -> T:
    """One of the choices.

    Raises:
        TrainingError: It is something else.
    """
    if not any(value is one or (isinstance(value, str) and value == one) for one in choices):
        raise TrainingError(f"{name} must be one of {', '.join(map(repr, choices))}; got {value!r}.")
    return value
