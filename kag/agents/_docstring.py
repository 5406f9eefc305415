"""Docstrings as documentation of a tool: what it does, and what each parameter means.

Knows the styles of Google, NumPy and Sphinx; what it does not know is taken for description.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_PARAMETERS = frozenset(
    ("args", "arguments", "parameters", "params", "keyword args", "keyword arguments", "other parameters")
)
_OTHERS = frozenset(
    "attributes example examples note notes raise raises reference references return returns see also "
    "todo warning warnings warns yield yields".split()
) | {"see also"}
_RULE = re.compile(r"[-=]{3,}")
_ENTRY = re.compile(r"\*{0,2}(?P<names>\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?:\([^)]*\))?\s*:(?:\s+(?P<text>.*))?$")
_NUMPY_ENTRY = re.compile(r"\*{0,2}(?P<names>\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_FIELD = re.compile(r":(?P<kind>\w+)(?:\s+(?P<rest>[^:]*))?:\s*(?P<text>.*)$")
_FIELD_KINDS = frozenset(("param", "parameter", "arg", "argument", "key", "keyword"))


@dataclass(slots=True)
class Documentation:
    """What a docstring says.

    Args:
        about: The text before and between its sections.
        parameters: Parameter name to its description.
    """

    about: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def documentation(docstring: str | None) -> Documentation:
    """Reads a docstring."""
    lines = inspect.cleandoc(docstring or "").splitlines()
    found, about, section, start = Documentation(), list[str](), "about", 0
    for place, line in enumerate(lines):
        if _RULE.fullmatch(line.strip()):
            continue
        title = _section_at(lines, place)
        if title is None and section == "about" and _FIELD.match(line):
            title = "fields"
        if title is not None:
            _close(found, section, lines[start:place])
            section, start = title, place if title == "fields" else place + 1
        elif section == "about":
            about.append(line)
    _close(found, section, lines[start:])
    found.about = re.sub(r"\n{3,}", "\n\n", "\n".join(about)).strip()
    return found


def _section_at(lines: list[str], place: int) -> str | None:
    """The kind of section that begins at a line; None where none does."""
    line = lines[place]
    underlined = place + 1 < len(lines) and bool(_RULE.fullmatch(lines[place + 1].strip()))
    title = line.strip().rstrip(":").lower()
    if line[:1].isspace() or not (underlined or line.rstrip().endswith(":")):
        return None
    if title in _PARAMETERS:
        return "numpy" if underlined else "google"
    return "other" if title in _OTHERS else None


def _close(found: Documentation, section: str, lines: list[str]) -> None:
    if section == "fields":
        found.parameters.update(_fields(lines))
    elif section in ("google", "numpy"):
        found.parameters.update(_entries(lines, _NUMPY_ENTRY if section == "numpy" else _ENTRY))


def _entries(lines: list[str], entry: re.Pattern[str]) -> dict[str, str]:
    """The parameters of a section in which each is a line, with its text after it and on deeper lines."""
    written = [line for line in lines if line.strip() and not _RULE.fullmatch(line.strip())]
    found: dict[str, list[str]] = {}
    names: list[str] = []
    base = _indent(written[0]) if written else 0
    for line in written:
        match = entry.match(line.strip()) if _indent(line) <= base else None
        if match is None:
            text = line.strip()
        else:
            names = [name.strip(" *") for name in match["names"].split(",")]
            text = (match.groupdict().get("text") or "").strip()
        for name in names:
            found.setdefault(name, []).append(text)
    return {name: " ".join(filter(None, texts)) for name, texts in found.items()}


def _fields(lines: list[str]) -> dict[str, str]:
    """The parameters of a list of fields such as `:param int a: text`."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in lines:
        match = _FIELD.match(line)
        if match:
            words = (match["rest"] or "").split()
            name = words[-1].strip("*") if words and match["kind"] in _FIELD_KINDS else ""
        if name:
            found.setdefault(name, []).append(match["text"].strip() if match else line.strip())
    return {name: " ".join(filter(None, texts)) for name, texts in found.items()}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
