"""Reranking with a real, tiny cross-encoder from a folder."""

import math
from pathlib import Path

import pytest
from tiny_cross_encoder import write_tiny_cross_encoder

from kag.errors import ConfigurationError, EmbeddingModelError
from kag.knowledge_bases.records import Chunk
from kag.retrievers._reranker import Reranked, Reranker
from kag.retrievers.base import Evidence, Hit, Search

WEIGHTS = {"bronze": 1.0, "silver": 2.0, "gold": 3.0}


class Fixed:
    """Finds the same passages for all questions, in the order given."""

    def __init__(self, *texts: str) -> None:
        self.hits = tuple(
            Hit(Chunk(f"chk_{n}", "doc", "default", n, text, 0, len(text)), "Page", "page.md", 1 / (n + 1))
            for n, text in enumerate(texts)
        )

    async def search(self, search: Search) -> Evidence:
        return Evidence(search.text, "hybrid", self.hits[: search.k])


async def found(reranked: Reranked, k: int) -> list[str]:
    return [hit.chunk.text for hit in (await reranked.search(Search("which metal", k=k))).hits]


async def test_a_cross_encoder_orders_the_first_passages_anew(tmp_path: Path) -> None:
    reranker = Reranker(folder=write_tiny_cross_encoder(tmp_path / "tiny", WEIGHTS))
    first = Fixed("of bronze", "of silver", "of gold", "of wood")
    assert await found(Reranked(first, reranker, share=1.0), 3) == ["of gold", "of silver", "of bronze"]
    assert await found(Reranked(first, reranker, share=0.0), 3) == ["of bronze", "of silver", "of gold"]


async def test_only_the_pool_is_read_and_the_rest_stays_behind(tmp_path: Path) -> None:
    reranker = Reranker(folder=write_tiny_cross_encoder(tmp_path / "tiny", WEIGHTS))
    first = Fixed("of bronze", "of silver", "of gold", "of wood")
    reranked = Reranked(first, reranker, pool=2, share=1.0)
    assert await found(reranked, 4) == ["of silver", "of bronze", "of gold", "of wood"]
    scores = [hit.score for hit in (await reranked.search(Search("which metal", k=4))).hits]
    assert scores == sorted(scores, reverse=True)


async def test_scores_are_the_logistic_function_of_the_models(tmp_path: Path) -> None:
    reranker = Reranker(folder=write_tiny_cross_encoder(tmp_path / "tiny", WEIGHTS))
    scores = await reranker.scores("which metal", ["gold and silver", "wood"])
    assert scores == pytest.approx([1 / (1 + math.exp(-3)), 0.5])
    assert await reranker.scores("which metal", []) == []


async def test_two_models_in_one_process_do_not_meet(tmp_path: Path) -> None:
    one = Reranker(folder=write_tiny_cross_encoder(tmp_path / "one" / "tiny", {"gold": 1.0}))
    other = Reranker(folder=write_tiny_cross_encoder(tmp_path / "other" / "tiny", {"gold": 3.0}))
    assert (await one.scores("q", ["gold"]))[0] < (await other.scores("q", ["gold"]))[0]


def test_what_cannot_be_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no cross-encoder"):
        Reranker(folder=tmp_path)
    with pytest.raises(ConfigurationError, match="not both"):
        Reranker("some/model", folder=tmp_path)
    with pytest.raises(ConfigurationError, match="pool is 0"):
        Reranked(Fixed(), Reranker(), pool=0)


async def test_a_model_that_nobody_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelError, match="no/such-model"):
        await Reranker("no/such-model").scores("q", ["text"])


async def test_a_broken_model_is_named(tmp_path: Path) -> None:
    folder = write_tiny_cross_encoder(tmp_path / "tiny", WEIGHTS)
    (folder / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(EmbeddingModelError, match="cannot be loaded"):
        await Reranker(folder=folder).scores("q", ["text"])
