"""Fixtures that several suites share."""

pytest_plugins = ["real_models", "graph_servers"]
