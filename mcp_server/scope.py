"""What one call may see and do. Over stdio it is the same for every call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kag.errors import ToolError
from mcp_server.untrusted import Fence, line

if TYPE_CHECKING:
    from mcp_server.cursors import Cursors
    from mcp_server.jobs import Jobs
    from mcp_server.library import Library
    from mcp_server.roots import Roots


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may do.

    Args:
        collections: The namespaces that exist for the caller; the first is written to by default.
        write: Whether the writing tools exist.
        roots: The folders that may be ingested from.
    """

    collections: tuple[str, ...]
    write: bool
    roots: Roots

    def readable(self, name: str | None) -> tuple[str, ...]:
        """The namespaces to read: one that is named, else all that exist for the caller."""
        return self.collections if name is None else (self._checked(name),)

    def writable(self, name: str | None) -> str:
        """The namespace to write to."""
        if not self.write:
            raise ToolError("This server is read-only; it was started without --write.")
        return self.collections[0] if name is None else self._checked(name)

    def _checked(self, name: str) -> str:
        if name not in self.collections:
            raise ToolError(
                f"There is no collection {line(name, 60)!r} here; there is {', '.join(self.collections)}."
            )
        return name


@dataclass(frozen=True, slots=True)
class Scope:
    """A call's surroundings.

    Args:
        library: The knowledge base.
        jobs: Long work.
        cursors: Signs and reads cursors.
        access: What the caller may do.
        progress: Tells the client `(done, total, message)`, where it asked to be told.
        fence: Marks around untrusted text, new for each call.
    """

    library: Library
    jobs: Jobs
    cursors: Cursors
    access: Access
    progress: Callable[[float, float, str], Awaitable[None]]
    fence: Fence = field(default_factory=Fence)
