"""What graph servers keep of texts, names and properties: terms, keys, labels, facets and votes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.errors import SearchError
from kag.knowledge_bases._contribution import EntitySource
from kag.knowledge_bases._cypher_rows import (
    INTERNAL_LABELS,
    facets,
    facets_of,
    name_key,
    plain_properties,
    scope,
    shown_label,
)
from kag.knowledge_bases._cypher_standing import Standing, Step, standing_of
from kag.knowledge_bases._cypher_terms import asked, indexed
from kag.knowledge_bases._identifiers import identifier
from kag.knowledge_bases._values import to_json

STOP = frozenset({"the", "who"})


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("She runs fast.", "running"),
        ("Zürich", "zurich"),
        ("Η Αθήνα", "ΑΘΉΝΑ"),
        ("हिन्दी", "हिन्दी"),
        ("東京タワーに行く", "東京"),
        ("東京タワー", "京"),
        ("x" * 500, "X" * 500),
    ],
)
def test_a_question_has_terms_of_the_texts_that_answer_it(text: str, question: str) -> None:
    terms = asked(question, STOP)
    assert terms
    assert set(terms) <= set(indexed(text).split())


@given(st.text(max_size=60))
def test_terms_are_short_and_of_letters_and_digits_alone_so_no_index_splits_them(text: str) -> None:
    for term in (*indexed(text).split(), *asked(text, STOP)):
        assert term.isascii()
        assert term.isalnum()
        assert term == term.lower()
        assert len(term) <= 36


def test_function_words_are_asked_for_only_where_there_is_nothing_else() -> None:
    assert asked("the Who?", STOP) == ["the", "who"]
    assert asked("the brass", STOP) == ["brass"]
    assert asked("?!", STOP) == []


@given(st.text(max_size=200))
def test_any_label_has_a_form_that_can_be_shown_and_quoted(name: str) -> None:
    shown = shown_label(name)
    assert shown not in INTERNAL_LABELS
    assert identifier(shown, "label")


def test_labels_of_the_graph_itself_are_kept_apart() -> None:
    assert (shown_label("Person"), shown_label("Document"), shown_label("\0")) == (
        "Person",
        "Document_",
        "Unnamed",
    )


def test_keys_are_equal_for_names_that_mean_the_same() -> None:
    assert name_key("Erwin Schrödinger's") == name_key("erwin  schrodinger")
    assert name_key("Ada") != name_key("Bob")
    assert scope("a") != scope("b")


def test_facets_tell_truth_from_one_and_one_from_the_text() -> None:
    assert facets_of({"a": 1}) == facets_of({"a": 1.0}) == facets('{"a": 1}')
    assert len({facets_of({"a": value})[0] for value in (1, True, "1", 1.5, False)}) == 5
    with pytest.raises(SearchError, match="kind"):
        facets_of({"kind": ["x"]})  # type: ignore[dict-item]


def test_properties_stand_on_a_node_where_they_hide_none_of_ours() -> None:
    given_ = {"born": 1815, "id": "x", "embedding_1": 1, "a b": 1, "big": 2**70, "née": "y", "on": True}
    assert plain_properties(to_json(given_)) == {"born": 1815, "née": "y", "on": True}


source = st.builds(
    EntitySource,
    name=st.sampled_from(["Ada", "ADA", "ada"]),
    aliases=st.sets(st.sampled_from(["x", "Y"])).map(lambda names: tuple(sorted(names))),
    description=st.sampled_from(["", "one", "a longer one"]),
    properties=st.dictionaries(st.sampled_from("pq"), st.integers(0, 2)).map(to_json),
)


def after(sources: list[EntitySource]) -> Standing:
    """What stands when these sources came one after the other."""
    known: dict[str, Standing] = {}
    for one in sources:
        step = Step({}, {"e": one}, Counter({"e": 1}), known)
        step.describe({})
        known = step.after
    return known["e"]


@given(st.lists(source, min_size=1, max_size=5), st.randoms())
def test_what_stands_does_not_depend_on_the_order_of_the_sources(
    sources: list[EntitySource], chance: object
) -> None:
    shuffled = sorted(sources, key=lambda _: chance.random())  # type: ignore[attr-defined]
    assert after(sources) == after(shuffled)


@given(st.lists(source, min_size=1, max_size=4), source)
def test_a_source_that_comes_and_goes_leaves_no_trace(
    sources: list[EntitySource], guest: EntitySource
) -> None:
    before = after(sources)
    came = after([*sources, guest])
    step = Step({"e": guest}, {}, Counter({"e": -1}), {"e": came})
    others = [one.description for one in sources]
    step.describe(dict.fromkeys(step.orphaned(), others))
    assert step.after["e"] == before
    assert step.removed == []


@given(source)
def test_the_last_source_takes_the_rest_with_it(only: EntitySource) -> None:
    step = Step({"e": only}, {}, Counter({"e": -1}), {"e": after([only])})
    step.describe({})
    assert step.removed == ["e"]
    assert step.after["e"] == Standing(description=only.description)


@given(st.lists(source, min_size=1, max_size=4))
def test_what_is_stored_of_votes_reads_back(sources: list[EntitySource]) -> None:
    standing = after(sources)
    kept = standing.stored()
    again = standing_of(
        standing.description, standing.count, standing.sources, str(kept["names"]), str(kept["votes"])
    )
    assert again == standing
