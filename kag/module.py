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
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from contextvars import ContextVar
from typing import Any, ClassVar, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from kag.data_models.data_model import DataModel, DataModelMeta, UnionSymbol
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import describe
from kag.data_models.session import auto_name, snake_case
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.variable import Variable
from kag.errors import KagError, ModuleError, ProgramError
from kag.graph.function import Function
from kag.graph.node import Node, has_symbol
from kag.graph.structure import map_leaves

M = TypeVar("M", bound="Module")


class Call:
    """A call that is under way; the one around it is its parent.

    Args:
        module: What is called.
        parent: The call that made this one, None outside.
        training: Whether predictions are recorded.
    """

    __slots__ = ("module", "parent", "training")

    def __init__(self, module: Module, parent: Call | None, training: bool) -> None:
        self.module = module
        self.parent = parent
        self.training = training

    @property
    def path(self) -> str:
        """Names of the modules around and of this one, such as `my_program/branch/generator`."""
        names: list[str] = []
        call: Call | None = self
        while call is not None:
            names.append(call.module.name)
            call = call.parent
        if len(names) > _LONGEST_PATH:  # a recursion
            names[_LONGEST_PATH // 2 : -_LONGEST_PATH // 2] = ["…"]
        return "/".join(reversed(names))


Observer = Callable[[Call, tuple[Any, ...]], AbstractContextManager[Callable[[Any], None]]]
"""Is given each call and its arguments, and is entered around it; what it yields is given the result."""

_call: ContextVar[Call | None] = ContextVar("kag_call", default=None)
_observers: list[Observer] = []
_NOTE = "In module: "
_LONGEST_PATH = 20


def current_call() -> Call | None:
    """The call that is under way in this task."""
    return _call.get()


def observe(observer: Observer) -> Callable[[], None]:
    """Has every module call of this process observed ; the returned function ends it."""
    _observers.append(observer)
    return lambda: _observers.remove(observer) if observer in _observers else None


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
    _config: dict[str, Any]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "call" in cls.__dict__:
            cls._shape = _shape_of(cls)

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Notes the constructor's arguments, from which `get_config` answers."""
        module = super().__new__(cls)
        module._config = _bound(cls, args, kwargs)
        return module

    def __init__(
        self, name: str | None = None, description: str | None = None, trainable: bool = True
    ) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name):
            raise ProgramError(f"A module's name must be a non-empty string without '/'; got {name!r}.")
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.description = description or ""
        self.trainable = trainable

    async def call(self, *args: Any, **kwargs: Any) -> Any:
        """Computes; what subclasses define, with `inputs` and, if they like, `training=False`."""
        raise ProgramError(
            f"{type(self).__name__} must define `async def call(self, inputs, training=False)`."
        )

    async def build(self, *args: Any, **kwargs: Any) -> None:
        """Called once before the first call, with symbols for inputs; for state that depends on schemas."""

    def when_built(self, action: Callable[[], None]) -> None:
        """Does something as soon as `build` has run: loading gives a module its state then."""
        self.__dict__["_when_built"] = action

    async def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """The symbols that a call on symbols gives.

        By default the return annotation of `call`, if it is a data model class; else what `call` itself gives
        for symbols (a trace that raises, or gives None or a value, tells nothing); else an open symbol, with
        a schema at run time.
        """
        spec = annotated_result(type(self))
        return spec if spec is not None else await _traced(self, args, kwargs)

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
        parent = _call.get()
        if training is None:
            training = parent.training if parent is not None else False
        args = tuple([_entering(arg) for arg in args])
        if kwargs:
            kwargs = {key: _entering(value) for key, value in kwargs.items()}
        if not self.accepts_none and self._not_taken(args, kwargs):
            return None
        call = Call(self, parent, training)
        token = _call.set(call)
        try:
            if not self.built:
                await self._build(args, kwargs)
            if self._shape.training:
                kwargs["training"] = training
            if _observers:
                return await _observed(call, args, kwargs)
            return _leaving(await self.call(*args, **kwargs), self)
        except KagError as error:
            _annotate(error, call)
            raise
        except Exception as error:  # a user's code may raise anything; it is named and raised on
            raise _failure(error, call) from error
        finally:
            _call.reset(token)

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

    async def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Notes the call in the graph of its symbols."""
        self._check_initialised()
        if not self.built:
            await self._build(args, kwargs)
        given = dict(kwargs)
        outputs = await self.compute_output_spec(*args, **given)
        node = Node(self, self.name, args, given)
        return node.connect(map_leaves(lambda leaf: _output_symbol(leaf, self), outputs))

    async def _build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._check_initialised()
        if type(self).build is Module.build:
            self.built = True
            return
        lock = self.__dict__.setdefault("_build_lock", asyncio.Lock())
        async with lock:
            if not self.built:
                await self.build(*map_leaves(_stand_in, args), **map_leaves(_stand_in, kwargs))
                self.built = True
                self.__dict__.pop("_when_built", _nothing)()
        self.__dict__.pop("_build_lock", None)

    def _fields(self) -> Iterator[Any]:
        """Modules and variables in the fields, in order; the noted constructor arguments are not fields."""
        for field, value in vars(self).items():
            if field != "_config":
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


def _nothing() -> None:
    """Nobody waits for the build."""


def annotated_result(cls: type[Module]) -> Any:
    """Fresh symbols for the return annotation of a class's `call`; None if it names no data model class."""
    try:
        hint = get_type_hints(cls.call).get("return")
    except (NameError, TypeError, AttributeError):  # an annotation that only type checkers can resolve
        return None
    return _symbols_of(hint)


