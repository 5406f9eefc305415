"""Hypothesis strategies: object schemas that exercise the algebra, each with values that fit it."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kag.schema import Schema

# A busy machine is no failure.
settings.register_profile("kag", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kag")

NAMES = ("a", "a_1", "a_2", "b", "item", "items", "item_1", "query", "queries", "child", "note")

Kind = tuple[dict[str, Any], st.SearchStrategy[Any]]


def scalars() -> st.SearchStrategy[Kind]:
    return st.sampled_from(
        [
            ({"type": "string"}, st.text(max_size=3)),
            ({"type": "string", "title": "Text", "description": "words"}, st.text(max_size=3)),
            ({"type": "integer"}, st.integers(-5, 5)),
            ({"type": "boolean"}, st.booleans()),
            ({"enum": ["x", "y"], "type": "string"}, st.sampled_from(["x", "y"])),
            (
                {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
                st.none() | st.text(max_size=2),
            ),
        ]
    )


@st.composite
def kinds(draw: st.DrawFn, depth: int = 1) -> Kind:
    shape = draw(st.sampled_from(["scalar", "list", "object", "map"] if depth else ["scalar"]))
    if shape == "scalar":
        return draw(scalars())
    schema, values = draw(kinds(depth=depth - 1))
    if shape == "list":
        return {"type": "array", "items": schema}, st.lists(values, max_size=2)
    if shape == "map":
        return {"type": "object", "additionalProperties": schema}, st.dictionaries(
            st.sampled_from(NAMES), values, max_size=2
        )
    return draw(nested(depth=depth - 1))


@st.composite
def nested(draw: st.DrawFn, depth: int = 0) -> Kind:
    fields = draw(st.dictionaries(st.sampled_from(NAMES), kinds(depth=depth), max_size=3))
    required = [name for name in fields if draw(st.booleans())]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {name: schema for name, (schema, _) in fields.items()},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    return schema, st.fixed_dictionaries(
        {name: fields[name][1] for name in required},
        optional={name: values for name, (_, values) in fields.items() if name not in required},
    )


@st.composite
def objects(draw: st.DrawFn) -> tuple[Schema, st.SearchStrategy[dict[str, Any]]]:
    """A schema, some of whose properties refer to definitions of few names, and its values."""
    schema, values = draw(nested(depth=1))
    definitions = draw(st.dictionaries(st.sampled_from(["D", "E"]), nested(), max_size=2))
    extra: dict[str, st.SearchStrategy[Any]] = {}
    for name, (_, inner) in definitions.items():
        key = draw(st.sampled_from([name.lower(), f"{name.lower()}_1", "a"]))
        if key not in schema["properties"]:
            schema["properties"][key] = {"$ref": f"#/$defs/{name}"}
            extra[key] = inner
    if definitions:
        schema["$defs"] = {name: kind for name, (kind, _) in definitions.items()}
    joined = st.tuples(values, st.fixed_dictionaries({}, optional=extra)).map(
        lambda pair: {**pair[0], **pair[1]}
    )
    return Schema.of(schema), joined


@st.composite
def instances(draw: st.DrawFn) -> tuple[Schema, dict[str, Any]]:
    """A schema and one value that fits it."""
    schema, values = draw(objects())
    return schema, draw(values)
