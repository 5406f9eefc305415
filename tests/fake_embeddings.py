"""A strict server of the OpenAI embeddings API on loopback; its vectors depend on nothing but the text.

    with FakeEmbeddings() as fake:
        em = EmbeddingModel("openai/tiny", api_base=fake.url, api_key=fake.key)

It answers 400 to what a real one refuses (unknown fields, empty texts, too many of them), keeps `requests`,
and fails as `faults` say, one for each coming request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Json = dict[str, Any]
FIELDS = {"model", "input", "encoding_format", "dimensions", "user", "provider", "input_type"}


@dataclass(frozen=True)
class Fault:
    """A failure: a status with a body and headers, or no answer at all (status 0)."""

    status: int
    body: str = '{"error": {"message": "injected"}}'
    headers: dict[str, str] = field(default_factory=dict)


class FakeEmbeddings:
    """Serves `/v1/embeddings`.

    Args:
        dimensions: Length of vectors.
        most: Most texts in one request.
        numbers_only: Refuse base64, as some servers do.
        silent_numbers: Ignore the wish for base64 and send numbers, as others do.
    """

    key = "sk-test-0123456789"

    def __init__(
        self,
        *,
        dimensions: int = 16,
        most: int = 2048,
        numbers_only: bool = False,
        silent_numbers: bool = False,
    ) -> None:
        self.dimensions, self.most = dimensions, most
        self.numbers_only, self.silent_numbers = numbers_only, silent_numbers
        self.requests: list[Json] = []
        self.faults: deque[Fault] = deque()
        self.under_way = self.most_under_way = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self.gate: threading.Barrier | None = None

    def __enter__(self) -> FakeEmbeddings:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def texts(self) -> list[str]:
        """All texts that were sent, in order."""
        return [text for request in self.requests for text in request["input"]]

    def answer(self, body: Json, key: str) -> tuple[int, Json]:
        """The status and the body for a request."""
        if key != f"Bearer {self.key}":
            return 401, _error(f"Incorrect API key provided: {key}")
        wrong = self._complaint(body)
        if wrong:
            return 400, _error(wrong)
        size = body.get("dimensions") or self.dimensions
        vectors = [vector(text, size) for text in body["input"]]
        as_base64 = body.get("encoding_format") == "base64" and not self.silent_numbers
        data = [
            {"object": "embedding", "index": i, "embedding": _packed(v) if as_base64 else v}
            for i, v in enumerate(vectors)
        ]
        usage: Json = {"prompt_tokens": len(body["input"]), "total_tokens": len(body["input"])}
        if "provider" in body:  # as OpenRouter tells
            usage["cost"] = 0.001
        return 200, {"object": "list", "model": body["model"], "data": data[::-1], "usage": usage}

    def _complaint(self, body: Json) -> str:
        if unknown := set(body) - FIELDS:
            return f"Unrecognized request arguments: {sorted(unknown)}"
        if self.numbers_only and body.get("encoding_format", "float") != "float":
            return "encoding_format 'base64' is not supported"
        texts = body.get("input")
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t for t in texts):
            return "'$.input' is invalid"
        if len(texts) > self.most:
            return f"batch size {len(texts)} exceeds the maximum of {self.most}"
        return ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def log_message(self, *_: Any) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake._lock:
                    fake.requests.append(body)
                    fault = fake.faults.popleft() if fake.faults else None
                    fake.under_way += 1
                    fake.most_under_way = max(fake.most_under_way, fake.under_way)
                if fake.gate is not None:
                    fake.gate.wait(10)
                with fake._lock:
                    fake.under_way -= 1
                if fault is None:
                    status, answer = fake.answer(body, self.headers.get("Authorization", ""))
                    self._send(status, json.dumps(answer), {})
                elif fault.status:
                    self._send(fault.status, fault.body, fault.headers)
                else:
                    self.close_connection = True

            def _send(self, status: int, text: str, headers: dict[str, str]) -> None:
                data = text.encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

        return Handler


def vector(text: str, size: int = 16) -> list[float]:
    """The vector of a text, of any length but one."""
    digest = b"".join(hashlib.sha256(f"{n}{text}".encode()).digest() for n in range(size // 32 + 1))
    return [byte - 127.5 for byte in digest[:size]]


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def _error(message: str) -> Json:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
