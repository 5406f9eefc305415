"""Clusters: links are obeyed, order never matters, pieces can be computed apart."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from kag.resolution.base import Decision, Form, Link, LinkSource, Verdict
from kag.resolution.clustering import cluster, leader
from kag.resolution.matching import candidates, compare


def decided(forms: list[Form]) -> list[Decision]:
    by_id = {form.id: form for form in forms}
    return [compare(by_id[one], by_id[other]) for one, other in sorted(candidates(forms))]


def form(id_: str, name: str, label: str = "Person", *aliases: str) -> Form:
    return Form(id_, "c", label, name, aliases)


def same(one: str, other: str, source: LinkSource = "user") -> Link:
    return Link(one, other, "same", source)


def different(one: str, other: str, source: LinkSource = "user") -> Link:
    return Link(one, other, "different", source)


def test_the_leading_form_has_a_type_and_the_fullest_name_without_its_titles() -> None:
    forms = [form("a", "Dr. Marie Curie"), form("b", "Marie Curie"), form("c", "Marie Curie", "Name")]
    assert leader(forms).id == "b"
    assert dict(cluster(forms, decided(forms)).leading) == {"a": "b", "b": "b", "c": "b"}


def test_an_initial_that_fits_two_people_joins_neither() -> None:
    forms = [
        form("a", "J. K. Rowling"),
        form("b", "Joanne Kathleen Rowling"),
        form("c", "John Kevin Rowling"),
    ]
    clusters = cluster(forms, decided(forms))
    assert dict(clusters.leading) == {"a": "a", "b": "b", "c": "c"}
    assert [d.evidence["held"] for d in clusters.review] == ["it could mean several"] * 2
    assert cluster(forms[:2], decided(forms[:2])).leading["a"] == "b"


def test_an_untyped_name_joins_its_only_typed_namesake_and_none_of_two() -> None:
    place, person, bare = (
        form("a", "Washington", "Place"),
        form("b", "Washington"),
        form("c", "Washington", "Name"),
    )
    assert cluster([place, bare], decided([place, bare])).leading["c"] == "a"
    both = cluster([place, person, bare], decided([place, person, bare]))
    assert set(both.leading.values()) == {"a", "b", "c"}


def test_an_acronym_of_two_organisations_joins_neither() -> None:
    forms = [
        form("a", "Metropolitan Transportation Authority", "Organization", "MTA"),
        form("b", "Maryland Transit Administration", "Organization", "MTA"),
        form("c", "MTA", "Organization"),
    ]
    assert set(cluster(forms, decided(forms)).leading.values()) == {"a", "b", "c"}
    assert cluster([forms[0], forms[2]], decided([forms[0], forms[2]])).leading["c"] == "a"
    linked = cluster(forms, decided(forms), [same("c", "b")]).leading
    assert (linked["a"], linked["c"]) == ("a", "b"), "a link says which; the other one stays out"


def test_a_link_joins_what_nothing_else_would_and_another_keeps_equal_names_apart() -> None:
    forms = [form("a", "Samuel Clemens"), form("b", "Mark Twain"), form("c", "Dr. Mark Twain")]
    decisions = decided(forms)
    assert cluster(forms, decisions).leading["b"] == cluster(forms, decisions).leading["c"]
    joined = cluster(forms, decisions, [same("a", "b")])
    assert len(set(joined.leading.values())) == 1
    split = cluster(forms, decisions, [different("c", "b")])
    assert split.leading["b"] != split.leading["c"]
    assert not split.review, "what a link decides is not asked about"


def test_a_user_outweighs_a_model_and_apart_outweighs_together() -> None:
    forms = [form("a", "Alpha Beta"), form("b", "Gamma Delta")]
    assert cluster(forms, [], [same("a", "b"), different("b", "a", "model")]).leading["a"] == "b"
    assert cluster(forms, [], [different("a", "b"), same("a", "b", "model")]).leading["a"] == "a"
    assert cluster(forms, [], [different("a", "b"), same("a", "b")]).leading["a"] == "a"


def test_a_link_holds_through_a_form_that_no_document_has_any_more() -> None:
    forms = [form("a", "Alpha Beta"), form("c", "Gamma Delta")]
    assert cluster(forms, [], [same("a", "gone"), same("gone", "c")]).leading["a"] == "c"
    assert dict(cluster(forms, [], [same("x", "y"), different("a", "y")]).leading) == {"a": "a", "c": "c"}


NAMES = [
    "Marie Curie",
    "Dr. Marie Curie",
    "M. S. Curie",
    "Marie Sklodowska Curie",
    "Curie, Marie",
    "Pierre Curie",
]
NAMES += [
    "NASA",
    "National Aeronautics and Space Administration",
    "Washington",
    "J. R. Smith",
    "John Rex Smith",
]
LABELS = ["Person", "Name", "Place", "Organization"]
IDS = "abcdefgh"


@st.composite
def collections(draw: st.DrawFn, ids: str = IDS) -> tuple[list[Form], list[Link]]:
    forms = [
        form(
            id_,
            draw(st.sampled_from(NAMES)),
            draw(st.sampled_from(LABELS)),
            *draw(st.lists(st.sampled_from(NAMES), max_size=2)),
        )
        for id_ in draw(st.lists(st.sampled_from(ids), unique=True, max_size=len(ids)))
    ]
    pairs = st.tuples(st.sampled_from(ids), st.sampled_from(ids)).filter(lambda pair: pair[0] != pair[1])
    verdicts: list[Verdict] = ["same", "different"]
    sources: list[LinkSource] = ["user", "model"]
    link = st.builds(
        lambda pair, verdict, source: Link(*pair, verdict, source),
        pairs,
        st.sampled_from(verdicts),
        st.sampled_from(sources),
    )
    return forms, draw(st.lists(link, max_size=5))


@settings(max_examples=80, deadline=None)
@given(collections(), st.randoms(use_true_random=False))
def test_clusters_do_not_depend_on_any_order(
    given_: tuple[list[Form], list[Link]], luck: random.Random
) -> None:
    forms, links = given_
    decisions = decided(forms)
    expected = cluster(forms, decisions, links)
    for values in (forms, decisions, links):
        luck.shuffle(values)
    assert cluster(forms, decisions, links) == expected


@settings(max_examples=80, deadline=None)
@given(collections())
def test_every_form_has_a_leader_that_leads_itself_and_links_of_users_hold(
    given_: tuple[list[Form], list[Link]],
) -> None:
    forms, links = given_
    leading = cluster(forms, decided(forms), links).leading
    assert leading.keys() == {form.id for form in forms}
    assert all(leading[head] == head for head in leading.values())
    for link in links:
        if (
            link.source == "user"
            and link.verdict == "different"
            and {link.first, link.second} <= leading.keys()
        ):
            assert leading[link.first] != leading[link.second]
    if all(link.verdict == "same" for link in links):
        for link in links:
            if {link.first, link.second} <= leading.keys():
                assert leading[link.first] == leading[link.second]


@settings(max_examples=60, deadline=None)
@given(collections("abcd"), collections("wxyz"))
def test_pieces_that_nothing_joins_can_be_clustered_apart(
    left: tuple[list[Form], list[Link]], right: tuple[list[Form], list[Link]]
) -> None:
    decisions = decided(left[0]) + decided(right[0])
    whole = cluster(left[0] + right[0], decisions, left[1] + right[1])
    pieces = [cluster(forms, decisions, links) for forms, links in (left, right)]
    assert dict(whole.leading) == {**pieces[0].leading, **pieces[1].leading}
    assert set(map(repr, whole.review)) == {repr(d) for piece in pieces for d in piece.review}


@settings(max_examples=60, deadline=None)
@given(collections())
def test_repeating_forms_decisions_and_links_changes_nothing(given_: tuple[list[Form], list[Link]]) -> None:
    forms, links = given_
    decisions = decided(forms)
    once, twice = cluster(forms, decisions, links), cluster(forms * 2, decisions, links * 2)
    assert once == twice
