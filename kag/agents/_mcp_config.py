"""Where an MCP server is and how to get in, from a dictionary that a user wrote."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from kag.errors import ConfigurationError
from kag.http import is_local

Transport = Literal["stdio", "streamable_http", "sse"]
_TRANSPORTS: Mapping[str, Transport] = {
    "stdio": "stdio",
    "streamable_http": "streamable_http",
    "streamable-http": "streamable_http",
    "http": "streamable_http",
    "sse": "sse",
}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,31}")
_REMOTE = ("url", "headers", "token", "token_env", "auth")
_LOCAL = ("command", "args", "env", "inherit_env", "cwd")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """One MCP server.

    Args:
        name: What the user calls it; its tools' names begin with it.
        transport: How it is reached.
        command: Program to run, for `stdio`.
        args: Its arguments.
        env: Its environment, beside the few harmless variables that it gets anyway.
        inherit_env: Names of variables of this process that it gets too.
        cwd: The folder that it runs in.
        url: Its address, for the others.
        headers: HTTP headers of each request.
        token: Bearer token.
        token_env: Environment variable that holds the bearer token; read when connecting.
        auth: An `httpx2.Auth`, such as the SDK's OAuth provider.
        tools: Only these tools, by the server's own names; None for all.
        legacy: Use the handshake of older protocols at once, for servers that break on a newer one.
        connect_timeout: Seconds until it must be ready.
        timeout: Seconds for one call.
        max_result_characters: What a result may have.
    """

    name: str
    transport: Transport
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    inherit_env: tuple[str, ...] = ()
    cwd: str | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    token: str = field(default="", repr=False)
    token_env: str = ""
    auth: Any = field(default=None, repr=False)
    tools: tuple[str, ...] | None = None
    legacy: bool = False
    connect_timeout: float = 30.0
    timeout: float = 60.0
    max_result_characters: int = 20_000

    def environment(self) -> dict[str, str]:
        """The variables that the server gets beside the harmless ones.

        Raises:
            ConfigurationError: One that it shall inherit is not set.
        """
        missing = [name for name in self.inherit_env if name not in os.environ]
        if missing:
            raise ConfigurationError(
                f"MCP server {self.name!r}: {', '.join(missing)} in inherit_env is not set; set it."
            )
        return {**{name: os.environ[name] for name in self.inherit_env}, **self.env}

    def request_headers(self) -> dict[str, str]:
        """The headers of each request, with the bearer token.

        Raises:
            ConfigurationError: The variable with the token is not set.
        """
        token = self.token
        if self.token_env and not (token := os.environ.get(self.token_env, "").strip()):
            raise ConfigurationError(
                f"MCP server {self.name!r}: the variable {self.token_env} of token_env is not set."
            )
        return {**self.headers, **({"Authorization": f"Bearer {token}"} if token else {})}


def server_config(name: Any, given: Any) -> ServerConfig:
    """Reads what a user wrote for one server.

    Raises:
        ConfigurationError: Something in it cannot be used; the message says what and how to write it.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"The name of an MCP server has up to 32 letters, digits, _ and -, and begins with a letter; "
            f"got {name!r}."
        )
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"MCP server {name!r} is described by a dict such as {{'command': 'kag', 'args': ['mcp'], "
            f"'transport': 'stdio'}} or {{'url': 'https://...', 'transport': 'streamable_http'}}; "
            f"got {type(given).__name__}."
        )
    known = [one.name for one in fields(ServerConfig) if one.name != "name"]
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigurationError(
                f"MCP server {name!r} has the unknown setting {key!r}{meant} It takes {', '.join(known)}."
            )
    values = {key: _typed(name, key, value) for key, value in given.items() if value is not None}
    transport = _transport(name, values.pop("transport", None), values)
    config = ServerConfig(name, transport, **values)
    _check(config)
    return config


def _transport(name: str, wanted: Any, values: Mapping[str, Any]) -> Transport:
    if wanted is None:
        wanted = "stdio" if "command" in values else "streamable_http"
    if wanted not in _TRANSPORTS:
        raise ConfigurationError(
            f"MCP server {name!r}: transport is 'stdio', 'streamable_http' or 'sse'; got {wanted!r}."
        )
    transport = _TRANSPORTS[wanted]
    need, wrong = ("command", _REMOTE) if transport == "stdio" else ("url", _LOCAL)
    if not values.get(need):
        raise ConfigurationError(f"MCP server {name!r} with transport {transport!r} needs {need}=.")
    if misplaced := [key for key in wrong if key in values]:
        raise ConfigurationError(
            f"MCP server {name!r}: {', '.join(misplaced)} is not for transport {transport!r}."
        )
    return transport


def _typed(name: str, key: str, value: Any) -> Any:
    """A value of the type that the setting has; lists become tuples, paths text."""
    expected, fits = next((expected, fits) for keys, expected, fits in _KINDS if key in keys)
    if not fits(value):
        raise ConfigurationError(
            f"MCP server {name!r}: {key} must be {expected}; got a {type(value).__name__} that is not."
        )
    if isinstance(value, list | tuple):
        return tuple(map(str, value))
    if isinstance(value, Mapping):
        return dict(value)
    return str(value) if isinstance(value, Path) else value


def _is_text(value: Any) -> bool:
    return isinstance(value, str | Path)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_text, value))


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(text, str) for item in value.items() for text in item
    )


def _is_above_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


_KINDS: tuple[tuple[tuple[str, ...], str, Callable[[Any], bool]], ...] = (
    (("command", "cwd", "url", "token", "token_env", "transport"), "a string", _is_text),
    (("args", "inherit_env", "tools"), "a list of strings", _are_texts),
    (("env", "headers"), "a dict of strings", _is_table),
    (("connect_timeout", "timeout", "max_result_characters"), "a number above 0", _is_above_zero),
    (("legacy",), "True or False", lambda value: isinstance(value, bool)),
    (("auth",), "an httpx2.Auth", lambda value: True),
)


def _check(config: ServerConfig) -> None:
    if config.transport == "stdio":
        return
    parts = urlsplit(config.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"MCP server {config.name!r}: url is an http(s) address such as 'http://localhost:8000/mcp'."
        )
    if "@" in parts.netloc:
        raise ConfigurationError(
            f"MCP server {config.name!r}: url holds a user or password; use token_env or headers."
        )
    secret = config.token or config.token_env or any(k.lower() == "authorization" for k in config.headers)
    if secret and parts.scheme == "http" and not is_local(config.url):
        raise ConfigurationError(
            f"MCP server {config.name!r}: a token would travel in the clear to {parts.hostname}; use https."
        )
