"""Finds the implementations of an open kind: in an open package, a file's name is its registered name.

A package such as `ingest.readers` is extended by adding one file; nothing else has to be edited, and the
contract suite of that kind finds the new file through this module too.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from types import ModuleType

from kag.errors import ConfigurationError


def names(package: str) -> list[str]:
    """Lists the implementations in an open package, by name, without importing them.

    Args:
        package: Import name of the package, such as `ingest.readers`.

    Returns:
        Module names in alphabetical order, without `base` and without those that begin with an underscore.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.submodule_search_locations is None:
        raise ConfigurationError(f"Cannot list implementations: {package!r} is not a package.")
    found = (module.name for module in pkgutil.iter_modules(spec.submodule_search_locations))
    return sorted(name for name in found if name != "base" and not name.startswith("_"))


def load(package: str, name: str) -> ModuleType:
    """Imports one implementation of an open package.

    Args:
        package: Import name of the package, such as `ingest.readers`.
        name: One of `names(package)`.

    Raises:
        ConfigurationError: There is no implementation of that name; the message lists those there are.
    """
    known = names(package)
    if name not in known:
        raise ConfigurationError(f"{package} has no {name!r}; it has: {', '.join(known) or 'nothing'}.")
    return importlib.import_module(f"{package}.{name}")
