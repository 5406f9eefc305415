"""`EmbeddingModel` itself: what it takes, what it refuses, and what it does before anything is loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_embeddings import FakeEmbeddings

import kag
from kag.embedding_models import EmbeddingModel, get
from kag.errors import ConfigurationError, EmbeddingModelError, SavingError


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("model", ""),
        ("model", "  "),
        ("model", 7),
        ("timeout", 0),
        ("timeout", float("inf")),
        ("timeout", "soon"),
        ("timeout", True),
        ("retry", -1),
        ("retry", 1.5),
        ("batch_size", 0),
        ("max_concurrency", 0),
        ("dimensions", -3),
        ("threads", 0),
    ],
)
def test_a_senseless_argument_is_named_with_what_was_expected(argument: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{argument} is .*expected"):
        EmbeddingModel(**{argument: value})


def test_an_unknown_argument_is_an_error() -> None:
    with pytest.raises(TypeError, match="temperature"):
        EmbeddingModel("wordllama", temperature=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("what", ["name", "dimensions", "reason"])
def test_what_is_known_only_after_loading_says_so(what: str) -> None:
    with pytest.raises(EmbeddingModelError, match="load"):
        getattr(EmbeddingModel("wordllama"), what)


def test_making_a_model_looks_at_nothing() -> None:
    EmbeddingModel("openai/text-embedding-3-small")  # no key
    EmbeddingModel(folder="/no/such/folder")
    EmbeddingModel("no such model")


async def test_a_name_that_nobody_knows_is_answered_with_what_there_is() -> None:
    with pytest.raises(
        EmbeddingModelError, match=r"Did you mean 'wordllama'.*ollama/.*fastembed/.*Providers"
    ):
        await EmbeddingModel("wordlama").load()


async def test_equal_texts_are_embedded_once() -> None:
    with FakeEmbeddings() as fake:
        model = EmbeddingModel("openai/tiny", api_base=fake.url, api_key=fake.key)
        rows = await model.embed(["a", "b", "a", "", "b", "a"])
        assert fake.texts == ["a", "b"]
        assert (rows[0] == rows[5]).all()
        assert (rows[1] == rows[4]).all()


async def test_an_iterator_of_texts_is_taken() -> None:
    assert (await EmbeddingModel("wordllama").embed(word for word in ("cat", "dog"))).shape == (2, 256)


def test_get_takes_a_model_a_name_or_a_callable_and_nothing_else() -> None:
    model = EmbeddingModel("wordllama")
    assert get(model) is model
    assert get("wordllama").model == "wordllama"
    with pytest.raises(ConfigurationError, match="needed here"):
        get(None)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="expected a name"):
        get(3)  # type: ignore[arg-type]


class Handwritten:
    """A class as people write them for a server of their own."""

    def __init__(self, answer: Any) -> None:
        self.model = "qwen/qwen3-embedding-8b"
        self.answer = answer

    async def __call__(self, texts: list[str]) -> Any:
        return self.answer


async def test_a_handwritten_class_serves_as_a_model() -> None:
    model = get(Handwritten({"embeddings": [[3.0, 4.0]]}))
    assert await model.embed(["x"]) == pytest.approx(np.array([[0.6, 0.8]]))
    assert model.name == "custom/qwen/qwen3-embedding-8b"
    assert model.dimensions == 2


@pytest.mark.parametrize(
    "answer",
    [None, {}, {"embeddings": None}, {"embeddings": [[1.0], [2.0]]}, {"embeddings": [["a", "b"]]}, [[1.0]]],
)
async def test_a_callable_that_answers_something_else_is_an_error(answer: Any) -> None:
    with pytest.raises(EmbeddingModelError, match="expected"):
        await get(Handwritten(answer)).embed(["x"])


async def test_numbers_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(EmbeddingModelError, match="not finite"):
        await get(Handwritten({"embeddings": [[1.0, float("nan")]]})).embed(["x"])


async def test_a_model_is_made_again_from_its_config_but_for_the_key(tmp_path: Path) -> None:
    with FakeEmbeddings() as fake:
        model = EmbeddingModel(
            "openai/tiny",
            api_base=fake.url,
            api_key=fake.key,
            dimensions=8,
            retry=2,
            cache=tmp_path,
            batch_size=3,
        )
        config = model.get_config()
        assert fake.key not in json.dumps(config)
        again = EmbeddingModel.from_config({**config, "api_key": fake.key})
        assert again.get_config() == config
        assert (await again.embed(["a"]) == await model.embed(["a"])).all()


def test_a_config_with_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="mode1"):
        EmbeddingModel.from_config({"mode1": "wordllama"})


@pytest.mark.parametrize(
    "other",
    [
        {"model": "wordllama"},
        {"model": "ollama/x"},
        {"api_base": "http://h/v1"},
        {"model": "litellm/cohere/x"},
    ],
)
async def test_a_folder_beside_another_model_is_refused_before_vectors_get_a_wrong_name(
    other: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="leave one out"):
        await EmbeddingModel(folder=tmp_path, **other).load()


def test_a_callable_cannot_be_saved() -> None:
    with pytest.raises(SavingError, match="callable"):
        get(Handwritten(None)).get_config()


def test_the_key_is_not_shown() -> None:
    model = kag.EmbeddingModel("openai/x", api_key="sk-secret-0123")
    assert "secret" not in repr(model)
    assert "secret" not in repr(vars(model))


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, json, kag.embedding_models as e; e.EmbeddingModel('wordllama');"
        "print(json.dumps([m for m in ('numpy', 'fastembed', 'wordllama', 'onnxruntime', 'tokenizers',"
        " 'litellm', 'aiohttp', 'pydantic', 'requests') if m in sys.modules]))"
    )
    assert json.loads(subprocess.check_output([sys.executable, "-c", code])) == []
