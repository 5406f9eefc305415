"""ONNX models: from a folder, from a cache, by name; real files that are written here."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from tiny_onnx import write_tiny_model

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError

WORDS = {"cat": (1.0, 0.0, 0.0), "dog": (0.0, 1.0, 0.0), "fish": (0.0, 0.0, 2.0)}
MINILM = "fastembed/sentence-transformers/all-MiniLM-L6-v2"


def into_cache(cache: Path, repository: str, *, file: str = "model.onnx") -> Path:
    """Lays a tiny model out as the hub does."""
    place = cache / f"models--{repository.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("r1")
    return write_tiny_model(place / "snapshots" / "r1", WORDS, file=file)


async def test_token_vectors_are_averaged_and_scaled_to_length_one(tmp_path: Path) -> None:
    model = EmbeddingModel(folder=write_tiny_model(tmp_path, WORDS))
    rows = await model.embed(["cat dog", "cat cat cat dog", "FISH"])
    assert rows[0] == pytest.approx(np.array([1, 1, 0]) / np.sqrt(2))
    assert rows[1] == pytest.approx(np.array([3, 1, 0]) / np.sqrt(10))
    assert rows[2] == pytest.approx(np.array([0, 0, 1]))
    assert model.dimensions == 3


@pytest.mark.parametrize(("mode", "expected"), [("cls_token", (1, 0, 0)), ("lasttoken", (0, 1, 0))])
async def test_a_folder_may_say_which_token_counts(
    tmp_path: Path, mode: str, expected: tuple[int, ...]
) -> None:
    folder = write_tiny_model(tmp_path, WORDS)
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{mode}": True}))
    assert (await EmbeddingModel(folder=folder).embed(["cat dog"]))[0] == pytest.approx(np.array(expected))


async def test_a_text_is_cut_where_the_tokenizer_says(tmp_path: Path) -> None:
    model = EmbeddingModel(folder=write_tiny_model(tmp_path, WORDS, tokens=4))
    assert (await model.embed(["cat cat cat cat dog dog"]))[0] == pytest.approx(np.array([1, 0, 0]))


async def test_words_that_the_model_does_not_know_are_like_nothing(tmp_path: Path) -> None:
    rows = await EmbeddingModel(folder=write_tiny_model(tmp_path, WORDS)).embed(["zebra", "cat"])
    assert not rows[0].any()


@pytest.mark.parametrize(
    "file", ["model.onnx", "onnx/model.onnx", "model_quantized.onnx", "another-name.onnx"]
)
async def test_the_model_is_found_under_its_usual_names_or_alone(tmp_path: Path, file: str) -> None:
    model = EmbeddingModel(folder=write_tiny_model(tmp_path, WORDS, file=file))
    assert (await model.embed(["cat"])).shape == (1, 3)


async def test_a_model_that_nobody_knows_is_named_by_its_folder_and_its_weights(tmp_path: Path) -> None:
    one = EmbeddingModel(folder=write_tiny_model(tmp_path / "a" / "my model", WORDS))
    same = EmbeddingModel(folder=shutil.copytree(tmp_path / "a" / "my model", tmp_path / "b" / "my model"))
    other = EmbeddingModel(folder=write_tiny_model(tmp_path / "c" / "my model", {"cat": (0.5, 0.5, 0.5)}))
    for model in (one, same, other):
        await model.load()
    assert one.name.startswith("onnx/my-model@")
    assert one.name == same.name
    assert one.name != other.name


@pytest.mark.parametrize("given", [MINILM, "sentence-transformers/all-minilm-l6-v2"])
async def test_a_folder_has_the_name_that_the_user_gives(tmp_path: Path, given: str) -> None:
    model = EmbeddingModel(given, folder=write_tiny_model(tmp_path, WORDS))
    assert (await model.load()).name == MINILM


async def test_the_same_model_has_one_name_in_a_folder_and_in_a_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = into_cache(tmp_path, "Qdrant/all-MiniLM-L6-v2-onnx")
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    folders = [snapshot, tmp_path, shutil.copytree(snapshot, tmp_path / "all-MiniLM-L6-v2")]
    models = [EmbeddingModel(MINILM), *(EmbeddingModel(folder=folder) for folder in folders)]
    assert [(await model.load()).name for model in models] == [MINILM] * 4


async def test_a_usual_model_in_the_cache_pools_as_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    into_cache(tmp_path, "Qdrant/bge-small-en-v1.5-onnx-Q", file="model_optimized.onnx")
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    rows = await EmbeddingModel("BAAI/bge-small-en-v1.5").embed(["cat dog"])
    assert rows[0] == pytest.approx(np.array([1, 0, 0]))  # its first token


async def test_a_model_that_is_left_to_fastembed_runs_from_its_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = into_cache(tmp_path, "minishlab/potion-base-8M")
    table = np.vstack([np.zeros(256), np.eye(256)[:3]]).astype(np.float32)
    save_file({"embeddings": table}, snapshot / "model.safetensors")
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    model = EmbeddingModel("minishlab/potion-base-8M")
    rows = await model.embed(["cat dog", "fish"])
    assert rows[0, :3] == pytest.approx(np.array([1, 1, 0]) / np.sqrt(2), abs=1e-4)
    assert rows[1, :3] == pytest.approx(np.array([0, 0, 1]), abs=1e-4)
    assert (model.name, model.dimensions) == ("fastembed/minishlab/potion-base-8M", 256)


async def test_a_model_that_is_nowhere_says_where_it_was_looked_for_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    with pytest.raises(EmbeddingModelError, match=rf"not in {tmp_path}.*download=False.*folder=.*wordllama"):
        await EmbeddingModel(MINILM, download=False).load()


async def test_a_name_that_fastembed_does_not_have_is_answered_with_close_ones() -> None:
    with pytest.raises(EmbeddingModelError, match=r"BAAI/bge-small-en-v1\.5"):
        await EmbeddingModel("fastembed/BAAI/bge-small-v1.5").load()


async def test_the_model_of_a_folder_cannot_be_had_by_its_recorded_name_alone() -> None:
    with pytest.raises(EmbeddingModelError, match=r"folder=.*reembed"):
        await EmbeddingModel("onnx/my-model@0123abcd").load()


async def test_a_model_is_not_shortened(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelError, match="3 dimensions and cannot be shortened to 2"):
        await EmbeddingModel(folder=write_tiny_model(tmp_path, WORDS), dimensions=2).load()


async def test_a_folder_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelError, match="is not a folder"):
        await EmbeddingModel(folder=tmp_path / "nothing").load()


async def test_a_folder_without_a_model_or_with_two_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelError, match="holds none"):
        await EmbeddingModel(folder=tmp_path).load()
    for name in ("a.onnx", "b.onnx"):
        (tmp_path / name).touch()
    with pytest.raises(EmbeddingModelError, match="holds 2 of other names"):
        await EmbeddingModel(folder=tmp_path).load()


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "tokenizer_config.json"])
async def test_a_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    folder = write_tiny_model(tmp_path, WORDS)
    (folder / file).write_bytes(b"\x00 damaged")
    with pytest.raises(EmbeddingModelError, match=f"{file}.*fetch it again"):
        await EmbeddingModel(folder=folder).load()


async def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, WORDS)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EmbeddingModelError, match=r"no tokenizer\.json"):
        await EmbeddingModel(folder=folder).load()


async def test_a_failed_load_may_be_repeated_once_the_files_are_there(tmp_path: Path) -> None:
    model = EmbeddingModel(folder=tmp_path / "later")
    with pytest.raises(EmbeddingModelError):
        await model.load()
    write_tiny_model(tmp_path / "later", WORDS)
    assert (await model.embed(["cat"])).shape == (1, 3)
