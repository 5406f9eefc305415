"""Module: everything that computes.

Awaiting a call with values runs the module; awaiting it with symbols records it in a graph.

A module is written by subclassing and defining `call`:

    class Shout(Module):
        async def call(self, inputs, training=False):
            return JsonDataModel(schema=inputs.get_schema(), json={"text": inputs.get("text").upper()})

What holds for every call:

- Data model instances arrive in `call` as `JsonDataModel`, results leave as such.
- None means that a branch was not taken: if a required argument of `call` is None, the call is not made and
  gives None. A module that wants to see None sets `accepts_none = True`, or gives the parameter a default.
- `training` need not be passed on: nested calls inherit it from the call around them.
- A failure names the module and its path: errors of this library keep their class and get a note, others
become `ModuleError`.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, ClassVar, NamedTuple, TypeVar

from kag.data_models.annotations import annotated_result, gives_unknown_number
from kag.data_models.results import check_promise, entering, leaving, output_symbol, stand_in, traced
from kag.data_models.session import auto_name, snake_case
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.variable import Variable
from kag.errors import KagError, ProgramError
from kag.graph.arguments import awaited, check_call, checked_type
from kag.graph.calls import Call, Observer, annotate, current_call, failure, observe, observers, under_way
from kag.graph.function import Function
from kag.graph.node import Node, has_symbol
from kag.graph.recording import for_real, recording, refuse_while_recording
from kag.graph.structure import leaves, map_leaves

__all__ = ["Call", "Module", "Observer", "current_call", "observe"]

M = TypeVar("M", bound="Module")


_UNREAD = object()  # what `call` promises by its annotation is read when it is first needed
_building = threading.Lock()


class _Shape(NamedTuple):
    """What a class's `call` takes: names of required parameters, whether it wants `training`."""

    required: tuple[str, ...]
    training: bool


