"""A connection to an MCP server: one session, shared by all calls until it ends.

The SDK's sessions must be closed by the task that opened them. So each connection is a task of its own, which
ends when it is told to, when the server goes, or when the event loop ends and cancels what still runs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from kag.agents._mcp_config import ServerConfig
from kag.agents._mcp_stdio import Child, stdio_streams
from kag.agents._mcp_untrusted import short
from kag.errors import ToolError

if TYPE_CHECKING:
    import httpx2
    from mcp import Client
    from mcp.client._transport import TransportStreams
    from mcp.types import CallToolResult

_LARGEST_EVENT = 64 * 1024 * 1024
_BAD_REQUEST, _NOT_FOUND = 400, 404
_LONGEST_END = 10.0  # seconds
_LONGEST_GOODBYE = 2.0  # seconds for a server to answer that a session is over
_log = logging.getLogger("kag.agents")


class Connection:
    """One open session with a server.

    Args:
        config: The server.
    """

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._child = Child()
        self._ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._status = 0
        self._task = asyncio.create_task(self._hold(), name=f"mcp {config.name}")

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent through it any more."""
        return self._over.is_set() or self._task.done() or self._child.gone

    @property
    def expired(self) -> bool:
        """Whether the server said that it does not know the session, so that it did nothing for it."""
        return self._status == _NOT_FOUND

    @property
    def rejected(self) -> bool:
        """Whether the server refused a message by HTTP status; it may know the session no more."""
        return self._status >= _BAD_REQUEST

    async def client(self) -> Client:
        """The SDK's client, once the server is ready.

        Raises:
            ToolError: The server could not be reached or started, or was not ready in time.
        """
        seconds = self.config.connect_timeout
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._ready)
        except TimeoutError:
            self._task.cancel()
            raise ToolError(
                f"MCP server {self.config.name!r} was not ready within {seconds:g} s.{self._said()}"
            ) from None

    async def close(self) -> None:
        """Ends the session and the server's process; what calls are under way fail."""
        self._over.set()
        done, _ = await asyncio.wait([self._task], timeout=_LONGEST_END)
        if not done:
            self._task.cancel()

    def leave(self) -> None:
        """Lets the session end by itself; nothing more is sent through it."""
        self._over.set()

    async def _hold(self) -> None:
        from mcp import Client

        _quiet_sdk()
        try:
            async with self._streams() as streams:
                mode = "legacy" if self.config.legacy else "auto"
                async with Client(_Streams(streams, self._over), mode=mode, cache=None) as client:
                    client.session.validate_tool_result = _as_it_is  # type: ignore[method-assign]  # see there
                    if not self._ready.done():
                        self._ready.set_result(client)
                    await self._over.wait()
        except Exception as error:  # noqa: BLE001  a session ends with anything; who waits for it is told
            self._fail(error)
            _log.info("The session with the MCP server %s ended: %s", self.config.name, _reason(error))
        finally:
            self._over.set()
            if not self._ready.done():
                self._fail(ConnectionError("it ended before it was ready"))

    def _fail(self, error: BaseException) -> None:
        if self._ready.done():
            return
        config = self.config
        started = config.transport == "stdio"
        doing = f"started ({config.command})" if started else f"reached at {config.url.partition('?')[0]}"
        said = f"MCP server {config.name!r} cannot be {doing}: {_reason(error)}.{self._said()}"
        self._ready.set_exception(ToolError(said))
        self._ready.exception()  # nobody may be waiting for it any more

    def _said(self) -> str:
        last = self._child.last()
        return f" It said: {last}" if last else ""

    def _streams(self) -> AbstractAsyncContextManager[TransportStreams]:
        if self.config.transport == "stdio":
            return stdio_streams(self.config, self._child)
        return self._http() if self.config.transport == "streamable_http" else self._sse()

    @asynccontextmanager
    async def _http(self) -> AsyncIterator[TransportStreams]:
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared._httpx_utils import create_mcp_http_client

        config = self.config
        async with create_mcp_http_client(headers=config.request_headers(), auth=config.auth) as http:
            http.event_hooks = {"request": [_hurry_the_end], "response": [self._seen]}
            client = streamable_http_client(config.url, http_client=http, max_sse_event_size=_LARGEST_EVENT)
            async with client as streams:
                yield streams

    async def _seen(self, response: httpx2.Response) -> None:
        """Notes the status of an answer to a message in a session; the SDK tells it to nobody."""
        if response.request.method == "POST" and "mcp-session-id" in response.request.headers:
            self._status = response.status_code

    @asynccontextmanager
    async def _sse(self) -> AsyncIterator[TransportStreams]:
        from mcp.client.sse import sse_client

        config = self.config
        async with sse_client(config.url, headers=config.request_headers(), auth=config.auth) as streams:
            yield streams


class _Streams:
    """A transport that is open already; notices when the server hangs up."""

    def __init__(self, streams: TransportStreams, over: asyncio.Event) -> None:
        self._reading, self._writing = streams
        self._over = over

    async def __aenter__(self) -> Any:
        return _Reading(self._reading, self._over), self._writing

    async def __aexit__(self, *error: object) -> None:
        return None


class _Reading:
    """A stream of messages that notices its end."""

    def __init__(self, stream: Any, over: asyncio.Event) -> None:
        self._stream = stream
        self._over = over

    @property
    def last_context(self) -> Any:
        """What the SDK keeps with each message, where it does."""
        return getattr(self._stream, "last_context", None)

    async def receive(self) -> Any:
        """The next message."""
        return await self._stream.receive()

    async def aclose(self) -> None:
        """Closes the stream."""
        await self._stream.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._stream.__anext__()
        except BaseException:
            self._over.set()
            raise

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> Any:
        return await self._stream.__aexit__(*error)


async def _hurry_the_end(request: httpx2.Request) -> None:
    """Bounds the request that ends a session: the SDK would wait for its answer as long as for a result."""
    if request.method == "DELETE":
        parts = ("connect", "read", "write", "pool")
        request.extensions = {**request.extensions, "timeout": dict.fromkeys(parts, _LONGEST_GOODBYE)}


async def _as_it_is(name: str, result: CallToolResult) -> None:
    """Takes a result whatever the server's own schema says of it: such a check may be made to never end."""


def _quiet_sdk() -> None:
    """Keeps the SDK from logging a traceback for each server that goes, unless somebody wants to see them."""
    for name in ("mcp.client.sse", "mcp.client.streamable_http"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.CRITICAL)


def _reason(error: BaseException) -> str:
    """The innermost reason of a failure, in one line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = short(" ".join(str(error).split()), 300)
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
