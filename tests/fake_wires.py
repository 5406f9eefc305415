"""OpenAI's chat API as many providers speak it, each with its own quirks, for the fake providers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web
from fake_schemas import Json, RefusedError, check_strict, instance, keywords_in, refuse, schema_in_prompt

if TYPE_CHECKING:
    from fake_providers import FakeProvider

OPENAI_FIELDS = {
    "model", "messages", "temperature", "top_p", "max_completion_tokens", "max_tokens", "stop", "seed",
    "stream", "stream_options", "response_format", "tools", "tool_choice", "reasoning_effort",
    "presence_penalty", "frequency_penalty", "n", "user", "parallel_tool_calls", "logit_bias",
}  # fmt: skip
DRESSES: dict[str, Callable[[str], str]] = {
    "thinking": lambda text: f'<think>Is {{it}} so? {{"no": 1}}</think>\n{text}',
    "fenced": lambda text: f"Here you are:\n```json\n{text}\n```\nAnything else?",
    "talk": lambda text: f"Sure! {text} I hope that this helps.",
    "python": lambda text: repr(json.loads(text)),
    "unclosed": lambda text: text.rstrip("}") if text.startswith("{") else text,
    "wrong": lambda text: json.dumps({"unexpected": True}),
    "empty": lambda text: "",
    "length": lambda text: text[: len(text) // 3],
    "filter": lambda text: "",
}
FINISH = {"length": "length", "filter": "content_filter"}


@dataclass(frozen=True)
class Flavour:
    """How one provider differs from the others that speak OpenAI's chat API."""

    root: str = "/v1"
    fields: frozenset[str] | None = None  # None: unknown fields are ignored
    forms: frozenset[str] = frozenset(("json_schema", "json_object"))
    key: bool = True
    strict: bool = False
    name_needed: bool = True
    refusal: str = "This response_format type is unavailable now"
    refusal_status: int = 400
    cost: float | None = None
    unknown_bounds: frozenset[str] = frozenset()  # keywords of a schema that it cannot hold answers to
    complaint: str = "keyword '{}' is not supported in response_format schemas"

    def check(self, body: Json) -> None:
        if self.fields is not None and (unknown := body.keys() - self.fields):
            raise refuse(f"property {sorted(unknown)[0]!r} is unsupported, see the documentation", status=400)
        check_messages(body["messages"], tools="tools" in body)
        form = body.get("response_format")
        if form is None:
            return
        if form["type"] not in self.forms:
            raise refuse(f"response_format: {self.refusal}", status=self.refusal_status)
        told = "schema" in form or "json" in json.dumps(body["messages"]).lower()
        if form["type"] == "json_object" and not told:
            raise refuse(
                "'messages' must contain the word 'json' to use 'response_format' of type 'json_object'."
            )
        if form["type"] == "json_schema":
            self.check_schema(form["json_schema"])

    def check_schema(self, form: Json) -> None:
        if "schema" not in form or (
            self.name_needed and not re.fullmatch(r"[\w-]{1,64}", form.get("name", ""))
        ):
            raise refuse("json_schema needs a name and a schema", param="response_format")
        if unknown := sorted(keywords_in(form["schema"]) & self.unknown_bounds):
            raise refuse(self.complaint.format(unknown[0]))
        if self.strict and form.get("strict"):
            if form["schema"].get("type") != "object":
                raise refuse(
                    "Invalid schema for response_format: schema must be a JSON Schema of type 'object'"
                )
            check_strict(form["schema"])


def check_messages(messages: Any, *, tools: bool) -> None:
    if not isinstance(messages, list) or not messages:
        raise refuse("messages: expected a non-empty array", param="messages")
    for number, message in enumerate(messages):
        role = message.get("role")
        if role not in ("system", "user", "assistant", "tool"):
            raise refuse(f"messages.{number}: unknown role {role!r}")
        allowed = {"role", "content", "name"}
        allowed |= {"tool_calls"} if role == "assistant" else {"tool_call_id"} if role == "tool" else set()
        if unknown := message.keys() - allowed:
            raise refuse(f"messages.{number}: property {sorted(unknown)[0]!r} is unsupported")
        if "tool_calls" in message and not message["tool_calls"]:
            raise refuse(f"messages.{number}: tool_calls must not be empty")
        if message.get("content") is None and not message.get("tool_calls"):
            raise refuse(f"messages.{number}: content must be a string")
        if role == "tool" and not message.get("tool_call_id"):
            raise refuse(f"messages.{number}: tool_call_id is missing")
        for call in message.get("tool_calls", ()):
            if call.get("type") != "function" or not isinstance(call["function"]["arguments"], str):
                raise refuse(f"messages.{number}: tool call arguments must be a string")


