"""Fake providers: one strict server for each wire format, which refuses what the real provider refuses.

    async with FakeProvider("groq") as fake:
        lm = LanguageModel("groq/llama-3.1-8b-instant", api_base=fake.url, api_key=fake.key)

It listens on a loopback port, answers any schema with a valid instance, keeps `requests`, and injects faults:
one for each coming request from `faults`, or at random after `misbehave`.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web
from fake_foreign_wires import AnthropicWire, GeminiWire
from fake_schemas import Json, RefusedError
from fake_wires import FLAVOURS, OpenAIWire

FOREIGN: dict[str, Callable[[FakeProvider], AnthropicWire | GeminiWire]] = {
    "anthropic": AnthropicWire,
    "gemini": GeminiWire,
}


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    `kind` is one of: status, cut (no answer at all), half (the body breaks off), nonsense (a body that is
    not JSON), thinking, fenced, talk, python, unclosed, wrong (does not fit the schema), empty, length
    (empty, cut off by max_tokens), filter, refusal, hang (answers only when the fake closes).
    """

    kind: str
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: Json | str = "injected"


def rate_limit(retry_after: str | None = "0") -> Fault:
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return Fault(
        "status", 429, headers, {"error": {"message": "Rate limit reached for requests", "type": "requests"}}
    )


class FakeProvider:
    """A provider on a loopback port.

    Args:
        flavour: A key of `FLAVOURS`, or `anthropic` or `gemini`.
    """

    key = "test-key-0123456789"

    def __init__(self, flavour: str = "openai") -> None:
        self.flavour = flavour
        self.requests: list[Json] = []
        self.headers: list[dict[str, str]] = []
        self.faults: deque[Fault | None] = deque()
        self.connections: set[int] = set()
        self.cancelled = 0
        self.hanging = asyncio.Event()
        self.answer: Callable[[Json], str] = lambda body: "Paris"  # where no schema is asked for
        self.fixed: str | None = None  # the answer to everything, schema or not
        self.script: Callable[[Json], str] | None = None  # the same, made of the request's body
        self.echo = False  # answers {"echo": "number-7"} to what mentions number-7, and keeps no requests
        self.tokens = (10, 5)
        self.told: dict[str, Json] = {}
        self._released = asyncio.Event()
        self._random: tuple[random.Random, float, tuple[Fault, ...]] | None = None
        self.injected = 0

    @property
    def url(self) -> str:
        root = "" if self.flavour in FOREIGN else FLAVOURS[self.flavour].root
        return f"http://127.0.0.1:{self._port}{root}"

    def misbehave(self, share: float, *faults: Fault, seed: int = 0) -> None:
        """From now on that share of the requests meets one of the faults."""
        self._random = (random.Random(seed), share, faults)

    def release(self) -> None:
        """Lets what hangs go on."""
        self._released.set()

    async def __aenter__(self) -> FakeProvider:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/{path:.*}", self._handle)
        app.router.add_get("/{path:.*}", self._tell)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, backlog=2048)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        await self._runner.cleanup()

    async def _tell(self, request: web.Request) -> web.Response:
        """What a server tells about itself: `told` has a body for each path, and no other path is there."""
        path = request.path.removeprefix(FLAVOURS[self.flavour].root)
        body = self.told.get(path)
        if body is None:
            return web.json_response({"error": {"message": f"No endpoint {path}", "code": 404}}, status=404)
        return web.json_response(body)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not self.echo:
            self.requests.append(body)
            self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.connections.add(id(request.transport))
        fault = self._fault()
        self.injected += fault is not None
        try:
            return await self._respond(request, body, fault)
        except RefusedError as error:
            if isinstance(error.body, str):
                return web.Response(status=error.status, text=error.body, headers=error.headers)
            return web.json_response(error.body, status=error.status, headers=error.headers)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    def _fault(self) -> Fault | None:
        if self.faults:
            return self.faults.popleft()
        if self._random:
            rng, share, faults = self._random
            return rng.choice(faults) if rng.random() < share else None
        return None

    async def _respond(self, request: web.Request, body: Json, fault: Fault | None) -> web.StreamResponse:
        kind = fault.kind if fault else ""
        if fault and kind == "status":
            raise RefusedError(fault.status, fault.body, fault.headers)
        if kind == "hang":
            self.hanging.set()
            await self._released.wait()
        if kind == "cut":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if kind == "nonsense":
            return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
        wire = FOREIGN.get(self.flavour, OpenAIWire)(self)
        payload = wire.reply(request, body, kind)
        if wire.streams(request, body):
            return await self._stream(request, wire.events(payload, body), kind)
        data = json.dumps(payload).encode()
        if kind == "half":
            response = web.StreamResponse(
                headers={"Content-Type": "application/json", "Content-Length": str(len(data))}
            )
            await response.prepare(request)
            await response.write(data[: len(data) // 2])
            assert request.transport is not None
            request.transport.abort()
            return response
        return web.Response(
            body=data, content_type="application/json", headers={"x-request-id": f"req-{len(self.requests)}"}
        )

    async def _stream(self, request: web.Request, events: list[bytes], kind: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number, event in enumerate(events):
            if kind == "half" and number == len(events) // 2:
                assert request.transport is not None
                request.transport.abort()
                break
            await response.write(event)
        return response
