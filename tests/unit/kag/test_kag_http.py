"""The shared HTTP session, and how addresses and refusals are read."""

from __future__ import annotations

import asyncio
import gc
from email.utils import formatdate

import pytest
from aiohttp import ClientSession

from kag import http
from kag.errors import ConfigurationError


async def test_a_loop_has_one_session() -> None:
    assert await http.session() is await http.session()


async def test_first_calls_at_once_share_one_session() -> None:
    first, *others = await asyncio.gather(*(http.session() for _ in range(5)))
    assert all(other is first for other in others)


async def test_a_session_that_somebody_closed_is_replaced() -> None:
    first = await http.session()
    await first.close()
    assert not (await http.session()).closed


def test_a_session_ends_with_its_loop_and_the_next_loop_has_its_own() -> None:
    first: ClientSession = asyncio.run(http.session())
    second: ClientSession = asyncio.run(http.session())
    assert first is not second
    assert first.closed
    assert second.closed
    del first, second
    gc.collect()  # a session that was left open would warn here


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("http://h:8000/v1", "http://h:8000/v1"),
        ("http://h:8000/v1/", "http://h:8000/v1"),
        (" h:8000 ", "http://h:8000/v1"),
        ("https://h/api/v1/embeddings", "https://h/api/v1"),
        ("https://h/api/openai", "https://h/api/openai"),
    ],
)
def test_an_address_gets_a_scheme_and_a_path(given: str, expected: str) -> None:
    assert http.base_url(given, endpoint="/embeddings") == expected


@pytest.mark.parametrize("given", [
    "", "ftp://h", "http://", "file:///etc/passwd", "http:///v1", "http://[bad", "[bad", "http://h:99999/v1",
    "http://h:x/v1", "http://h:0",
])  # fmt: skip
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match="http"):
        http.base_url(given)


def test_the_refusal_of_an_address_shows_no_password() -> None:
    with pytest.raises(ConfigurationError, match="http") as caught:
        http.base_url("http://user:secret@[bad")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8", True),
        ("http://192.168.3.4", True),
        ("http://gpu-box:8000", True),
        ("http://gpu.lan", True),
        ("https://api.example.com/v1", False),
        ("http://8.8.8.8", False),
        ("http://[bad", False),
    ],
)
def test_a_private_address_is_local(url: str, local: bool) -> None:
    assert http.is_local(url) is local


def test_the_wait_that_a_server_asks_for_is_read_in_all_its_forms() -> None:
    assert http.retry_after({"retry-after": "7"}) == 7
    assert http.retry_after({"retry-after-ms": "250"}) == 0.25
    assert http.retry_after({"retry-after": "-3"}) == 0
    assert http.retry_after({"retry-after": formatdate(0)}) == 0
    assert http.retry_after({"retry-after": "soon"}) is None
    assert http.retry_after({}) is None


def test_keys_do_not_stay_in_a_text() -> None:
    assert http.redact("wrong key my-secret-key", "my-secret-key") == "wrong key ***"
    assert "abcdef" not in http.redact("Incorrect API key provided: sk-abcdef123456")


def test_a_long_text_becomes_one_line() -> None:
    text = http.shorten("a\n" * 1000, 50)
    assert "\n" not in text
    assert len(text) <= 50


def test_this_machine_is_never_reached_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    http.proxy_for.cache_clear()
    for own in ("http://127.0.0.1:8000/v1", "http://localhost:1/v1", "http://[::1]:9/v1"):
        assert http.proxy_for(own) is None
    assert http.proxy_for("http://models.example.com/v1") == "http://proxy.example:3128"
    http.proxy_for.cache_clear()
