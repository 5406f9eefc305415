"""The example server of the Model Context Protocol (TypeScript), over each of its transports."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from kag.agents.mcp_client import MultiServerMCPClient
from kag.agents.tool import Tool

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def everything() -> list[str]:
    """The command that runs the server; fetched once, skipped where it cannot be had."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "scripts" / "fetch-node-tools")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(f"the example server cannot be had: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    folder = Path(os.environ.get("KAG_NODE_TOOLS") or PROJECT / ".cache" / "npm")
    script = folder / "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
    return [str(shutil.which("node")), str(script)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["stdio", "streamable_http", "sse"])
async def tools(request: pytest.FixtureRequest, everything: list[str]) -> AsyncIterator[dict[str, Tool]]:
    """The server's tools by name, over a transport."""
    if request.param == "stdio":
        settings: dict[str, Any] = {"command": everything[0], "args": [everything[1], "stdio"]}
        async with MultiServerMCPClient({"all": settings}) as client:
            yield {tool.name: tool for tool in await client.get_tools()}
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    mode, path = ("sse", "sse") if request.param == "sse" else ("streamableHttp", "mcp")
    process = subprocess.Popen(  # noqa: ASYNC220  a server beside the test
        [*everything, mode],
        env={**os.environ, "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(60):
            while not listens(port):
                assert process.poll() is None, "the server has ended"
                await asyncio.sleep(0.01)
        url = {"url": f"http://127.0.0.1:{port}/{path}", "transport": request.param}
        async with MultiServerMCPClient({"all": url}) as client:
            yield {tool.name: tool for tool in await client.get_tools()}
    finally:
        process.kill()
        process.wait()


async def test_text_numbers_structure_images_and_resources_come_through(tools: dict[str, Tool]) -> None:
    assert (await tools["all_echo"](message="hi")).get_json() == {"result": "Echo: hi"}
    assert "5" in (await tools["all_get-sum"](a=2, b=3)).get("result")
    weather = await tools["all_get-structured-content"](location="Chicago")
    assert {"temperature", "conditions", "humidity"} <= set(weather.keys())

    image = await tools["all_get-tiny-image"].run({})
    assert image.images[0].startswith("data:image/png;base64,iVBOR")
    assert "base64" not in image.text
    assert image.value["content"][0]["type"] == "image"

    resource = await tools["all_get-resource-reference"].run({"resourceType": "Text", "resourceId": 1})
    assert "[resource demo://" in resource.text
    assert resource.value["content"][0]["resource"]["text"]
    links = await tools["all_get-resource-links"].run({"count": 2})
    assert [block["type"] for block in links.value["content"]] == ["resource_link", "resource_link"]


async def test_its_schemas_check_arguments_and_its_errors_are_told(tools: dict[str, Tool]) -> None:
    wrong = await tools["all_get-sum"].run({"a": "x"})
    assert wrong.error == "invalid_arguments"
    assert "'b' is a required property" in wrong.text
    assert (await tools["all_get-sum"].run({"a": 1, "b": 1})).error == ""
