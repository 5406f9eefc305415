"""Ranking: fusion, the walk and the order by coverage, on cases that can be worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag import ranking


def test_reciprocal_rank_fusion_adds_the_reciprocals_of_ranks() -> None:
    fused = ranking.reciprocal_rank_fusion([["a", "b"], ["b", "c"]], k=1)
    assert fused == pytest.approx({"b": 1 / 3 + 1 / 2, "a": 1 / 2, "c": 1 / 3})
    assert list(fused) == ["b", "a", "c"]


def test_min_max_gives_one_to_equal_scores_and_nothing_for_nothing() -> None:
    assert ranking.min_max({"a": 3.0, "b": 3.0}) == {"a": 1.0, "b": 1.0}
    assert ranking.min_max({}) == {}


def test_weighted_fusion_counts_a_missing_item_as_the_worst() -> None:
    fused = ranking.weighted_fusion([(0.5, {"a": 2.0, "b": 1.0}), (0.5, {"b": 9.0, "c": 3.0})])
    assert fused == {"a": 0.5, "b": 0.5, "c": 0.0}


@given(st.dictionaries(st.text(max_size=3), st.floats(-1e6, 1e6), max_size=20))
def test_best_first_keeps_all_and_never_rises(scores: dict[str, float]) -> None:
    ordered = ranking.best_first(scores)
    assert ordered == scores
    values = list(ordered.values())
    assert values == sorted(values, reverse=True)


def line() -> ranking.Bipartite:
    """Two passages that share one entity: p0 - e0 - p1."""
    ones = np.ones(2)
    return ranking.Bipartite(np.array([0, 1]), np.array([0, 0]), ones, ones, 2, 1)


def test_the_walk_reaches_a_passage_over_a_shared_entity() -> None:
    passages, entities = ranking.walk(line(), np.array([1.0, 0.0]), np.zeros(1), proceed=0.5, steps=2)
    # step 1: e0 = .5, p0 = .5; step 2: half of e0's .5 to each passage, halved; p0 = .5 + .125, p1 = .125
    assert passages.tolist() == pytest.approx([0.625, 0.125])
    assert entities.tolist() == pytest.approx([0.25])


@given(st.integers(1, 8), st.floats(0, 1))
def test_the_walk_never_makes_mass(steps: int, proceed: float) -> None:
    passages, entities = ranking.walk(
        line(), np.array([0.6, 0.1]), np.array([0.3]), proceed=proceed, steps=steps
    )
    assert passages.sum() + entities.sum() == pytest.approx(1.0)


def test_coverage_prefers_what_adds_new_words_of_the_question() -> None:
    scores = {"a": 1.0, "twin of a": 0.9, "other": 0.7}
    words = {"a": frozenset({"x"}), "twin of a": frozenset({"x"}), "other": frozenset({"y"})}
    order = ranking.order_by_coverage(scores, words, {"x": 1.0, "y": 1.0}, gain=0.5)
    assert order == ["a", "other", "twin of a"]


@given(st.dictionaries(st.text(max_size=2), st.floats(0, 1), max_size=30), st.integers(0, 12))
def test_coverage_loses_nothing(scores: dict[str, float], k: int) -> None:
    words = {item: frozenset(item) for item in scores}
    order = ranking.order_by_coverage(scores, words, {"a": 1.0, "b": 0.5}, pool=10, k=k)
    assert sorted(order) == sorted(scores)
