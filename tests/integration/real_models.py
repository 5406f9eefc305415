"""Small real models for tests: a test that asks for one of these fixtures is skipped where it is not there.

`scripts/fetch-test-models --with-runtime` brings all of them. Run as a program, this file is the language
model's server.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FETCH = "scripts/fetch-test-models"
ALIAS = "local"


@dataclass(frozen=True)
class LanguageModelServer:
    """A real language model behind an OpenAI-compatible server on loopback.

    Args:
        url: Base URL, ending in `/v1`; give it as `api_base`.
        model: Name to give as `model`: `openai/local`.
    """

    url: str
    model: str = f"openai/{ALIAS}"

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Sends a request as JSON, over plain HTTP, and returns the answer."""
        request = urllib.request.Request(
            f"{self.url}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=300) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


def models_folder() -> Path:
    """Where `scripts/fetch-test-models` puts its models."""
    return Path(os.environ.get("KAG_TEST_MODELS") or PROJECT / ".cache" / "models")


def missing_language_model(file: str = "smollm2.gguf") -> str:
    """Why no language model can be served, or nothing."""
    if importlib.util.find_spec("xllamacpp") is None:
        return f"the server for language models is not installed: run {FETCH} --with-runtime"
    if not (models_folder() / file).is_file():
        return f"{file} is not in {models_folder()}: run {FETCH}"
    return ""


@contextmanager
def serve(file: str = "smollm2.gguf") -> Iterator[LanguageModelServer]:
    """Starts the server in a process of its own, and stops it at the end; it ends with us anyway."""
    command = [sys.executable, __file__, str(models_folder() / file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        address = server.stdout.readline().strip()  # it prints its address once the model is loaded
        if not address:
            raise RuntimeError(
                f"the server ended with code {server.wait()}; run it by hand: {' '.join(command)}"
            )
        try:
            yield LanguageModelServer(f"{address}/v1")
        finally:
            server.stdin.close()
            server.wait(60)


@pytest.fixture(scope="session")
def language_model_server() -> Iterator[LanguageModelServer]:
    """SmolLM2-135M behind its server, for the whole session; it obeys JSON schemas, its content is poor."""
    if reason := missing_language_model():
        pytest.skip(reason)
    with serve() as server:
        yield server


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 (8-bit ONNX, 384 dimensions)."""
    folder = models_folder() / "minilm"
    if not (folder / "model.onnx").is_file():
        pytest.skip(f"MiniLM is not in {folder}: run {FETCH}")
    return folder


def main(path: str) -> None:
    """Serves a model on a free port of loopback until stdin ends; prints the address when it is ready."""
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = path
    settings.model_alias = {ALIAS}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_ctx = 4096
    settings.n_parallel = 1
    settings.ui = False
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(settings)  # returns when the model is loaded
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
