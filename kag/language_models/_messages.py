"""Messages in and out: what callers hold becomes the wire form, and a reply becomes a neutral message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kag.errors import ConfigurationError
from kag.language_models._repair import split_thinking
from kag.language_models.base import Json, Reply

_ROLES = {"system", "developer", "user", "assistant", "tool", "function"}


def to_wire(messages: object, *, dialect: bool = False, keep_thinking: bool = False) -> list[Json]:
    """Returns messages as a chat API takes them, without empty fields and those that only some know.

    Args:
        messages: Dicts with `role` and `content`, data models of such, or a data model whose JSON has
            `messages`.
        dialect: True where the server knows the role `developer`.
        keep_thinking: True where signed thinking blocks must be sent back.

    Raises:
        ConfigurationError: It is none of these.
    """
    return [_message(_plain(message), dialect, keep_thinking) for message in _listed(messages)]


def _listed(messages: object) -> Sequence[object]:
    if isinstance(messages, str):
        return [{"role": "user", "content": messages}]
    if not isinstance(messages, Sequence):
        value = _plain(messages)
        messages = value.get("messages", [value])
    if not isinstance(messages, Sequence) or not messages:
        raise ConfigurationError("A language model needs at least one message; got an empty list.")
    return messages


def _plain(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    get_json = getattr(value, "get_json", None)
    found = get_json() if callable(get_json) else None
    if not isinstance(found, Mapping):
        raise ConfigurationError(
            "Messages are dicts with 'role' and 'content', or a data model with 'messages'; "
            f"got {type(value).__name__}."
        )
    return found


def _message(message: Mapping[str, Any], dialect: bool, keep_thinking: bool) -> Json:
    role = message.get("role")
    if role not in _ROLES:
        raise ConfigurationError(f"A message's role is one of {', '.join(sorted(_ROLES))}; got {role!r}.")
    if role == "developer" and not dialect:
        role = "system"
    wire: Json = {"role": role, "content": _content(message.get("content"))}
    if message.get("name"):
        wire["name"] = message["name"]
    if role == "tool" and message.get("tool_call_id"):
        wire["tool_call_id"] = message["tool_call_id"]
    if role == "assistant":
        if message.get("tool_calls"):
            wire["tool_calls"] = _wire_calls(message["tool_calls"])
            wire["content"] = wire["content"] or None
        if keep_thinking and message.get("thinking_blocks"):
            wire["thinking_blocks"] = message["thinking_blocks"]
    return wire


def _content(content: object) -> str | list[Any]:
    if isinstance(content, str):
        return content if content.isascii() else _whole(content)
    if isinstance(content, list):
        return content
    try:
        return "" if content is None else orjson.dumps(content).decode()
    except TypeError as error:
        raise ConfigurationError(f"A message's content is text, parts or JSON: {error}.") from error


def _whole(text: str) -> str:
    """Replaces halves of surrogate pairs, which documents may hold and no server takes."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _wire_calls(calls: object) -> list[Json]:
    if not isinstance(calls, list | tuple) or not all(isinstance(call, Mapping) for call in calls):
        raise ConfigurationError(
            f"tool_calls is a list of dicts such as {{'id', 'name', 'arguments'}}; got {calls!r:.80}."
        )
    return [_wire_call(call) for call in calls]


def _wire_call(call: Mapping[str, Any]) -> Json:
    function = call.get("function") or call
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = orjson.dumps(arguments or {}).decode()
    return {
        "id": call.get("id"),
        "type": "function",
        "function": {"name": function.get("name"), "arguments": arguments},
    }


def to_tools(tools: object) -> list[Json]:
    """Returns tools as a chat API takes them, given so or as `{"name", "description", "parameters"}`.

    Raises:
        ConfigurationError: They are no list of such dicts.
    """
    if not isinstance(tools, list | tuple) or not all(isinstance(tool, Mapping) for tool in tools):
        raise ConfigurationError(
            "tools= is a list of dicts such as {'name': ..., 'description': ..., 'parameters': <schema>}; "
            f"got {tools!r:.80}."
        )
    functions = [dict(tool) for tool in tools]
    return [tool if "function" in tool else {"type": "function", "function": tool} for tool in functions]


def to_tool_choice(choice: object) -> str | Json:
    """Returns a tool choice as a chat API takes it: `auto`, `none`, `required`, or the name of a tool."""
    if isinstance(choice, Mapping):
        return dict(choice)
    if not isinstance(choice, str):
        raise ConfigurationError(
            f"tool_choice= is auto, none, required or a tool's name; got {choice!r:.80}."
        )
    return (
        choice
        if choice in ("auto", "none", "required")
        else {"type": "function", "function": {"name": choice}}
    )


def to_message(reply: Reply) -> Json:
    """Returns a reply as a message: text without thinking, and tool calls as `{"id", "name", "arguments"}`.

    The arguments are a dict; where the model wrote no JSON object they stay the text that it wrote.
    """
    thinking, content = split_thinking(reply.content)
    message: Json = {"role": "assistant", "content": content}
    if reasoning := reply.reasoning or thinking:
        message["reasoning_content"] = reasoning
    if reply.tool_calls:
        message["tool_calls"] = [_neutral_call(call, index) for index, call in enumerate(reply.tool_calls)]
    return message


def _neutral_call(call: Mapping[str, Any], index: int) -> Json:
    function = call.get("function") or {}
    return {
        "id": call.get("id") or f"call_{index}",
        "name": function.get("name") or "",
        "arguments": _arguments(function.get("arguments")),
    }


def _arguments(arguments: object) -> Json | str:
    if isinstance(arguments, dict):
        return arguments
    text = arguments if isinstance(arguments, str) else ""
    try:
        value = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return text
    return value if isinstance(value, dict) else text


def with_instruction(messages: Sequence[Json], instruction: str) -> list[Json]:
    """Returns messages whose system message also holds an instruction."""
    first = messages[0]
    if first["role"] == "system" and isinstance(first["content"], str):
        return [{**first, "content": f"{first['content']}\n\n{instruction}"}, *messages[1:]]
    return [{"role": "system", "content": instruction}, *messages]
