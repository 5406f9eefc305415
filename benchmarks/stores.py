"""What the embedded store costs: writing, searching, walking and opening, at several sizes.

    python -m benchmarks.stores            # 1k and 10k entities, half a minute
    python -m benchmarks.stores --full     # and 100k entities, 300k relations, 20k chunks

Times are this process's CPU in milliseconds, median and 95th percentile; they depend little on what else the
machine does. A row is a chunk, an entity or a relation that a write makes or adds to; its mentions, quotes,
vectors and index entries come on top. The graph is made up: clustered vectors, word frequencies as in real
text (Zipf), and entities that documents share, popular ones more often.
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

import numpy as np

from kag.knowledge_bases.base import Space, TextSearch, VectorSearch
from kag.knowledge_bases.embedded import EmbeddedStore
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


async def measured(work: Callable[[int], Awaitable[object]], n: int = QUERIES) -> tuple[float, float]:
    """CPU milliseconds of a piece of work: median and 95th percentile."""
    spent = []
    for i in range(n):
        start = time.process_time()
        await work(i)
        spent.append(1000 * (time.process_time() - start))
    return statistics.median(spent), sorted(spent)[int(0.95 * n)]


async def write_all(store: EmbeddedStore, maker: Maker) -> tuple[float, float]:
    """Writes all documents; rows per CPU-second over all, and over the last tenth."""
    rows, spent = [], []
    for change in maker.documents():
        start = time.process_time()
        report = await store.upsert(change, SPACE)
        spent.append(time.process_time() - start)
        rows.append(
            report.chunks_created
            + report.entities_created
            + report.entities_merged
            + report.relations_created
            + report.relations_merged
        )
    tail = max(1, len(rows) // 10)
    return sum(rows) / sum(spent), sum(rows[-tail:]) / sum(spent[-tail:])


async def run(entities: int, folder: Path) -> dict[str, str]:
    """Builds a store of a size and measures it."""
    maker = Maker(entities)
    store = EmbeddedStore(folder)
    await store.open()
    overall, last = await write_all(store, maker)
    await store.close()
    found: dict[str, str] = {"upsert, rows/CPU-s": f"{overall:,.0f}", "upsert, last tenth": f"{last:,.0f}"}

    async def opening(_: int) -> None:
        opened = EmbeddedStore(folder)
        await opened.open(create=False)
        await opened.statistics()
        await opened.close()

    found["open, count, close"] = _show(await measured(opening, 10))
    store = EmbeddedStore(folder)
    await store.open(create=False)
    found.update(await queries(store, maker))
    counts = await store.statistics()
    found["chunks / relations"] = f"{counts.chunks:,} / {counts.relations:,}"
    found["disk, MB"] = f"{counts.size_bytes / 1e6:,.0f}"
    found["peak memory so far, MB"] = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:,.0f}"
    await store.close()
    return found


async def queries(store: EmbeddedStore, maker: Maker) -> dict[str, str]:
    """Measures searches and walks."""
    here = ("default",)
    asked = maker.vectors(QUERIES)
    texts = [" ".join(["what is the", *maker.words(6), "of", maker.names[i * 13]]) for i in range(QUERIES)]
    popular = maker.names[: len(maker.names) // 2]
    ids = [entity_id("default", "Name", name) for name in popular]
    seeds = [[ids[int(k)] for k in maker.random.integers(len(ids), size=20)] for _ in range(QUERIES)]
    start = time.process_time()
    await store.vector_search(VectorSearch(asked[0], 10, here))
    found = {"vector, first (loads the matrix)": f"{1000 * (time.process_time() - start):.1f}"}
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
        "mentions of 20 entities": lambda i: store.mentions(entity_ids=seeds[i]),
        "lookup of 20 names": lambda i: store.lookup(here, popular[i * 20 : i * 20 + 20]),
        "statistics": lambda _: store.statistics(here),
    }
    return found | {name: _show(await measured(work)) for name, work in works.items()}


def _show(times: tuple[float, float]) -> str:
    return f"{times[0]:.2f} / {times[1]:.2f}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--full", action="store_true", help="also 100k entities (some minutes)")
    parser.add_argument("--sizes", help="entities, separated by commas")
    arguments = parser.parse_args()
    sizes = [1_000, 10_000, *([100_000] if arguments.full else [])]
    if arguments.sizes:
        sizes = [int(size) for size in arguments.sizes.split(",")]
    columns = []
    for size in sizes:
        folder = Path(tempfile.mkdtemp(prefix="kag-bench-"))
        try:
            columns.append(asyncio.run(run(size, folder)))
        finally:
            shutil.rmtree(folder)
    print(f"{'CPU ms, median / p95':<36}" + "".join(f"{size:>20,}" for size in sizes))
    for name in columns[0]:
        print(f"{name:<36}" + "".join(f"{column[name]:>20}" for column in columns))


if __name__ == "__main__":
    main()
