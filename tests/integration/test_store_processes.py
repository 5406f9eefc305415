"""Several real processes on one embedded store: readers beside a writer, several writers, killed writers."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from store_documents import SPACE, document, entity, vector

from kag.errors import StoreError
from kag.knowledge_bases.base import TextSearch, TripletSearch, VectorSearch
from kag.knowledge_bases.embedded import EmbeddedStore
from kag.knowledge_bases.records import DocumentChange, document_id

ROOT = Path(__file__).resolve().parents[2]
HERE = ("default",)
CHUNKS = 6

WRITER = """
import asyncio, sys
sys.path[:0] = ["tests", "tests/integration"]
from store_documents import SPACE
from test_store_processes import EmbeddedStore, numbered

async def main(folder, first, count):
    store = EmbeddedStore(folder)
    for n in range(int(first), int(first) + int(count)):
        await store.upsert(numbered(n), SPACE)
        print(n, flush=True)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""

READER = """
import asyncio, sys
sys.path[:0] = ["tests", "tests/integration"]
from test_store_processes import EmbeddedStore, check_one_moment

async def main(folder, rounds):
    store = EmbeddedStore(folder)
    await store.open(read_only=True)
    print("ready", flush=True)
    for _ in range(int(rounds)):
        await check_one_moment(store)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


def numbered(n: int) -> DocumentChange:
    """A document with entities of its own and one that all share."""
    lines = (f"[Hub] met [Leaf {n}] and [Twig {n} {k}] by night." for k in range(CHUNKS))
    return document(f"/{n}.md", *lines)


async def check_one_moment(store: EmbeddedStore) -> None:
    """A store that is being written shows whole documents only."""
    statistics = await store.statistics()
    documents = statistics.documents
    assert statistics.chunks == CHUNKS * documents
    assert statistics.mentions == 3 * CHUNKS * documents
    assert statistics.entities == (documents and 1 + documents * (1 + CHUNKS))
    hits = await store.text_search(TextSearch("night", 20, HERE))
    assert len(hits) >= min(20, statistics.chunks)
    near = await store.vector_search(VectorSearch(vector("x"), 20, HERE))
    assert len(near) >= min(20, statistics.chunks)
    counted = await store.read_query("SELECT count(*) % :chunks AS rest FROM chunks", {"chunks": CHUNKS})
    assert counted.rows == ((0,),)
    facts = await store.triplets(TripletSearch(HERE, subject_ids=(entity("Hub"),), limit=5))
    assert len(facts) >= min(5, documents)


@contextmanager
def started(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """Runs a process; it is gone when the block ends."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> str:
    """Waits for a process to end well, and returns what it printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    for line in process.stdout:
        yield line.strip()


async def test_a_reader_sees_each_commit_of_another_process_as_soon_as_it_is_acknowledged(
    tmp_path: Path,
) -> None:
    reader = EmbeddedStore(tmp_path)
    await reader.open()
    with started(WRITER, tmp_path, 0, 25) as writer:
        for line in lines(writer):
            n = int(line)
            assert (await reader.statistics()).documents > n
            await check_one_moment(reader)
            assert await reader.get([numbered(n).chunks[0].id])
        finish(writer)
    graph = await reader.expand([entity("Hub")], limit=1000)
    assert len(graph.relations) == 25
    await reader.close()


async def test_several_processes_make_a_store_at_the_same_time(tmp_path: Path) -> None:
    with ExitStack() as running:
        firsts = (0, 100, 200, 4)
        for process in [running.enter_context(started(WRITER, tmp_path, first, 8)) for first in firsts]:
            finish(process)
    store = EmbeddedStore(tmp_path)
    await store.open(create=False)
    assert (await store.statistics()).documents == 28
    await check_one_moment(store)
    await store.close()


async def test_readers_in_other_processes_are_never_disturbed(tmp_path: Path) -> None:
    await _write_beside_readers(tmp_path, readers=2, rounds=60)


@pytest.mark.slow
async def test_four_readers_and_a_writer_get_along_for_long(tmp_path: Path) -> None:
    await _write_beside_readers(tmp_path, readers=4, rounds=5000)


async def _write_beside_readers(folder: Path, *, readers: int, rounds: int) -> None:
    """Writes and deletes for as long as other processes read; every moment they see must be whole."""
    store = EmbeddedStore(folder)
    await store.upsert(numbered(0), SPACE)
    with ExitStack() as running:
        processes = [running.enter_context(started(READER, folder, rounds)) for _ in range(readers)]
        assert [next(lines(process)) for process in processes] == ["ready"] * readers
        n = 0
        while any(process.poll() is None for process in processes):
            n += 1
            await store.upsert(numbered(n), SPACE)
            if n > 20:
                await store.delete_document(document_id("default", f"/{n - 20}.md"))
        for process in processes:
            finish(process)
    assert n > 1
    await store.close()


async def test_a_killed_writer_leaves_whole_documents_only(tmp_path: Path) -> None:
    await _kill_rounds(tmp_path, rounds=10)


@pytest.mark.slow
async def test_fifty_killed_writers_leave_whole_documents_only(tmp_path: Path) -> None:
    await _kill_rounds(tmp_path, rounds=50)


async def _kill_rounds(folder: Path, *, rounds: int) -> None:
    chance = random.Random(rounds)
    acknowledged: set[int] = set()
    killed = 0
    for round_ in range(rounds):
        with started(WRITER, folder, round_ * 1000, 1000) as writer:
            wanted = chance.randrange(1, 12)
            for line in lines(writer):
                acknowledged.add(int(line))
                wanted -= 1
                if not wanted:
                    break
            try:
                writer.wait(timeout=chance.uniform(0, 0.03))  # into the midst of a write
            except subprocess.TimeoutExpired:
                writer.send_signal(signal.SIGKILL)
            acknowledged.update(int(line) for line in lines(writer) if line)
            killed += writer.wait() == -signal.SIGKILL
        await _check_after_a_kill(folder, acknowledged)
    assert killed == rounds


async def _check_after_a_kill(folder: Path, acknowledged: set[int]) -> None:
    store = EmbeddedStore(folder)
    await store.open(create=False)
    await check_one_moment(store)
    for n in acknowledged:
        assert (await store.upsert(numbered(n), SPACE)).unchanged, f"document {n} was lost or is not whole"
    assert await store.check() == []
    await store.close()


async def test_a_store_that_a_killed_writer_left_can_be_read_at_once(tmp_path: Path) -> None:
    with started(WRITER, tmp_path, 0, 1000) as writer:
        assert next(lines(writer)) == "0"
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    store = EmbeddedStore(tmp_path)
    await store.open(read_only=True)
    assert (await store.statistics()).documents >= 1
    with pytest.raises(StoreError):
        await store.delete_document(document_id("default", "/0.md"))
    await store.close()
