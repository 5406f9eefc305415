"""What every provider of embeddings keeps to; a new file in `kag.embedding_models` is found here."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fake_embeddings import FakeEmbeddings
from tiny_onnx import write_tiny_model

from kag import EmbeddingModel, discover

Make = Callable[..., EmbeddingModel]
WORDS = ["a cat sat on the mat", "the dog ran", "prices rose by 4 %", "naïve café — 東京 🙂", "x" * 50_000]
TINY = {"cat": (1.0, 0.0, 0.5), "dog": (0.0, 2.0, 0.5), "the": (0.1, 0.1, 0.1), "x": (1.0, 1.0, 1.0)}


@pytest.fixture(params=[*discover.names("kag.embedding_models"), "a callable"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    """Makes a model of each provider; a provider without a line here fails, so that none goes untested."""
    with FakeEmbeddings() as fake:

        async def own(texts: list[str]) -> dict[str, list[list[float]]]:
            return {"embeddings": [[float(len(text)), 1.0] for text in texts]}

        tiny = write_tiny_model(tmp_path / "tiny", TINY)
        server = partial(EmbeddingModel, api_base=fake.url, api_key=fake.key)
        makers: dict[str, Make] = {
            "a callable": partial(EmbeddingModel, own),
            "fastembed": partial(EmbeddingModel, folder=tiny),
            "litellm": partial(server, "litellm/openai/tiny"),
            "openai": partial(server, "openai/tiny"),
            "wordllama": partial(EmbeddingModel, "wordllama"),
        }
        yield makers[request.param]


async def test_rows_are_float32_of_length_one_in_the_order_of_the_texts(make: Make) -> None:
    rows = await make().embed(["the cat", "the dog", "the cat"])
    assert rows.dtype == np.float32
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (rows[0] == rows[2]).all()
    assert not np.allclose(rows[0], rows[1]) or rows.shape[1] == 2


async def test_a_vector_does_not_depend_on_the_texts_around_it(make: Make) -> None:
    model = make()
    texts = [f"{word} {number}" for number in range(60) for word in ("the cat", "dog", "cat dog the", "the")]
    together = await model.embed(texts)
    for index in (0, 1, 63, 64, 65, 127, 200, 239):
        alone = await model.embed([texts[index]])
        assert together[index] == pytest.approx(alone[0], abs=1e-5)


async def test_a_blank_text_has_the_vector_of_zeros(make: Make) -> None:
    rows = await make().embed(["", "the cat", " \n\t"])
    assert not rows[0].any()
    assert rows[1].any()
    assert not rows[2].any()


async def test_no_texts_give_no_rows_of_the_right_length(make: Make) -> None:
    model = make()
    assert (await model.embed([])).shape == (0, model.dimensions)
    assert (await model.embed([""])).shape == (1, model.dimensions)


async def test_what_is_not_a_string_is_made_one(make: Make) -> None:
    model = make()
    assert (await model.embed([42, None, True]) == await model.embed(["42", "None", "True"])).all()


async def test_any_text_is_taken(make: Make) -> None:
    odd = [*WORDS, "\x00 nul", "half a pair \ud83d", "\u202eright to left", "\u200b"]
    rows = await make().embed(odd)
    assert rows.shape[0] == len(odd)
    assert np.isfinite(rows).all()


async def test_a_single_string_is_one_text(make: Make) -> None:
    model = make()
    assert (await model.embed("the cat") == await model.embed(["the cat"])).all()


async def test_calling_the_model_gives_plain_lists(make: Make) -> None:
    model = make()
    answer = await model(["the cat", "the dog"])
    assert list(answer) == ["embeddings"]
    assert isinstance(answer["embeddings"][0][0], float)
    assert np.allclose(answer["embeddings"], await model.embed(["the cat", "the dog"]))


async def test_loading_makes_the_name_and_the_dimensions_known(make: Make) -> None:
    model = make()
    assert await model.load() is model
    provider, slash, rest = model.name.partition("/")
    assert provider
    assert slash
    assert rest
    assert model.dimensions == (await model.embed_query("the cat")).shape[0]
    assert model.reason


async def test_many_first_calls_at_once_load_one_model(make: Make) -> None:
    model = make()
    answers = await asyncio.gather(*(model.embed(["the cat"]) for _ in range(8)))
    assert all((answer == answers[0]).all() for answer in answers)


def test_one_model_serves_several_event_loops_and_threads(make: Make) -> None:
    model = make()
    found: list[np.ndarray] = []

    def work() -> None:
        found.extend(asyncio.run(model.embed(["the cat", "the dog"])) for _ in range(2))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert all((rows == found[0]).all() for rows in found)


async def test_a_cache_keeps_the_very_same_vectors(make: Make, tmp_path: Path) -> None:
    texts = ["the cat", "the dog"]
    plain = await make().embed(texts)
    assert (await make(cache=tmp_path / "cache").embed(texts) == plain).all()
    assert (await make(cache=tmp_path / "cache").embed(texts) == plain).all()
