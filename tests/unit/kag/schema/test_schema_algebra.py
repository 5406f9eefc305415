"""The schema algebra, example by example: collisions, definitions, masks, factorize, bad schemas."""

from __future__ import annotations

from typing import Any

import pytest

from kag.errors import SchemaError
from kag.schema import (
    Schema,
    concat,
    contains,
    copy_json,
    exclusive,
    factorize,
    in_mask,
    out_mask,
    prefix,
    suffix,
    union,
)
from kag.schema.sample import sample


def schema(properties: dict[str, Any], required: list[str] | None = None, **more: Any) -> Schema:
    return Schema.of(
        {
            "type": "object",
            "properties": properties,
            "required": list(properties) if required is None else required,
            "additionalProperties": False,
            **more,
        }
    )


TEXT = {"type": "string"}
QUERY = schema({"query": {"title": "Query", "type": "string"}}, title="Query")


def test_collisions_are_numbered_in_order() -> None:
    twice = concat(QUERY, QUERY).schema
    thrice = concat(twice, QUERY)
    assert list(thrice.schema.properties) == ["query", "query_1", "query_2"]
    assert thrice.schema.properties["query_2"]["title"] == "Query 2"
    assert thrice.value({"query": "a", "query_1": "b"}, {"query": "c"}) == {
        "query": "a",
        "query_1": "b",
        "query_2": "c",
    }


def test_pairs_that_collide_are_counted_on() -> None:
    twice = concat(QUERY, QUERY).schema
    assert list(concat(twice, twice).schema.properties) == ["query", "query_1", "query_2", "query_3"]


def test_a_name_with_a_year_is_not_taken_for_a_numbered_copy() -> None:
    year = schema({"total_2024": TEXT})
    assert list(concat(year, year).schema.properties) == ["total_2024", "total_2024_1"]


def test_a_key_that_is_optional_on_one_side_stays_optional() -> None:
    joined = concat(schema({"x": TEXT}, required=[]), schema({"x": TEXT})).schema
    assert joined.required == {"x_1"}


def test_definitions_of_one_name_and_different_content_are_renamed() -> None:
    one = schema({"x": {"$ref": "#/$defs/D"}}, **{"$defs": {"D": {"type": "string"}}})
    two = schema({"y": {"$ref": "#/$defs/D"}}, **{"$defs": {"D": {"type": "integer"}}})
    joined = concat(one, two)
    joined.schema.check(joined.value({"x": "text"}, {"y": 1}))
    with pytest.raises(SchemaError):
        joined.schema.check({"x": "text", "y": "text"})


def test_a_shared_definition_that_refers_to_a_renamed_one_is_renamed_too() -> None:
    outer = {"type": "array", "items": {"$ref": "#/$defs/D"}}
    one = schema({"x": {"$ref": "#/$defs/L"}}, **{"$defs": {"D": {"type": "string"}, "L": outer}})
    two = schema({"y": {"$ref": "#/$defs/L"}}, **{"$defs": {"D": {"type": "integer"}, "L": outer}})
    joined = concat(one, two)
    joined.schema.check({"x": ["text"], "y": [1]})
    with pytest.raises(SchemaError):
        joined.schema.check({"x": [1], "y": [1]})


def test_equal_definitions_are_shared() -> None:
    one = schema({"x": {"$ref": "#/$defs/D"}}, **{"$defs": {"D": {"type": "string"}}})
    two = schema({"y": {"$ref": "#/$defs/D"}}, **{"$defs": {"D": {"type": "string"}}})
    assert list(concat(one, two).schema.definitions) == ["D"]


def test_undeclared_properties_of_open_objects_give_way_to_declared_ones() -> None:
    loose = Schema.of({"type": "object", "properties": {"x": TEXT}})
    joined = concat(loose, schema({"y": TEXT}))
    value = joined.value({"x": "1", "y": 5}, {"y": "2"})
    assert value == {"x": "1", "y_1": 5, "y": "2"}
    joined.schema.check(value)


