"""Real embedding models: MiniLM from a folder, wordllama from its package, and the choice between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kag import EmbeddingModel

MINILM = "fastembed/sentence-transformers/all-MiniLM-L6-v2"
SENTENCES = [
    "The cat is sleeping on the sofa.",
    "Interest rates were raised by the central bank.",
    "She repaired the engine of the old car.",
    "The recipe needs two eggs and a cup of flour.",
    "The telescope discovered a distant galaxy.",
    "The company dismissed a hundred workers.",
]
PARAPHRASES = {
    "A kitten naps on the couch.": 0,
    "Borrowing money became more expensive after the bank's decision.": 1,
    "The mechanic fixed the motor of an ancient automobile.": 2,
    "Astronomers found a faraway star system.": 4,
    "The firm laid off many employees.": 5,
}


@pytest.fixture
def minilm(minilm_folder: Path) -> EmbeddingModel:
    return EmbeddingModel(folder=minilm_folder)


async def test_minilm_from_a_folder_has_its_own_name_and_unit_vectors(minilm: EmbeddingModel) -> None:
    rows = await minilm.embed(SENTENCES)
    assert (minilm.name, minilm.dimensions) == (MINILM, 384)
    assert rows.shape == (6, 384)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)


async def test_minilm_gives_the_vectors_that_fastembed_gives(
    minilm: EmbeddingModel, minilm_folder: Path
) -> None:
    from fastembed import TextEmbedding

    texts = [*SENTENCES, "naïve café — 東京 🙂", "a long text, beyond five hundred tokens. " * 100]
    reference = TextEmbedding(MINILM.partition("/")[2], specific_model_path=str(minilm_folder))
    expected = np.stack(list(reference.embed(texts, batch_size=1)))
    assert np.allclose(await minilm.embed(texts), expected, atol=1e-5)


async def test_minilm_runs_from_the_layout_of_the_hub(
    minilm_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "models--Qdrant--all-MiniLM-L6-v2-onnx"
    link_revision(place, minilm_folder)
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    model = EmbeddingModel()
    rows = await model.embed(SENTENCES)
    assert model.name == MINILM
    assert np.allclose(rows, await EmbeddingModel(folder=minilm_folder).embed(SENTENCES), atol=1e-6)


@pytest.mark.parametrize("kind", ["minilm", "wordllama"])
async def test_a_paraphrase_is_nearest_to_its_sentence(kind: str, request: pytest.FixtureRequest) -> None:
    make: dict[str, Callable[[], EmbeddingModel]] = {
        "minilm": lambda: request.getfixturevalue("minilm"),
        "wordllama": lambda: EmbeddingModel("wordllama"),
    }
    model = make[kind]()
    questions = await model.embed(PARAPHRASES, query=True)
    nearest = (questions @ (await model.embed(SENTENCES)).T).argmax(axis=1)
    assert list(nearest) == list(PARAPHRASES.values())


def link_revision(place: Path, folder: Path) -> None:
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text("abc")
    (place / "snapshots").mkdir()
    (place / "snapshots" / "abc").symlink_to(folder, target_is_directory=True)
