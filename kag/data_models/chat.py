"""Conversations: roles, messages, tool calls; in the form that chat models take them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from kag.data_models.data_model import DataModel, schema_of
from kag.schema import Schema, contains

if TYPE_CHECKING:
    from kag.data_models.operations import Operand


class ChatRole(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    FUNCTION = "function"


class ToolCall(DataModel):
    """A model's request to run a tool."""

    id: str = Field(description="Identifier that the tool's answer refers to")
    name: str = Field(description="The tool's name")
    arguments: dict[str, Any] | str = Field(
        default={}, description="Its arguments; text if they are no JSON object"
    )


class ChatMessage(DataModel):
    """One message of a conversation."""

    model_config = ConfigDict(use_enum_values=True)

    role: ChatRole = Field(description="Who speaks")
    content: str | list[dict[str, Any]] | None = Field(default=None, description="Text, or parts of it")
    reasoning_content: str | None = Field(
        default=None, description="The model's reasoning, where it gives it"
    )
    thinking_blocks: list[dict[str, Any]] | None = Field(default=None, description="Signed reasoning blocks")
    tool_call_id: str | None = Field(default=None, description="The tool call that this answers")
    tool_calls: list[ToolCall] | None = Field(default=None, description="Tools that the model wants to run")
    name: str | None = Field(default=None, description="Name of the speaker or tool")
    refusal: str | None = Field(default=None, description="Why the model did not answer")


class ChatMessages(DataModel):
    """A conversation, oldest message first."""

    messages: list[ChatMessage] = Field(default=[], description="The messages, oldest first")


def is_chat_messages(model: Operand) -> bool:
    """Whether a data model has a list of chat messages, perhaps among other properties."""
    return _has(model, schema_of(ChatMessages))


def is_strictly_chat_messages(model: Operand) -> bool:
    """Whether a data model is a list of chat messages and nothing else."""
    schema = model.known_schema
    return is_chat_messages(model) and schema is not None and len(schema.properties) == 1


def is_chat_message(model: Operand) -> bool:
    """Whether a data model has the properties of a chat message, perhaps among others."""
    return _has(model, schema_of(ChatMessage))


def _has(model: Operand, part: Schema) -> bool:
    schema = model.known_schema
    return schema is not None and contains(schema, part)
