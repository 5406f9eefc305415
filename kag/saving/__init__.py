"""Saving and loading programs: one JSON file, which can hold no code and no secret."""

from __future__ import annotations

from kag.registry import register_kag_serializable
from kag.saving._objects import deserialize_kag_object, serialize_kag_object
from kag.saving._program import (
    FilePath,
    SavedProgram,
    from_json,
    load_program,
    load_variables,
    read_program,
    save_program,
    save_variables,
    to_json,
)

__all__ = [
    "FilePath",
    "SavedProgram",
    "deserialize_kag_object",
    "from_json",
    "load_program",
    "load_variables",
    "read_program",
    "register_kag_serializable",
    "save_program",
    "save_variables",
    "serialize_kag_object",
    "to_json",
]
