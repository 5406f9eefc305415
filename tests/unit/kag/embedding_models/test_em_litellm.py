"""Providers through litellm: the request that a provider gets, and errors of one kind."""

from __future__ import annotations

import pytest
from fake_embeddings import FakeEmbeddings, Fault

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError


async def test_a_name_after_litellm_goes_through_it_with_dimensions_and_further_fields() -> None:
    with FakeEmbeddings() as fake:
        model = EmbeddingModel(
            "litellm/openai/text-embedding-3-small",
            api_base=fake.url,
            api_key=fake.key,
            dimensions=8,
            extra_body={"user": "me"},
        )
        assert (await model.embed(["a"])).shape == (1, 8)
        assert fake.requests[0]["user"] == "me"
    assert model.name == "openai/text-embedding-3-small"


async def test_a_passing_failure_is_tried_again_and_a_refusal_is_not() -> None:
    with FakeEmbeddings() as fake:
        model = EmbeddingModel("litellm/openai/tiny", api_base=fake.url, api_key=fake.key)
        fake.faults.append(Fault(503))
        assert (await model.embed(["a"])).shape == (1, 16)
        assert len(fake.requests) == 2
        wrong = EmbeddingModel("litellm/openai/tiny", api_base=fake.url, api_key="sk-wrong-9876543210")
        with pytest.raises(EmbeddingModelError, match="AuthenticationError") as caught:
            await wrong.embed(["a"])
        assert len(fake.requests) == 3
    assert "9876543210" not in str(caught.value)


async def test_a_provider_that_litellm_does_not_know_is_an_error() -> None:
    with pytest.raises(EmbeddingModelError, match="nobody/model"):
        await EmbeddingModel("nobody/model", retry=0).embed(["a"])
