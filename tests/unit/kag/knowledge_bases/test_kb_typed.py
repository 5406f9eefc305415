"""Assertions: what a program states about entities and relations, as one document."""

from __future__ import annotations

import math
from typing import Any

import pytest

from kag.errors import DataModelError
from kag.knowledge_bases._typed import assertion, entity_of, fact_of
from kag.knowledge_bases.records import Entity


def rome(**fields: Any) -> Entity:
    return entity_of({"label": "City", "name": "Rome", **fields}, collection="default")


def test_an_end_of_a_relation_takes_nothing_away_from_its_entity() -> None:
    full = rome(description="The eternal city.", population=2_800_000, aliases=["Roma"])
    ends = {"subj": {"label": "City", "name": "Rome", "mayor": "Nobody"}, "obj": {"label": "X", "name": "Y"}}
    fact = fact_of({"label": "IN", **ends}, collection="default")
    change = assertion([full], [fact], collection="default", uri="program:x", ingested_at="2026-01-01")
    (found,) = [e for e in change.entities if e.name == "Rome"]
    assert (found.description, found.aliases) == ("The eternal city.", ("Roma",))
    assert found.properties == {"population": 2_800_000, "mayor": "Nobody"}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, {"deep": [math.nan]}])
def test_what_is_no_number_is_no_property(value: Any) -> None:
    with pytest.raises(DataModelError, match="size"):
        rome(size=value)
