"""How a language model is asked what to do next, in each of two styles, and how a conversation is told to it.

`native` uses the provider's tool calls. `constrained` has the model fill in a JSON schema whose alternatives
are the tools with their arguments, which any model can that follows a schema, small local ones too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kag.agents.tool import Tool
from kag.data_models.chat import ChatMessages
from kag.data_models.data_model import schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.errors import ProviderError
from kag.modules._prompt import DEFAULT_TEMPLATE
from kag.modules.generator import Generator
from kag.schema.references import localize, merge_definitions, rename_references
from kag.schema.values import Json, json_text

Style = Literal["auto", "native", "constrained"]
LOCAL = frozenset(("ollama", "ollama_chat", "llama_cpp", "llama.cpp", "llamafile", "lm_studio", "lmstudio"))
CHOICE_TEMPLATE = """\
<tools>
{{ tools }}
</tools>
To call tools, list them under `calls`, each with its `tool` and `arguments`. When you know enough to answer,
leave `calls` empty.
"""
_LONGEST_THOUGHT = 600
_REFUSED = frozenset((400, 404, 405, 415, 422, 500, 501))


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model wants to do next.

    Args:
        message: Its message, as it stands in the conversation from now on.
        calls: The tool calls in it, each `{"id", "name", "arguments"}`; none if it is ready to answer.
        thinking: Its reasoning, where it gave it.
    """

    message: Json
    calls: tuple[Json, ...]
    thinking: str = ""


def style_of(model: object, wanted: Style) -> Style:
    """The style to begin with; models of local servers are often small, and call no tools of themselves."""
    if wanted != "auto":
        return wanted
    provider = str(getattr(model, "model", "")).partition("/")[0]
    return "constrained" if provider in LOCAL else "native"


def refuses_tools(error: ProviderError) -> bool:
    """Whether a server says that it, or this model of it, takes no tools."""
    return error.status in _REFUSED and "tool" in str(error).lower()


async def native_turn(caller: Generator, conversation: Sequence[Json]) -> Turn:
    """Asks with the provider's tool calls."""
    message = dict((await caller(_chat(conversation))).data)
    calls = tuple(_own_ids(message.pop("tool_calls", None) or ()))
    if calls:
        message["tool_calls"] = [_sendable(call) for call in calls]
    return Turn(message, calls, str(message.get("reasoning_content") or ""))


async def constrained_turn(chooser: Generator, conversation: Sequence[Json], number: int) -> Turn:
    """Asks for a choice that fits a schema.

    Args:
        chooser: A generator with `choice_schema`.
        conversation: The messages so far.
        number: Number of the turn; the ids of its calls are made of it.
    """
    choice = (await chooser(_chat(plain(conversation)))).data
    calls = [
        {"id": f"call_{number}_{place}", "name": call["tool"], "arguments": call["arguments"]}
        for place, call in enumerate(choice["calls"], start=1)
    ]
    message: Json = {"role": "assistant", "content": choice["thinking"]}
    if calls:
        message["tool_calls"] = calls
    return Turn(message, tuple(calls), choice["thinking"])


def choice_schema(tools: Sequence[Tool], most: int) -> Json:
    """The schema of a choice: some thinking, then at most so many calls of these tools, or none."""
    definitions: Json = {}
    options = []
    for tool in tools:
        arguments = localize(dict(tool.input_schema))
        definitions, names = merge_definitions(definitions, arguments.pop("$defs", {}))
        arguments = rename_references(arguments, names) if names else arguments
        options.append(
            _option(tool.name, {k: v for k, v in arguments.items() if k not in ("$schema", "$id")})
        )
    calls = {"type": "array", "maxItems": most, "items": {"anyOf": options}}
    thinking = {
        "type": "string",
        "maxLength": _LONGEST_THOUGHT,
        "description": "What is known, what is missing",
    }
    schema: Json = {
        "type": "object",
        "title": "Choice",
        "properties": {"thinking": thinking, "calls": calls},
        "required": ["thinking", "calls"],
        "additionalProperties": False,
    }
    return {"$defs": definitions, **schema} if definitions else schema


def choice_template(template: str | None) -> str:
    """The template of the prompt for a choice: that of the user, or the usual one, and the tools."""
    return f"{template or DEFAULT_TEMPLATE}\n{CHOICE_TEMPLATE}"


def plain(conversation: Sequence[Json]) -> list[Json]:
    """A conversation without tool calls and tool messages, which are told as JSON in ordinary messages.

    Empty messages are left out. Results stand inside JSON strings, which nothing in them can leave.
    """
    told: list[Json] = []
    for message in conversation:
        if message.get("role") == "tool":
            result = {"call": message.get("tool_call_id"), "result": message.get("content")}
            if told and "tool_results" in told[-1]:
                told[-1]["tool_results"].append(result)
            else:
                told.append({"role": "user", "tool_results": [result]})
        elif message.get("tool_calls"):
            calls = [
                {"call": c["id"], "tool": c["name"], "arguments": c["arguments"]}
                for c in message["tool_calls"]
            ]
            content = json_text({"thinking": message.get("content") or "", "calls": calls})
            told.append({"role": "assistant", "content": content})
        elif message.get("content") or message.get("role") != "assistant":  # some servers refuse empty ones
            told.append({key: message[key] for key in ("role", "content", "name") if message.get(key)})
    return [_told(message) for message in told]


def _told(message: Json) -> Json:
    if "tool_results" not in message:
        return {"content": "", **message}
    return {"role": "user", "content": json_text({"tool_results": message["tool_results"]})}


def pending(conversation: Sequence[Json]) -> tuple[Json, ...]:
    """The calls of the last assistant message that no tool message answers yet."""
    last = max((n for n, m in enumerate(conversation) if m.get("role") == "assistant"), default=None)
    if last is None:
        return ()
    answered = {m.get("tool_call_id") for m in conversation[last + 1 :] if m.get("role") == "tool"}
    return tuple(call for call in conversation[last].get("tool_calls") or () if call["id"] not in answered)


def _chat(conversation: Sequence[Json]) -> JsonDataModel:
    return JsonDataModel.trusted(schema_of(ChatMessages), {"messages": list(conversation)})


def _option(name: str, arguments: Json) -> Json:
    return {
        "type": "object",
        "properties": {"tool": {"type": "string", "enum": [name]}, "arguments": arguments},
        "required": ["tool", "arguments"],
        "additionalProperties": False,
    }


def _own_ids(calls: Sequence[Mapping[str, Any]]) -> Iterator[Json]:
    """Calls with ids that differ; some servers give several calls of a message the same."""
    seen: set[str] = set()
    for place, call in enumerate(calls, start=1):
        identifier = str(call["id"])
        if identifier in seen:
            identifier = f"{identifier}_{place}"
        seen.add(identifier)
        yield {**call, "id": identifier}


def _sendable(call: Json) -> Json:
    """A call as it may stand in the next request: some servers break on arguments that are not JSON."""
    return call if isinstance(call["arguments"], dict) else {**call, "arguments": {}}
