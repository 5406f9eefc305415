"""What a server's tool gave, as a result of a tool of ours: data for programs, text and images for models."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from kag.agents._mcp_untrusted import clean, short
from kag.agents.tool import Shown
from kag.errors import ToolError
from kag.schema.values import Json, json_text

if TYPE_CHECKING:
    from mcp.types import CallToolResult

_IMAGE = re.compile(r"image/[\w.+-]{1,60}", re.ASCII)
_LARGEST_BLOCK = 8_000_000  # characters of an image, a sound or a file, as base64


def result_of(server: str, result: CallToolResult) -> Any:
    """The structured result where there is one, else the text; images, sounds and files are under `content`.

    Raises:
        ToolError: The tool failed; the message is the server's, shortened.
    """
    blocks: list[Json] = [
        block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in result.content
    ]
    text = "\n".join(clean(block["text"]) for block in blocks if block["type"] == "text")
    if result.is_error:
        raise ToolError(short(" ".join(text.split()), 500) or f"the MCP server {server!r} gave no reason")
    value: Any = result.structured_content if result.structured_content is not None else {"result": text}
    others = [_bounded(block) for block in blocks if block["type"] != "text"]
    if not others:
        return text if result.structured_content is None else value
    told = text if result.structured_content is None else json_text(value)
    return Shown(
        {**value, "content": others},
        text="\n".join(filter(None, [told, *(_told(block) for block in others)])),
        images=tuple(
            f"data:{block['mimeType']};base64,{block['data']}"
            for block in others
            if block["type"] == "image" and _is_image(block)
        ),
    )


def _is_image(block: Json) -> bool:
    """Whether a block holds what it says: a model that is sent something else refuses the whole request."""
    if not _IMAGE.fullmatch(str(block.get("mimeType"))) or not block.get("data"):
        return False
    try:
        base64.b64decode(block["data"], validate=True)
    except ValueError:
        return False
    return True


def _bounded(block: Json) -> Json:
    """A block, without its content if that is too large."""
    inner = block.get("resource", block)
    key = next((k for k in ("data", "blob") if k in inner), "")
    if not key or len(inner[key]) <= _LARGEST_BLOCK:
        return block
    cut = {k: v for k, v in inner.items() if k != key} | {"characters": len(inner[key])}
    return {**block, "resource": cut} if "resource" in block else cut


def _told(block: Json) -> str:
    """A block in words, for a model that cannot see or hear it."""
    kind = block["type"]
    if kind == "resource":
        resource = block["resource"]
        head = (
            f"[resource {short(resource.get('uri', ''), 300)}, {resource.get('mimeType', 'of unknown type')}]"
        )
        return f"{head}\n{clean(resource['text'])}" if "text" in resource else head
    if kind == "resource_link":
        about = short(block.get("description") or block.get("name") or "", 200)
        return f"[link to the resource {short(block.get('uri', ''), 300)}: {about}]"
    return f"[{kind}, {short(str(block.get('mimeType', 'of unknown type')), 60)}]"
