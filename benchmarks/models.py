"""What a call to a language model costs us, beside bare HTTP clients and litellm, and how slots are used.

    python -m benchmarks.models [--calls N] [--rounds N] [--skip-slots]

A server in another process answers at once, so the CPU time of this process is the client's own. Every row
is the best of some rounds, taken in turn, so that a busy moment does not fall on one row. Bars: direct at
most 3.5 x raw aiohttp and at most a fifth of litellm; through litellm at most 1.15 x litellm itself; 2,560
calls of one second through 256 slots over at most 256 connections, in at most 1/0.9 of ten seconds. It
takes about two minutes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

Call = Callable[[int], Awaitable[Any]]
Build = Callable[[str, AsyncExitStack], Awaitable[Call]]
SCHEMA = {
    "title": "Answer",
    "type": "object",
    "properties": {"thinking": {"type": "string"}, "answer": {"type": "string"}},
    "required": ["thinking", "answer"],
}
ANSWER = json.dumps({"thinking": "The Seine flows through Paris.", "answer": "Paris"})
REPLY = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "fake",
        "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": ANSWER}}
        ],
        "usage": {"prompt_tokens": 50, "completion_tokens": 15, "total_tokens": 65},
    }
).encode()


def messages(number: int) -> list[dict[str, str]]:
    question = f"What is the capital of the country whose best known river is the Seine? #{number}"
    return [{"role": "system", "content": "Answer with one word."}, {"role": "user", "content": question}]


# ------------------------------------------------------------------------------------------------ the server


class Server(asyncio.Protocol):
    """Answers every POST after some latency; GET gives and resets the most connections open at once."""

    latency = 0.0
    connections = 0
    most = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client came."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        Server.connections += 1
        Server.most = max(Server.most, Server.connections)

    def connection_lost(self, _: Exception | None) -> None:
        """A client went."""
        Server.connections -= 1

    def data_received(self, data: bytes) -> None:
        """Answers every request that is complete."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            length = (
                int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            )
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head)

    def answer(self, head: bytes) -> None:
        """Answers one request, now or after the latency."""
        if head.startswith(b"get"):
            body = str(Server.most).encode()
            Server.most = Server.connections
            Server.latency = float(head.split()[1].removeprefix(b"/"))
            self.send(body)
        elif Server.latency:
            asyncio.get_running_loop().call_later(Server.latency, self.send, REPLY)
        else:
            self.send(REPLY)

    def send(self, body: bytes) -> None:
        """Sends one answer."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        self.transport.write(head + body)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# ------------------------------------------------------------------------------------------------ the clients


async def raw_aiohttp(url: str, stack: AsyncExitStack) -> Call:
    import aiohttp

    connector = aiohttp.TCPConnector(limit=0)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def call(number: int) -> Any:
        body = {"model": "fake", "messages": messages(number)}
        async with session.post(f"{url}/chat/completions", json=body) as response:
            return (await response.json())["choices"][0]["message"]["content"]

    return call


async def raw_httpx(url: str, stack: AsyncExitStack) -> Call:
    import httpx

    limits = httpx.Limits(max_connections=1000, max_keepalive_connections=1000)
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=60, limits=limits))

    async def call(number: int) -> Any:
        body = {"model": "fake", "messages": messages(number)}
        return (await client.post(f"{url}/chat/completions", json=body)).json()["choices"][0]["message"][
            "content"
        ]

    return call


def kag_model(transport: str, schema: dict[str, Any] | None) -> Build:
    async def build(url: str, stack: AsyncExitStack) -> Call:
        from kag.language_models import LanguageModel, Limits

        lm = LanguageModel(
            "openai/fake",
            api_base=url,
            api_key="x",
            transport=transport,
            limits=Limits(concurrency=256),  # type: ignore[arg-type]  # a literal
        )

        async def call(number: int) -> Any:
            return await lm(messages(number), schema)

        return call

    return build


def litellm_itself(schema: dict[str, Any] | None) -> Build:
    async def build(url: str, stack: AsyncExitStack) -> Call:
        import litellm

        litellm.suppress_debug_info = True
        fixed: dict[str, Any] = {"model": "openai/fake", "api_base": url, "api_key": "x", "max_retries": 0}
        if schema:
            body = {"name": "Answer", "schema": schema}
            fixed["response_format"] = {"type": "json_schema", "json_schema": body}

        async def call(number: int) -> Any:
            response = await litellm.acompletion(messages=messages(number), **fixed)
            return json.loads(response.choices[0].message.content)

        return call

    return build


CLIENTS: dict[str, Build] = {
    "raw aiohttp": raw_aiohttp,
    "raw httpx": raw_httpx,
    "kag direct, text": kag_model("direct", None),
    "kag direct, schema": kag_model("direct", SCHEMA),
    "litellm, schema": litellm_itself(SCHEMA),
    "kag through litellm, schema": kag_model("litellm", SCHEMA),
}


# ------------------------------------------------------------------------------------------------ measuring


def cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


async def measure(call: Call, calls: int, tasks: int) -> float:
    """CPU milliseconds for one call."""
    numbers = iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            await call(number)

    begun = cpu()
    await asyncio.gather(*(worker() for _ in range(tasks)))
    return 1000 * (cpu() - begun) / calls


async def costs(url: str, calls: int, rounds: int) -> dict[tuple[str, int], float]:
    best: dict[tuple[str, int], float] = {}
    async with AsyncExitStack() as stack:
        clients = {name: await build(url, stack) for name, build in CLIENTS.items()}
        for call in clients.values():
            await measure(call, 50, 64)
        for _ in range(rounds):
            for name, call in clients.items():
                for tasks in (1, 64):
                    best[name, tasks] = min(best.get((name, tasks), 1e9), await measure(call, calls, tasks))
    return best


async def slots(url: str) -> tuple[float, int]:
    """Best wall seconds of three for 2,560 calls of 1 s through 256 slots, and the most connections used."""
    from aiohttp import ClientSession

    best, most = 1e9, 0
    for _ in range(3):
        async with AsyncExitStack() as stack, ClientSession() as control:
            call = await kag_model("direct", SCHEMA)(url, stack)
            await control.get(f"{url.removesuffix('/v1')}/1.0")
            begun = time.perf_counter()
            await asyncio.gather(*(call(number) for number in range(2560)))
            best = min(best, time.perf_counter() - begun)
            async with control.get(f"{url.removesuffix('/v1')}/0.0") as response:
                most = max(most, int(await response.text()) - 1)  # one is the control's own
    return best, most


def show(best: dict[tuple[str, int], float]) -> None:
    print(f"{'CPU ms for one call':<30}{'1 task':>10}{'64 tasks':>10}{'x aiohttp':>11}{'x litellm':>11}")
    for name in CLIENTS:
        one, many = best[name, 1], best[name, 64]
        ratios = f"{many / best['raw aiohttp', 64]:>11.2f}{many / best['litellm, schema', 64]:>11.2f}"
        print(f"{name:<30}{one:>10.3f}{many:>10.3f}{ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--skip-slots", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    command = [sys.executable, "-m", "benchmarks.models", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        try:
            show(asyncio.run(costs(url, options.calls, options.rounds)))
            if not options.skip_slots:
                wall, most = asyncio.run(slots(url))
                print(f"\n2,560 calls, 1 s, 256 slots: {wall:.2f} s, {10 / wall:.0%} of ideal", end=", ")
                print(f"{most} connections")
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