def test_or_takes_any_type_that_one_outcome_has() -> None:
    either = union(schema({"x": TEXT}), schema({"x": {"type": "integer"}}))
    for value in ({"x": "a"}, {"x": 1}, {"x": "a", "x_1": 1}):
        either.check(value)
    with pytest.raises(SchemaError):
        either.check({"x": True})


def test_xor_requires_what_both_require() -> None:
    only = exclusive(schema({"x": TEXT, "y": TEXT}), schema({"x": TEXT}))
    assert only.required == {"x"}
    assert list(only.properties) == ["x", "y"]


def test_contains_compares_names_and_types_and_nothing_else() -> None:
    plain, described = (
        schema({"x": TEXT}),
        schema({"x": {"type": "string", "description": "an x", "title": "X"}}),
    )
    assert contains(plain, described)
    assert contains(schema({"x": TEXT, "y": TEXT}), described)
    assert not contains(schema({"x": {"type": "integer"}}), described)


def test_contains_looks_through_references() -> None:
    inline = schema({"x": {"type": "object", "properties": {"y": TEXT}}})
    named = schema(
        {"x": {"$ref": "#/$defs/D"}}, **{"$defs": {"D": {"type": "object", "properties": {"y": TEXT}}}}
    )
    assert contains(inline, named)
    assert contains(named, inline)


def test_contains_ends_on_recursive_schemas() -> None:
    def tree(leaf: str) -> Schema:
        node = {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/T"}}, "v": {"type": leaf}},
        }
        return Schema.of({"$defs": {"T": node}, "$ref": "#/$defs/T"})

    assert contains(tree("string"), tree("string"))
    assert not contains(tree("string"), tree("integer"))


def test_masks_mean_every_copy_and_the_plural() -> None:
    three = concat(concat(QUERY, QUERY).schema, schema({"answer": TEXT})).schema
    assert list(out_mask(three, ("queries",)).schema.properties) == ["answer"]
    assert list(in_mask(three, ("query",)).schema.properties) == ["query", "query_1"]


def test_masks_reach_into_nested_objects_unless_told_otherwise() -> None:
    outer = schema(
        {"x": {"type": "object", "properties": {"y": TEXT, "z": TEXT}, "required": ["y"]}, "y": TEXT}
    )
    value = {"x": {"y": "1", "z": "2"}, "y": "3"}
    deep, flat = out_mask(outer, ("y",)), out_mask(outer, ("y",), None, False)
    assert deep.value(value) == {"x": {"z": "2"}}
    assert flat.value(value) == {"x": {"y": "1", "z": "2"}}
    flat.schema.check(flat.value(value))
    with pytest.raises(SchemaError):
        flat.schema.check({"x": {"z": "2"}})


def test_masks_drop_definitions_that_nothing_refers_to() -> None:
    one = schema({"x": {"$ref": "#/$defs/D"}, "y": TEXT}, **{"$defs": {"D": {"type": "string"}}})
    assert out_mask(one, ("x",)).schema.definitions == {}


def test_a_mask_may_be_a_pattern() -> None:
    three = schema({"gold_answer": TEXT, "answer": TEXT, "gold_query_1": TEXT})
    assert list(in_mask(three, None, "^gold_").schema.properties) == ["gold_answer", "gold_query_1"]
    with pytest.raises(SchemaError, match="regular expression"):
        in_mask(three, None, "(")


def test_a_mask_needs_names_or_a_pattern() -> None:
    with pytest.raises(SchemaError, match="mask="):
        out_mask(QUERY)


def test_factorize_gathers_copies_into_one_list() -> None:
    three = schema(
        {
            "query": TEXT,
            "answer_1": TEXT,
            "query_1": {"type": "integer"},
            "tags": {"type": "array", "items": TEXT},
        }
    )
    gathered = factorize(three)
    value = gathered.value({"query": "a", "answer_1": "b", "query_1": 2, "tags": ["t"]})
    assert value == {"queries": ["a", 2], "answer": "b", "tags": ["t"]}
    gathered.schema.check(value)
    assert gathered.schema.required == {"queries", "answer", "tags"}


