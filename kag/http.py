"""What every client of a model server needs: a pooled session, and the reading of addresses and refusals.

aiohttp, because a call through it costs a fifth of the CPU that httpx takes; it is imported at the first
request. Nobody has to close the session: it lives in an asynchronous generator, and an event loop finishes
its asynchronous generators before it closes (`asyncio.run` sees to that).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import time
from collections.abc import AsyncGenerator, Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakKeyDictionary

from kag.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp import ClientSession

_IDLE_SECONDS = 60.0
_KEY_LIKE = re.compile(r"\b(sk|gsk|pk|xai|key)-[\w\-*]{6,}", re.IGNORECASE)

_USER = re.compile(r"//[^/@\s]*@")

_Life = AsyncGenerator["ClientSession", None]
_sessions: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[ClientSession, _Life]] = WeakKeyDictionary()


async def session() -> ClientSession:
    """Returns the running loop's HTTP session, which reuses connections and keeps no cookies.

    It does not limit connections: whoever sends bounds how many requests are under way.
    """
    loop = asyncio.get_running_loop()
    found = _sessions.get(loop)
    if found is not None and not found[0].closed:
        return found[0]
    life = _life()
    _sessions[loop] = (await anext(life), life)
    return _sessions[loop][0]


async def _life() -> _Life:
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector

    connector = TCPConnector(limit=0, keepalive_timeout=_IDLE_SECONDS, ttl_dns_cache=300)
    opened = ClientSession(connector=connector, cookie_jar=DummyCookieJar())
    try:
        yield opened
    finally:
        await opened.close()


@lru_cache(maxsize=256)
def proxy_for(url: str) -> str | None:
    """Returns the proxy that the environment names for a URL, if any."""
    parts = urlsplit(url)
    if not parts.hostname or is_loopback(url) or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


def base_url(url: str, *, endpoint: str = "") -> str:
    """Returns a URL that a path can be appended to: with a scheme, and `/v1` where it has no path.

    Args:
        url: What a user gave: `localhost:11434`, `http://host:8000/v1/`, or even the whole
            `.../v1/embeddings`.
        endpoint: A path such as `/embeddings` that is cut off its end.

    Raises:
        ConfigurationError: It is not an http(s) URL.
    """
    parts = _parts(url.strip())
    if parts is None:
        shown = _USER.sub("//***@", shorten(url, 120))
        raise ConfigurationError(
            f"api_base must be an http(s) URL such as 'http://localhost:8000/v1'; got {shown!r}."
        )
    path = parts.path.rstrip("/").removesuffix(endpoint)
    return urlunsplit(parts._replace(path=path or "/v1"))


def _parts(url: str) -> SplitResult | None:
    """Splits an http(s) URL; None where it is none, such as one with half an IPv6 address or port 99999."""
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable else None


def is_local(url: str) -> bool:
    """Tells whether a URL leads to this machine or a private network."""
    parts = _parts(url)
    host = ((parts.hostname if parts else "") or "?.").lower()
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal", ".lan"))
    return address.is_private or address.is_loopback or address.is_link_local or address.is_unspecified


def is_loopback(url: str) -> bool:
    """Tells whether a URL leads to this machine."""
    parts = _parts(url)
    host = ((parts.hostname if parts else "") or "").lower()
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def without_user(url: str | None, who: str) -> str | None:
    """Returns an address as it is.

    Raises:
        ConfigurationError: It holds a user or password, which would show wherever the address does.
    """
    if isinstance(url, str) and "@" in url.split("://", 1)[-1].split("/", 1)[0]:
        raise ConfigurationError(f"{who}: api_base holds a user or password; pass the secret as api_key=.")
    return url


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds a server asks to wait; `retry-after` holds seconds or a date."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        return max(0.0, float(headers["retry-after"])) if headers.get("retry-after") else None
    except ValueError:
        return _seconds_until(headers.get("retry-after", ""))


def _seconds_until(date: str) -> float | None:
    try:
        return max(0.0, parsedate_to_datetime(date).timestamp() - time.time())
    except ValueError:
        return None


def redact(text: str, key: str = "") -> str:
    """Removes a key, and whatever looks like one, from a text that somebody will read."""
    if len(key) > 5:
        text = text.replace(key, "***")
    return _KEY_LIKE.sub("***", text)


def shorten(text: str, limit: int = 400) -> str:
    """Returns a text on one line, cut in the middle to at most `limit` characters."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"
