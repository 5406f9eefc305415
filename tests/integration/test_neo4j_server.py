"""A real Neo4j: it keeps what it acknowledged through kill -9; and names mean what they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import neo4j
import pytest
from graph_servers import UNAVAILABLE, NeverStartedError, neo4j_server
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kag.errors import StoreError
from kag.knowledge_bases._identifiers import identifier


@pytest.fixture(scope="module")
def driver(neo4j_uri: str) -> Iterator[neo4j.Driver]:
    with neo4j.GraphDatabase.driver(neo4j_uri) as driver:
        yield driver


def test_what_was_acknowledged_is_there_after_kill_9_and_a_restart(tmp_path: Path) -> None:
    folder = ("--dir", str(tmp_path / "server"))
    try:
        with neo4j_server(*folder) as (uri, server):
            with neo4j.GraphDatabase.driver(uri) as driver:
                driver.execute_query("CREATE (:Thing {name: $name})", name="kept")
            server.kill()
            server.wait()
    except NeverStartedError as error:
        if error.code != UNAVAILABLE:
            raise
        pytest.skip(str(error))
    with neo4j_server(*folder) as (uri, _), neo4j.GraphDatabase.driver(uri) as driver:
        records, _, _ = driver.execute_query("MATCH (thing:Thing) RETURN thing.name AS name")
    assert [record["name"] for record in records] == ["kept"]


hostile = st.text(st.sampled_from(list("`\\u0060'\"\n\0/*-{}()[]:;aZ é")), max_size=12)


@given(label=st.text(max_size=20) | hostile, kind=hostile, key=st.text(max_size=20) | hostile)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_name_is_read_back_as_it_was_written_or_refused(
    driver: neo4j.Driver, label: str, kind: str, key: str
) -> None:
    try:
        a, r, p = identifier(label, "label"), identifier(kind, "relation type"), identifier(key, "property")
    except StoreError:
        return
    with driver.session() as session, session.begin_transaction() as transaction:
        written = transaction.run(
            f"CREATE (n:{a} {{{p}: 1}})-[r:{r}]->(n) RETURN labels(n), type(r), keys(n)"
        )
        assert written.values() == [[[label], kind, [key]]]
        counters = written.consume().counters
        assert (counters.nodes_created, counters.relationships_created, counters.properties_set) == (1, 1, 1)
        transaction.rollback()
