"""Diversity: what is picked after the best."""

from hypothesis import given
from hypothesis import strategies as st

from kag import ranking

SCORES = {"a": 1.0, "twin of a": 0.9, "b": 0.6, "c": 0.0}


def alike(one: str, other: str) -> float:
    return 1.0 if one[-1:] == other[-1:] else 0.0


def test_a_twin_comes_after_what_is_new() -> None:
    # after a: twin .5(.9) - .5(1) = -.05, b .5(.6) = .3, c 0
    assert ranking.diversify(SCORES, alike, relevance=0.5) == ["a", "b", "c", "twin of a"]


def test_with_relevance_alone_the_order_is_that_of_the_scores() -> None:
    assert ranking.diversify(SCORES, alike, relevance=1.0, k=3) == ["a", "twin of a", "b"]


@given(st.dictionaries(st.text(max_size=3), st.integers(-50, 50), max_size=8), st.integers(0, 9))
def test_each_item_comes_once_and_the_best_first(scores: dict[str, int], k: int) -> None:
    picked = ranking.diversify(scores, alike, k=k)
    assert len(picked) == len(set(picked)) == min(k, len(scores))
    assert not picked or scores[picked[0]] == max(scores.values())
