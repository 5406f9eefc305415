"""The MCP server: one tool a file, and the app that puts them together."""
