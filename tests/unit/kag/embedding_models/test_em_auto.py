"""Which model is taken where none is named, with and without a network; the hub is a server on loopback."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tiny_onnx import write_tiny_model

from kag.embedding_models import EmbeddingModel
from kag.errors import EmbeddingModelError

WORDS = {"cat": (1.0, 0.0, 0.0), "dog": (0.0, 1.0, 0.0)}
REPOSITORY = "Qdrant/all-MiniLM-L6-v2-onnx"
REVISION = "0123456789" * 4
MINILM = "fastembed/sentence-transformers/all-MiniLM-L6-v2"
WORDLLAMA = "wordllama/l2_supercat_256"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of models, and no way to the hub."""
    monkeypatch.setenv("FASTEMBED_CACHE_PATH", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "cache"


def fill(cache: Path, *, complete: bool = True) -> None:
    place = cache / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / "r1"
    write_tiny_model(place, WORDS)
    if not complete:
        (place / "tokenizer.json").unlink()


async def test_without_files_and_network_the_model_that_needs_none_is_taken_and_said_once(
    cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = EmbeddingModel()
    with caplog.at_level(logging.WARNING, "kag"):
        await model.load()
        await model.embed(["a"])
    assert model.name == WORDLLAMA
    assert "HF_HUB_OFFLINE" in model.reason
    assert str(cache) in model.reason
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert WORDLLAMA in caplog.text


async def test_files_in_the_cache_are_taken_without_a_network(cache: Path) -> None:
    fill(cache)
    model = await EmbeddingModel().load()
    assert model.name == MINILM
    assert str(cache) in model.reason


async def test_an_interrupted_download_does_not_count(cache: Path) -> None:
    fill(cache, complete=False)
    assert (await EmbeddingModel().load()).name == WORDLLAMA


async def test_the_model_of_vectors_that_are_there_is_preferred(cache: Path) -> None:
    fill(cache)
    model = await EmbeddingModel().load(prefer=WORDLLAMA)
    assert model.name == WORDLLAMA
    assert "come from it" in model.reason


async def test_a_preferred_model_that_cannot_be_had_is_an_error_rather_than_another_model(
    cache: Path,
) -> None:
    with pytest.raises(EmbeddingModelError, match="all-MiniLM-L6-v2 is not in"):
        await EmbeddingModel().load(prefer=MINILM)


async def test_what_the_user_names_comes_before_what_is_preferred(cache: Path) -> None:
    assert (await EmbeddingModel("wordllama").load(prefer=MINILM)).name == WORDLLAMA


def test_a_hub_that_cannot_be_reached_is_asked_once_and_makes_no_noise(tmp_path: Path) -> None:
    found = run_with_hub("http://127.0.0.1:9", tmp_path)  # nobody listens there
    assert [name for name, _ in found["models"]] == [WORDLLAMA, WORDLLAMA]
    assert "cannot be reached" in found["models"][0][1]
    assert found["stderr"] == ""


def test_a_hub_that_does_not_have_the_model_is_asked_once(tmp_path: Path) -> None:
    with hub({}) as (url, asked):
        found = run_with_hub(url, tmp_path)
    assert [name for name, _ in found["models"]] == [WORDLLAMA, WORDLLAMA]
    assert "answers 404" in found["models"][0][1]
    assert len(asked) == 1


def test_a_model_is_fetched_once_and_is_there_for_the_next_process(tmp_path: Path) -> None:
    source = write_tiny_model(tmp_path / "source", WORDS)
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    with hub(files) as (url, _):
        found = run_with_hub(url, tmp_path)
    assert [name for name, _ in found["models"]] == [MINILM, MINILM]
    assert "it was fetched to" in found["models"][0][1]
    again = run_with_hub("http://127.0.0.1:9", tmp_path)
    assert [name for name, _ in again["models"]] == [MINILM, MINILM]
    assert "its files are in" in again["models"][0][1]


def run_with_hub(url: str, folder: Path) -> dict[str, Any]:
    """Loads the automatic model twice in a new process that knows a certain hub."""
    code = (
        "import asyncio, json; from kag import EmbeddingModel\n"
        "async def load():\n"
        "    model = await EmbeddingModel().load()\n"
        "    await model.embed(['cat'])\n"
        "    return model.name, model.reason\n"
        "async def main():\n"
        "    print(json.dumps([await load(), await load()]))\n"
        "import logging; logging.getLogger('kag').setLevel(logging.ERROR)\n"
        "asyncio.run(main())"
    )
    places = {
        "FASTEMBED_CACHE_PATH": str(folder / "cache"),
        "HF_HOME": str(folder / "hf"),
        "HF_ENDPOINT": url,
    }
    settings = {**places, "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **settings}, capture_output=True, text=True, check=True
    )
    return {"models": json.loads(done.stdout), "stderr": done.stderr}


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[tuple[str, list[str]]]:
    """Serves one repository as the model hub does; gives its address and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.wfile.write(self.answer())

        def answer(self) -> bytes:
            asked.append(self.path)
            body = hub_answer(self.path.split("?")[0], files)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.send_header("X-Repo-Commit", REVISION)
            self.send_header("ETag", f'"{digest(body or b"")}"')
            self.end_headers()
            return body or b""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()


def hub_answer(path: str, files: dict[str, bytes]) -> bytes | None:
    """What a hub has at a path: the list of a repository's files, the repository, or a file."""
    if not files:
        return None
    if "/tree/" in path:
        tree = [{"type": "file", "path": n, "size": len(d), "oid": digest(d)} for n, d in files.items()]
        return json.dumps(tree).encode()
    if path.startswith("/api/models/"):
        names = [{"rfilename": name} for name in files]
        return json.dumps({"id": REPOSITORY, "sha": REVISION, "siblings": names}).encode()
    return files.get(path.rpartition("/")[2])


def digest(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
