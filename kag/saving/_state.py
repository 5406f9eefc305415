"""The state of a program as a tree that follows its modules: names, what is frozen, variables' values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from kag.data_models.variable import Variable
from kag.errors import SavingError, SchemaError
from kag.module import Module
from kag.saving._secrets import refuse_secrets
from kag.schema.values import Json

_Change = Callable[[], None]


def state_of(module: Module) -> Json:
    """The state of a module and of all inside it.

    Raises:
        SavingError: Something in it looks like a secret.
    """
    return _state_of(module, {}, module.name)


def _state_of(module: Module, seen: dict[int, int], path: str) -> Json:
    if id(module) in seen:
        return {"again": seen[id(module)]}
    seen[id(module)] = len(seen)
    refuse_secrets({"description": module.description}, path)
    return {
        "id": seen[id(module)],
        "name": module.name,
        "class": type(module).__name__,
        "description": module.description,
        "trainable": module.trainable,
        "variables": [_variable(variable, path) for variable in module.own_variables],
        "modules": [_state_of(child, seen, f"{path}/{child.name}") for child in module.modules],
    }


def _variable(variable: Variable, path: str) -> Json:
    value = variable.get_json()
    refuse_secrets([value, {"description": variable.description}], f"{path}/{variable.name}")
    return {
        "name": variable.name,
        "description": variable.description,
        "trainable": variable.trainable,
        "value": value,
    }


def restore(module: Module, state: Any, *, values_only: bool = False) -> None:
    """Gives a module and all inside it a state; if anything does not fit, nothing is changed.

    A module that is built at its first call gets its part of the state then.

    Args:
        module: Of the same structure as the one whose state it was.
        state: What `state_of` gave.
        values_only: Leave names, descriptions and what is frozen as they are.

    Raises:
        SavingError: The structure differs, or a value does not fit its variable.
    """
    _Restoring(dict(_numbered(state)), values_only).all(module, state)


def _numbered(state: Any) -> Iterator[tuple[int, Json]]:
    if isinstance(state, dict) and "again" not in state:
        yield state["id"], state
        for child in state["modules"]:
            yield from _numbered(child)


class _Restoring:
    def __init__(self, states: dict[int, Json], values_only: bool) -> None:
        self._states = states
        self._values_only = values_only
        self._seen: set[int] = set()
        self._changes: list[_Change] = []

    def all(self, module: Module, state: Any) -> None:
        """Collects all changes, then makes them."""
        self._visit(module, state, module.name)
        changes, self._changes = self._changes, []
        for change in changes:
            change()

    def _visit(self, module: Module, state: Any, path: str) -> None:
        if id(module) in self._seen:
            return
        self._seen.add(id(module))
        if not isinstance(state, dict):
            raise SavingError(f"The state of {path!r} must be an object; got {type(state).__name__}.")
        if "again" in state:
            state = self._states[state["again"]]
        if state["class"] != type(module).__name__:
            raise SavingError(
                f"{path!r} is a {type(module).__name__}, the file has a {state['class']} there; "
                "load the variables into a program of the same structure."
            )
        if self._waits(module, state):
            self._seen.discard(id(module))
            self._changes.append(lambda: module.when_built(lambda: self.all(module, state)))
            return
        self._variables(module, state["variables"], path)
        if len(module.modules) != len(state["modules"]):
            raise SavingError(
                f"{path!r} has {len(module.modules)} modules inside, the file has {len(state['modules'])} "
                "there; load the variables into a program of the same structure."
            )
        if not self._values_only:
            checked_name(state["name"], path)
            self._changes.append(partial(_mark, module, state))
        for child, part in zip(module.modules, state["modules"], strict=True):
            self._visit(child, part, f"{path}/{child.name}")

    def _waits(self, module: Module, state: Json) -> bool:
        """Whether what the state is for will be there only when the module is built."""
        if module.built or type(module).build is Module.build:
            return False
        missing = len(state["modules"]) > len(module.modules)
        return missing or len(state["variables"]) > len(module.own_variables)

    def _variables(self, module: Module, states: Any, path: str) -> None:
        """Variables are matched in order, since names may have been made up."""
        variables = module.own_variables
        if len(variables) != len(states):
            raise SavingError(f"{path!r} has {len(variables)} variables, the file has {len(states)} there.")
        for variable, state in zip(variables, states, strict=True):
            try:
                variable.checked(state["value"])
            except SchemaError as error:
                raise SavingError(f"The value of {path}/{variable.name} does not fit: {error}") from error
            self._changes.append(partial(variable.assign, state["value"]))
            if not self._values_only:
                if not isinstance(state["name"], str) or not state["name"]:
                    raise SavingError(
                        f"A variable's name must be a non-empty string; the file has {state['name']!r} for "
                        f"{path}/{variable.name}."
                    )
                self._changes.append(partial(_mark, variable, state))


def checked_name(name: Any, place: str) -> str:
    """A module's name from a file.

    Raises:
        SavingError: It is one that modules refuse.
    """
    if not isinstance(name, str) or not name or "/" in name:
        raise SavingError(
            f"A module's name must be a non-empty string without '/'; the file has {name!r} for {place}."
        )
    return name


def _mark(thing: Module | Variable, state: Json) -> None:
    thing.name = str(state["name"])
    thing.description = str(state["description"])
    thing.trainable = state["trainable"] is True
