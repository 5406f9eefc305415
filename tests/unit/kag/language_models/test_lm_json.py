"""Unfinished and dressed-up JSON, the strict dialect, and the fast check: properties over many inputs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fake_schemas import check_strict, instance
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kag.language_models._fits import compiled
from kag.language_models._partial import PartialJson
from kag.language_models._repair import candidates, split_thinking
from kag.language_models._strict import drop_nulls, expressible, strict

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=4), values, max_size=4)


def contained(part: Any, whole: Any) -> bool:
    """Whether a partial value is a beginning of the whole."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contained(item, whole[key]) for key, item in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(contained(a, b) for a, b in zip(part, whole, strict=False))
    if isinstance(part, str):
        return isinstance(whole, str) and whole.startswith(part)
    return part == whole or isinstance(part, int | float)  # a number may still grow


@given(objects, st.booleans(), st.data())
def test_every_beginning_of_an_object_is_a_beginning_of_its_value(
    value: dict[str, Any], ascii_: bool, data: Any
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_)
    end = data.draw(st.integers(0, len(text)))
    partial = PartialJson()
    partial.feed(text[:end])
    found = partial.value()
    assert found is None or contained(found, value)
    assert (found is None) == (end == 0)
    partial.feed(text[end:])
    assert partial.complete
    assert partial.value() == value


@given(objects)
def test_an_object_is_found_in_a_fence_and_amid_talk(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    for dressed in (
        text,
        f"```json\n{text}\n```",
        f"Sure: {text} Anything else?",
        f"<think>{{}} hm</think>{text}",
    ):
        assert value in list(candidates(dressed))


@given(st.text(alphabet='{}[]",:\\ \n<>/think`0', max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    list(candidates(text))
    split_thinking(text)
    partial = PartialJson()
    for character in text:
        partial.feed(character)
        partial.value()


schemas = st.deferred(
    lambda: st.one_of(
        st.sampled_from(
            [{"type": kind} for kind in ("string", "integer", "number", "boolean", "null", "object", "array")]
        ),
        st.builds(lambda n: {"type": "string", "minLength": n, "maxLength": n + 3}, st.integers(0, 5)),
        st.builds(lambda n: {"type": "integer", "minimum": n, "exclusiveMaximum": n + 9}, st.integers(-5, 5)),
        st.builds(
            lambda items, n: {"type": "array", "items": items, "maxItems": n}, schemas, st.integers(0, 3)
        ),
        st.builds(lambda options: {"anyOf": options}, st.lists(schemas, min_size=1, max_size=3)),
        st.builds(
            lambda options: {"enum": options},
            st.lists(st.text(max_size=3) | st.integers(0, 2) | st.booleans(), min_size=1, max_size=3),
        ),
        st.builds(
            lambda fields, required, extra: {
                "type": "object",
                "properties": fields,
                "required": [name for name in fields if name in required],
                **({} if extra is None else {"additionalProperties": extra}),
            },
            st.dictionaries(st.sampled_from("abc"), schemas, max_size=3),
            st.sets(st.sampled_from("abc")),
            st.sampled_from([None, True, False, {"type": "integer"}]),
        ),
    )
)


@given(schemas, values)
def test_the_fast_check_never_says_yes_where_the_full_one_says_no(schema: Any, value: Any) -> None:
    check = compiled(schema)
    assert check is not None
    if check(value):
        assert Draft202012Validator(schema).is_valid(value)


@given(schemas)
def test_the_fast_check_says_yes_to_a_plain_instance(schema: Any) -> None:
    value = instance(schema)
    if Draft202012Validator(schema).is_valid(value):
        check = compiled(schema)
        assert check is not None
        assert check(value)


@pytest.mark.parametrize(
    "schema",
    [
        {"not": {}},
        {"type": "object", "patternProperties": {}},
        {"oneOf": []},
        {"minimum": 1},
        {"type": "string", "maxItems": 1},
        {"$ref": "#/$defs/no"},
        {"type": "array", "prefixItems": []},
    ],
)
def test_what_the_fast_check_does_not_know_it_leaves_to_the_full_one(schema: Any) -> None:
    assert compiled(schema) is None


def test_a_schema_may_refer_to_itself() -> None:
    schema = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {"next": {"$ref": "#/$defs/Node"}},
                "additionalProperties": False,
            }
        },
    }
    check = compiled(schema)
    assert check is not None
    assert check({"next": {"next": {}}})
    assert not check({"next": {"next": {"other": 1}}})


closed = st.deferred(
    lambda: st.one_of(
        st.sampled_from([{"type": kind} for kind in ("string", "integer", "number", "boolean")]),
        st.just({"type": "string", "maxLength": 9, "default": "x", "description": "d"}),
        st.just({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}),
        st.just({"enum": ["a", "b"], "type": "string"}),
        st.just({"$ref": "#/$defs/D", "description": "beside"}),
        st.just({"allOf": [{"$ref": "#/$defs/D"}], "default": {}}),
        st.builds(lambda items: {"type": "array", "items": items}, closed),
        st.builds(
            lambda fields, required: {
                "type": "object",
                "properties": fields,
                "required": [n for n in fields if n in required],
            },
            st.dictionaries(st.sampled_from("abc"), closed, max_size=3),
            st.sets(st.sampled_from("abc")),
        ),
    )
)
roots = st.builds(
    lambda fields, required: {
        "type": "object",
        "properties": fields,
        "required": [name for name in fields if name in required],
        "$defs": {
            "D": {
                "type": "object",
                "properties": {"x": {"type": "string"}, "y": {"type": "integer"}},
                "required": ["x"],
            }
        },
    },
    st.dictionaries(st.sampled_from("pqr"), closed, max_size=3),
    st.sets(st.sampled_from("pqr")),
)


@given(roots)
def test_the_strict_form_is_what_openai_takes_and_its_nulls_become_absent(schema: Any) -> None:
    assert expressible(schema)
    written = strict(schema)
    check_strict(written)
    answer = instance(written)  # null wherever it may be
    assert Draft202012Validator(written).is_valid(answer)
    back = drop_nulls(answer, schema, schema)
    assert Draft202012Validator(schema).is_valid(back), (answer, back)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "string"}},
        {"type": "object"},
        {
            "type": "object",
            "properties": {"m": {"type": "object", "additionalProperties": {"type": "string"}}},
        },
        {"type": "object", "properties": {"m": {"type": "object"}}},
        {"type": "object", "properties": {"m": {"type": "array"}}},
        {"type": "object", "properties": {"m": {"type": "array", "prefixItems": []}}},
        {"type": "object", "properties": {"m": True}},
    ],
)
def test_what_strict_mode_cannot_express_is_not_tried(schema: Any) -> None:
    assert not expressible(schema)
