"""MultiServerMCPClient: the tools of other MCP servers, as tools of ours."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, final
from weakref import WeakKeyDictionary

from kag.agents._mcp_config import ServerConfig, server_config
from kag.agents._mcp_connection import Connection
from kag.agents._mcp_results import result_of
from kag.agents._mcp_untrusted import short, tool_description, tool_name, tool_schema
from kag.agents.tool import Tool, ToolWarning
from kag.errors import ConfigurationError, SavingError, ToolError
from kag.graph.recording import refuse_while_recording

if TYPE_CHECKING:
    from mcp import Client
    from mcp.shared.exceptions import MCPError
    from mcp.types import CallToolResult
    from mcp.types import Tool as ListedTool
    from pydantic import ValidationError

T = TypeVar("T")
_MOST_TOOLS, _MOST_PAGES = 500, 50
_SDK_SAYS = ("Connection closed", "SSE stream ")  # of a session's end; servers use its code for other errors


@final
class MultiServerMCPClient:
    """The tools of one or several MCP servers.

    Making one does no I/O. A server is started or connected to when it is first needed; its session is kept
    for all later calls, and made anew if the server has gone. `async with` closes sessions at its end;
    without it they close when the event loop ends. A call that was under way when a server went is not sent
    again.

    What servers say of themselves is not trusted: descriptions are cleaned, shortened and marked as the
    server's words. Servers that are started here get a few harmless environment variables, and of the others
    only those in `env` and `inherit_env`.

    Args:
        servers: Name to settings: `command`, `args`, `env`, `inherit_env` (names), `cwd` for servers to start
            (`transport: stdio`), `url`, `headers`, `token` or `token_env` (bearer), `auth` (an `httpx2.Auth`)
            for others (`transport: streamable_http`, or `sse` for old servers); `tools` (only these),
            `legacy`, `connect_timeout`, `timeout`, `max_result_characters` for all.

    Raises:
        ConfigurationError: A setting is unknown or cannot be used.

    Example:
        >>> client = MultiServerMCPClient(
        ...     {"math": {"url": "http://localhost:8183/mcp", "transport": "streamable_http"}}
        ... )
        >>> tools = await client.get_tools()
        >>> [tool.name for tool in tools]
        ['math_add']
    """

    def __init__(self, servers: Mapping[str, Mapping[str, Any]]) -> None:
        if not isinstance(servers, Mapping) or not servers:
            raise ConfigurationError(
                "MultiServerMCPClient takes a dict of at least one server, such as "
                f"{{'math': {{'url': 'http://localhost:8183/mcp'}}}}; got {servers!r:.80}."
            )
        self._servers = {name: dict(given) for name, given in servers.items() if isinstance(given, Mapping)}
        self.servers = {name: server_config(name, given) for name, given in servers.items()}
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Connection]] = WeakKeyDictionary()

    async def get_tools(self, server_name: str | None = None) -> list[Tool]:
        """Asks the servers for their tools, now; their names are `server_tool`.

        Args:
            server_name: Only those of this server.

        Raises:
            ToolError: A server cannot be reached or started.
            ConfigurationError: There is no server of that name.
        """
        configs = [self._config(server_name)] if server_name is not None else list(self.servers.values())
        listed = await asyncio.gather(*(self._listed(config) for config in configs))
        made: dict[str, Tool] = {}
        for config, tools in zip(configs, listed, strict=True):
            for tool in tools:
                name = tool_name(config.name, tool.name, made)
                try:
                    made[name] = self._tool(config, name, tool)
                except ToolError as error:
                    warnings.warn(
                        f"The tool {short(tool.name, 80)!r} of the MCP server {config.name!r} is left out: "
                        f"{error}",
                        ToolWarning,
                        stacklevel=2,
                    )
        return list(made.values())

    async def call_tool(self, server_name: str, tool: str, arguments: Mapping[str, Any]) -> CallToolResult:
        """Calls a tool by the server's own name for it, and gives the SDK's result as it is.

        Raises:
            ToolError: The server cannot be reached, went away, or does not know the tool.
        """
        from pydantic import ValidationError

        config = self._config(server_name)
        try:
            return await self._ask(config, lambda client: client.call_tool(tool, dict(arguments)))
        except (ValidationError, RuntimeError) as error:
            raise ToolError(
                f"the MCP server {server_name!r} gave what its own schema or the protocol does not allow: "
                f"{short(' '.join(str(error).split()), 300)}"
            ) from error

    async def aclose(self) -> None:
        """Ends the sessions of this event loop, and the servers that were started."""
        open_now = self._loops.pop(asyncio.get_running_loop(), {})
        await asyncio.gather(*(connection.close() for connection in open_now.values()))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def get_config(self) -> dict[str, Any]:
        """What `from_config` needs: the servers as they were given.

        Raises:
            SavingError: A token is among them; `token_env` names a variable in its place.
        """
        for name, config in self.servers.items():
            if config.token or config.auth is not None:
                raise SavingError(
                    f"MCP server {name!r} has a token or auth, which is not saved; use token_env, the name "
                    "of an environment variable."
                )
        return {"servers": {name: dict(given) for name, given in self._servers.items()}}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A client like the one that gave this configuration; nothing is connected to."""
        return cls(**config)

    def _config(self, name: str) -> ServerConfig:
        if name not in self.servers:
            raise ConfigurationError(f"There is no MCP server {name!r}; there are {', '.join(self.servers)}.")
        return self.servers[name]

    async def _opened(self, config: ServerConfig) -> tuple[Connection, Client]:
        """The session with a server; a new one where there is none, or where the server has gone."""
        refuse_while_recording("An MCP client", ToolError)
        for loop in [one for one in self._loops if one.is_closed()]:  # its tasks keep it from going by itself
            del self._loops[loop]
        here = self._loops.setdefault(asyncio.get_running_loop(), {})
        connection = here.get(config.name)
        if connection is None or connection.gone:
            connection = here[config.name] = Connection(config)
        return connection, await connection.client()

    async def _ask(
        self, config: ServerConfig, action: Callable[[Client], Awaitable[T]], *, harmless: bool = False
    ) -> T:
        """Has the SDK's client do something; once more, in a new session, where that cannot do it twice.

        Args:
            config: The server.
            action: What to do.
            harmless: Whether doing it twice does no more than doing it once.
        """
        from mcp.shared.exceptions import MCPError
        from mcp.types import CONNECTION_CLOSED

        for again in (True, False):
            connection, client = await self._opened(config)
            try:
                return await action(client)
            except MCPError as error:
                closed = error.code == CONNECTION_CLOSED and (
                    connection.gone or error.message.startswith(_SDK_SAYS)
                )
                if closed or connection.rejected:
                    connection.leave()
                if not again or not (connection.expired or (harmless and connection.gone)):
                    raise ToolError(_told(config.name, error, closed=closed)) from error
        raise ToolError(f"the MCP server {config.name!r} ends every session at once")

    async def _listed(self, config: ServerConfig) -> list[ListedTool]:
        from pydantic import ValidationError

        async def all_pages(client: Client) -> list[ListedTool]:
            found: list[ListedTool] = []
            cursor: str | None = None
            for _ in range(_MOST_PAGES):
                page = await client.list_tools(cursor=cursor, cache_mode="bypass")
                found += page.tools
                cursor = page.next_cursor
                if cursor is None or len(found) >= _MOST_TOOLS:
                    break
            return found[:_MOST_TOOLS]

        try:
            async with asyncio.timeout(2 * config.connect_timeout):
                found = await self._ask(config, all_pages, harmless=True)
        except (ValidationError, TimeoutError) as error:
            raise ToolError(
                f"the MCP server {config.name!r} gave no list of tools: {_reason(error)}"
            ) from error
        if config.tools is None:
            return found
        if missing := set(config.tools) - {tool.name for tool in found}:
            raise ToolError(
                f"the MCP server {config.name!r} has no tool {', '.join(sorted(missing))}; it has "
                f"{short(', '.join(tool.name for tool in found), 500)}."
            )
        return [tool for tool in found if tool.name in config.tools]

    def _tool(self, config: ServerConfig, name: str, listed: ListedTool) -> Tool:
        hints = listed.annotations
        harmless = hints is not None and bool(hints.read_only_hint or hints.idempotent_hint)
        return Tool(
            MCPFunction(self, config.name, listed.name),
            name=name,
            description=tool_description(config.name, listed.description or listed.title or ""),
            idempotent=harmless,
            timeout=config.timeout,
            max_result_characters=int(config.max_result_characters),
            input_schema=tool_schema(dict(listed.input_schema)),
        )


@dataclass(frozen=True, slots=True)
class MCPFunction:
    """A tool of an MCP server as a function.

    Args:
        client: Whose server it is.
        server: The server's name.
        tool: The server's own name for the tool.
    """

    client: MultiServerMCPClient
    server: str
    tool: str

    async def __call__(self, /, **arguments: Any) -> Any:
        """Calls the tool, with arguments as its schema says.

        Raises:
            ToolError: It failed, or the server did.
        """
        return result_of(self.server, await self.client.call_tool(self.server, self.tool, arguments))


def _reason(error: ValidationError | TimeoutError) -> str:
    """What is wrong with a list, in one line."""
    if isinstance(error, TimeoutError):
        return "it took too long"
    first = error.errors(include_url=False, include_input=False)[0]
    return short(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", 300)


def _told(server: str, error: MCPError, *, closed: bool) -> str:
    if closed:
        return (
            f"the MCP server {server!r} went away during the call; it may or may not have been done. "
            "The next call connects anew"
        )
    return f"the MCP server {server!r} refused: {short(' '.join(error.message.split()), 400)}"
