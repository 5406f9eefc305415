"""Names of one document: a part joins the full name that it belongs to, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kag.resolution.within import Named, resolve_within

PERSON, PLACE, ORG = "Person", "Place", "Organization"


def groups(*names: tuple[str, str], text: str = "", topic: str = "") -> set[frozenset[str]]:
    """What is joined: names by their groups; a name stands where the text has it."""
    named = [Named(str(i), name, label, places(name, text)) for i, (name, label) in enumerate(names)]
    found: dict[str, set[str]] = {}
    for key, head in resolve_within(named, text, topic=topic).items():
        found.setdefault(head, set()).add(names[int(key)][0])
    return {frozenset(group) for group in found.values() if len(group) > 1}


def places(name: str, text: str) -> tuple[tuple[int, int], ...]:
    found, start = [], text.find(name)
    while start >= 0:
        found.append((start, start + len(name)))
        start = text.find(name, start + 1)
    return tuple(found)


@pytest.mark.parametrize(
    ("label", "full", "short"),
    [
        (PERSON, "Marie Curie", "Curie"),
        (PERSON, "Marie Curie", "Marie"),
        (PERSON, "Dr. Marie Curie", "Marie Curie"),
        (PERSON, "Vincent van Gogh", "van Gogh"),
        (PERSON, "Edward Burne-Jones", "Burne-Jones"),
        (PERSON, "Joanne Kathleen Rowling", "J. K. Rowling"),
        (PERSON, "Tigran Vartanovich Petrosian", "Tigran Petrosian"),
        (PERSON, "Zakhary Lyapunov", "Zachary Lyapunov"),
        (PERSON, "Níkos Aliágas", "Nikos Aliagas’"),
        (ORG, "World Health Organization", "WHO"),
        (ORG, "US Airways Group, Inc.", "US Airways Group"),
        (ORG, "Epic Records", "Epic"),
        (ORG, "Kansas City Chiefs", "Chiefs"),
        (ORG, "University of Oxford", "Oxford"),
        (ORG, "University of Tehran", "Tehran University"),
        (ORG, "Rockefeller Brothers Fund", "Fund"),
        (PLACE, "United Kingdom", "the UK"),
        (PLACE, "West Chicago, Illinois", "West Chicago"),
        (PLACE, "Republic of Kazakhstan", "Kazakhstan"),
        ("Date", "July 24, 1854", "24 July 1854"),
        ("Law", "The Act of Union", "Act of Union"),
    ],
)
def test_a_short_or_other_form_joins_the_full_name(label: str, full: str, short: str) -> None:
    assert groups((full, label), (short, label)) == {frozenset((full, short))}


@pytest.mark.parametrize(
    "names",
    [
        [("Marie Curie", PERSON), ("Pierre Curie", PERSON), ("Curie", PERSON)],
        [("Paul Desmarais Jr.", PERSON), ("Paul Desmarais Sr.", PERSON)],
        [("Carol I", PERSON), ("Carol II", PERSON)],
        [("George Washington", PERSON), ("Washington", PLACE)],
        [("Hungary", PLACE), ("Hungarian", PLACE)],
        [("New York", PLACE), ("York", PLACE)],
        [("West Chicago", PLACE), ("Chicago", PLACE)],
        [("Bank of England", ORG), ("England", PLACE)],
        [("General Motors", ORG), ("General Motors New Zealand Limited", ORG)],
        [("America West Holdings Corporation", ORG), ("America West Airlines", ORG)],
        [("World War I", "Event"), ("World War II", "Event")],
        [("1969", "Date"), ("July 1969", "Date")],
        [("nine", "Number"), ("eight", "Number")],
        [("Ed Wood (film)", "Name"), ("Ed Wood", "Name")],
        [("Johns Hopkins University", ORG), ("Johns Hopkins Hospital", ORG)],
    ],
)
def test_what_could_be_another_thing_stays_apart(names: list[tuple[str, str]]) -> None:
    assert groups(*names) == set()


def test_a_surname_of_several_means_the_one_that_the_document_is_about() -> None:
    names = [("Franck Piccard", PERSON), ("Ian Piccard", PERSON), ("Piccard", PERSON)]
    assert groups(*names, topic="Franck Piccard (skier)") == {frozenset(("Franck Piccard", "Piccard"))}


@pytest.mark.parametrize(
    ("text", "one", "other", "label"),
    [
        (
            "The Winnebago War, also known as the Black Hawk Fight, was short.",
            "Winnebago War",
            "Black Hawk Fight",
            "Event",
        ),
        ("He led the Beijing Ducks (北京鸭) then.", "Beijing Ducks", "北京鸭", ORG),
        ("Arjuna (in Devanagari: अर्जुन) is a hero.", "Arjuna", "अर्जुन", PERSON),
        ("The Act of Union (Riksakten) passed.", "Act of Union", "Riksakten", "Law"),
        (
            "He joined Iowa Telecommunications (formerly GTE Midwest).",
            "Iowa Telecommunications",
            "GTE Midwest",
            ORG,
        ),
    ],
)
def test_names_that_the_text_equates_are_joined(text: str, one: str, other: str, label: str) -> None:
    assert groups((one, label), (other, label), text=text) == {frozenset((one, other))}


def test_brackets_after_a_person_or_place_hold_another_one() -> None:
    film = "Derek Shepherd (Patrick Dempsey) leaves."
    assert groups(("Derek Shepherd", PERSON), ("Patrick Dempsey", PERSON), text=film) == set()
    town = "He lived in Altamira (Caracas) then."
    assert groups(("Altamira", PLACE), ("Caracas", PLACE), text=town) == set()


def test_pseudonyms_and_a_name_at_birth_are_the_subjects() -> None:
    text = (
        "Kurt Tucholsky was a writer. He wrote under the pseudonyms Kaspar Hauser, Peter Panter and "
        "Ignaz Wrobel. Theobald Tiger was a cat."
    )
    people = ["Kurt Tucholsky", "Kaspar Hauser", "Peter Panter", "Ignaz Wrobel", "Theobald Tiger"]
    joined = groups(*((name, PERSON) for name in people), text=text, topic="Kurt Tucholsky")
    assert joined == {frozenset(people[:4])}


def test_names_without_a_type_join_by_surname_only_where_they_are_used_as_a_persons() -> None:
    person = "Marie Curie was a chemist. Later Curie moved."
    assert groups(("Marie Curie", "Name"), ("Curie", "Name"), text=person) == {
        frozenset(("Marie Curie", "Curie"))
    }
    before = "In Curie he met Marie Curie."
    assert groups(("Marie Curie", "Name"), ("Curie", "Name"), text=before) == set()
    street = "He lives in Baker Street, near the Street Museum."
    assert groups(("Baker Street", "Name"), ("Street", "Name"), text=street) == set()
    place = "He came to Woodson, Arkansas and left Arkansas."
    assert groups(("Woodson, Arkansas", "Name"), ("Arkansas", "Name"), text=place) == set()


def test_an_alias_joins_the_name_that_it_is() -> None:
    named = [Named("a", "Woodson, Arkansas", "Name", aliases=("Woodson",)), Named("b", "Woodson", "Name")]
    assert resolve_within(named) == {"a": "a", "b": "a"}


def test_hundreds_of_names_and_odd_ones_are_no_trouble() -> None:
    odd = [
        "",
        " ",
        "()",
        "(x)",
        ".",
        "\n",
        "’s",
        "🎻",
        "A",
        "I",
        "the",
        "Jr.",
        "Dr.",
        "x" * 5000,
        "\ud800",
        "((((",
        ",,",
    ]
    named = [Named(str(i), name, label, ((0, 1),)) for i, name in enumerate(odd) for label in ("Name",)]
    named += [Named(f"n{i}", f"Smith {i}", PERSON) for i in range(400)]
    leading = resolve_within(named, "(" * 5000, topic="((")
    assert leading.keys() == {name.key for name in named}
    assert resolve_within([]) == {}


WORDS = [
    "Marie",
    "Curie",
    "Pierre",
    "M.",
    "Dr.",
    "NASA",
    "National",
    "Space",
    "of",
    "University",
    "II",
    "Jr.",
]
NAMED = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join),
        st.sampled_from(["Name", PERSON, PLACE, ORG, "Date"]),
        st.integers(0, 60),
    ),
    max_size=12,
)


@settings(max_examples=120, deadline=None)
@given(NAMED, st.randoms(use_true_random=False))
def test_the_order_of_names_never_matters_and_types_never_mix(
    drawn: list[tuple[str, str, int]], luck: random.Random
) -> None:
    text = "Marie Curie (Pierre), also known as NASA, of the University. " * 2
    named = [Named(f"k{i}", name, label, ((at, at + 5),)) for i, (name, label, at) in enumerate(drawn)]
    leading = resolve_within(named, text, topic="Marie Curie")
    shuffled = list(named)
    luck.shuffle(shuffled)
    assert resolve_within(shuffled, text, topic="Marie Curie") == leading
    assert all(leading[head] == head for head in leading.values())
    labels: dict[str, set[str]] = {}
    for name in named:
        labels.setdefault(leading[name.key], set()).add(name.label)
    assert all(len(found - {"Name"}) <= 1 for found in labels.values())


@settings(max_examples=60, deadline=None)
@given(NAMED)
def test_what_was_joined_stays_joined_when_only_leading_names_are_left(
    drawn: list[tuple[str, str, int]],
) -> None:
    named = [Named(f"k{i}", name, label) for i, (name, label, _) in enumerate(drawn)]
    leading = resolve_within(named)
    heads = [name for name in named if leading[name.key] == name.key]
    again = resolve_within(heads)
    assert {again[leading[key]] for key in leading} <= {head.key for head in heads}
