"""Agents: language models that call tools, be it functions, the knowledge graph, or other MCP servers."""

from __future__ import annotations

from kag.agents.function_calling_agent import FunctionCallingAgent
from kag.agents.graph_tools import graph_tools
from kag.agents.mcp_client import MultiServerMCPClient
from kag.agents.tool import Shown, Tool, ToolWarning
from kag.agents.trajectory import Trajectory

__all__ = [
    "FunctionCallingAgent",
    "MultiServerMCPClient",
    "Shown",
    "Tool",
    "ToolWarning",
    "Trajectory",
    "graph_tools",
]
