"""The configuration of a module as it is now: its constructor's arguments, and what was set after that.

What was set is found by comparison with a twin that is made of the arguments alone, as loading will make one:
where an attribute of an argument's name differs from the twin's, the attribute is saved.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kag.data_models.session import Session
from kag.errors import SavingError
from kag.module import Module
from kag.modules.generator import Generator
from kag.saving._graph import graph_of

_OWN = {"name", "description", "trainable"}  # in every configuration as they are now, and in the state
_OPTIONS = ("temperature", "max_tokens", "top_p", "top_k", "reasoning_effort", "tools")
_NAMELESS = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.POSITIONAL_ONLY)


class Present:
    """Finds what was set after construction.

    Args:
        encode: Turns a value into JSON, to compare objects by; raises `SavingError` for what cannot be saved.
    """

    def __init__(self, encode: Callable[[Any], Any]) -> None:
        self._encode = encode

    def config(self, module: Module, where: str) -> Mapping[str, Any]:
        """The configuration that makes a module as it is now.

        Raises:
            SavingError: There is none; a `get_config` and `from_config` of the class's own could help.
        """
        config = module.get_config()
        if type(module).get_config is not Module.get_config:
            return config
        _refuse_nameless(module, config, where)
        _refuse_nameless_options(module, where)
        names = set(_settings(module)) & set(_accepted(module))
        if graph_of(module) is not None:
            names -= {"inputs", "outputs", "max_concurrency"}
        if not names and not _made(module, config):
            return config
        twin = _twin(module, config, where)
        changes = {**self._inside(module, twin, config, where), **self._own(module, twin, config)}
        if "schema" in changes:
            changes["data_model"] = None  # the schema stands in its place
        return {**config, **{key: value for key, value in changes.items() if key in _accepted(module, key)}}

    def _own(self, module: Module, twin: Module, config: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes of the names of arguments that differ from the twin's."""
        now, then, given = _settings(module), _settings(twin), set(_ids(config))
        names = [name for name in _accepted(module) if name in now and name in then and name not in _OWN]
        return {name: now[name] for name in names if self._differs(now[name], then[name], given)}

    def _inside(self, module: Module, twin: Module, config: Mapping[str, Any], where: str) -> dict[str, Any]:
        """What differs in modules that the constructor made, as arguments that it passes on to them."""
        changes: dict[str, Any] = {}
        inner, other = _made(module, config), _made(twin, config)
        if [type(one) for one in inner] != [type(one) for one in other]:  # built since, or of a graph
            return {}
        for one, its_twin in zip(inner, other, strict=True):
            its_config = one.get_config()
            found = {
                **self._inside(one, its_twin, its_config, f"{where}/{one.name}"),
                **self._own(one, its_twin, its_config),
            }
            for name, value in found.items():
                passed = name in _accepted(module, name) and config.get(name) is its_config.get(name)
                if not passed or (len(inner) > 1 and not _all_have(inner, name, value)):
                    raise SavingError(
                        f"{where} cannot be saved: {name} of {one!r} inside it was changed, and the "
                        f"constructor of {type(module).__name__} has no argument for that alone; "
                        "give it one, or write get_config and from_config."
                    )
                changes[name] = value
        return changes

    def _differs(self, now: Any, then: Any, given: set[int]) -> bool:
        if now is then:
            return False
        if type(now) is not type(then):
            return True
        if isinstance(now, list | tuple):
            pairs = zip(now, then, strict=False)
            return len(now) != len(then) or any(self._differs(a, b, given) for a, b in pairs)
        if isinstance(now, dict):
            return now.keys() != then.keys() or any(self._differs(now[key], then[key], given) for key in now)
        if isinstance(now, Module):  # one that the constructor makes is another each time
            return id(now) in given or id(then) in given
        return self._encodes_differently(now, then, given)

    def _encodes_differently(self, now: Any, then: Any, given: set[int]) -> bool:
        try:
            before = self._encode(then)
        except SavingError:
            return id(then) in given
        try:
            return bool(self._encode(now) != before)
        except SavingError:
            return True


def _twin(module: Module, config: Mapping[str, Any], where: str) -> Module:
    """A module of the same arguments; its made-up names count nowhere."""
    try:
        with Session():
            return type(module).from_config(dict(config))
    except Exception as error:  # a constructor of somebody else's may raise anything
        raise SavingError(
            f"{where} cannot be saved: a {type(module).__name__} cannot be made again from the arguments of "
            f"its constructor ({error}); give it get_config and from_config."
        ) from error


def _settings(module: Module) -> dict[str, Any]:
    """Attributes, and for a generator the options of its calls, by the names of arguments."""
    if isinstance(module, Generator):
        return {**vars(module), **{name: module.options.get(name) for name in _OPTIONS}}
    return vars(module)


def _accepted(module: Module, wanted: str | None = None) -> list[str]:
    """Names of the arguments that a module's constructor takes; a wanted one too if it takes any."""
    parameters = inspect.signature(type(module).__init__).parameters.values()
    names = [p.name for p in parameters if p.kind not in (*_NAMELESS, inspect.Parameter.VAR_KEYWORD)][1:]
    if wanted is not None and any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        names.append(wanted)
    return names


def _made(module: Module, config: Mapping[str, Any]) -> list[Module]:
    """The modules inside that its constructor made; those of a graph are saved with it."""
    if graph_of(module) is not None:
        return []
    given = set(_ids(config))
    return [inner for inner in module.modules if id(inner) not in given]


def _all_have(modules: list[Module], name: str, value: Any) -> bool:
    return all(_settings(module).get(name, value) is value for module in modules)


def _ids(value: Any) -> Iterator[int]:
    """Ids of all objects in a configuration."""
    yield id(value)
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _ids(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _ids(item)


def _refuse_nameless(module: Module, config: Mapping[str, Any], where: str) -> None:
    kind = type(module)
    for parameter in inspect.signature(kind.__init__).parameters.values():
        if parameter.kind in _NAMELESS and config.get(parameter.name):
            star = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else ""
            raise SavingError(
                f"{where} cannot be saved: the constructor of {kind.__name__} takes {star}{parameter.name}, "
                "which cannot be given by name; take a list instead, or write get_config and from_config."
            )


def _refuse_nameless_options(module: Module, where: str) -> None:
    unknown = sorted(module.options.keys() - set(_OPTIONS)) if isinstance(module, Generator) else []
    if unknown:
        raise SavingError(
            f"{where} cannot be saved: its options have {', '.join(unknown)}, for which a Generator has no "
            "argument; set them on the language model, or in its extra_body."
        )
