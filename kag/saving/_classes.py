"""Names of classes and functions in a file: registered ones, and the library's own.

A name from a file is looked up in the registry and in a fixed list of this library's packages; nothing else
can be reached by it, and nothing is called to find it.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from kag.data_models.session import snake_case
from kag.errors import SavingError
from kag.registry import registered_name, registered_object

# First part of a name to where such classes live; packages are searched with all that is in them. Names stay
# when a class moves from one file to another, so saved programs outlive that.
_HOMES: Mapping[str, Sequence[str]] = {
    "kag": (
        "kag.modules",
        "kag.data_models",
        "kag.language_models",
        "kag.embedding_models",
        "kag.knowledge_bases.knowledge_base",
        "kag.program",
        "kag.sequential",
        "kag.retrievers",
        "kag.agents",
        "kag.testing",
    ),
    "kag.rewards": ("kag.training.rewards",),
    "kag.metrics": ("kag.training.metrics",),
    "kag.optimizers": ("kag.training.optimizers",),
    "kag.callbacks": ("kag.training.callbacks",),
    "kag.training": ("kag.training",),
}
_SHALLOW = {
    "kag.language_models",
    "kag.embedding_models",
}  # what their __init__ offers is all there is to save


def name_of(thing: Any) -> str | None:
    """The name that a class or function has in a file; None if it has none."""
    registered = registered_name(thing)
    if registered is not None or not isinstance(thing, type) or thing.__name__.startswith("_"):
        return registered
    for label, homes in _HOMES.items():
        if any(f"{thing.__module__}.".startswith(f"{home}.") for home in homes):
            return f"{label}>{thing.__name__}" if _library_class(label, thing.__name__) is thing else None
    return None


def named(name: Any) -> Any:
    """The class or function of a name in a file.

    Raises:
        SavingError: There is none; the message says how to register it.
    """
    if not isinstance(name, str):
        raise SavingError(f"A class name must be a string; got {type(name).__name__}.")
    label, _, rest = name.partition(">")
    return _library_class(label, rest) or registered_object(name)


def how_to_register(thing: Any) -> str:
    """What to do about a class or function without a name."""
    kind = "class" if isinstance(thing, type) else "function"
    where = f"{thing.__module__}.{thing.__qualname__}"
    return f"the {kind} {where} is not registered; decorate it with @kag.saving.register_kag_serializable()."


@lru_cache(maxsize=1024)
def _library_class(label: str, name: str) -> Any:
    if label not in _HOMES or not name.isidentifier() or name.startswith("_"):
        return None
    for module_name in _modules(label, snake_case(name)):
        found = vars(importlib.import_module(module_name)).get(name)
        if isinstance(found, type) and f"{found.__module__}.".startswith("kag."):
            return found
    return None


def _modules(label: str, likely: str) -> Iterator[str]:
    """Import names of the modules that may hold a class, the likeliest file first."""
    listed = [name for home in _HOMES[label] for name in _inside(home)]
    yield from sorted(listed, key=lambda name: not name.endswith(f".{likely}"))


def _inside(home: str) -> Iterator[str]:
    if _is_missing(home):
        return
    yield home
    package = importlib.import_module(home)
    if home in _SHALLOW or not hasattr(package, "__path__"):
        return
    for found in pkgutil.walk_packages(package.__path__, f"{home}."):
        if not found.name.rpartition(".")[2].startswith("_"):
            yield found.name


def _is_missing(name: str) -> bool:
    parent = name.rpartition(".")[0]
    if parent != "kag" and _is_missing(parent):
        return True
    return importlib.util.find_spec(name) is None
