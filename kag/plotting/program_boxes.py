"""What a drawing of a program shows: boxes for inputs, modules, operators, outputs, and their edges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from kag.data_models.operations import BinaryOperation
from kag.data_models.symbolic import SymbolicDataModel
from kag.graph.function import Function
from kag.graph.node import Node
from kag.graph.structure import leaves
from kag.module import Module
from kag.modules._deciding import Deciding
from kag.modules.branch import Branch

Kind = Literal["input", "output", "module", "decision", "operator"]
_ROWS = 10  # properties shown of a schema
_PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
    "object": "dict",
}


class Drawable(Protocol):
    """What is drawn of a program."""

    name: str
    description: str

    @property
    def function(self) -> Function | None:
        """The graph."""

    @property
    def modules(self) -> list[Module]:
        """The modules inside."""


@dataclass(slots=True, eq=False)
class Box:
    """One box.

    Args:
        kind: What it stands for.
        title: First line.
        subtitle: Second line, may be empty.
        note: A sentence, may be empty.
        tab: Label of the way that leads here, may be empty.
        rows: Name and type of each property of its result.
        trainable: Whether it has variables that training may change; None if it has no variables.
    """

    kind: Kind
    title: str
    subtitle: str = ""
    note: str = ""
    tab: str = ""
    rows: list[tuple[str, str]] = field(default_factory=list)
    trainable: bool | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What the user wants to see.

    Args:
        module_names: Names beside classes.
        schemas: Properties of what each module gives.
        trainable: Marks of what can be trained.
    """

    module_names: bool = True
    schemas: bool = False
    trainable: bool = True


@dataclass(slots=True)
class Boxes:
    """The boxes of a program and the edges between them, by number; `inside` edges mean "contains"."""

    boxes: list[Box] = field(default_factory=list)
    edges: list[tuple[int, int]] = field(default_factory=list)
    inside: bool = False

    def add(self, box: Box, sources: Sequence[int] = ()) -> int:
        """Adds a box with edges from some others; returns its number."""
        self.boxes.append(box)
        number = len(self.boxes) - 1
        self.edges += [(source, number) for source in dict.fromkeys(sources)]
        return number


def boxes_of(program: Drawable, shown: Shown) -> Boxes:
    """The boxes of a program's graph; without a graph, the modules that it contains."""
    if program.function is None:
        return _contained(program, shown)
    return _Collection(shown).of(program.function)


class _Collection:
    def __init__(self, shown: Shown) -> None:
        self._shown = shown
        self._all = Boxes()
        self._makers: dict[int, int] = {}  # symbol to the box that gives it

    def of(self, function: Function) -> Boxes:
        for symbol in leaves(function.inputs):
            rows = _rows(symbol) if self._shown.schemas else []
            self._makers[id(symbol)] = self._all.add(Box("input", symbol.name or "input", "Input", rows=rows))
        for node in function.nodes:
            self._node(node)
        outputs = list(_named_leaves(function.outputs))
        for name, symbol in outputs:
            made_by_operator = symbol.origin is not None and not symbol.origin.node.awaited
            rows = _rows(symbol) if self._shown.schemas and made_by_operator else []
            self._all.add(Box("output", name, rows=rows), [self._makers[id(symbol)]])
        return _folded(self._all)

    def _node(self, node: Node) -> None:
        sources = [self._makers[id(symbol)] for symbol in node.inputs]
        operation = node.operation
        if isinstance(operation, Module):
            self._module(operation, node.outputs, sources)
            return
        sign = operation.sign if isinstance(operation, BinaryOperation) else operation.name
        self._gives(node.outputs, self._all.add(Box("operator", sign), sources))

    def _module(self, module: Module, outputs: Any, sources: Sequence[int], tab: str = "") -> None:
        if not isinstance(module, Branch):
            symbols = list(leaves(outputs))
            rows = [row for symbol in symbols for row in _rows(symbol)] if self._shown.schemas else []
            self._gives(outputs, self._all.add(self._box(module, module, tab, rows), sources))
            return
        decision = self._all.add(self._box(module, module.decision, tab, []), sources)
        for label, branch, part in zip(module.labels, module.branches, outputs, strict=True):
            self._module(branch, part, [decision], label)

    def _box(self, module: Module, holder: Module, tab: str, rows: list[tuple[str, str]]) -> Box:
        """The box of a module, with the marks of the variables that another holds."""
        kind: Kind = "decision" if isinstance(holder, Deciding) else "module"
        note = holder.question if isinstance(holder, Deciding) else ""
        name, cls = module.name, type(module).__name__
        title, subtitle = (name, cls) if self._shown.module_names else (cls, "")
        trainable = _trainable(module, holder) if self._shown.trainable else None
        return Box(kind, title, subtitle, note, tab, rows, trainable)

    def _gives(self, outputs: Any, number: int) -> None:
        for symbol in leaves(outputs):
            self._makers[id(symbol)] = number


