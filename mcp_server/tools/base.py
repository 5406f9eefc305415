"""What a tool is: a module of this package whose `TOOL` says what it takes, what it gives and how it does it.

The file's name is the tool's name. A tool knows nothing of the protocol: its arguments and its answer are
models, so that other doors (an HTTP API) can open on the same tool.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from mcp_server import budget
from mcp_server.results import Answer
from mcp_server.scope import Scope

Limit = Annotated[int, Field(ge=1, le=50)]
Cursor = Annotated[str | None, Field(max_length=100, description="next_cursor of the page before")]
MaxTokens = Annotated[int, Field(ge=budget.LEAST, le=budget.MOST, description="Most tokens of the answer")]
Collection = Annotated[str | None, Field(min_length=1, max_length=200)]


class Arguments(BaseModel):
    """What a tool takes: flat, bounded, and nothing else."""

    model_config = ConfigDict(frozen=True, extra="forbid")


A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Answer)


@dataclass(frozen=True, slots=True)
class Tool(Generic[A, R]):
    """A tool.

    Args:
        title: Its name for people.
        description: What it does and when to use it, for the client's model; at most 300 characters.
        arguments: Model of what it takes.
        answer: Model of what it gives.
        call: Does it. Raises a `KagError` whose message the client's model can act on.
        writes: Whether it changes the knowledge base; a read-only server does not have it.
        destructive: Whether what it changes may be lost.
        idempotent: Whether calling it again with the same arguments changes nothing more.
        open_world: Whether it reaches beyond this machine.
    """

    title: str
    description: str
    arguments: type[A]
    answer: type[R]
    call: Callable[[Scope, A], Awaitable[R]]
    writes: bool = False
    destructive: bool = False
    idempotent: bool = True
    open_world: bool = False


def question(tool: str, asked: Arguments) -> str:
    """What shapes a tool's list: all arguments but those that only say how much of it to give."""
    return f"{tool} {asked.model_dump_json(exclude={'limit', 'max_tokens', 'cursor'})}"
