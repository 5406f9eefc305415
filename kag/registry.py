"""Names of serialisable classes and functions: a saved program is built from these, not from code in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from kag.errors import SavingError

T = TypeVar("T", bound=Callable[..., Any])

_objects: dict[str, Any] = {}
_names: dict[int, str] = {}


def register_kag_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """Decorator that makes a class or function known to saving and loading.

    Registering another object under a known name replaces it, so that a notebook's cell can be run again.

    Args:
        package: First part of the registered name; keeps names of different projects apart.
        name: Second part; the object's own name by default.

    Example:
        >>> @register_kag_serializable()
        ... async def same(y_true, y_pred):
        ...     return 1.0
        >>> registered_name(same)
        'Custom>same'
    """

    def register(thing: T) -> T:
        if not callable(thing):
            raise SavingError(f"Only classes and functions can be registered; got {type(thing).__name__}.")
        full = f"{package}>{name or thing.__name__}"
        replaced = _objects.get(full)
        if replaced is not None:
            _names.pop(id(replaced), None)
        _objects[full] = thing
        _names[id(thing)] = full
        return thing

    return register


def registered_name(thing: object) -> str | None:
    """The name that a class or function is registered under, None if it is not."""
    name = _names.get(id(thing))
    return name if name is not None and _objects[name] is thing else None


def registered_object(name: str) -> Any:
    """The class or function of a registered name, such as `Custom>my_reward`.

    Raises:
        SavingError: Nothing is registered under it.
    """
    if name not in _objects:
        raise SavingError(
            f"{name!r} is not registered; import its module and decorate it with "
            "@kag.saving.register_kag_serializable()."
        )
    return _objects[name]
