"""Program: a module made of modules, as a graph (`inputs`, `outputs`), by subclassing, or both."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Self

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import describe
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError, SavingError, SchemaError
from kag.graph.arguments import checked_type
from kag.graph.function import Function
from kag.graph.structure import leaves, leaves_like, map_leaves
from kag.module import Module, current_call
from kag.saving import (
    FilePath,
    SavedProgram,
    from_json,
    load_variables,
    read_program,
    save_program,
    save_variables,
    to_json,
)
from kag.schema import Schema, contains
from kag.training.trainer import Trainer


class Program(Trainer):
    """Modules composed into one, which runs, trains and is saved as a whole.

    There are four ways to make one: from a graph, as here; `Sequential`; a subclass with `call`; a subclass
    whose `build` calls `super().__init__(inputs=..., outputs=...)` once it knows its inputs.

    Args:
        inputs: Symbol, or list, tuple or dict of symbols, that the program is given.
        outputs: What it gives, likewise.
        name: Its name.
        description: What it is for, in words.
        trainable: False freezes all its variables; True by default.
        max_concurrency: At most so many modules of the graph run at a time in one call; None for no limit.

    Called a second time, from `build`, the constructor changes only what it is given.

    Raises:
        ProgramError: The graph is disconnected or has a cycle, or two modules have one name.

    Example:
        >>> inputs = Input(data_model=Query)
        >>> outputs = await Generator(data_model=Answer, language_model=lm)(inputs)
        >>> program = Program(inputs=inputs, outputs=outputs, name="qa")
        >>> (await program(Query(query="What is the capital of France?"))).get("answer")
        'Paris'
    """

    max_concurrency: int | None = None
    """At most so many modules of the graph run at a time in one call; None for no limit."""

    _function: Function | None = None

    def __init__(
        self,
        inputs: Any = None,
        outputs: Any = None,
        name: str | None = None,
        description: str | None = None,
        trainable: bool | None = None,
        max_concurrency: int | None = None,
    ) -> None:
        super().__init__(name, description, trainable)
        if max_concurrency is not None:
            if checked_type(self, "max_concurrency", max_concurrency, int) < 1:
                raise ProgramError(f"max_concurrency of {self!r} must be at least 1; got {max_concurrency}.")
            self.max_concurrency = max_concurrency
        if (inputs is None) != (outputs is None):
            raise ProgramError("A program's graph needs inputs and outputs; got one of them only.")
        if inputs is not None:
            self._function = Function(inputs, outputs)
            self.built = True
        self._refuse_duplicates()

    @property
    def inputs(self) -> Any:
        """The graph's inputs as symbols, None if the program is not a graph (yet)."""
        return self._function.inputs if self._function is not None else None

    @property
    def outputs(self) -> Any:
        """The graph's outputs as symbols, None if the program is not a graph (yet)."""
        return self._function.outputs if self._function is not None else None

    @property
    def function(self) -> Function | None:
        """The graph, None if the program is not one (yet)."""
        return self._function

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """Runs the graph; subclasses may define their own."""
        if self._function is None:
            raise ProgramError(
                f"{self!r} has no graph: give inputs=... and outputs=..., "
                "or define `call` or `build` in a subclass."
            )
        return await self._function.run(self._fitting(inputs), self.max_concurrency)

    async def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbols like the graph's outputs; for a subclass with `call`, as for any module."""
        if self._function is None or type(self).call is not Program.call:
            return await super().compute_output_spec(*args, **kwargs)
        return map_leaves(lambda symbol: symbol.clone(), self._function.outputs)

    def get_module(self, name: str | None = None, index: int | None = None) -> Module:
        """One module.

        Args:
            name: Its name, or its path below this program such as `branch/generator`.
            index: In place of it: its place in `modules` (for a graph: in the order of execution).

        Raises:
            ProgramError: There is none, or several inner modules have that name.
        """
        if (name is None) == (index is None):
            raise ProgramError("get_module needs name=... or index=....")
        if index is not None:
            modules = self.modules
            checked_type(self, "index", index, int)
            if not -len(modules) <= index < len(modules):
                raise ProgramError(f"{self!r} has {len(modules)} modules; there is none at index {index}.")
            return modules[index]
        checked_type(self, "name", name, str)
        found = [m for m in self.modules if m.name == name]
        found = found or [m for path, m in self.walk() if m is not self and path.endswith(f"/{name}")]
        if len(found) == 1:
            return found[0]
        if found:
            raise ProgramError(
                f"{len(found)} modules inside {self!r} are called {name!r}; give a longer path."
            )
        known = ", ".join(path.partition("/")[2] for path, m in self.walk() if m is not self)
        raise ProgramError(f"{self!r} has no module {name!r}; it has: {known or 'none'}.")

    def summary(self) -> None:
        """Prints a table of the modules, what they give and what can be trained in them."""
        sys.stdout.write(self.describe_modules() + "\n")

    def describe_modules(self) -> str:
        """The table that `summary` prints."""
        rows = [("Module", "Class", "Output", "Variables")]
        outputs = (
            {id(node.operation): node.outputs for node in self._function.nodes} if self._function else {}
        )
        for path, module in self.walk():
            spec = self.outputs if module is self else outputs.get(id(module))
            depth = path.count("/")
            variables = module.own_variables
            names = ", ".join(
                v.name + ("" if v.trainable and module.trainable else " (frozen)") for v in variables
            )
            rows.append(("  " * depth + module.name, type(module).__name__, _shape(spec), names))
        trainable, total = len(self.trainable_variables), len(self.variables)
        lines = [self.description] if self.description else []
        lines += _table(rows)
        return "\n".join([*lines, f"Variables: {total}, of which trainable: {trainable}"])

    def save(self, path: FilePath) -> None:
        """Writes the program to one JSON file: structure, settings, variables, and what training needs.

        Args:
            path: The file, such as `program.json`; it is replaced at once or not at all.

        Raises:
            SavingError: Something in it cannot be saved; the message says what, and how to mend that.
        """
        save_program(self, path, training=self.training)

    @classmethod
    def load(cls, path: FilePath) -> Self:
        """The program in a file of `save`.

        No code in the file is run, but it says which models are asked and which knowledge base is opened:
        load files of people you trust.

        Raises:
            SavingError: The file cannot be read or trusted, or names a class that is not registered.
        """
        return cls._loaded(read_program(path), str(path))

    def to_json(self) -> str:
        """The text that `save` writes."""
        return to_json(self, training=self.training)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The program that `to_json` was called on.

        Raises:
            SavingError: See `load`.
        """
        return cls._loaded(from_json(text), "the text")

    def save_variables(self, path: FilePath) -> None:
        """Writes the variables' values to a JSON file.

        Raises:
            SavingError: It cannot be written.
        """
        save_variables(self, path)

    def load_variables(self, path: FilePath) -> None:
        """Takes over the variables' values from a file of `save_variables`, all of them or none.

        Raises:
            SavingError: It cannot be read, or is from a program of another structure.
        """
        load_variables(self, path)

    def _repr_html_(self) -> str:
        """The program's drawing, for notebooks."""
        from kag.plotting.program import program_html

        return program_html(self)

    @classmethod
    def _loaded(cls, saved: SavedProgram, source: str) -> Self:
        if not isinstance(saved.program, cls):
            raise SavingError(f"{source} holds a {type(saved.program).__name__}; expected a {cls.__name__}.")
        saved.program.training = saved.training
        return saved.program

    def _not_taken(self, args: tuple[Any, ...], kwargs: Any) -> bool:
        """In a graph None flows on, so that results keep their structure."""
        return self._function is None and super()._not_taken(args, kwargs)

    def _fitting(self, values: Any) -> list[JsonDataModel | None]:
        """The inputs, checked against the declared ones and in their order."""
        assert self._function is not None  # noqa: S101  checked by the caller
        declared = self._function.inputs
        if isinstance(declared, SymbolicDataModel):
            return [self._fit(declared, values)]
        given = leaves_like(declared, values)
        if given is None:
            expected = map_leaves(lambda symbol: symbol.name or "input", declared)
            raise ProgramError(f"{self!r} expects its inputs as {expected}; got {_outline(values)}.")
        return [self._fit(symbol, value) for symbol, value in zip(leaves(declared), given, strict=True)]

    def _fit(self, symbol: SymbolicDataModel, value: Any) -> JsonDataModel | None:
        if value is None:
            call = current_call()
            if symbol.optional or call is None or call.parent is not None:  # within a program: not taken
                return None
            raise ProgramError(
                f"{self!r} got None for {symbol!r}; if it may be missing, declare Input(optional=True)."
            )
        if not isinstance(value, JsonDataModel):
            raise ProgramError(f"{self!r} got {describe(value)} for {symbol!r}; expected a data model.")
        declared = symbol.known_schema
        if declared is None or _surely_fits(value, declared):
            return value
        try:
            declared.check(value.data)
        except SchemaError as error:
            raise ProgramError(f"{self!r} got an unfit input for {symbol!r}: {error}") from None
        return JsonDataModel.trusted(declared, value.data)

    def _refuse_duplicates(self) -> None:
        for path, outer in self.walk():
            names: dict[str, Module] = {}
            for module in outer.modules:
                if names.setdefault(module.name, module) is not module:
                    raise ProgramError(
                        f"Two modules of {path!r} ({type(outer).__name__}) are called {module.name!r}; "
                        "give one of them another name=...."
                    )


def _surely_fits(value: JsonDataModel, declared: Schema) -> bool:
    """Whether a value fits by its own schema: the same one, or one with the same properties and types."""
    if value.schema is declared or declared.same(value.schema):
        return True
    alike = contains(declared, value.schema) and contains(value.schema, declared)
    return alike and value.schema.closed and declared.required <= value.data.keys()


def _outline(values: Any) -> Any:
    return map_leaves(describe, values) if isinstance(values, list | tuple | dict) else describe(values)


def _shape(spec: Any) -> str:
    """Names of the properties that a module gives."""
    if spec is None:
        return ""
    if not isinstance(spec, SymbolicDataModel):
        return " | ".join(_shape(symbol) for symbol in leaves(spec))
    return "known at run time" if spec.is_open else ", ".join(spec.keys())


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [min(60, max(len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return [lines[0], "  ".join("-" * width for width in widths), *lines[1:]]
