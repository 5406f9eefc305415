"""The server's log: one line an event, and no secret in it."""

import logging
import re

import pytest

from mcp_server.logs import OneLine


def written(message: str, *arguments: object, error: BaseException | None = None) -> str:
    information = (type(error), error, error.__traceback__) if error else None
    return OneLine().format(
        logging.LogRecord("mcp", logging.ERROR, "f.py", 1, message, arguments, information)
    )


def raised(*, cause: bool = False) -> BaseException:
    try:
        try:
            raise ValueError("postgres://user:hunter2@host")
        except ValueError as error:
            if cause:
                raise RuntimeError("Error executing tool") from error
            raise
    except Exception as error:  # noqa: BLE001  what is raised is what is wanted
        return error


def test_an_error_is_named_with_its_place_and_without_its_words() -> None:
    text = written("Tool %r failed", "search", error=raised())
    assert re.search(rf"Tool 'search' failed\\nValueError at {re.escape(__file__)}:\d+$", text)
    assert "hunter2" not in text


def test_of_a_chain_the_first_error_is_named() -> None:
    text = written("failed", error=raised(cause=True))
    assert "ValueError at" in text
    assert "hunter2" not in text


def test_line_breaks_cannot_forge_a_second_line() -> None:
    assert written("name %s", "a\nERROR kag: all is lost\r\n").count("\n") == 0


def test_debugging_shows_the_whole_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAG_DEBUG", "1")
    text = written("failed", error=raised())
    assert "Traceback" in text
    assert "hunter2" in text
