"""Arguments and methods that users write: refused with an error that says what is wrong."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from kag.errors import ProgramError


def checked_type(owner: object, argument: str, value: Any, *kinds: type) -> Any:
    """An argument of something, if it is of one of some types; a bool is no number.

    Raises:
        ProgramError: It is of another type.
    """
    if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
        return value
    expected = " or ".join(kind.__name__ for kind in kinds)
    raise ProgramError(f"{argument} of {owner!r} must be {expected}; got {value!r}.")


async def awaited(
    owner: object, method: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """What an async method gives.

    Raises:
        ProgramError: It is a plain function.
    """
    result = method(*args, **kwargs)
    if not inspect.isawaitable(result):
        raise ProgramError(f"{method.__name__} of {owner!r} must be `async def`; it is a plain function.")
    return await result


def check_call(
    owner: object, call: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> None:
    """Refuses arguments that a module's `call` does not take; `training` is not among them.

    Raises:
        ProgramError: There are too many or too few, or one has an unknown name.
    """
    takes = inspect.signature(call)
    given = {**kwargs, "training": False} if "training" in takes.parameters else kwargs
    try:
        takes.bind(*args, **given)
    except TypeError as error:
        names = ", ".join(name for name in takes.parameters if name != "training")
        named = "".join(f", {key}=..." for key in kwargs if key != "training")
        raise ProgramError(
            f"{owner!r} was called with {len(args)} arguments{named} and takes ({names}): {error}. "
            "Give several data models as one list, tuple or dict."
        ) from None
