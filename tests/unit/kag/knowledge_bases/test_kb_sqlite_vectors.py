"""Vectors of a large embedded store: the file that processes share, and the search by bits, kept honest."""

# ruff: noqa: ASYNC221, ASYNC240  a test may block while it looks at files

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import apsw
import numpy as np
import pytest
from numpy.typing import NDArray

from kag.knowledge_bases._vectors_block import EXACT, Block, encoded
from kag.knowledge_bases.base import Space, VectorSearch
from kag.knowledge_bases.embedded import EmbeddedStore
from kag.knowledge_bases.records import Chunk, Document, DocumentChange, chunk_id, document_id

ROOT = Path(__file__).resolve().parents[4]
SPACE = Space("test/many", 32)
HERE = ("default",)
FILE = "kag.db-chunk-vectors"
MANY = 4200  # rows that are worth a file


def clustered(n: int, dimensions: int, seed: int, clusters: int = 100) -> NDArray[np.float32]:
    """Unit vectors in clusters, as texts about a number of things give them."""
    centres = np.random.default_rng(1).normal(size=(clusters, dimensions))
    chance = np.random.default_rng(seed)
    rows = centres[chance.integers(clusters, size=n)] + 0.7 * chance.normal(size=(n, dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def spread(n: int, dimensions: int, seed: int) -> NDArray[np.float32]:
    """Unit vectors in a cone with long tails, most of them in a few dimensions, as some models give them."""
    chance = np.random.default_rng(seed)
    scales = np.linspace(1.5, 0.1, dimensions)
    rows = 0.6 + chance.standard_t(5, size=(n, dimensions)) * scales
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def nearby(rows: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Queries as questions are: not far from some row, and not the same."""
    chance = np.random.default_rng(3)
    some = rows[chance.integers(len(rows), size=n)]
    noise = 0.5 * chance.normal(size=some.shape) * rows.std(axis=0)
    moved = some + noise
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), dtype=np.float32)


def numbered(
    n: int, size: int = 1, *, seed: int | None = None, collection: str = "default"
) -> DocumentChange:
    """A document of so many passages with vectors."""
    uri = f"/{n}.md"
    identity = document_id(collection, uri)
    vectors = clustered(size, SPACE.dimensions, n if seed is None else seed)
    chunks = tuple(
        Chunk(chunk_id(identity, f"{n} {i}"), identity, collection, i, f"{n} {i}", 0, 1, embedding=vectors[i])
        for i in range(size)
    )
    return DocumentChange(Document(identity, collection, uri, uri, "text/plain", uri, "", ""), chunks)


async def filled(folder: Path) -> tuple[EmbeddedStore, VectorSearch]:
    """A store with many vectors, and a search that was run once, so that their file is there."""
    store = EmbeddedStore(folder)
    await store.upsert(numbered(0, MANY), SPACE)
    search = VectorSearch(clustered(1, SPACE.dimensions, 99)[0], 10, HERE)
    await store.vector_search(search)
    return store, search


async def answers(folder: Path, search: VectorSearch) -> list[tuple[str, float]]:
    """What a store that is opened for it finds."""
    store = EmbeddedStore(folder)
    await store.open(read_only=True)
    found = [(hit.id, round(hit.score, 5)) for hit in await store.vector_search(search)]
    await store.close()
    return found


def exactly(changes: list[DocumentChange], search: VectorSearch) -> list[tuple[str, float]]:
    chunks = [c for change in changes for c in change.chunks if c.collection in search.collections]
    scores = np.stack([c.embedding for c in chunks if c.embedding is not None]) @ search.vector
    order = np.argsort(-scores)[: search.k]
    return [(chunks[n].id, round(float(scores[n]), 5)) for n in order]


# The shared file


async def test_many_vectors_are_kept_in_a_file_and_few_are_not(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "few")
    await store.upsert(numbered(0, 10), SPACE)
    await store.vector_search(VectorSearch(clustered(1, 32, 9)[0], 10, HERE))
    await store.close()
    assert [path.name for path in (tmp_path / "few").iterdir()] == ["kag.db"]
    store, search = await filled(tmp_path / "many")
    await store.close()
    assert {path.name for path in (tmp_path / "many").iterdir()} == {"kag.db", FILE}
    assert await answers(tmp_path / "many", search) == exactly([numbered(0, MANY)], search)


READS = """
import asyncio, sys
import apsw
from kag.knowledge_bases import _vectors
from kag.knowledge_bases.base import VectorSearch
from kag.knowledge_bases.embedded import EmbeddedStore
import numpy as np

read = 0
def count(cursor, row):
    global read
    read += 1
    return row

def watch(connection):
    connection.exec_trace = lambda cursor, sql, values: "_vector" not in sql or "data" not in sql or (
        setattr(cursor, "row_trace", count) or True
    )

apsw.connection_hooks.append(watch)

async def main():
    store = EmbeddedStore(sys.argv[1])
    await store.open(read_only=True)
    query = np.ones(32, dtype=np.float32)
    assert len(await store.vector_search(VectorSearch(query, 10, ("default",)))) == 10
    await store.close()
    print(read)

asyncio.run(main())
"""


async def test_another_process_reads_next_to_none_of_the_vectors_from_the_store(tmp_path: Path) -> None:
    store, _ = await filled(tmp_path)
    await store.upsert(numbered(1, 5), SPACE)
    done = subprocess.run(
        [sys.executable, "-c", READS, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 5 <= int(done.stdout) <= 5 + 40
    (tmp_path / FILE).unlink()
    done = subprocess.run(
        [sys.executable, "-c", READS, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) >= MANY
    await store.close()


async def test_what_comes_and_goes_after_the_file_is_found_and_not_found(tmp_path: Path) -> None:
    store, search = await filled(tmp_path)
    other = EmbeddedStore(tmp_path)
    await other.upsert(numbered(1, 50), SPACE)
    changes = [numbered(0, MANY), numbered(1, 50)]
    assert [(h.id, round(h.score, 5)) for h in await store.vector_search(search)] == exactly(changes, search)
    assert await answers(tmp_path, search) == exactly(changes, search)
    less = replace(changes[0], chunks=changes[0].chunks[1000:])
    await other.upsert(less, SPACE)
    changes = [less, changes[1]]
    assert [(h.id, round(h.score, 5)) for h in await store.vector_search(search)] == exactly(changes, search)
    assert await answers(tmp_path, search) == exactly(changes, search)
    await store.close()
    await other.close()


async def test_a_store_that_has_grown_gets_a_new_file(tmp_path: Path) -> None:
    store, search = await filled(tmp_path)
    before = (tmp_path / FILE).stat()
    await store.upsert(numbered(1, MANY), SPACE)
    await store.vector_search(search)
    after = (tmp_path / FILE).stat()
    assert after.st_size > 1.9 * before.st_size
    wanted = exactly([numbered(0, MANY), numbered(1, MANY)], search)
    assert await answers(tmp_path, search) == wanted
    await store.close()


async def test_a_deletion_takes_the_file_away_with_what_it_held(tmp_path: Path) -> None:
    store, search = await filled(tmp_path)
    await store.upsert(numbered(1), SPACE)
    assert (tmp_path / FILE).exists()
    await store.delete_document(numbered(1).document.id)
    assert not (tmp_path / FILE).exists()
    assert await answers(tmp_path, search) == exactly([numbered(0, MANY)], search)
    await store.close()


async def test_a_file_that_a_crash_left_is_taken_away_when_the_store_is_opened_for_writing(
    tmp_path: Path,
) -> None:
    store, search = await filled(tmp_path)
    left = (tmp_path / FILE).read_bytes()
    await store.upsert(replace(numbered(0, MANY), chunks=numbered(0, MANY).chunks[10:]), SPACE)
    await store.close()
    (tmp_path / FILE).write_bytes(left)  # as if the process had ended between the commit and this step
    wanted = exactly([replace(numbered(0, MANY), chunks=numbered(0, MANY).chunks[10:])], search)
    assert await answers(tmp_path, search) == wanted
    store = EmbeddedStore(tmp_path)
    await store.open()
    assert not (tmp_path / FILE).exists()
    await store.close()


def _cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def _with_a_flipped_byte(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


DAMAGE = {
    "empty": lambda _: b"",
    "rubbish": lambda data: b"rubbish" * (len(data) // 7),
    "cut short": _cut,
    "a head that is not JSON": lambda data: data[:24] + b"x" * 400 + data[424:],
    "a key altered": lambda data: _with_a_flipped_byte(data, 4096 + 100),
    "a code altered": lambda data: _with_a_flipped_byte(data, 4096 + 4 * 8 * MANY + 128 + 8 * MANY + 999),
    "all rows zero": lambda data: data[: -MANY * 32 * 4] + bytes(MANY * 32 * 4),
}


@pytest.mark.parametrize("damage", sorted(DAMAGE))
async def test_a_damaged_file_is_passed_over_and_made_anew(tmp_path: Path, damage: str) -> None:
    store, search = await filled(tmp_path)
    await store.close()
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(DAMAGE[damage](whole))
    assert await answers(tmp_path, search) == exactly([numbered(0, MANY)], search)
    assert (tmp_path / FILE).read_bytes() == whole


async def test_a_file_of_another_store_is_passed_over(tmp_path: Path) -> None:
    store, search = await filled(tmp_path / "one")
    await store.close()
    other = EmbeddedStore(tmp_path / "two")
    await other.upsert(numbered(0, MANY, seed=7), SPACE)
    await other.close()
    (tmp_path / "two" / FILE).write_bytes((tmp_path / "one" / FILE).read_bytes())
    assert await answers(tmp_path / "two", search) == exactly([numbered(0, MANY, seed=7)], search)


async def test_a_file_from_the_future_of_a_restored_backup_is_passed_over(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(numbered(0, MANY), SPACE)
    await store.backup(str(tmp_path / "backup.db"))
    await store.upsert(numbered(1, 500), SPACE)
    search = VectorSearch(clustered(1, SPACE.dimensions, 99)[0], 10, HERE)
    await store.vector_search(search)
    await store.close()
    (tmp_path / "backup.db").replace(tmp_path / "kag.db")
    assert await answers(tmp_path, search) == exactly([numbered(0, MANY)], search)
    store = EmbeddedStore(tmp_path)
    await store.upsert(numbered(2, 700), SPACE)
    await store.close()
    wanted = exactly([numbered(0, MANY), numbered(2, 700)], search)
    assert await answers(tmp_path, search) == wanted


async def test_where_no_file_can_be_written_the_vectors_are_searched_all_the_same(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(numbered(0, MANY), SPACE)
    (tmp_path / FILE).mkdir()  # in the way of the file
    search = VectorSearch(clustered(1, SPACE.dimensions, 99)[0], 10, HERE)
    found = [(h.id, round(h.score, 5)) for h in await store.vector_search(search)]
    assert found == exactly([numbered(0, MANY)], search)
    assert {p.name for p in tmp_path.iterdir() if p.is_file() and "partial" in p.name} == set()
    await store.close()


async def test_changing_the_model_leaves_no_vector_of_the_old_one(tmp_path: Path) -> None:
    store, _ = await filled(tmp_path)
    space = Space("test/other", 16)
    chunks = numbered(0, MANY).chunks
    vectors = clustered(MANY, 16, 5)
    await store.set_embeddings(space, {c.id: vectors[n] for n, c in enumerate(chunks)}, final=True)
    assert not (tmp_path / FILE).exists()
    (best,) = await store.vector_search(VectorSearch(vectors[7], 1, HERE))
    assert best.id == chunks[7].id
    await store.close()


# The search by bits


def _exact_top(rows: NDArray[np.float32], query: NDArray[np.float32], k: int) -> set[int]:
    return set(np.argsort(-(rows @ query))[:k].tolist())


@pytest.mark.parametrize(
    ("kind", "least"),
    [("clustered", 0.97), ("spread", 0.9)],  # without any clusters hardly anything is nearer than the rest
)
@pytest.mark.parametrize("dimensions", [100, 256, 384])
def test_the_search_by_bits_finds_nearly_all_that_is_nearest(
    kind: str, least: float, dimensions: int
) -> None:
    n = 4 * EXACT
    rows = (clustered if kind == "clustered" else spread)(n, dimensions, 2)
    queries = nearby(rows, 100)
    block = encoded(np.tile(np.arange(n), (4, 1)), rows)
    everything = np.ones(n, dtype=np.bool_)
    found = 0
    for query in queries:
        best, scores = block.best(query, everything, 10)
        assert np.allclose(scores, rows[best] @ query, atol=1e-5)
        found += len(_exact_top(rows, query, 10) & set(best.tolist()))
    assert found / (10 * len(queries)) >= least


def test_the_search_by_bits_keeps_to_what_is_allowed() -> None:
    n, dimensions = 4 * EXACT, 64
    rows, queries = clustered(n, dimensions, 2), clustered(20, dimensions, 3)
    block = encoded(np.tile(np.arange(n), (4, 1)), rows)
    for share in (0.5, 0.05, 0.0005, 0.0):
        allowed = np.random.default_rng(4).random(n) < share
        found = wanted = 0
        for query in queries:
            best, _ = block.best(query, allowed, 10)
            assert allowed[best].all()
            exact = np.flatnonzero(allowed)[np.argsort(-(rows[allowed] @ query))[:10]]
            wanted += len(exact)
            found += len(set(exact.tolist()) & set(best.tolist()))
        assert found >= 0.97 * wanted


def test_more_neighbours_than_rows_are_all_rows() -> None:
    rows = clustered(2 * EXACT, 16, 2)
    block: Block = encoded(np.tile(np.arange(len(rows)), (4, 1)), rows)
    best, _ = block.best(rows[0], np.ones(len(rows), dtype=np.bool_), 10 * len(rows))
    assert len(best) == len(rows)


async def test_a_large_store_searched_by_bits_gives_exact_scores_and_obeys_filters(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    for n in range(3):
        await store.upsert(numbered(n, EXACT // 2), SPACE)
    await store.upsert(numbered(9, 300, collection="other"), SPACE)
    changes = [numbered(n, EXACT // 2) for n in range(3)]
    hits = wanted = 0
    for query in clustered(30, SPACE.dimensions, 77):
        search = VectorSearch(query, 10, HERE)
        found = {hit.id: hit.score for hit in await store.vector_search(search)}
        assert list(found.values()) == sorted(found.values(), reverse=True)
        exact = dict(exactly(changes, search))
        hits, wanted = hits + len(found.keys() & exact.keys()), wanted + len(exact)
        assert all(abs(found[i] - exact[i]) < 1e-4 for i in found.keys() & exact.keys())
        only = replace(search, document_ids=(changes[1].document.id,))
        narrowed = [hit.id for hit in await store.vector_search(only)]
        assert narrowed == [i for i, _ in exactly(changes[1:2], search)]
        elsewhere = await store.vector_search(replace(search, collections=("other",)))
        assert len(elsewhere) == 10
    assert hits >= 0.97 * wanted
    await store.close()


def test_the_store_has_a_number_of_its_own(tmp_path: Path) -> None:
    from kag.knowledge_bases import _sqlite_schema as schema

    numbers = set()
    for name in ("a.db", "b.db"):
        db = apsw.Connection(str(tmp_path / name))
        schema.migrate(db, tmp_path / name)
        numbers.add(db.execute("SELECT value FROM meta WHERE key = 'identity'").fetchall()[0][0])
        db.close()
    assert len(numbers) == 2
