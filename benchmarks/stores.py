"""What a store costs: writing, searching, walking and opening, at several sizes, beside floors.

    python -m benchmarks.stores            # 1k and 10k entities, half a minute
    python -m benchmarks.stores --full     # and 100k entities, 300k relations, 20k chunks
    python -m benchmarks.stores --store bolt://localhost:7687    # on an empty server, which is emptied again

Times are this process's CPU in milliseconds, median and 95th percentile; they depend little on what else the
machine does. A row is a chunk, an entity or a relation that a write makes or adds to; its mentions, quotes,
vectors and index entries come on top. A server's own CPU is not this process's: with `--store` compare wall
times, which are printed too. The floors are plain apsw rows of the same size in one table with one index, and
one product of a numpy matrix with one thread. The graph is made up: clustered vectors, word frequencies as in
real text (Zipf), and entities that documents share, popular ones more often.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one thread, so that CPU time is the time of the work

import apsw
import numpy as np

from kag.knowledge_bases.base import Space, Store, TextSearch, TripletSearch, VectorSearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    Relation,
    Support,
    chunk_id,
    document_id,
    entity_id,
    relation_id,
)

SPACE = Space("benchmark/384", 384)
CHUNKS = 5  # in a document
NEW = 5  # entities that a chunk brings
KNOWN = 5  # entities of earlier documents that it mentions
FACTS = 15  # relations that it states
WORDS = 80  # in its text
QUERIES = 60


@dataclass
class Maker:
    """Makes documents one after the other, always the same ones."""

    entities: int

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(7)
        self.vocabulary = np.array([f"{a}{b}{c}" for a in _PARTS for b in _PARTS for c in _PARTS])
        self.centres = self.random.normal(size=(200, SPACE.dimensions)).astype(np.float32)
        self.names: list[str] = []

    def words(self, n: int) -> list[str]:
        """Words as often as in real text."""
        ranks = np.minimum(self.random.zipf(1.3, size=n), len(self.vocabulary)) - 1
        return list(self.vocabulary[ranks])

    def vectors(self, n: int) -> np.ndarray:
        """Unit vectors in clusters."""
        rows = self.centres[self.random.integers(len(self.centres), size=n)]
        rows = rows + 0.7 * self.random.normal(size=rows.shape).astype(np.float32)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def documents(self) -> Iterator[DocumentChange]:
        """All documents that make so many entities."""
        for n in range(self.entities // (CHUNKS * NEW)):
            yield self.document(n)

    def document(self, n: int) -> DocumentChange:
        """One document with its chunks, entities, mentions and relations."""
        uri = f"/bench/{n}.md"
        identity = document_id("default", uri)
        entities: dict[str, Entity] = {}
        mentions: set[Mention] = set()
        relations: dict[str, Relation] = {}
        chunks = []
        for order, vector in enumerate(self.vectors(CHUNKS)):
            named = self.named(len(self.names))
            text = " ".join([*self.words(WORDS), *named])
            chunk = Chunk(
                chunk_id(identity, text), identity, "default", order, text, 0, len(text), embedding=vector
            )
            chunks.append(chunk)
            here = [Entity(entity_id("default", "Name", x), "default", "Name", x) for x in named]
            entities.update((e.id, e) for e in here)
            mentions.update(
                Mention(chunk.id, e.id, text.index(e.name), text.index(e.name) + len(e.name)) for e in here
            )
            relations.update((r.id, r) for r in self.relations(chunk, here))
        text = "\n".join(c.text for c in chunks)
        return DocumentChange(
            Document(
                identity, "default", uri, f"Page {n}", "text/plain", str(n), text, "2026-01-01T00:00:00Z"
            ),
            tuple(chunks),
            tuple(entities.values()),
            tuple(relations.values()),
            tuple(mentions),
        )

    def named(self, known: int) -> list[str]:
        """Names that a chunk mentions: some new ones, and known ones, popular ones more often."""
        fresh = [f"{' '.join(self.words(2))} {known + k}" for k in range(NEW)]
        again = [self.names[int(known * self.random.random() ** 2)] for _ in range(KNOWN if known else 0)]
        self.names += fresh
        return list(dict.fromkeys([*fresh, *again]))

    def relations(self, chunk: Chunk, here: list[Entity]) -> Iterator[Relation]:
        """Facts between the entities of a chunk."""
        for _ in range(FACTS):
            subject, other = (here[i] for i in self.random.integers(len(here), size=2))
            key = relation_id(subject.id, "CO_OCCURS_WITH", other.id)
            support = (Support(chunk.id, chunk.text[:120], 0, 120),)
            yield Relation(key, "default", "CO_OCCURS_WITH", subject.id, other.id, support=support)


_PARTS = [f"{c}{v}" for c in "bdfgklmnprstvz" for v in "aeiou"]


@dataclass(frozen=True)
class Times:
    """Milliseconds of a piece of work: CPU of this process as median and 95th percentile, wall as median."""

    median: float
    high: float
    wall: float

    def __str__(self) -> str:
        return f"{self.median:.2f} / {self.high:.2f} ({self.wall:.2f})"


async def measured(work: Callable[[int], Awaitable[object]], n: int = QUERIES) -> Times:
    """Measures a piece of work."""
    spent, passed = [], []
    for i in range(n):
        start, begun = time.process_time(), time.perf_counter()
        await work(i)
        spent.append(1000 * (time.process_time() - start))
        passed.append(1000 * (time.perf_counter() - begun))
    return Times(statistics.median(spent), sorted(spent)[int(0.95 * n)], statistics.median(passed))


async def write_all(store: Store, maker: Maker) -> dict[str, str]:
    """Writes all documents; rows per CPU-second over all, and over the last tenth."""
    rows, spent, passed = [], [], []
    for change in maker.documents():
        start, begun = time.process_time(), time.perf_counter()
        report = await store.upsert(change, SPACE)
        spent.append(time.process_time() - start)
        passed.append(time.perf_counter() - begun)
        rows.append(
            report.chunks_created
            + report.entities_created
            + report.entities_merged
            + report.relations_created
            + report.relations_merged
        )
    tail = max(1, len(rows) // 10)
    return {
        "upsert, rows/CPU-s": f"{sum(rows) / sum(spent):,.0f}",
        "upsert, last tenth": f"{sum(rows[-tail:]) / sum(spent[-tail:]):,.0f}",
        "upsert, rows/s": f"{sum(rows) / sum(passed):,.0f}",
    }


def raw_rows(folder: Path, n: int = 50_000) -> str:
    """Rows per CPU-second of plain apsw: rows as wide as a relation's, 100 in a transaction, one index."""
    db = apsw.Connection(str(folder / "raw.db"))
    db.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL")
    db.execute("CREATE TABLE t(rid INTEGER PRIMARY KEY, id TEXT UNIQUE, a INTEGER, b INTEGER, said TEXT)")
    rows = [(relation_id(str(k), "x", "y"), k % 97, k % 89, "x" * 120) for k in range(n)]
    start = time.process_time()
    for begin in range(0, n, 100):
        with db:
            db.executemany("INSERT INTO t(id, a, b, said) VALUES (?, ?, ?, ?)", rows[begin : begin + 100])
    spent = time.process_time() - start
    db.close()
    return f"{n / spent:,.0f}"


