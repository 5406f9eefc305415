"""The store on a real Neo4j server of its own: processes that start at once, deadlocks, kills, logins."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from neo4j import AsyncGraphDatabase
from neo4j.exceptions import TransientError
from store_documents import SPACE, document, entity, vector

from kag import KnowledgeBase
from kag.errors import (
    ConfigurationError,
    StoreError,
    StoreNotFoundError,
    StoreReadOnlyError,
    StoreVersionError,
)
from kag.knowledge_bases.base import TextSearch, VectorSearch
from kag.knowledge_bases.neo4j import Neo4jStore
from kag.knowledge_bases.records import DocumentChange, document_id

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "neo4j-for-tests"
PASSWORD = "correct horse"
HERE = ("default",)
CHUNKS = 4
UNAVAILABLE = 3  # the script's exit code where the server cannot be had

WRITER = """
import asyncio, sys
from kag.knowledge_bases.neo4j import Neo4jStore
sys.path[:0] = ["tests", "tests/integration"]
from test_store_neo4j import PASSWORD, SPACE, numbered

async def main(uri, first, last):
    store = Neo4jStore(uri, username="neo4j", password=PASSWORD)
    for n in range(int(first), int(last)):
        await store.upsert(numbered(n), SPACE)
        print(n, flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def numbered(n: int) -> DocumentChange:
    """Document number n, which shares its entities with all others."""
    sentences = (f"[Hub] met [Name {n % 7}] in line {n}-{line}." for line in range(CHUNKS))
    return document(f"/{n}.md", *sentences)


class Server:
    """A server in a process of its own, on data that outlive it."""

    def __init__(self, folder: Path, password: str = "") -> None:
        self.folder, self.password, self.port = folder, password, "0"
        self.process: subprocess.Popen[str] | None = None
        self.uri = ""

    def start(self) -> None:
        """Starts it, the second time at the same address, and waits until it answers."""
        port = ("--port", self.port) if self.uri else ()
        password = ("--password", self.password) if self.password else ()
        command = [sys.executable, SCRIPT, "run", "--dir", self.folder, *password, *port]
        self.process = subprocess.Popen(
            [*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.uri = self.process.stdout.readline().strip()
        if not self.uri:
            code = self.process.wait()
            if code == UNAVAILABLE:
                pytest.skip("no Neo4j here: scripts/neo4j-for-tests finds neither jars nor Maven, or no JDK")
            pytest.fail(f"scripts/neo4j-for-tests ended with {code}")
        self.port = self.uri.rpartition(":")[2]

    def kill(self) -> None:
        """Ends it as a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def store(self, **options: Any) -> Neo4jStore:
        return Neo4jStore(self.uri, **{"username": "neo4j", "password": PASSWORD, **options})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("neo4j"), PASSWORD)
    made.start()
    yield made
    made.kill()


@pytest.fixture
async def server(running: Server) -> Server:
    """The server, with nothing in its database."""
    async with AsyncGraphDatabase.driver(running.uri, auth=("neo4j", PASSWORD)) as driver:
        await driver.execute_query("MATCH (n) DETACH DELETE n")
    return running


@pytest.fixture
async def store(server: Server) -> AsyncIterator[Neo4jStore]:
    made = server.store()
    await made.open()
    yield made
    await made.close()


@contextmanager
def writer(server: Server, first: int, last: int) -> Iterator[subprocess.Popen[str]]:
    """A process that writes documents and prints the number of each that was acknowledged."""
    command = [sys.executable, "-c", WRITER, server.uri, str(first), str(last)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def numbers(store: Neo4jStore) -> set[int]:
    """Numbers of the documents that are there, each of which must be whole."""
    found = set()
    for record in await store.page("document", HERE, limit=1000):
        n = int(Path(record.uri).stem)  # type: ignore[union-attr]
        change, space = await store.read_change(record.id)
        assert space == SPACE
        assert {c.id for c in change.chunks} == {c.id for c in numbered(n).chunks}
        assert set(change.mentions) == set(numbered(n).mentions)
        found.add(n)
    assert await store.check() == []
    return found


# Starting


async def test_several_processes_may_make_the_store_at_once(server: Server) -> None:
    async with AsyncGraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD)) as driver:
        kinds = await driver.execute_query("SHOW INDEXES YIELD name, owningConstraint AS owner")
        for name, owner in kinds.records:
            if name.startswith("kag_"):
                await driver.execute_query(f"DROP {'CONSTRAINT' if owner else 'INDEX'} {name}")
        with (
            writer(server, 0, 5) as first,
            writer(server, 5, 10) as second,
            writer(server, 10, 15) as third,
        ):
            for process in (first, second, third):
                _, err = process.communicate(timeout=120)
                assert process.returncode == 0, err
        states = await driver.execute_query("SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'kag_'")
    assert {state for _, state in states.records} == {"ONLINE"}
    store = server.store()
    assert await numbers(store) == set(range(15))
    hits = await store.text_search(TextSearch("hub", 100, HERE))
    assert len(hits) == 15 * CHUNKS
    await store.close()


async def test_a_missing_store_can_be_an_error_and_reading_makes_none(server: Server) -> None:
    for options in ({"create": False}, {"read_only": True}):
        store = server.store()
        with pytest.raises(StoreNotFoundError, match="kag ingest"):
            await store.open(**options)


async def test_a_store_opened_for_reading_takes_no_writes(server: Server, store: Neo4jStore) -> None:
    await store.upsert(numbered(1), SPACE)
    reader = server.store()
    await reader.open(read_only=True)
    assert (await reader.statistics()).documents == 1
    with pytest.raises(StoreReadOnlyError):
        await reader.upsert(numbered(2), SPACE)
    with pytest.raises(StoreReadOnlyError):
        await reader.delete_collection("default")
    await reader.close()


async def test_a_store_of_a_newer_version_is_left_alone(server: Server, store: Neo4jStore) -> None:
    async with AsyncGraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD)) as driver:
        await driver.execute_query("MATCH (m:KagMeta) SET m.version = 99")
    with pytest.raises(StoreVersionError, match="99"):
        await server.store().open()


def test_one_store_serves_one_event_loop_after_the_other(server: Server) -> None:
    store = server.store()
    asyncio.run(store.upsert(numbered(1), SPACE))
    assert asyncio.run(store.statistics()).documents == 1
    asyncio.run(store.close())


async def test_a_knowledge_base_takes_the_login_from_arguments_uri_or_environment(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = server.uri.partition("://")[2]
    async with KnowledgeBase(uri=server.uri, username="neo4j", password=PASSWORD) as kb:
        assert (await kb.store.statistics()).documents == 0
    inside = KnowledgeBase(uri=f"bolt://neo4j:correct%20horse@{host}/neo4j", wipe_on_start=True)
    async with inside:
        assert (await inside.store.statistics()).documents == 0
        assert "horse" not in f"{inside.store!r} {inside.store.uri} {inside.get_config()}"
    monkeypatch.setenv("NEO4J_USERNAME", "neo4j")
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    async with KnowledgeBase(uri=f"neo4j://{host}") as kb:
        assert (await kb.store.statistics()).documents == 0


# What cannot be reached


@pytest.mark.parametrize("password", ["wrong secret", None])
async def test_a_wrong_password_is_named_as_such_and_never_shown(
    server: Server, password: str | None
) -> None:
    user = "neo4j" if password else None
    with pytest.raises(StoreError, match="user and password") as raised:
        await server.store(username=user, password=password).open()
    assert "wrong secret" not in str(raised.value)


async def test_a_user_without_a_password_is_refused_before_anything_is_sent(server: Server) -> None:
    with pytest.raises(ConfigurationError, match="user without a password"):
        Neo4jStore(server.uri, username="neo4j")


async def test_a_database_that_is_not_there_is_named(server: Server) -> None:
    with pytest.raises(StoreNotFoundError, match="no such database"):
        await server.store(database="nowhere").open()


async def test_an_address_where_nobody_answers_is_named() -> None:
    with pytest.raises(StoreError, match=r"bolt://127\.0\.0\.1:9 cannot be reached"):
        await Neo4jStore("bolt://127.0.0.1:9").open()


# Writing beside others


async def test_a_write_that_meets_a_deadlock_is_repeated(server: Server, store: Neo4jStore) -> None:
    await store.upsert(numbered(1), SPACE)
    changed = document("/1.md", "[Hub] met [Name 1] and [Somebody].")
    async with (
        AsyncGraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD)) as driver,
        driver.session() as holder,
        driver.session() as rival,
    ):
        hold = await holder.begin_transaction()
        await (await hold.run("MATCH (d:Document {uri: '/1.md'}) SET d.held = 1")).consume()
        clash = await rival.begin_transaction()
        await (await clash.run("MATCH (e:Entity {name: 'Hub'}) SET e.held = 1")).consume()
        writing = asyncio.create_task(store.upsert(changed, SPACE))
        await _blocked(driver, 1)  # it has the collection and waits for the document
        waiting = asyncio.create_task(_take(clash, "MATCH (k:KagCollection) SET k.held = 1"))
        await _blocked(driver, 2)  # the rival has an entity and waits for the collection
        await hold.rollback()  # now each waits for the other
        await waiting
        report = await writing
    assert (report.chunks_created, report.chunks_removed) == (1, CHUNKS)
    assert await store.check() == []
    assert {e.name for e in await store.page("entity", HERE)} == {"Hub", "Name 1", "Somebody"}  # type: ignore[union-attr]


async def _blocked(driver: Any, wanted: int) -> None:
    """Waits until so many transactions wait for a lock."""
    found = 0
    while found < wanted:
        result = await driver.execute_query(
            "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN count(*) AS n"
        )
        found = result.records[0]["n"]


async def _take(transaction: Any, statement: str) -> None:
    """Runs a statement; it may be the one that the server ends to resolve a deadlock."""
    try:
        await (await transaction.run(statement)).consume()
        await transaction.rollback()
    except TransientError as error:
        assert "Deadlock" in (error.code or "")
        await transaction.close()


async def test_collections_are_written_at_the_same_time_without_mixing(store: Neo4jStore) -> None:
    async def fill(name: str) -> None:
        for n in range(8):
            await store.upsert(document(f"/{n}.md", f"[Hub] met [Leaf {n}].", collection=name), SPACE)

    names = [f"c{n}" for n in range(4)]
    await asyncio.gather(*map(fill, names))
    for name in names:
        assert (await store.statistics([name])).entities == 9
    assert await store.check() == []


async def test_killed_writers_leave_whole_documents_only(server: Server) -> None:
    await _kill_rounds(server, rounds=3)


@pytest.mark.slow
async def test_twenty_killed_writers_leave_whole_documents_only(server: Server) -> None:
    await _kill_rounds(server, rounds=20)


async def _kill_rounds(server: Server, *, rounds: int) -> None:
    chance = random.Random(rounds)
    acknowledged: set[int] = set()
    store = server.store()
    for round_ in range(rounds):
        first = 100 * round_
        with writer(server, first, first + 100) as process:
            assert process.stdout is not None
            for _ in range(chance.randint(1, 5)):
                acknowledged.add(int(process.stdout.readline()))
            process.send_signal(signal.SIGKILL)
            acknowledged.update(int(line) for line in process.stdout)
    assert acknowledged <= await numbers(store)
    for n in range(rounds):
        await store.upsert(numbered(100 * n), SPACE)
        await store.delete_document(document_id("default", f"/{100 * n}.md"))
    assert await store.check() == []
    await store.close()


@pytest.mark.slow
async def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    store = Neo4jStore(server.uri, busy_seconds=0.5)
    for n in range(5):
        await store.upsert(numbered(n), SPACE)
    server.kill()
    with pytest.raises(StoreError, match="cannot be reached"):
        await store.upsert(numbered(5), SPACE)
    with pytest.raises(StoreError, match="cannot be reached"):
        await store.text_search(TextSearch("hub", 5, HERE))
    server.start()
    assert await numbers(store) in (set(range(5)), set(range(6)))
    await store.upsert(numbered(5), SPACE)
    assert await numbers(store) == set(range(6))
    await store.close()
    server.kill()


# Many vectors


async def test_a_filtered_vector_search_gives_all_it_is_asked_for(store: Neo4jStore) -> None:
    """Beyond the size up to which everything is scored, the index answers, and knows no filters."""
    changes = []
    for name in ("one", "two"):
        change = document("/big.md", *(f"{name} {n}" for n in range(2100)), collection=name)
        await store.upsert(change, SPACE)
        changes.append(change)
    for change, name in zip(changes, ("one", "two"), strict=True):
        rows = np.stack([vector(c.text) for c in change.chunks])
        found = 0
        for n in range(10):
            query = vector(f"question {n}")
            best = {change.chunks[i].id for i in np.argsort(-(rows @ query))[:20]}
            hits = await store.vector_search(VectorSearch(query, 20, (name,)))
            assert len(hits) == 20
            assert {c.collection for c in (await store.get([h.id for h in hits])).values()} == {name}
            found += len(best & {h.id for h in hits})
        assert found >= 190  # of 200
    everywhere = await store.vector_search(VectorSearch(vector("one 7"), 5, ("one", "two")))
    assert everywhere[0].id == changes[0].chunks[7].id
    inside = VectorSearch(vector("x"), 5, ("one",), document_ids=(document_id("one", "/big.md"),))
    assert len(await store.vector_search(inside)) == 5


async def test_a_name_that_a_deletion_changes_is_found_in_its_collection_and_no_other(
    store: Neo4jStore,
) -> None:
    for uri, form in (("/1", "Nasa"), ("/2", "NASA"), ("/3", "NASA")):
        for name in ("one", "two"):
            await store.upsert(document(uri, f"[{form}] flew.", collection=name), SPACE)
    for uri in ("/2", "/3"):
        await store.delete_document(document_id("one", uri))
    search = TextSearch("nasa", 5, ("one",), target="entity")
    assert [hit.id for hit in await store.text_search(search)] == [entity("Nasa", collection="one")]
    assert [e.name for e in (await store.lookup(["one"], ["nasa"]))["nasa"]] == ["Nasa"]
    assert [e.name for e in (await store.lookup(["two"], ["nasa"]))["nasa"]] == ["NASA"]


async def test_closing_ends_what_is_running(server: Server) -> None:
    store = server.store()
    await store.open()
    endless = (
        "UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a, b WHERE a + b < 0 RETURN count(*)"
    )
    running = asyncio.create_task(store.read_query(endless, seconds=60))
    async with AsyncGraphDatabase.driver(server.uri, auth=("neo4j", PASSWORD)) as driver:
        while not (
            await driver.execute_query("SHOW TRANSACTIONS WHERE currentQuery CONTAINS '100000) AS b'")
        ).records:
            assert not running.done()
    await store.close()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_large_collection_goes_step_by_step_and_leaves_searches_at_once(
    server: Server, store: Neo4jStore
) -> None:
    big = document("/big.md", *(f"Line {n}." for n in range(21_000)), collection="big", embedded=False)
    await store.upsert(big)
    await store.upsert(document("/a.md", "[Ada] sat.", embedded=False))
    assert await store.delete_collection("big") == 1
    assert (await store.statistics()).collections == HERE
    assert await store.page("chunk", ["big"]) == []
    assert await store.check() == []
    await store.upsert(document("/a.md", "[Ada] sat.", collection="big", embedded=False))
    assert (await store.statistics(["big"])).chunks == 1


# The graph that people see


async def test_the_graph_has_the_labels_types_and_properties_of_the_documents(
    server: Server, store: Neo4jStore
) -> None:
    said = {"Ada": {"properties": {"born": 1815, "id": "not ours"}}}
    await store.upsert(document("/a.md", "[Ada] met [Bob].", "The end.", label="Person", said=said), SPACE)
    await store.upsert(document("/b.md", "[Deed] met [Bill].", label="Document", relation="PART_OF"), SPACE)
    seen = await store.read_query(
        "MATCH (d:Document)<-[:PART_OF]-(c:Chunk)-[:MENTIONS]->(s:Person)-[r:CO_OCCURS_WITH]->(o:Person) "
        "MATCH (c)-[:NEXT]->(f:Chunk) RETURN d.uri, c.text, s.name, s.born, s.id, r.weight, o.name, f.text"
    )
    assert seen.rows == (
        ("/a.md", "Ada met Bob.", "Ada", 1815, entity("Ada", label="Person"), 1, "Bob", "The end."),
    )
    own = await store.read_query("MATCH (d:Document) RETURN d.uri ORDER BY d.uri")
    assert own.rows == (("/a.md",), ("/b.md",))
    assert (await store.read_query("MATCH (e:Entity:Document_) RETURN count(e)")).rows == ((2,),)
    assert await store.check() == []