def test_factorize_extends_an_existing_list() -> None:
    both = schema({"queries": {"type": "array", "items": TEXT}, "query": TEXT}, required=["query"])
    gathered = factorize(both)
    assert gathered.value({"queries": ["a", "b"], "query": "c"}) == {"queries": ["a", "b", "c"]}
    assert gathered.value({"query": "c"}) == {"queries": ["c"]}


@pytest.mark.parametrize(
    ("single", "many"),
    [
        ("query", "queries"),
        ("child", "children"),
        ("analysis", "analyses"),
        ("box", "boxes"),
        ("user_key", "user_keys"),
    ],
)
def test_factorize_knows_english_plurals(single: str, many: str) -> None:
    assert list(factorize(schema({single: TEXT, f"{single}_1": TEXT})).schema.properties) == [many]
    assert list(
        factorize(schema({single: TEXT, many: {"type": "array", "items": TEXT}})).schema.properties
    ) == [many]


def test_prefix_and_suffix_keep_optional_properties_optional() -> None:
    some = schema({"x": TEXT, "y": TEXT}, required=["y"])
    assert prefix(some, "p").schema.required == {"p_y"}
    assert suffix(some, "s").schema.required == {"y_s"}
    with pytest.raises(SchemaError, match="non-empty"):
        prefix(some, "")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"type": "array"}, "object"),
        ({"type": "nonsense"}, "Not a JSON schema"),
        ({"anyOf": [{"type": "object"}]}, "root"),
        ({"type": "object", "properties": {"x": True}}, "property"),
        ({"type": "object", "properties": {"x": {"$ref": "#/$defs/Missing"}}}, "not in it"),
        ({"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/schema.json"}}}, "not in it"),
        (["type"], "must be a dict"),
    ],
)
def test_unusable_schemas_are_refused(bad: Any, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        Schema.of(bad)


def test_references_to_any_place_become_definitions() -> None:
    odd = Schema.of(
        {
            "type": "object",
            "definitions": {"N": {"type": "integer"}},
            "properties": {
                "n": {"$ref": "#/definitions/N"},
                "m": {"$ref": "#/properties/n"},
                "kids": {"type": "array", "items": {"$ref": "#"}},
            },
        }
    )
    odd.check({"n": 1, "m": 2, "kids": [{"n": 3, "kids": []}]})
    with pytest.raises(SchemaError):
        odd.check({"kids": [{"n": "text"}]})
    masked = out_mask(odd, ("n",), None, False)
    masked.schema.check({"m": 2, "kids": [{"n": 3}]})


def test_a_property_called_ref_is_no_reference() -> None:
    odd = schema({"$ref": TEXT, "enum": TEXT})
    assert list(concat(odd, QUERY).schema.properties) == ["$ref", "enum", "query"]


def test_a_misfit_says_where_and_why() -> None:
    with pytest.raises(SchemaError, match=r"'Query': query: 5 is not of type 'string'"):
        QUERY.check({"query": 5})


@pytest.mark.parametrize("bad", [{1: "x"}, {"x": {1, 2}}, {"x": float("nan")}, {"x": object()}])
def test_what_is_not_json_is_refused(bad: Any) -> None:
    with pytest.raises(SchemaError):
        copy_json(bad)


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["self"] = loop
    with pytest.raises(SchemaError, match="deeply"):
        copy_json(loop)


def test_integers_of_any_size_survive() -> None:
    big = 10**30
    assert schema({"x": {"const": big}}).copy()["properties"]["x"]["const"] == big


def test_a_sample_fits_its_schema() -> None:
    assert sample(
        schema(
            {
                "n": {"type": "integer", "minimum": 7},
                "e": {"enum": ["b"]},
                "l": {"type": "array", "minItems": 1},
            }
        )
    )