def _symbols_of(hint: Any) -> Any:
    if isinstance(hint, DataModelMeta):
        fields = getattr(hint, "model_fields", None)
        return SymbolicDataModel(hint) if fields else None
    if isinstance(hint, UnionSymbol):  # City | Country on classes
        return hint.alternative()
    if get_origin(hint) is Union:
        members = get_args(hint)
        models = [member for member in members if member is not type(None)]
        if all(isinstance(member, DataModelMeta) for member in models):
            return UnionSymbol(tuple(models)).alternative()
    return None


async def _traced(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `call` gives for symbols, as fresh symbols; open where it tells nothing."""
    try:
        result = await module.call(*args, **kwargs)
    except Exception:  # noqa: BLE001  a call that reads values cannot be traced; errors show when it runs
        return SymbolicDataModel()
    return map_leaves(
        lambda leaf: leaf.clone() if isinstance(leaf, SymbolicDataModel) else SymbolicDataModel(), result
    )


def _output_symbol(leaf: Any, module: Module) -> SymbolicDataModel:
    if isinstance(leaf, DataModelMeta):
        return SymbolicDataModel(leaf, name=module.name)
    if not isinstance(leaf, SymbolicDataModel):
        raise ProgramError(
            f"compute_output_spec of {module!r} gave {describe(leaf)}; expected symbolic data models, "
            "such as SymbolicDataModel(Answer)."
        )
    if leaf.origin is not None or not leaf.recorded or leaf.name:
        return leaf.clone(module.name)
    leaf.name = module.name
    return leaf


def _stand_in(value: Any) -> Any:
    """The symbol that `build` is given for a value."""
    return value.to_symbolic_data_model() if isinstance(value, JsonDataModel | SymbolicDataModel) else value


def _entering(value: Any) -> Any:
    """An argument as `call` gets it: data models as JSON."""
    if type(value) is JsonDataModel or value is None:
        return value
    if isinstance(value, DataModel):
        return value.to_json_data_model()
    if isinstance(value, list | tuple | dict):
        return map_leaves(_entering, value)
    if isinstance(value, Variable):
        return value.to_json_data_model()
    if isinstance(value, DataModelMeta):
        raise ProgramError(
            f"A module was called with the class {value.__name__}; pass an instance to run it, "
            "or Input(data_model=...) to record it."
        )
    return value


def _leaving(value: Any, module: Module) -> Any:
    """A result as callers get it: data models as JSON, streams as they are."""
    if type(value) is JsonDataModel or value is None:
        return value
    if isinstance(value, DataModel | Variable):
        return value.to_json_data_model()
    if isinstance(value, list | tuple | dict):
        return map_leaves(lambda leaf: _leaving(leaf, module), value)
    if isinstance(value, AsyncIterator):
        return value
    raise ModuleError(
        f"call of {module!r} returned {describe(value)}; expected a data model, None, "
        "or a list, tuple or dict of these."
    )


async def _observed(call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with ExitStack() as stack:
        tellers = [stack.enter_context(observer(call, args)) for observer in _observers]
        result = _leaving(await call.module.call(*args, **kwargs), call.module)
        for tell in tellers:
            tell(result)
        return result


def _annotate(error: KagError, call: Call) -> None:
    """Notes the path where an error came from; calls further out leave it alone."""
    if not any(note.startswith(_NOTE) for note in getattr(error, "__notes__", ())):
        error.add_note(f"{_NOTE}{call.path} ({type(call.module).__name__})")


def _failure(error: Exception, call: Call) -> ModuleError:
    name = type(call.module).__name__
    failure = ModuleError(f"Module {call.path!r} ({name}) failed: {type(error).__name__}: {error}")
    _annotate(failure, call)
    return failure


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
    named = dict(bound.arguments)
    named.pop(next(iter(named)), None)
    for parameter in bound.signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            named.update(named.pop(parameter.name, {}))
    return named


def _children(value: Any) -> Iterator[Any]:
    """Modules and variables in a field: itself, in containers, or in a graph."""
    if isinstance(value, Module | Variable):
        yield value
    elif isinstance(value, Function):
        yield from (node.operation for node in value.nodes if isinstance(node.operation, Module))
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
