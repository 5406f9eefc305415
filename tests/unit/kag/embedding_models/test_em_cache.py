"""The cache of vectors on disk: what it saves, what it keeps apart, and what a damaged file leads to."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fake_embeddings import FakeEmbeddings, Fault

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError


def model_of(fake: FakeEmbeddings, cache: Path, name: str = "openai/tiny", **extra: Any) -> EmbeddingModel:
    return EmbeddingModel(name, api_base=fake.url, api_key=fake.key, dimensions=16, cache=cache, **extra)


async def test_a_text_that_was_embedded_is_not_sent_again(tmp_path: Path) -> None:
    with FakeEmbeddings() as fake:
        first = await model_of(fake, tmp_path).embed(["a", "b"])
        second = await model_of(fake, tmp_path).embed(["c", "b", "a"])
        assert fake.texts == ["a", "b", "c"]
    assert (second[2] == first[0]).all()
    assert (second[1] == first[1]).all()


async def test_questions_passages_lengths_and_models_are_kept_apart(tmp_path: Path) -> None:
    with FakeEmbeddings() as fake:
        await model_of(fake, tmp_path).embed(["a"])
        await model_of(fake, tmp_path).embed_query("a")
        await model_of(fake, tmp_path, "openai/other").embed(["a"])
        await EmbeddingModel(
            "openai/tiny", api_base=fake.url, api_key=fake.key, dimensions=8, cache=tmp_path
        ).embed(["a"])
        assert fake.texts == ["a"] * 4


async def test_what_was_paid_for_before_a_failure_is_kept(tmp_path: Path) -> None:
    with FakeEmbeddings() as fake:
        model = model_of(fake, tmp_path, batch_size=1, max_concurrency=1)
        await model.embed(["a"])
        fake.faults.extend([Fault(200, '{"data": []}')])
        with pytest.raises(EmbeddingModelError):
            await model.embed(["b"])
        await model.embed(["a", "b"])
        assert fake.texts == ["a", "b", "b"]


@pytest.mark.parametrize("place", ["folder", "file.sqlite", "deep/folder/file.db"])
async def test_the_cache_is_a_file_or_a_folder_and_is_made(tmp_path: Path, place: str) -> None:
    await EmbeddingModel("wordllama", cache=tmp_path / place).embed(["a"])
    path = tmp_path / place
    assert (path if path.suffix else path / "embeddings.sqlite").is_file()


async def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with pytest.raises(EmbeddingModelError, match=r"c\.sqlite cannot be used.*remove the file"):
        await EmbeddingModel("wordllama", cache=path).embed(["a"])


async def test_a_place_that_cannot_be_a_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddingModelError, match="cannot be used"):
        await EmbeddingModel("wordllama", cache=tmp_path / "file" / "below").embed(["a"])


async def test_many_texts_are_found_again(tmp_path: Path) -> None:
    texts = [f"text {n}" for n in range(1200)]
    first = await EmbeddingModel("wordllama", cache=tmp_path).embed(texts)
    assert (await EmbeddingModel("wordllama", cache=tmp_path).embed(texts[::-1]) == first[::-1]).all()


def test_several_processes_write_one_file(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys; from kag import EmbeddingModel;"
        "texts = [f'{sys.argv[2]} {n}' for n in range(600)];"
        "asyncio.run(EmbeddingModel('wordllama', cache=sys.argv[1], batch_size=20).embed(texts))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), name], stderr=subprocess.PIPE)
        for name in ("x", "y", "x")
    ]
    assert [(process.communicate()[1], process.returncode) for process in running] == [(b"", 0)] * 3
    rows = asyncio.run(EmbeddingModel("wordllama", cache=tmp_path).embed(["x 599", "y 0"]))
    assert (rows == asyncio.run(EmbeddingModel("wordllama").embed(["x 599", "y 0"]))).all()
