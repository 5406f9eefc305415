"""What training changed in the prompts of a program, as a diff that people read."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from kag import text
from kag.module import Module
from kag.schema.values import json_text
from kag.training.records import MEMORY

_LONGEST_LINE = 240


def prompts(program: Module) -> dict[str, list[str]]:
    """The trainable part of each prompt, a sentence or an example a line, by the variable's path."""
    paths = program.variable_paths(trainable_only=True)
    return {path.partition("/")[2]: _lines(variable.data) for path, variable in paths.items()}


def changes(before: Mapping[str, list[str]], after: Mapping[str, list[str]]) -> str:
    """The difference of two programs' prompts in unified form; empty if there is none."""
    parts: list[str] = []
    for path in dict.fromkeys((*before, *after)):
        old, new = before.get(path, []), after.get(path, [])
        parts += difflib.unified_diff(old, new, f"before/{path}", f"after/{path}", lineterm="", n=2)
    return "\n".join(parts)


def _lines(value: Mapping[str, Any]) -> list[str]:
    lines = _sentences(str(value.get("instructions", "")))
    for example in value.get("examples") or ():
        lines.append(_short(f"Example input:  {json_text(_brief(example.get('inputs') or {}))}"))
        lines.append(_short(f"Example output: {json_text(example.get('outputs') or {})}"))
    others = {k: v for k, v in value.items() if k not in (*MEMORY, "instructions", "examples")}
    return lines + [_short(f"{name}: {json_text(item)}") for name, item in others.items()]


def _sentences(words: str) -> list[str]:
    return [text.printable(" ".join(words[a:b].split())) for a, b in text.sentences(words)]


def _brief(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of an example with their lists by length, since passages are long."""
    return {k: f"{len(v)} {k}" if isinstance(v, list) else v for k, v in inputs.items()}


def _short(line: str) -> str:
    shown = text.printable(line)
    return shown if len(shown) <= _LONGEST_LINE else f"{shown[: _LONGEST_LINE - 1]}…"
