"""Open packages: one new file adds a reward, metric, optimizer or callback; its class is found by name."""

from __future__ import annotations

from typing import Any

from kag.data_models.session import snake_case
from kag.discover import load, names


def public_class(package: str, base: type, name: str) -> Any:
    """The class of a name in the files of an open package.

    Args:
        package: Import name of the package.
        base: What the classes in it are derived from.
        name: The class's name, such as `ExactMatch`, looked for in `exact_match.py` first.

    Raises:
        AttributeError: No file has it.
    """
    if name.startswith("_"):
        raise AttributeError(name)
    likely = snake_case(name)
    for file in sorted(names(package), key=lambda file: file != likely):
        found = vars(load(package, file)).get(name)
        if isinstance(found, type) and issubclass(found, base):
            return found
    raise AttributeError(f"{package} has no {name!r}; it has: {', '.join(public_names(package, base))}.")


def public_names(package: str, base: type) -> list[str]:
    """Names of all classes that the files of an open package define."""
    classes = [
        thing
        for file in names(package)
        for thing in vars(load(package, file)).values()
        if isinstance(thing, type) and issubclass(thing, base) and thing.__module__.startswith(package)
    ]
    return sorted({c.__name__ for c in classes if not c.__name__.startswith("_") and c is not base})
