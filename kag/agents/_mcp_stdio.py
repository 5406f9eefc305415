"""A server as a child process: one JSON message a line, and an end that cannot be held up.

The SDK's own transport waits for a child in a way that a second cancellation breaks, after which the event
loop never ends. Here the last thing that happens, whatever else does, is that the child's group is killed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from kag.agents._mcp_config import ServerConfig
from kag.agents._mcp_untrusted import short

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams

_LONGEST_LINE = 64 * 1024 * 1024
_LAST_LINES = 5
_GRACE = (2.0, 1.0)  # seconds to end after its input has ended, and after SIGTERM
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_log = logging.getLogger("kag.agents")


class Child:
    """What is known of a server that was started: whether it is still there, and what it said last."""

    def __init__(self) -> None:
        self.pid = 0
        self.hung_up = False
        self._last: deque[str] = deque(maxlen=_LAST_LINES)

    @property
    def gone(self) -> bool:
        """Whether it has hung up or ended, even if the event loop has had no time yet to notice."""
        return self.hung_up or (self.pid > 0 and _ended_by_now(self.pid))

    def add(self, line: bytes) -> None:
        """Keeps a line of its standard error."""
        self._last.append(short(line.decode("utf-8", "replace"), 300))

    def last(self) -> str:
        """The last lines, in one."""
        return " | ".join(line for line in self._last if line)


@asynccontextmanager
async def stdio_streams(config: ServerConfig, child: Child) -> AsyncIterator[TransportStreams]:
    """Starts a server; at the end it is asked to end, then made to.

    Args:
        config: The server.
        child: Gets what becomes known of it.

    Raises:
        OSError: It cannot be started.
    """
    import anyio
    from mcp.client.stdio import get_default_environment

    process = await asyncio.create_subprocess_exec(
        config.command,
        *config.args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**get_default_environment(), **config.environment()},
        cwd=config.cwd,
        start_new_session=True,
        limit=_LONGEST_LINE,
    )
    child.pid = process.pid
    incoming, read = anyio.create_memory_object_stream[Any](0)
    write, outgoing = anyio.create_memory_object_stream[Any](0)
    with incoming, read, write, outgoing:
        tasks = [
            asyncio.create_task(_read(process, incoming, child, config.name)),
            asyncio.create_task(_write(process, outgoing)),
        ]
        try:
            yield read, write
        finally:
            try:
                await _ended(process)
            finally:
                _kill(process, "SIGKILL")
                for task in tasks:
                    task.cancel()
                _close(process)


async def _read(
    process: asyncio.subprocess.Process, incoming: MemoryObjectSendStream[Any], child: Child, server: str
) -> None:
    """Passes on what the server sends, until it hangs up; then the session learns that it has."""
    from mcp.shared.message import SessionMessage

    errors = asyncio.create_task(_read_errors(process, child))
    try:
        while line := await _line(process.stdout):
            try:
                message = SessionMessage(_message(line))
            except (ValueError, RecursionError):
                _log.debug("%s wrote a line that is no message: %r", server, line[:200])
                continue
            await incoming.send(message)
        child.hung_up = True
        await asyncio.wait([errors], timeout=0.2)  # why it hung up may still be on its way
    finally:
        errors.cancel()
        incoming.close()


def _message(line: bytes) -> Any:
    """Reads a message; halves of surrogate pairs, left where a server cut a text, are replaced.

    Raises:
        ValueError: It is no message.
    """
    from mcp.types import jsonrpc_message_adapter

    try:
        return jsonrpc_message_adapter.validate_json(line, by_name=False)
    except ValueError:
        whole = _HALF_PAIR.sub("\ufffd", json.dumps(json.loads(line), ensure_ascii=False))
        return jsonrpc_message_adapter.validate_json(whole, by_name=False)


async def _read_errors(process: asyncio.subprocess.Process, child: Child) -> None:
    while line := await _line(process.stderr):
        child.add(line)


async def _line(stream: asyncio.StreamReader | None) -> bytes:
    """The next line; nothing at the end, also where a line is too long to be a message."""
    if stream is None:
        return b""
    try:
        return await stream.readline()
    except (ValueError, OSError):
        return b""


async def _write(process: asyncio.subprocess.Process, outgoing: MemoryObjectReceiveStream[Any]) -> None:
    if process.stdin is None:
        return
    with suppress(OSError):  # it hung up: whoever reads learns of it
        async for sent in outgoing:
            text = sent.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode("utf-8", "replace") + b"\n")
            await process.stdin.drain()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Asks the server to end: by the end of its input, then by a signal."""
    if process.stdin is not None:
        process.stdin.close()
    for seconds, then in zip(_GRACE, ("SIGTERM", "SIGKILL"), strict=True):
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)
            return
        _kill(process, then)
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), _GRACE[1])


def _ended_by_now(pid: int) -> bool:
    """Whether a child has ended; whoever waits for it still gets its status."""
    if sys.platform != "linux":  # elsewhere the end of its output tells, a moment later
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def _kill(process: asyncio.subprocess.Process, name: str) -> None:
    """Sends a signal to the server and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, getattr(signal, name))


def _close(process: asyncio.subprocess.Process) -> None:
    """Lets go of a killed server: of its number, and of pipes that whoever left its group may still hold."""
    transport = getattr(process, "_transport", None)
    if transport is None:
        return
    child = transport.get_extra_info("subprocess")
    if process.returncode is None and child is not None:
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE[1])  # it has been killed: this takes a moment, and the loop may have no other
    transport.close()
