"""The tools that the MCP server offers, one a file."""
