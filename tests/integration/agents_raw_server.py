"""An MCP server written by hand: `python agents_raw_server.py MODE`.

It breaks the protocol as its argument says; with `good` it does not, and starts faster than any with an SDK.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

mode = sys.argv[1]
LAUGHS: dict[str, Any] = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
SLOW = {"type": "object", "properties": {"x": {"type": "string", "pattern": "(a+)+$"}}}
SCHEMAS: dict[str, Any] = {
    "elsewhere": {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:9/x"}}},
    "itself": {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/N"}},
        "$defs": {"N": {"$ref": "#/$defs/N"}},
    },
    "laughs": {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/d0"}},
        "$defs": {**LAUGHS, "d60": True},
    },
    "slow": SLOW,
}
ODD = [{"name": name, "description": "Is odd.", "inputSchema": schema} for name, schema in SCHEMAS.items()]
FINE = {"name": "fine", "description": "Is fine.", "inputSchema": {"type": "object"}}
errors: list[Any] = []
NO_SCHEMA = {"name": "bad", "description": "Has no schema.", "inputSchema": {"type": "string"}}


def send(identifier: Any, **answer: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", "id": identifier, **answer}), flush=True)


def text(said: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": said}]}


def called(identifier: Any, tool: str) -> None:
    if tool == "die":
        os._exit(1)
    elif tool == "pid":
        send(identifier, result={**text(str(os.getpid())), "structuredContent": {"result": os.getpid()}})
    elif mode == "error":
        errors.append(identifier)
        send(identifier, error={"code": -32000, "message": f"the quota is used up ({len(errors)})"})
    elif mode == "surrogate":
        send(identifier, result=text("half \ud83d of a pair"))
    elif mode == "image":
        odd = {"type": "image", "data": "not base64!", "mimeType": "image/png"}
        page = {"type": "image", "data": "AAAA", "mimeType": "text/html"}
        good = {"type": "image", "data": "AAAA", "mimeType": "image/png"}
        send(identifier, result={"content": [odd, page, good]})
    elif mode == "output":
        send(identifier, result={"content": [], "structuredContent": {"x": "a" * 60 + "b"}})
    else:
        send(identifier, result=text("fine"))


def listed() -> list[dict[str, Any]]:
    if mode == "output":
        return [{**FINE, "outputSchema": SLOW}]
    if mode == "good":
        return [{**FINE, "name": name} for name in ("pid", "die", "fail")]
    return {"schemas": [*ODD, FINE], "no schema": [NO_SCHEMA]}.get(mode, [FINE])


for line in sys.stdin:
    message = json.loads(line)
    method, identifier = message.get("method"), message.get("id")
    if method == "initialize":
        version = message["params"]["protocolVersion"]
        about = {"name": "raw", "version": "1"}
        send(
            identifier,
            result={"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": about},
        )
    elif method == "tools/list":
        send(identifier, result={"tools": listed()})
    elif method == "tools/call":
        called(identifier, message["params"]["name"])
    elif identifier is not None:
        send(identifier, error={"code": -32601, "message": "Method not found"})
