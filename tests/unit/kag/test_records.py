"""Names and ids: what counts as the same name, and what an id depends on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.knowledge_bases import records


@pytest.mark.parametrize(
    "names",
    [
        ("Marie Curie", "marie  curie", "MARIE CURIE", "Marie-Curie", "“Marie Curie”"),
        ("Skłodowska", "SKŁODOWSKA"),
        ("Médiaș", "Medias"),
        ("O'Brien", "O’Brien"),
        ("Newton's", "Newton"),
        ("C++", "c++"),
    ],
)
def test_forms_of_one_name_meet(names: tuple[str, ...]) -> None:
    assert len({records.normalise(name) for name in names}) == 1


def test_names_that_differ_stay_apart() -> None:
    names = ["C", "C++", "C#", "F#", "+++", "###", "", "Paris", "Pari", "東京", "京都"]
    assert len({records.normalise(name) for name in names}) == len(names)


@given(st.text(max_size=30))
def test_normalising_twice_changes_nothing(name: str) -> None:
    once = records.normalise(name)
    assert records.normalise(once) == once


def test_ids_depend_on_every_part_and_not_on_how_parts_join() -> None:
    ids = {
        records.document_id("a", "bc"),
        records.document_id("ab", "c"),
        records.entity_id("a", "Name", "x"),
        records.entity_id("a", "Term", "x"),
        records.entity_id("b", "Name", "x"),
        records.chunk_id("doc_1", "text", 0),
        records.chunk_id("doc_1", "text", 1),
        records.relation_id("ent_1", "T", "ent_2"),
        records.relation_id("ent_2", "T", "ent_1"),
    }
    assert len(ids) == 9
    assert records.entity_id("a", "Name", "Ada Lovelace") == records.entity_id("a", "Name", "ADA LOVELACE")
