"""Laws of the schema algebra, on generated schemas and values: a result's schema validates its value."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from json_objects import NAMES, instances

from kag.schema import (
    Schema,
    concat,
    contains,
    exclusive,
    factorize,
    in_mask,
    out_mask,
    prefix,
    suffix,
    union,
)

Instance = tuple[Schema, dict[str, Any]]
masks = st.lists(st.sampled_from(NAMES), max_size=3).map(tuple)


@given(instances(), instances())
def test_a_concatenation_validates_keeps_the_order_and_loses_nothing(one: Instance, two: Instance) -> None:
    joined = concat(one[0], two[0])
    value = joined.value(one[1], two[1])
    joined.schema.check(value)
    assert list(value) == [*one[1], *(joined.second[key] for key in two[1])]
    assert list(joined.schema.properties)[: len(one[0].properties)] == list(one[0].properties)
    assert len(joined.schema.properties) == len(one[0].properties) + len(two[0].properties)


@given(instances(), instances(), instances())
def test_concatenation_is_associative_in_what_it_keeps(one: Instance, two: Instance, three: Instance) -> None:
    left = concat(concat(one[0], two[0]).schema, three[0]).schema
    right = concat(one[0], concat(two[0], three[0]).schema).schema
    assert len(left.properties) == len(right.properties)
    assert len(left.required) == len(right.required)


@given(instances(), instances())
def test_a_part_is_contained_in_a_concatenation(one: Instance, two: Instance) -> None:
    joined = concat(one[0], two[0])
    assert contains(joined.schema, one[0])
    if not joined.renames:
        assert contains(joined.schema, two[0])


@given(instances(), instances())
def test_every_outcome_of_or_and_xor_fits_its_union(one: Instance, two: Instance) -> None:
    either, only = union(one[0], two[0]), exclusive(one[0], two[0])
    both = concat(one[0], two[0])
    outcomes = [one[1], two[1], both.value(one[1], two[1])]
    for value in outcomes:
        either.check(value)
    for value in outcomes[:2]:
        only.check(value)
    schemas = [one[0], two[0], both.schema]
    assert either.required == frozenset.intersection(*(schema.required for schema in schemas))
    assert only.required == one[0].required & two[0].required


@given(instances(), masks, st.booleans())
def test_masked_values_fit_the_masked_schema(one: Instance, mask: tuple[str, ...], recursive: bool) -> None:
    for masked in (in_mask(one[0], mask, None, recursive), out_mask(one[0], mask, None, recursive)):
        masked.schema.check(masked.value(one[1]))


@given(instances(), masks)
def test_in_mask_and_out_mask_part_the_top_level(one: Instance, mask: tuple[str, ...]) -> None:
    kept = in_mask(one[0], mask, None, False).value(one[1])
    removed = out_mask(one[0], mask, None, False).value(one[1])
    assert {**kept, **removed} == one[1]
    assert not kept.keys() & removed.keys()


@given(instances())
def test_factorized_values_fit_and_keep_every_property(one: Instance) -> None:
    factorized = factorize(one[0])
    value = factorized.value(one[1])
    factorized.schema.check(value)
    assert bool(value) == bool(one[1])


@given(instances())
def test_prefix_and_suffix_rename_and_keep_what_is_required(one: Instance) -> None:
    for derived in (prefix(one[0], "p"), suffix(one[0], "s")):
        value = derived.value(one[1])
        derived.schema.check(value)
        assert list(value.values()) == list(one[1].values())
        assert len(derived.schema.required) == len(one[0].required)


@given(instances())
def test_equal_schemas_are_one_object(one: Instance) -> None:
    assert Schema.of(one[0].copy()) is one[0]
