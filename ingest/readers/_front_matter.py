"""Front matter of Markdown files: `key: value` lines (YAML) or `key = value` lines (TOML) before the text.

Only flat keys and lists are read, which is what front matter is in practice; other lines are left out, not
guessed.
"""

from __future__ import annotations

import re
import tomllib

from kag.knowledge_bases.records import Scalar

_YAML = re.compile(r"\A---[ \t]*\n(.*?)(?:^|\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(.*?)(?:^|\n)\+\+\+[ \t]*(?:\n|\Z)", re.S)
_LONGEST = 20_000
_PAIR = re.compile(r"([A-Za-z_][\w .-]*?)[ \t]*:(?:[ \t]+(.*))?$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*)$")


def split(text: str) -> tuple[dict[str, Scalar], str]:
    """Splits a Markdown source into its metadata and the text after it.

    Args:
        text: The source, with line feeds as line ends.

    Returns:
        Metadata with lower-case keys, and the rest of the text; all of it where there is no front matter.
    """
    head = text[:_LONGEST]
    if found := _YAML.match(head):
        metadata = _yaml(found.group(1))
        if metadata or not found.group(1).strip():
            return metadata, text[found.end() :]
    if found := _TOML.match(head):
        try:
            return _flat(tomllib.loads(found.group(1))), text[found.end() :]
        except tomllib.TOMLDecodeError:
            return {}, text
    return {}, text


def _yaml(block: str) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    key = ""
    for line in block.split("\n"):
        if pair := _PAIR.match(line):
            key = pair.group(1).lower()
            if value := _value(pair.group(2) or ""):
                found[key] = value
        elif (item := _ITEM.match(line)) and key:
            found[key] = ", ".join(filter(None, [str(found.get(key, "")), _value(item.group(1))]))
    return found


def _value(source: str) -> str:
    value = source.strip()
    if value.startswith("#") or value in ("|", ">", "|-", ">-", "null", "~"):
        return ""
    if value[:1] in "\"'" and value[-1:] == value[:1]:
        return value[1:-1]
    if value.startswith("[") and value.endswith("]"):
        return ", ".join(filter(None, (_value(part) for part in value[1:-1].split(","))))
    return value.split(" #", 1)[0].rstrip()


def _flat(table: dict[str, object]) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for key, value in table.items():
        if isinstance(value, list):
            found[key.lower()] = ", ".join(str(item) for item in value)
        elif not isinstance(value, dict):
            found[key.lower()] = value if isinstance(value, str | int | float | bool) else str(value)
    return found
