"""Fixtures that several suites share."""

import signal

# A run in the background ignores Ctrl-C, and so would the processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["real_models", "graph_servers"]