def _folded(drawn: Boxes) -> Boxes:
    """The same with `a & b & c` as one operator instead of two; `^` is another thing for three."""
    into: dict[int, int] = {}
    for number, box in enumerate(drawn.boxes):
        targets = [target for source, target in drawn.edges if source == number]
        if box.kind == "operator" and box.title in "+&|" and len(targets) == 1:
            following = drawn.boxes[targets[0]]
            if following.kind == "operator" and following.title == box.title:
                into[number] = targets[0]
    kept = [number for number in range(len(drawn.boxes)) if number not in into]
    numbers = {number: place for place, number in enumerate(kept)}
    edges: dict[tuple[int, int], None] = {}
    for source, target in drawn.edges:
        while target in into:
            target = into[target]
        if source not in into:
            edges[numbers[source], numbers[target]] = None
    return Boxes([drawn.boxes[number] for number in kept], list(edges))


def _contained(program: Drawable, shown: Shown) -> Boxes:
    """A program without a graph: it, and the modules inside it."""
    found = Boxes(inside=True)
    collection = _Collection(shown)
    assert isinstance(program, Module)  # noqa: S101  only programs are drawn
    note = "Its graph is known once it is built from inputs and outputs."
    root = found.add(Box("module", program.name, type(program).__name__, note))

    def below(module: Module, number: int, seen: frozenset[int]) -> None:
        for child in module.modules:
            if id(child) not in seen:
                inner = found.add(collection._box(child, child, "", []), [number])
                below(child, inner, seen | {id(child)})

    below(program, root, frozenset({id(program)}))
    return found


def _trainable(module: Module, holder: Module) -> bool | None:
    if not holder.variables:
        return None
    return module.trainable and bool(holder.trainable_variables)


def _named_leaves(structure: Any, name: str = "output") -> list[tuple[str, SymbolicDataModel]]:
    if isinstance(structure, dict):
        return [leaf for key, item in structure.items() for leaf in _named_leaves(item, str(key))]
    if isinstance(structure, list | tuple):
        many = len(structure) > 1
        items = enumerate(structure, start=1)
        return [
            leaf for place, item in items for leaf in _named_leaves(item, f"{name} {place}" if many else name)
        ]
    return [(name, structure)]


def _rows(symbol: SymbolicDataModel) -> list[tuple[str, str]]:
    schema = symbol.known_schema
    if schema is None:
        return [("schema", "at run time")]
    rows = [
        (name + ("" if name in schema.required else "?"), type_text(kind))
        for name, kind in schema.properties.items()
    ]
    more = len(rows) - _ROWS
    return rows if more <= 1 else [*rows[:_ROWS], (f"… {more} more", "")]


def type_text(kind: Mapping[str, Any]) -> str:
    """A property's type in a few characters, as Python would write it."""
    if "$ref" in kind:
        return str(kind["$ref"]).rpartition("/")[2]
    if "enum" in kind:
        return " | ".join(str(value) for value in kind["enum"])
    if "const" in kind:
        return str(kind["const"])
    for union in ("anyOf", "oneOf"):
        if union in kind:
            return " | ".join(dict.fromkeys(type_text(option) for option in kind[union]))
    name = kind.get("type")
    if isinstance(name, list):
        return " | ".join(type_text({**kind, "type": one}) for one in name)
    if name == "array":
        items = kind.get("items")
        return f"list[{type_text(items)}]" if items else "list"
    return _PLAIN.get(str(name), "any")
