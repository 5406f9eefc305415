"""Where in a program's data the words stand that are to be searched for."""

from __future__ import annotations

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import ProgramError, SearchError
from kag.module import Module
from kag.schema import Schema
from kag.schema.values import Json

_USUAL = ("query", "question", "search", "text")
_CONVERSATION = "messages"


def text_property(module: Module, schema: Schema, field: str | None) -> str:
    """The name of the property that holds the words.

    Raises:
        ProgramError: There is none, or several and none with a usual name.
    """
    texts = [name for name, kind in schema.properties.items() if _may_be_text(kind)]
    if field is not None:
        if field in texts:
            return field
        raise ProgramError(
            f"field of {module!r} is {field!r}, which is no text in its inputs; "
            f"those that are: {', '.join(texts) or 'none'}."
        )
    found = texts if len(texts) == 1 else [name for name in _USUAL if name in texts]
    if _CONVERSATION in schema.properties and not found:
        return _CONVERSATION
    if not found:
        raise ProgramError(
            f"{module!r} does not know which property of its inputs to search for "
            f"({', '.join(schema.properties)}); name it with field=..."
        )
    return found[0]


def text_of(module: Module, inputs: JsonDataModel, field: str | None) -> str:
    """The words to search for.

    Raises:
        ProgramError: It is not clear which property holds them.
        SearchError: There are none.
    """
    name = text_property(module, inputs.schema, field)
    value = inputs.data.get(name)
    text = _last_asked(value) if name == _CONVERSATION and isinstance(value, list) else value
    if not isinstance(text, str) or not text.strip():
        raise SearchError(f"{module!r}: {name!r} of the inputs is empty; give some words or a question.")
    return text


def _last_asked(messages: list[Json]) -> str:
    asked = [m.get("content") for m in messages if isinstance(m, dict) and m.get("role") == "user"]
    return str(asked[-1] or "") if asked else ""


def _may_be_text(kind: Json) -> bool:
    options = kind.get("anyOf", [kind])
    return any(option.get("type") == "string" and "const" not in option for option in options)
