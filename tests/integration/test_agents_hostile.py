"""MultiServerMCPClient against servers that break the protocol, or mean harm."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from kag.agents.function_calling_agent import FunctionCallingAgent
from kag.agents.mcp_client import MultiServerMCPClient
from kag.agents.tool import ToolWarning
from kag.errors import ToolError
from kag.testing import ScriptedLanguageModel

SERVER = str(Path(__file__).with_name("agents_raw_server.py"))


def raw(mode: str, **settings: Any) -> MultiServerMCPClient:
    return MultiServerMCPClient({"raw": {"command": sys.executable, "args": [SERVER, mode], **settings}})


async def test_an_error_of_the_server_is_told_as_it_is_and_ends_no_session() -> None:
    async with raw("error") as client:
        (tool,) = await client.get_tools()
        told = [(await tool.run({})).text for _ in range(2)]
    assert told == [f"failed: the MCP server 'raw' refused: the quota is used up ({n})" for n in (1, 2)]


async def test_half_a_pair_in_a_text_is_replaced_and_holds_nothing_up() -> None:
    async with raw("surrogate", timeout=10) as client:
        (tool,) = await client.get_tools()
        assert (await tool.run({})).text == "half \ufffd of a pair"


async def test_only_what_is_an_image_is_shown_as_one() -> None:
    async with raw("image") as client:
        (tool,) = await client.get_tools()
        outcome = await tool.run({})
    assert outcome.images == ("data:image/png;base64,AAAA",)
    assert len(outcome.value["content"]) == 3


async def test_a_schema_that_cannot_be_used_leaves_out_its_tool_alone() -> None:
    async with raw("schemas") as client:
        with pytest.warns(ToolWarning) as warned:
            tools = {tool.name: tool for tool in await client.get_tools()}
        assert list(tools) == ["raw_slow", "raw_fine"]
        assert [str(one.message).partition(":")[0] for one in warned] == [
            f"The tool {name!r} of the MCP server 'raw' is left out"
            for name in ("elsewhere", "itself", "laughs")
        ]
        for style in ("native", "constrained"):
            lm = ScriptedLanguageModel(["Done."])
            FunctionCallingAgent(tools=list(tools.values()), language_model=lm, tool_calling=style)  # type: ignore[arg-type]
        outcome = await tools["raw_slow"].run({"x": "a" * 60 + "b"})  # its pattern would take for ever
        assert outcome.text == "fine"


async def test_a_list_that_breaks_the_protocol_says_where() -> None:
    async with raw("no schema") as client:
        with pytest.raises(ToolError, match=r"gave no list of tools: .*tools\.0\.inputSchema"):
            await client.get_tools()


async def test_a_result_is_data_whatever_the_server_s_own_schema_says_of_it() -> None:
    async with raw("output") as client:
        (tool,) = await client.get_tools()
        outcome = await tool.run({})
    assert outcome.value == {"x": "a" * 60 + "b"}


async def test_the_end_does_not_wait_for_a_server_that_hangs() -> None:
    release = asyncio.Event()

    async def post(request: web.Request) -> web.Response:
        message = await request.json()
        if "id" not in message:
            return web.Response(status=202)
        result: dict[str, Any] = {"tools": []}
        if message["method"] == "initialize":
            version = message["params"]["protocolVersion"]
            about = {"name": "raw", "version": "1"}
            result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about}
        answer = {"jsonrpc": "2.0", "id": message["id"], "result": result}
        return web.json_response(answer, headers={"mcp-session-id": "s"})

    async def hang(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/mcp", post), web.get("/mcp", hang), web.delete("/mcp", hang)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/mcp"
    client = MultiServerMCPClient({"raw": {"url": url, "legacy": True}})
    assert await client.get_tools() == []
    async with asyncio.timeout(8):
        await client.aclose()
    release.set()
    await runner.cleanup()