class OpenAI(Flavour):
    def check(self, body: Json) -> None:
        if "max_tokens" in body:
            raise refuse(
                "Unsupported parameter: 'max_tokens' is not supported with this model. "
                "Use 'max_completion_tokens' instead.",
                code="unsupported_parameter",
                param="max_tokens",
            )
        if body["model"].startswith("o") and body.get("temperature") is not None:
            raise refuse(
                "Unsupported value: 'temperature' does not support 0.0 with this model.",
                code="unsupported_value",
                param="temperature",
            )
        super().check(body)


class Groq(Flavour):
    def check(self, body: Json) -> None:
        form = (body.get("response_format") or {}).get("type")
        if form == "json_schema" and body["model"].startswith(("compound", "llama-2")):
            raise refuse(
                "This model does not support response format `json_schema`.", param="response_format"
            )
        if body["model"].startswith("compound") and "tools" in body:
            raise refuse("tool calling is not supported with this model")
        super().check(body)


class OpenRouter(Flavour):
    def check(self, body: Json) -> None:
        routing = body.get("provider") or {}
        if routing.keys() - {
            "only",
            "order",
            "ignore",
            "allow_fallbacks",
            "require_parameters",
            "sort",
            "quantizations",
        }:
            raise refuse("provider: unrecognized keys")
        form = (body.get("response_format") or {}).get("type")
        if form == "json_schema" and "no-schema" in body["model"] and routing.get("require_parameters"):
            raise RefusedError(
                404,
                {
                    "error": {
                        "message": "No endpoints found that can handle the requested parameters.",
                        "code": 404,
                    }
                },
            )
        super().check(body)


