"""Holds the floors, the sizes and the import budget that ARCHITECTURE.md states."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ("kag", "ingest", "programs", "mcp_server")

# A module belongs to the longest prefix that matches. Packages on one floor do not import each other.
FLOORS: dict[str, int] = {
    "kag.errors": 0,
    "kag.discover": 0,
    "kag.schema": 0,
    "kag.registry": 0,
    "kag.text": 0,
    "kag.language": 0,
    "kag.http": 0,
    "kag.data_models": 1,
    "kag.graph": 1,
    "kag.ranking": 1,
    "kag.resolution": 1,
    "kag.ops": 2,
    "kag.language_models": 2,
    "kag.embedding_models": 2,
    "kag.knowledge_bases": 2,
    "kag.knowledge_bases.knowledge_base": 3,  # the facade takes models by name
    "kag.module": 3,
    "kag.modules": 4,
    "kag.retrievers": 5,
    "kag.agents": 6,  # tools over the graph use retrievers
    "kag.training": 6,
    "kag.saving": 6,
    "kag.datasets": 6,
    "kag.plotting": 6,
    "kag.observability": 6,
    "kag.program": 7,
    "kag.sequential": 7,
    "kag.settings": 7,
    "kag.console": 7,
    "kag.evidence": 7,
    "kag.testing": 7,
    "kag.utils": 7,
    "kag.commands": 8,
    "ingest": 8,
    "programs": 8,
    "mcp_server": 9,
    "kag.cli": 10,
    "kag": 11,  # the front door: names only, resolved lazily
}
# Allowed on one floor: data models record their history as nodes, a sequential program is a program,
# and what commands share reads the settings.
NEIGHBOURS = {
    ("kag.data_models", "kag.graph"),
    ("kag.sequential", "kag.program"),
    ("kag.console", "kag.settings"),
}
# Anybody may use these, on their own floor too.
GROUND = {"kag.errors"}


@cache
def modules() -> dict[str, Path]:
    """Import name to file, for everything that is shipped."""
    found = {}
    for package in SHIPPED:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(modules()[name].read_text(encoding="utf-8"))


def package_of(name: str) -> str:
    """The entry of FLOORS that a module belongs to."""
    while name not in FLOORS:
        name, dot, _ = name.rpartition(".")
        assert dot, f"{name} stands on no floor: add it to FLOORS and ARCHITECTURE.md"
    return name


def imported(name: str, nodes: Iterator[ast.stmt]) -> set[str]:
    """The shipped modules that some statements import."""
    found = set()
    for node in nodes:
        targets: list[str] = []
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            targets = [f"{node.module}.{a.name}" for a in node.names]
        for target in targets:
            while target and target not in modules():
                target = target.rpartition(".")[0]
            if target and target != name:
                found.add(target)
    return found


def statements(body: list[ast.stmt], *, deep: bool) -> Iterator[ast.stmt]:
    """Import statements at the top level; with `deep` those inside functions and TYPE_CHECKING too."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif deep:
            yield from (n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            yield from statements(node.body + node.orelse, deep=False)
        elif isinstance(node, ast.Try):
            yield from statements(node.body, deep=False)


def test_every_module_imports_only_lower_floors() -> None:
    wrong = []
    for name in modules():
        here = package_of(name)
        if here == "kag":
            continue
        for target in imported(name, statements(tree(name).body, deep=True)):
            there = package_of(target)
            allowed = (
                there == here
                or there in GROUND
                or FLOORS[there] < FLOORS[here]
                or (here, there) in NEIGHBOURS
            )
            if not allowed:
                wrong.append(f"{name} ({FLOORS[here]}) imports {target} ({FLOORS[there]})")
    assert not wrong, "\n".join(wrong)


def test_implementations_of_an_open_kind_do_not_import_each_other() -> None:
    wrong = []
    for name, path in modules().items():
        if not (path.parent / "base.py").exists() or path.name in ("__init__.py", "base.py"):
            continue
        package = name.rpartition(".")[0]
        for target in imported(name, statements(tree(name).body, deep=True)):
            leaf = target.removeprefix(package + ".")
            beside = target.startswith(package + ".") and "." not in leaf
            if beside and leaf != "base" and not leaf.startswith("_") and not path.name.startswith("_"):
                shared = not _is_implementation(package, leaf) or not _is_implementation(package, path.stem)
                if not shared:
                    wrong.append(f"{name} imports its sibling {target}")
    assert not wrong, "\n".join(wrong)


# Files of an open package that are shared by its implementations rather than being one.
SHARED = {
    "kag.knowledge_bases": {"records", "knowledge_base"},
    "kag.language_models": {"language_model", "cache", "limits", "usage"},
    "kag.embedding_models": {"embedding_model", "cache"},
}


def _is_implementation(package: str, leaf: str) -> bool:
    return leaf not in SHARED.get(package, set())


def test_there_is_no_import_cycle() -> None:
    edges = {name: imported(name, statements(tree(name).body, deep=False)) for name in modules()}
    state: dict[str, int] = {}

    def visit(name: str, trail: tuple[str, ...]) -> None:
        if state.get(name) == 2:
            return
        assert state.get(name) != 1, "cycle: " + " -> ".join([*trail[trail.index(name) :], name])
        state[name] = 1
        for target in sorted(edges[name]):
            visit(target, (*trail, name))
        state[name] = 2

    for name in edges:
        visit(name, ())


@pytest.mark.parametrize("name", sorted(modules()))
def test_files_and_functions_stay_small(name: str) -> None:
    lines = modules()[name].read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 500, f"{name} has {len(lines)} lines; look for the missing noun"
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{name}.{node.name} has {length} lines"


def test_nothing_is_swallowed() -> None:
    wrong = []
    for name in modules():
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
                if broad and all(isinstance(b, ast.Pass | ast.Continue) for b in node.body):
                    wrong.append(f"{name}:{node.lineno}")
    assert not wrong, f"errors vanish at {wrong}"


def test_import_kag_is_light() -> None:
    code = (
        "import json, sys, time; t = time.process_time(); import kag; spent = time.process_time() - t;"
        "names = ('pydantic', 'numpy', 'litellm', 'neo4j', 'jsonschema', 'aiohttp', 'apsw');"
        "heavy = [m for m in names if m in sys.modules];"
        "print(json.dumps([spent, heavy]))"
    )
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT)) for _ in range(3)]
    assert runs[0][1] == []
    assert min(run[0] for run in runs) < 0.05
