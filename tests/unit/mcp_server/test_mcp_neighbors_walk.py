"""Which relations a walk around an entity follows, and how far away it finds what."""

from kag.knowledge_bases.records import Relation, Support
from mcp_server.tools.get_neighbors import walk


def relation(subject: str, object_: str) -> Relation:
    said = (Support("chk_1", "words", 0, 5),)
    return Relation(f"{subject}>{object_}", "default", "KNOWS", subject, object_, support=said)


CHAIN = [relation("a", "b"), relation("b", "c"), relation("c", "d"), relation("d", "e")]
FORK = [relation("a", "b"), relation("c", "b"), relation("c", "d")]


def ids(found: list[Relation]) -> list[str]:
    return [relation.id for relation in found]


def test_a_walk_goes_as_far_as_its_depth() -> None:
    found, distances = walk("a", CHAIN, "both", 2)
    assert ids(found) == ["a>b", "b>c"]
    assert distances == {"a": 0, "b": 1, "c": 2}


def test_direction_holds_at_every_step() -> None:
    assert ids(walk("a", FORK, "out", 3)[0]) == ["a>b"]
    assert ids(walk("a", FORK, "both", 3)[0]) == ["a>b", "c>b", "c>d"]
    assert ids(walk("d", FORK, "in", 3)[0]) == ["c>d"]
    assert ids(walk("b", FORK, "in", 1)[0]) == ["a>b", "c>b"]


def test_nearer_relations_come_first_and_each_once() -> None:
    round_trip = [relation("b", "c"), relation("c", "a"), relation("a", "b"), relation("a", "a")]
    found, distances = walk("a", round_trip, "both", 3)
    assert ids(found) == ["c>a", "a>b", "a>a", "b>c"]
    assert distances == {"a": 0, "b": 1, "c": 1}


def test_an_entity_without_relations_is_alone() -> None:
    assert walk("z", CHAIN, "both", 3) == ([], {"z": 0})