class Module:
    """The base of everything that computes.

    Args:
        name: Unique within a program; made from the class name by default.
        description: What it is for, in words; optimizers show it to their model.
        trainable: False freezes the variables of this module and of those inside.
    """

    accepts_none: ClassVar[bool] = False
    """Set to True by modules whose `call` wants to see None (branches that were not taken)."""

    name: str = ""
    description: str = ""
    trainable: bool = True
    built: bool = False

    _shape: ClassVar[_Shape] = _Shape((), training=False)
    _promise: ClassVar[Any] = _UNREAD
    _config: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            cls._shape = _shape_of(cls)
        if cls.__dict__.keys() & {"call", "compute_output_spec"}:
            cls._promise = _UNREAD

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Notes the constructor's arguments, from which `get_config` answers."""
        module = super().__new__(cls)
        module._config = _bound(cls, args, kwargs)
        return module

    def __init__(
        self, name: str | None = None, description: str | None = None, trainable: bool | None = None
    ) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ProgramError(f"A module's name must be a non-empty string without '/'; got {name!r}.")
        if name is not None or not self.name:  # a second call changes only what it is given
            self.name = name or auto_name(snake_case(type(self).__name__))
        if description is not None:
            self.description = checked_type(self, "description", description, str)
        if trainable is not None:
            self.trainable = checked_type(self, "trainable", trainable, bool)

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes; what subclasses define, with `inputs` and, if they like, `training=False`.

        It may also be run on symbols, while a program is recorded, to learn what it gives: see
        `compute_output_spec`. Code that must not run then belongs after the first value is read, or into a
        module that defines `compute_output_spec` or a return annotation.
        """
        raise ProgramError(
            f"{type(self).__name__} must define `async def call(self, inputs, training=False)`."
        )

    async def build(self, *args: Any, **kwargs: Any) -> None:
        """Called once before the first call, with symbols for inputs; for state that depends on schemas."""

    def when_built(self, action: Callable[[], None]) -> None:
        """Does something as soon as `build` has run: loading gives a module its state then."""
        self.__dict__.setdefault("_when_built", []).append(action)

    async def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbols that a call on symbols gives.

        By default the return annotation of `call`: a data model class, several joined by `|`, or a
        `tuple[A, B]` or `TypedDict` of these for several results. Without one, `call` itself is run on
        symbols, which is called tracing. A trace that raises, reads a value, or gives None or a value tells
        nothing; then the symbol is open, with a schema at run time. Models and modules that are called on
        values while a trace runs refuse. What a trace gives is not exact, since the code may take another way
        when it runs.

        Raises:
            ProgramError: `call` gives several results, and neither annotation nor trace tell how many.
        """
        function = type(self).call
        spec = annotated_result(function)
        if spec is not None:
            return spec
        spec = await traced(self.call, args, kwargs)
        if isinstance(spec, SymbolicDataModel) and gives_unknown_number(function):
            raise ProgramError(
                f"{self!r} gives several results, and how many is not known before it runs; annotate `call` "
                "with tuple[A, B], or define compute_output_spec."
            )
        return spec

    async def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Runs the module on values, or records it on symbols.

        Args:
            *args: Data models, None, or lists, tuples and dicts of these.
            training: Record predictions; by default as the call around this one.
            **kwargs: Likewise, by the names of `call`'s parameters.

        Returns:
            JSON data models or symbols, in the structure that `call` gives; None if the branch was not taken.

        Raises:
            ModuleError: `call` failed with an error that is not this library's own.
        """
        if has_symbol(args, kwargs):
            return await self._record(args, kwargs)
        args = tuple([entering(arg) for arg in args])
        if kwargs:
            kwargs = {key: entering(value) for key, value in kwargs.items()}
        if not self.accepts_none and self._not_taken(args, kwargs):
            return None
        call = self._begun(training)
        token = under_way.set(call)
        try:
            if not self.built:
                await self._build(args, kwargs)
            if self._shape.training:
                kwargs["training"] = call.training
            if observers:
                return await _observed(call, args, kwargs)
            return self._kept(leaving(await self.call(*args, **kwargs), self))
        except KagError as error:
            annotate(error, call)
            raise
        except Exception as error:  # a user's code may raise anything; it is named and raised on
            raise self._failed(error, args, kwargs, call) from error
        finally:
            under_way.reset(token)

    @property
    def modules(self) -> list[Module]:
        """The modules directly inside this one, in the order of its fields."""
        return list({id(child): child for child in self._fields() if isinstance(child, Module)}.values())

    @property
    def own_variables(self) -> list[Variable]:
        """The variables in this module's own fields."""
        return list({id(child): child for child in self._fields() if isinstance(child, Variable)}.values())

    def walk(self) -> Iterator[tuple[str, Module]]:
        """This module and all inside it, each once, outer before inner, by path such as `program/branch`."""
        yield from _walk(self, self.name, set())

    @property
    def variables(self) -> list[Variable]:
        """All variables, each once: this module's own, then those of the modules inside."""
        return list({id(v): v for _, module in self.walk() for v in module.own_variables}.values())

    @property
    def trainable_variables(self) -> list[Variable]:
        """Variables that training may change: trainable themselves, in no frozen module."""
        return list(self.variable_paths(trainable_only=True).values())

    def variable_paths(self, trainable_only: bool = False) -> dict[str, Variable]:
        """All variables by path, such as `program/generator/state`, each once, under its first path."""
        found: dict[str, Variable] = {}
        _collect(self, self.name, found, set(), trainable_only=trainable_only)
        return found

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as they were given, with the present name, description, `trainable`.

        Values may be live objects (modules, models, data model classes); saving turns them into JSON.
        """
        own = {"name": self.name, "description": self.description, "trainable": self.trainable}
        accepted = inspect.signature(type(self).__init__).parameters
        return {**self._config, **{key: value for key, value in own.items() if key in accepted}}

    @classmethod
    def from_config(cls: type[M], config: Mapping[str, Any]) -> M:
        """A new module from what `get_config` gave."""
        return cls(**config)

    def _begun(self, training: bool | None) -> Call:
        """A call on values, within the one that is under way."""
        if recording():
            refuse_while_recording(repr(self))
        parent = under_way.get()
        if training is None:
            training = parent is not None and parent.training
        return Call(self, parent, training)

    async def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Notes the call in the graph of its symbols."""
        self._check_initialised()
        given = dict(kwargs)
        call = Call(self, current_call(), training=False)
        token = under_way.set(call)
        try:
            check_call(self, self.call, args, kwargs)
            if not self.built:
                await self._build(args, kwargs)
            outputs = await awaited(self, self.compute_output_spec, args, given)
            node = Node(self, self.name, args, given)
            return node.connect(map_leaves(lambda leaf: output_symbol(leaf, self), outputs))
        except KagError as error:
            annotate(error, call)
            raise
        except Exception as error:  # as at run time
            raise failure(error, call) from error
        finally:
            under_way.reset(token)

    async def _build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Builds once, whichever tasks and threads ask for it; the others wait, and try if it failed."""
        self._check_initialised()
        if type(self).build is Module.build:
            self.built = True
        while not self.built:
            turn, mine = self._turn()
            if not mine:
                await asyncio.wrap_future(turn)
                continue
            try:
                if not self.built:
                    with for_real():
                        await self._build_now(args, kwargs)
            finally:
                del self.__dict__["_builder"]
                turn.set_result(None)

    async def _build_now(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        await awaited(self, self.build, map_leaves(stand_in, args), map_leaves(stand_in, kwargs))
        self.built = True
        for action in self.__dict__.pop("_when_built", ()):
            action()

    def _turn(self) -> tuple[Future[None], bool]:
        """Who builds: a future that ends with it, in any event loop, and whether it is the caller."""
        with _building:
            known: Future[None] | None = self.__dict__.get("_builder")
            if known is not None:
                return known, False
            turn = Future[None]()
            turn.set_running_or_notify_cancel()  # a waiter that is cancelled does not cancel it
            self.__dict__["_builder"] = turn
            return turn, True

    def _kept(self, result: Any) -> Any:
        """A result, if it is what the return annotation of `call` promises and graphs believe."""
        promise = self._promise
        if promise is _UNREAD:
            cls = type(self)
            believed = cls.compute_output_spec is Module.compute_output_spec
            promise = cls._promise = annotated_result(cls.call) if believed else None
        if promise is not None and result is not None:
            check_promise(self, promise, result)
        return result

    def _failed(
        self, error: Exception, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call
    ) -> KagError:
        """What is raised for an error that is not this library's own."""
        try:
            if isinstance(error, TypeError):
                kwargs.pop("training", None)
                check_call(self, self.call, args, kwargs)
        except ProgramError as wrong:
            annotate(wrong, call)
            return wrong
        return failure(error, call)

    def _fields(self) -> Iterator[Any]:
        """Modules and variables in the fields, in order; the noted constructor arguments are not fields."""
        for field, value in vars(self).items():
            if field not in ("_config", "_builder"):
                yield from _children(value)

    def _not_taken(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
        required = self._shape.required
        if any(arg is None for arg in args[: len(required)]):
            return True
        return bool(kwargs) and any(kwargs.get(name, self) is None for name in required)

    def _check_initialised(self) -> None:
        if not self.name:
            raise ProgramError(
                f"{type(self).__name__}.__init__ must call super().__init__() before anything else."
            )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


async def _observed(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with ExitStack() as stack:
        tellers = [stack.enter_context(observer(call, args)) for observer in observers]
        module: Module = call.module
        result = module._kept(leaving(await module.call(*args, **kwargs), module))
        for tell in tellers:
            tell(result)
        return result


def _shape_of(cls: type[Module]) -> _Shape:
    parameters = list(inspect.signature(cls.call).parameters.values())[1:]
    usual = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    required = [p.name for p in parameters if p.kind in usual and p.default is inspect.Parameter.empty]
    names = {p.name for p in parameters}
    return _Shape(tuple(name for name in required if name != "training"), training="training" in names)


def _bound(cls: type[Module], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    try:
        bound = inspect.signature(cls.__init__).bind(None, *args, **kwargs)
    except TypeError:  # the constructor itself will say what is wrong
        return {}
    named = {key: _own(value) for key, value in bound.arguments.items()}
    named.pop(next(iter(named)), None)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(parameter.name, {}))
    return named


def _own(value: Any) -> Any:
    """Lists and dicts as copies, so that the caller may go on changing them."""
    return value.copy() if type(value) in (list, dict) else value


def _children(value: Any) -> Iterator[Any]:
    """Modules and variables in a field: itself, in containers, or in a graph."""
    if isinstance(value, Module | Variable):
        yield value
    elif isinstance(value, Function):
        for node in value.nodes:
            if isinstance(node.operation, Module):
                yield node.operation
            given = leaves([node.args, dict(node.kwargs)])
            yield from (leaf for leaf in given if isinstance(leaf, Variable))
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _children(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _children(item)


def _walk(module: Module, path: str, seen: set[int]) -> Iterator[tuple[str, Module]]:
    if id(module) in seen:
        return
    seen.add(id(module))
    yield path, module
    for child in module.modules:
        yield from _walk(child, f"{path}/{child.name}", seen)


def _collect(
    module: Module, path: str, found: dict[str, Variable], seen: set[int], *, trainable_only: bool
) -> None:
    if id(module) in seen or (trainable_only and not module.trainable):
        return
    seen.add(id(module))
    for variable in module.own_variables:
        where = f"{path}/{variable.name}"
        if id(variable) in seen or (trainable_only and not variable.trainable):
            continue
        seen.add(id(variable))
        if where in found:
            raise ProgramError(
                f"Two variables are called {where!r}; give modules and variables different names."
            )
        found[where] = variable
    for child in module.modules:
        _collect(child, f"{path}/{child.name}", found, seen, trainable_only=trainable_only)
