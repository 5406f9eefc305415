"""A small MCP server to try agents with: `python examples/math_server.py` speaks MCP over stdio."""

from __future__ import annotations

import statistics

from mcp.server import MCPServer

server = MCPServer("math", log_level="ERROR")


@server.tool()
def add(a: float, b: float) -> float:
    """Adds two numbers."""
    return a + b


@server.tool()
def mean(numbers: list[float]) -> float:
    """Gives the mean of at least one number."""
    return statistics.fmean(numbers)


if __name__ == "__main__":
    server.run()