async def run(entities: int, folder: Path, uri: str | None) -> dict[str, str]:
    """Builds a store of a size and measures it."""
    maker = Maker(entities)
    address = uri or str(folder)
    base = KnowledgeBase(address)
    await base.open()
    counts = await base.store.statistics()
    if counts.documents:
        raise SystemExit(
            f"{base.store.uri} is not empty; the benchmark writes and deletes, so give an empty one."
        )
    found = {**await write_all(base.store, maker), "  raw apsw rows/CPU-s": raw_rows(folder)}
    await base.close()

    async def opening(_: int) -> None:
        opened = KnowledgeBase(address)
        await opened.open(create=False)
        await opened.store.statistics()
        await opened.close()

    found["open, count, close"] = str(await measured(opening, 10))
    base = KnowledgeBase(address)
    await base.open(create=False)
    found.update(await queries(base.store, maker))
    counts = await base.store.statistics()
    found["chunks / relations"] = f"{counts.chunks:,} / {counts.relations:,}"
    found["disk, MB"] = f"{counts.size_bytes / 1e6:,.0f}"
    found["peak memory so far, MB"] = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f}"
    if uri:
        await base.store.delete_collection("default")
    await base.close()
    return found


async def queries(store: Store, maker: Maker) -> dict[str, str]:
    """Measures searches and walks."""
    here = ("default",)
    asked = maker.vectors(QUERIES)
    texts = [" ".join(["what is the", *maker.words(6), "of", maker.names[i * 13]]) for i in range(QUERIES)]
    popular = maker.names[: len(maker.names) // 2]
    ids = [entity_id("default", "Name", name) for name in popular]
    seeds = [[ids[int(k)] for k in maker.random.integers(len(ids), size=20)] for _ in range(QUERIES)]
    start = time.process_time()
    await store.vector_search(VectorSearch(asked[0], 10, here))
    found = {"vector, first (may read all)": f"{1000 * (time.process_time() - start):.1f}"}
    floor = maker.vectors(maker.entities // NEW)

    async def numpy_floor(i: int) -> None:
        scores = floor @ asked[i]
        best = np.argpartition(scores, len(scores) - 10)[-10:]
        best[np.argsort(-scores[best])].tolist()

    async def text(i: int) -> None:
        await store.text_search(TextSearch(texts[i], 10, here))

    async def vector(i: int) -> None:
        await store.vector_search(VectorSearch(asked[i], 10, here))

    async def hybrid(i: int) -> None:
        await text(i)
        await vector(i)

    works: dict[str, Callable[[int], Awaitable[object]]] = {
        "vector, top 10": vector,
        "  numpy floor": numpy_floor,
        "text of chunks, top 10": text,
        "text of entities, top 10": lambda i: store.text_search(
            TextSearch(texts[i], 10, here, target="entity")
        ),
        "hybrid (both)": hybrid,
        "2 hops from 20 seeds, 200 facts": lambda i: store.expand(seeds[i], hops=2),
        "2 hops from 20 seeds, 2000 facts": lambda i: store.expand(seeds[i], hops=2, limit=2000),
        "ways between two entities, 4 hops": lambda i: store.paths(seeds[i][:1], seeds[i][1:2]),
        "triplets of 20 entities": lambda i: store.triplets(TripletSearch(here, subject_ids=tuple(seeds[i]))),
        "mentions of 20 entities": lambda i: store.mentions(entity_ids=seeds[i]),
        "lookup of 20 names": lambda i: store.lookup(here, popular[i * 20 : i * 20 + 20]),
        "statistics": lambda _: store.statistics(here),
    }
    return found | {name: str(await measured(work)) for name, work in works.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--full", action="store_true", help="also 100k entities (some minutes)")
    parser.add_argument("--store", help="URI of an empty server instead of a new embedded store")
    parser.add_argument("--sizes", help="entities, separated by commas")
    arguments = parser.parse_args()
    sizes = [1_000, 10_000, *([100_000] if arguments.full else [])]
    if arguments.sizes:
        sizes = [int(size) for size in arguments.sizes.split(",")]
    columns = []
    for size in sizes:
        folder = Path(tempfile.mkdtemp(prefix="kag-bench-"))
        try:
            columns.append(asyncio.run(run(size, folder, arguments.store)))
        finally:
            shutil.rmtree(folder)
    print(f"{'CPU ms, median / p95 (wall)':<36}" + "".join(f"{size:>26,}" for size in sizes))
    for name in columns[0]:
        print(f"{name:<36}" + "".join(f"{column[name]:>26}" for column in columns))


if __name__ == "__main__":
    main()
