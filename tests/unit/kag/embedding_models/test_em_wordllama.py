"""The model that needs no download: the vectors of its package, without importing that package."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError

TEXTS = ["Marie Curie discovered radium.", "naïve café — 東京 🙂", "a", "word " * 3000, "  spaced \n out "]


def test_its_vectors_are_those_of_the_package() -> None:
    code = (
        "import json, sys, wordllama; from pathlib import Path;"
        "model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True);"
        "print(json.dumps(model.embed(json.loads(sys.argv[1]), norm=True).tolist()))"
    )
    printed = subprocess.check_output([sys.executable, "-c", code, json.dumps(TEXTS)])
    rows = asyncio.run(EmbeddingModel("wordllama").embed(TEXTS))
    assert np.allclose(rows, json.loads(printed), atol=1e-5)


async def test_what_is_alike_is_found_by_it() -> None:
    model = EmbeddingModel("wordllama")
    passages = await model.embed(["The bakery sells bread and cakes.", "The rocket reached its orbit."])
    question = await model.embed_query("Where can I buy a loaf of bread?")
    assert (passages @ question).argmax() == 0


@pytest.mark.parametrize("dimensions", [64, 128])
async def test_its_vectors_can_be_shortened(dimensions: int) -> None:
    short = EmbeddingModel("wordllama", dimensions=dimensions)
    rows = await short.embed(TEXTS)
    whole = (await EmbeddingModel("wordllama").embed(TEXTS))[:, :dimensions]
    assert rows == pytest.approx(whole / np.linalg.norm(whole, axis=1, keepdims=True), abs=1e-5)
    assert short.name == f"wordllama/l2_supercat_{dimensions}"
    assert (await EmbeddingModel(short.name).load()).dimensions == dimensions


@pytest.mark.parametrize(
    "arguments", [{"dimensions": 100}, {"model": "wordllama/l2_supercat_64", "dimensions": 256}]
)
async def test_other_lengths_are_an_error(arguments: dict[str, object]) -> None:
    with pytest.raises(EmbeddingModelError, match="64, 128, 256"):
        await EmbeddingModel(**{"model": "wordllama", **arguments}).load()  # type: ignore[arg-type]


async def test_another_model_of_its_kind_is_an_error() -> None:
    with pytest.raises(EmbeddingModelError, match="wordllama/l2_supercat_256"):
        await EmbeddingModel("wordllama/l3_supercat").load()


def test_a_search_with_it_imports_neither_its_package_nor_fastembed(tmp_path: Path) -> None:
    code = (
        "import asyncio, json, sys, kag; asyncio.run(kag.EmbeddingModel('wordllama').embed_query('a'));"
        "print(json.dumps([m for m in ('wordllama', 'fastembed', 'onnxruntime', 'aiohttp', 'pydantic',"
        " 'requests', 'litellm', 'huggingface_hub') if m in sys.modules]))"
    )
    assert json.loads(subprocess.check_output([sys.executable, "-c", code])) == []