class Mistral(Flavour):
    def check(self, body: Json) -> None:
        allowed = OPENAI_FIELDS - {"seed", "stream_options", "max_completion_tokens", "reasoning_effort"} | {
            "random_seed"
        }
        if unknown := body.keys() - allowed:
            detail = [
                {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted"}
                for name in unknown
            ]
            raise RefusedError(
                422, {"object": "error", "message": {"detail": detail}, "type": "invalid_request_error"}
            )
        super().check(body)


_ANY = frozenset(("json_schema", "json_object"))
_SAME = frozenset(OPENAI_FIELDS)
FLAVOURS: dict[str, Flavour] = {
    "openai": OpenAI(fields=_SAME, strict=True),
    "groq": Groq(root="/openai/v1", fields=_SAME),
    "openrouter": OpenRouter(
        root="/api/v1", fields=_SAME | {"provider", "top_k", "usage"}, strict=True, cost=0.00025
    ),
    "mistral": Mistral(),
    "together_ai": Flavour(fields=_SAME | {"top_k"}),
    "deepseek": Flavour(fields=_SAME, forms=frozenset(("json_object", "text"))),
    "xai": Flavour(fields=_SAME),
    "ollama": Flavour(key=False, name_needed=False),
    "lm_studio": Flavour(
        key=False,
        forms=frozenset(("json_schema",)),
        refusal="'response_format.type' must be 'json_schema' or 'text'",
    ),
    "hosted_vllm": Flavour(key=False),
    "llama_cpp": Flavour(key=False),
    # The Python server of llama.cpp takes no json_schema, and answers 500.
    "llama_cpp_python": Flavour(
        key=False,
        forms=frozenset(("json_object", "text")),
        refusal="literal_error json_schema",
        refusal_status=500,
    ),
    # A vLLM whose grammar engine does not say which keyword it cannot hold.
    "vllm_without_lengths": Flavour(
        key=False,
        unknown_bounds=frozenset(("maxLength", "minLength")),
        complaint="The provided JSON schema contains features not supported by xgrammar.",
    ),
    "no_lengths": Flavour(unknown_bounds=frozenset(("maxLength", "minLength"))),
    "no_forms": Flavour(key=False, forms=frozenset(("text",))),
}


class OpenAIWire:
    """`/chat/completions`."""

    def __init__(self, fake: FakeProvider) -> None:
        self.fake = fake
        self.flavour = FLAVOURS[fake.flavour]

    def reply(self, request: web.Request, body: Json, kind: str) -> Json:
        if request.path != f"{self.flavour.root}/chat/completions":
            raise RefusedError(404, "404 page not found")
        if self.flavour.key and request.headers.get("Authorization") != f"Bearer {self.fake.key}":
            raise refuse(
                "Incorrect API key provided: sk-wrong*******key.", status=401, code="invalid_api_key"
            )
        self.flavour.check(body)
        content, calls = self.content(body)
        if content is not None:
            content = DRESSES.get(kind, str)(content)
        elif kind == "wrong":
            calls[0]["function"]["arguments"] = DRESSES[kind]("")
        message: Json = {"role": "assistant", "content": content}
        if calls:
            message["tool_calls"] = calls
        if kind == "refusal":
            message |= {"content": None, "refusal": "I cannot help with that."}
        finish = FINISH.get(kind, "tool_calls" if calls else "stop")
        prompt, completion = self.fake.tokens
        usage: Json = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }
        if self.flavour.cost is not None:
            usage["cost"] = self.flavour.cost
        choice = {"index": 0, "message": message, "finish_reason": finish}
        return {
            "id": "x",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }

    def content(self, body: Json) -> tuple[str | None, list[Json]]:
        form = body.get("response_format") or {}
        schema = (
            (form.get("json_schema") or {}).get("schema")
            or form.get("schema")
            or schema_in_prompt(body["messages"])
        )
        tools = body.get("tools") or ()
        answered = any(message["role"] == "tool" for message in body["messages"])
        if tools and (isinstance(body.get("tool_choice"), dict) or not answered):
            function = tools[0]["function"]
            arguments = self.fixed(
                json.dumps(instance(function.get("parameters") or {"type": "object"})), body
            )
            return None, [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": function["name"], "arguments": arguments},
                }
            ]
        return self.fixed(json.dumps(instance(schema)) if schema else self.fake.answer(body), body), []

    def fixed(self, text: str, body: Json) -> str:
        if self.fake.echo:
            found = [re.search(r"number-\d+", str(message.get("content"))) for message in body["messages"]]
            return json.dumps({"echo": next(match[0] for match in found if match)})
        if self.fake.script is not None:
            return self.fake.script(body)
        return text if self.fake.fixed is None else self.fake.fixed

    @staticmethod
    def streams(request: web.Request, body: Json) -> bool:
        return bool(body.get("stream"))

    def events(self, payload: Json, body: Json) -> list[bytes]:
        """The reply as server-sent events, a few characters at a time."""
        choice = payload["choices"][0]
        deltas = [{"role": "assistant", "content": ""}, *_deltas(choice["message"])]
        chunks: list[Json] = [
            {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
        asked = (body.get("stream_options") or {}).get("include_usage") or self.fake.flavour == "mistral"
        if asked:
            chunks.append({"choices": [], "usage": payload["usage"]})
        found = [f"data: {json.dumps({'id': 'x', **chunk})}\n\n".encode() for chunk in chunks]
        return [*found, b"data: [DONE]\n\n"]


def _deltas(message: Json) -> list[Json]:
    text = message["content"] or ""
    found: list[Json] = [{"content": text[at : at + 4]} for at in range(0, len(text), 4)]
    for index, call in enumerate(message.get("tool_calls", ())):
        arguments = call["function"]["arguments"]
        begin = {**call, "index": index, "function": {**call["function"], "arguments": ""}}
        found.append({"tool_calls": [begin]})
        for at in range(0, len(arguments), 6):
            more = {"index": index, "function": {"arguments": arguments[at : at + 6]}}
            found.append({"tool_calls": [more]})
    return found
