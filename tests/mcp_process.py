"""The real `kag mcp` process: connected to the official client, or spoken to line by line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from kag_process import KAG
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

MARIE = (
    "# Marie Curie\n\nMarie Curie was born in Warsaw. She discovered polonium with Pierre Curie in 1898.\n"
)
PIERRE = "# Pierre Curie\n\nPierre Curie taught at the ESPCI in Paris. Jacques Curie was his brother.\n"
ESPCI = (
    "# ESPCI\n\nThe ESPCI is a school in Paris. It was founded in 1882. Paul Langevin directed the ESPCI.\n"
)
QUESTION = "Who was the brother of the man with whom Marie Curie discovered polonium?"


def three_documents(folder: Path) -> Path:
    """Puts three connected documents into `docs`, and gives the folder back."""
    (folder / "docs").mkdir()
    for name, text in (("marie", MARIE), ("pierre", PIERRE), ("espci", ESPCI)):
        (folder / "docs" / f"{name}.md").write_text(text, encoding="utf-8")
    return folder


def environment(folder: Path) -> dict[str, str]:
    return {
        "HF_HUB_OFFLINE": "1",
        "XDG_CONFIG_HOME": str(folder / "no-config"),
        "FASTEMBED_CACHE_PATH": str(folder / "no-models"),
    }


@asynccontextmanager
async def served(
    folder: Path, *flags: str, mode: str = "auto", log: Path | None = None
) -> AsyncIterator[Client]:
    """A client connected to `kag mcp FLAGS` that runs in a folder; its process id is in `server.pid`."""
    command = f'echo $$ > "{folder / "server.pid"}"; exec "$0" mcp "$@"'
    server = StdioServerParameters(
        command="/bin/sh", args=["-c", command, str(KAG), *flags], cwd=folder, env=environment(folder)
    )
    with (log or folder / "server.log").open("a+", encoding="utf-8") as errors:
        async with Client(stdio_client(server, errlog=errors), mode=mode, read_timeout_seconds=120) as client:
            yield client


async def ask(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    """Calls a tool, expects success, and gives the structured answer."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text_of(result)
    assert result.structured_content is not None
    return result.structured_content


async def refusal(client: Client, tool: str, **arguments: Any) -> str:
    """Calls a tool, expects an error in one line, and gives it."""
    result = await client.call_tool(tool, arguments)
    assert result.is_error, text_of(result)
    assert "\n" not in text_of(result)
    assert "Traceback" not in text_of(result)
    return text_of(result)


def text_of(result: Any) -> str:
    return "\n".join(block.text for block in result.content)


async def finished(client: Client, job_id: str) -> dict[str, Any]:
    with anyio.fail_after(120):
        while (job := await ask(client, "job_status", job_id=job_id))["state"] in ("queued", "running"):
            pass
    return job


def many_documents(folder: Path, count: int) -> Path:
    """A folder with documents that take a while."""
    (folder / "many").mkdir()
    for n in range(count):
        lines = [
            f"Person{n} Family{n % 17} met Other{m} Name{m} in City{m % 23} in {1800 + n % 200}."
            for m in range(40)
        ]
        (folder / "many" / f"{n:04}.md").write_text(f"# Report {n}\n\n" + "\n".join(lines), encoding="utf-8")
    return folder / "many"


class Wire:
    """The real process, spoken to line by line."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [KAG, "mcp"], cwd=folder, env={**os.environ, **environment(folder)}, text=True, encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.sent = 0
        self.request(
            "initialize",
            protocolVersion="2025-11-25",
            capabilities={},
            clientInfo={"name": "a", "version": ""},
        )
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def request(self, method: str, **params: Any) -> Any:
        """Sends a request, reads lines of the protocol up to its answer, and gives that."""
        assert self.process.stdout is not None
        self.sent += 1
        self.send({"jsonrpc": "2.0", "id": self.sent, "method": method, "params": params})
        while (message := json.loads(self.process.stdout.readline())).get("id") != self.sent:
            assert message["jsonrpc"] == "2.0"
        return message["result"]

    def call(self, tool: str, **arguments: Any) -> Any:
        return self.request("tools/call", name=tool, arguments=arguments)["structuredContent"]

    def rest(self) -> tuple[str, int]:
        """Hangs up; what was still written to stdout, and the exit code."""
        written, _ = self.process.communicate(timeout=30)
        return written, self.process.returncode
