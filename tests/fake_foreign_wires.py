"""The wire formats of Anthropic and Gemini, strictly, for the fake providers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from aiohttp import web
from fake_schemas import Json, RefusedError, instance
from fake_wires import DRESSES

if TYPE_CHECKING:
    from fake_providers import FakeProvider


class AnthropicWire:
    """`/v1/messages`."""

    FIELDS = frozenset(
        (
            "model", "messages", "max_tokens", "system", "tools", "tool_choice", "temperature", "top_p",
            "top_k", "stop_sequences", "stream", "metadata", "thinking",
        )
    )  # fmt: skip

    def __init__(self, fake: FakeProvider) -> None:
        self.fake = fake

    def reply(self, request: web.Request, body: Json, kind: str) -> Json:
        self.check(request, body)
        tools = body.get("tools")
        forced = (body.get("tool_choice") or {}).get("type") in ("tool", "any")
        content: list[Json] = [{"type": "text", "text": self.fake.answer(body)}]
        if tools and (forced or "tool_result" not in json.dumps(body["messages"])):
            value = {"unexpected": True} if kind == "wrong" else instance(tools[0]["input_schema"])
            content = [{"type": "tool_use", "id": "call_1", "name": tools[0]["name"], "input": value}]
        usual = "tool_use" if content[0]["type"] == "tool_use" else "end_turn"
        prompt, completion = self.fake.tokens
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": content,
            "stop_reason": {"length": "max_tokens", "filter": "refusal"}.get(kind, usual),
            "stop_sequence": None,
            "usage": {"input_tokens": prompt, "output_tokens": completion},
        }

    def check(self, request: web.Request, body: Json) -> None:
        if request.path != "/v1/messages":
            raise RefusedError(404, "not found")
        if request.headers.get("x-api-key") != self.fake.key:
            raise self.bad("invalid x-api-key", 401, "authentication_error")
        tools = body.get("tools") or ()
        for wrong, message in (
            ("anthropic-version" not in request.headers, "anthropic-version: header is required"),
            (not isinstance(body.get("max_tokens"), int), "max_tokens: Field required"),
            (
                body.keys() - self.FIELDS,
                f"{sorted(body.keys() - self.FIELDS)}: Extra inputs are not permitted",
            ),
            (
                any(message["role"] not in ("user", "assistant") for message in body["messages"]),
                "messages: Unexpected role; 'system' is a top-level parameter.",
            ),
            (
                any(tool.get("input_schema", {}).get("type") != "object" for tool in tools),
                "tools.0.input_schema.type: Field required",
            ),
        ):
            if wrong:
                raise self.bad(message)

    @staticmethod
    def bad(message: str, status: int = 400, name: str = "invalid_request_error") -> RefusedError:
        return RefusedError(status, {"type": "error", "error": {"type": name, "message": message}})

    @staticmethod
    def streams(request: web.Request, body: Json) -> bool:
        return bool(body.get("stream"))

    @staticmethod
    def events(payload: Json, body: Json) -> list[bytes]:
        block = payload["content"][0]
        found: list[Json] = [
            {"type": "message_start", "message": {**payload, "content": [], "stop_reason": None}}
        ]
        empty = {**block, "input": {}} if block["type"] == "tool_use" else {**block, "text": ""}
        found.append({"type": "content_block_start", "index": 0, "content_block": empty})
        text = json.dumps(block["input"]) if block["type"] == "tool_use" else block["text"]
        for at in range(0, len(text), 5):
            piece = text[at : at + 5]
            kind = {"text": ("text_delta", "text"), "tool_use": ("input_json_delta", "partial_json")}[
                block["type"]
            ]
            delta = {"type": kind[0], kind[1]: piece}
            found.append({"type": "content_block_delta", "index": 0, "delta": delta})
        found.append({"type": "content_block_stop", "index": 0})
        end = {"stop_reason": payload["stop_reason"], "stop_sequence": None}
        found.append({"type": "message_delta", "delta": end, "usage": payload["usage"]})
        found.append({"type": "message_stop"})
        return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in found]


class GeminiWire:
    """`:generateContent` and `:streamGenerateContent`."""

    FIELDS = frozenset(
        (
            "contents", "systemInstruction", "system_instruction", "generationConfig", "tools", "toolConfig",
            "safetySettings",
        )
    )  # fmt: skip
    SCHEMAS = ("responseJsonSchema", "response_json_schema", "responseSchema", "response_schema")

    def __init__(self, fake: FakeProvider) -> None:
        self.fake = fake

    def reply(self, request: web.Request, body: Json, kind: str) -> Json:
        self.check(request, body)
        prompt, completion = self.fake.tokens
        finish = {"length": "MAX_TOKENS", "filter": "SAFETY"}.get(kind, "STOP")
        content = {"role": "model", "parts": [self.part(body, kind)]}
        return {
            "candidates": [{"content": content, "finishReason": finish, "index": 0}],
            "usageMetadata": {
                "promptTokenCount": prompt,
                "candidatesTokenCount": completion,
                "totalTokenCount": prompt + completion,
            },
            "modelVersion": "gemini",
        }

    def part(self, body: Json, kind: str) -> Json:
        tools = body.get("tools")
        if tools and not re.search(r"function_?response", json.dumps(body["contents"]), re.IGNORECASE):
            tool = next(iter(tools[0].values()))[0]
            return {"functionCall": {"name": tool["name"], "args": instance(_lower(tool["parameters"]))}}
        config = body.get("generationConfig", {})
        schema = next((config[key] for key in self.SCHEMAS if key in config), None)
        text = json.dumps(instance(_lower(schema))) if schema else self.fake.answer(body)
        return {"text": DRESSES.get(kind, str)(text)}

    def check(self, request: web.Request, body: Json) -> None:
        if not re.search(r"[:/](streamG|g)enerateContent$", request.path):
            raise self.bad(f"{request.path} is not found", 404)
        unknown = sorted(body.keys() - self.FIELDS)
        keys = (request.headers.get("x-goog-api-key"), request.query.get("key"))
        for wrong, message in (
            (self.fake.key not in keys, "API key not valid. Please pass a valid API key."),
            (unknown, f"Invalid JSON payload received. Unknown name {unknown}: Cannot find field."),
            (
                any(content["role"] not in ("user", "model") for content in body["contents"]),
                "Please use a valid role: user, model.",
            ),
        ):
            if wrong:
                raise self.bad(message)

    @staticmethod
    def bad(message: str, status: int = 400) -> RefusedError:
        return RefusedError(
            status, {"error": {"code": status, "message": message, "status": "INVALID_ARGUMENT"}}
        )

    @staticmethod
    def streams(request: web.Request, body: Json) -> bool:
        return "streamGenerateContent" in request.path

    @staticmethod
    def events(payload: Json, body: Json) -> list[bytes]:
        candidate = payload["candidates"][0]
        part = candidate["content"]["parts"][0]
        parts = [{"text": part["text"][at : at + 5]} for at in range(0, len(part.get("text", "")), 5)] or [
            part
        ]
        found = []
        for number, one in enumerate(parts):
            piece: Json = {"content": {"role": "model", "parts": [one]}, "index": 0}
            if number == len(parts) - 1:
                piece["finishReason"] = candidate["finishReason"]
            found.append({**payload, "candidates": [piece]})
        return [f"data: {json.dumps(event)}\r\n\r\n".encode() for event in found]


def _lower(schema: Any) -> Any:
    """Gemini's older schemas write types in capitals."""
    if isinstance(schema, dict):
        return {
            key: value.lower() if key == "type" and isinstance(value, str) else _lower(value)
            for key, value in schema.items()
        }
    return [_lower(item) for item in schema] if isinstance(schema, list) else schema
