"""Real graph servers for tests: where one is named, where Docker answers, or (Neo4j) from Maven Central.

A test that asks for `neo4j_uri` or `memgraph_uri` is skipped with the reason where none of these
is possible. Where CI is set, Neo4j may only be missing because Maven cannot bring it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "neo4j-for-tests"
UNAVAILABLE = 3


class NeverStartedError(Exception):
    """The server does not start; `code` is the script's exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def neo4j_server(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A Neo4j of its own: its URI and its process, whose `kill` is `kill -9`; stopped at the end."""
    command = [sys.executable, str(SCRIPT), "run", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        assert server.stderr is not None
        uri = server.stdout.readline().strip()
        if not uri:
            raise NeverStartedError(server.stderr.read().strip(), server.wait())
        try:
            yield uri, server
        finally:
            server.stdin.close()
            server.wait(60)


def docker_answers() -> bool:
    """Whether containers can be started here."""
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if host.startswith("unix://"):  # docker's own client leaves a socket open where nobody listens
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(host.removeprefix("unix://")):
                return False
    import docker
    from docker.errors import DockerException

    try:
        with closing(docker.from_env(timeout=5)) as client:
            return bool(client.ping())
    except DockerException:
        return False


@contextmanager
def container(image: str, ready: str, **environment: str) -> Iterator[str]:
    """A container that speaks Bolt on port 7687; its URI, once it has logged that it is ready."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    server = DockerContainer(image).with_exposed_ports(7687).waiting_for(LogMessageWaitStrategy(ready))
    for name, value in environment.items():
        server = server.with_env(name, value)
    with server:
        yield f"bolt://{server.get_container_host_ip()}:{server.get_exposed_port(7687)}"


@pytest.fixture(scope="session")
def neo4j_uri() -> Iterator[str]:
    """A Neo4j for the whole session, without authentication."""
    if uri := os.environ.get("KAG_TEST_NEO4J_URI"):
        yield uri
    elif docker_answers():
        with container("neo4j:5.26-community", "Started", NEO4J_AUTH="none") as uri:
            yield uri
    else:
        try:
            with neo4j_server() as (uri, _):
                yield uri
        except NeverStartedError as error:
            if os.environ.get("CI") and error.code != UNAVAILABLE:
                pytest.fail(f"Neo4j must run in CI: {error}")
            pytest.skip(f"no Docker engine answers, KAG_TEST_NEO4J_URI is not set, and {error}")


@pytest.fixture(scope="session")
def memgraph_uri() -> Iterator[str]:
    """A Memgraph for the whole session, without authentication."""
    if uri := os.environ.get("KAG_TEST_MEMGRAPH_URI"):
        yield uri
    elif docker_answers():
        with container("memgraph/memgraph-mage:3.6", "You are running Memgraph") as uri:
            yield uri
    else:
        pytest.skip("no Docker engine answers and KAG_TEST_MEMGRAPH_URI is not set")
