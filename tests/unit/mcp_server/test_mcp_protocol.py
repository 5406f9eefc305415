"""What of a tool reaches a client, and what of its failures does not."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp import Client
from pydantic import Field

from kag.errors import IngestError, StoreLockedError
from kag.settings import Settings
from mcp_server import app
from mcp_server.logs import OneLine
from mcp_server.protocol import compact_schema
from mcp_server.results import Answer
from mcp_server.roots import Roots
from mcp_server.scope import Access, Scope
from mcp_server.tools.base import Arguments, Tool
from mcp_server.untrusted import Fence


class Asked(Arguments):
    """This docstring is for programmers."""

    number: int = Field(ge=1, le=9, description="How many")
    note: str | None = Field(default=None, max_length=10)


class Told(Answer):
    """This one too."""

    title: str = ""
    note: str | None = None

    def render(self, fence: Fence) -> str:
        return self.framed(fence, [fence(self.title)], empty="nothing")


async def call(scope: Scope, asked: Asked) -> Told:
    failures: dict[int, Exception] = {
        1: StoreLockedError("Another process writes; try again."),
        2: ValueError("postgres://user:hunter2@host"),
        3: IngestError("There is no document in it."),
    }
    if asked.number in failures:
        raise failures[asked.number]
    return Told(title=f"number {asked.number}")


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    tool = Tool("A tool", "A tool of these tests.", Asked, Told, call)
    async with app.running(Settings(store="/nonexistent")) as running:
        scope_of = app.same_for_all(running, Access(("default",), True, Roots(())))
        async with Client(app.build(scope_of, {"count": tool})) as connected:
            yield connected


async def text(**arguments: Any) -> tuple[bool, str]:
    async with client() as connected:
        result = await connected.call_tool("count", arguments)
        return result.is_error, result.content[0].text


async def test_an_answer_is_text_in_a_fence_and_data_without_what_is_not_there() -> None:
    async with client() as connected:
        result = await connected.call_tool("count", {"number": 7})
    assert result.structured_content == {"truncated": False, "title": "number 7"}
    lines = result.content[0].text.splitlines()
    assert lines[2] == "number 7"
    assert lines[1] in lines[0]


async def test_a_foreseen_failure_reaches_the_model_in_its_own_words() -> None:
    assert await text(number=1) == (True, "Another process writes; try again.")
    assert await text(number=3) == (True, "There is no document in it.")


async def test_of_an_unforeseen_failure_neither_the_model_nor_the_log_learns_the_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.handler.setFormatter(OneLine())
    with caplog.at_level(logging.ERROR):
        failed, told = await text(number=2)
    assert failed
    assert told == "count failed unexpectedly; the server's log says more."
    assert "hunter2" not in caplog.text
    assert caplog.text.count("\n") == 1
    assert "ValueError at" in caplog.text
    assert __file__ in caplog.text


async def test_wrong_arguments_are_all_named_in_one_line() -> None:
    failed, told = await text(number=12, note="x" * 11, top_k=3)
    assert failed
    assert told.count("\n") == 0
    for words in (
        "number: ",
        "less than or equal to 9",
        "note: ",
        "no argument 'top_k'; it takes number, note",
    ):
        assert words in told
    assert await text() == (True, "count: number is missing.")


def test_a_schema_holds_what_a_model_needs_and_nothing_else() -> None:
    assert compact_schema(Asked) == {
        "type": "object",
        "additionalProperties": False,
        "required": ["number"],
        "properties": {
            "number": {"type": "integer", "minimum": 1, "maximum": 9, "description": "How many"},
            "note": {"type": "string", "maxLength": 10},
        },
    }


def test_a_property_that_is_called_title_stays() -> None:
    assert compact_schema(Told, bare=True)["properties"]["title"] == {"type": "string"}
