"""What an embedding model counts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_embeddings import FakeEmbeddings, Fault

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError


async def test_calls_texts_requests_tokens_and_cost_are_counted() -> None:
    with FakeEmbeddings() as fake:
        routing = {"only": ["DeepInfra"]}
        em = EmbeddingModel(
            "openrouter/tiny", api_base=fake.url, api_key=fake.key, provider=routing, batch_size=2
        )
        await em.embed(["a", "b", "c", "a"])
        await em(["d"])
    assert (em.usage.calls, em.usage.failures, em.usage.texts, em.usage.requests) == (2, 0, 5, 3)
    assert em.usage.tokens == 4  # equal texts are sent once
    assert em.usage.cost == pytest.approx(0.003)
    assert em.usage.latency > 0
    assert json.loads(json.dumps(em.usage.get_json()))["texts"] == 5


async def test_a_failed_call_is_counted_as_one() -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(404))
        em = EmbeddingModel("openai/tiny", api_base=fake.url, api_key=fake.key)
        with pytest.raises(EmbeddingModelError):
            await em.embed(["a"])
    assert (em.usage.calls, em.usage.failures, em.usage.tokens) == (1, 1, 0)


async def test_what_is_in_the_cache_is_counted_as_hits(tmp_path: Path) -> None:
    with FakeEmbeddings() as fake:
        for hits in (0, 2):
            em = EmbeddingModel(
                "openai/tiny", api_base=fake.url, api_key=fake.key, cache=tmp_path, dimensions=16
            )
            await em.embed(["a", "b"])
            assert em.usage.cache_hits == hits
        assert len(fake.requests) == 1


async def test_a_model_that_runs_here_costs_nothing_and_its_usage_is_no_setting() -> None:
    em = EmbeddingModel("wordllama")
    await em.embed(["a cat", ""])
    assert (em.usage.texts, em.usage.requests, em.usage.cost) == (2, 1, 0.0)
    assert "usage" not in em.get_config()
    assert EmbeddingModel.from_config(em.get_config()).usage.texts == 0


@pytest.mark.parametrize("usage", ["null", "{}", '"many"', '{"prompt_tokens": "7", "cost": "free"}'])
async def test_a_server_that_tells_nonsense_about_usage_is_not_counted(usage: str) -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(
            Fault(200, f'{{"data": [{{"index": 0, "embedding": [1.0, 2.0]}}], "usage": {usage}}}')
        )
        em = EmbeddingModel("openai/tiny", api_base=fake.url, api_key=fake.key)
        rows = await em.embed(["a"])
    assert rows.shape == (1, 2)
    assert (em.usage.tokens, em.usage.cost) == (0, 0.0)
