"""How long a search takes in a large graph: a synthetic one, written straight into a store.

N passages in documents of 20; each has 60 words (Zipf), its document's title entity, and 5 of N/2 names, the
popular ones more often (a squared uniform draw), and a vector of 384 dimensions near one of 200 centres. A
question is made of two names of one passage and three of its words, with a vector near the passage's own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import kag
from benchmarks.stores import Maker
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.records import (
    Chunk,
    Document,
    DocumentChange,
    Entity,
    Mention,
    chunk_id,
    document_id,
    entity_id,
)
from kag.retrievers import searcher
from kag.retrievers.base import Search

COLLECTION = "bench-latency"
QUESTIONS = 100
PER_DOCUMENT = 20
NAMES = 5
WORDS = 60


class Planted:
    """An embedding model that knows the vectors of the questions only."""

    name = "synthetic"

    def __init__(self, vectors: dict[str, Any], dimensions: int) -> None:
        self.vectors, self.dimensions = vectors, dimensions

    async def load(self, prefer: str | None = None) -> Planted:
        return self

    async def embed_query(self, text: str) -> Any:
        return self.vectors[text]

    async def embed(self, texts: Any) -> Any:
        return np.stack([self.vectors[text] for text in texts])


def documents(n: int, maker: Maker, asked: dict[str, Any]) -> Iterator[DocumentChange]:
    """The documents; fills in the questions on the way."""
    random = maker.random
    every = max(1, n // QUESTIONS)
    for number in range(n // PER_DOCUMENT):
        uri = f"/bench/{number}.md"
        identity = document_id(COLLECTION, uri)
        title = f"Page {number} {' '.join(maker.words(1))}"
        entities: dict[str, Entity] = {}
        mentions, chunks = [], []

        def entity(name: str, known: dict[str, Entity] = entities) -> str:
            key = entity_id(COLLECTION, "Name", name)
            known[key] = Entity(key, COLLECTION, "Name", name)
            return key

        for order, vector in enumerate(maker.vectors(PER_DOCUMENT)):
            names = list({f"Name {int(n / 2 * random.random() ** 2)} Ltd" for _ in range(NAMES)})
            words = maker.words(WORDS)
            text = " ".join([*words, *names])
            chunk = Chunk(
                chunk_id(identity, text), identity, COLLECTION, order, text, 0, len(text), embedding=vector
            )
            chunks.append(chunk)
            mentions.append(Mention(chunk.id, entity(title), kind="title"))
            for name in names:
                start = text.index(name)
                mentions.append(Mention(chunk.id, entity(name), start, start + len(name)))
            if (number * PER_DOCUMENT + order) % every == 0:
                near = vector + 0.3 * random.normal(size=vector.shape).astype(np.float32)
                question = f"What do {' and '.join(names[:2])} have to do with {' '.join(words[-3:])}?"
                asked[question] = near / np.linalg.norm(near)
        whole = "\n".join(chunk.text for chunk in chunks)
        digest = hashlib.blake2b(whole.encode(), digest_size=8).hexdigest()
        document = Document(
            identity, COLLECTION, uri, title, "text/plain", digest, whole, "2026-01-01T00:00:00Z"
        )
        yield DocumentChange(document, tuple(chunks), tuple(entities.values()), (), tuple(mentions))


async def run(n: int, uri: str | None) -> None:
    """Writes the graph and prints what searches cost."""
    maker, asked = Maker(0), dict[str, Any]()
    model = Planted(asked, len(maker.centres[0]))
    space = Space(model.name, model.dimensions)
    with TemporaryDirectory() as folder:
        place = uri or str(Path(folder) / "store")
        base = kag.KnowledgeBase(
            uri=place, embedding_model=model, collection=COLLECTION, resolution="off", wipe_on_start=True
        )
        async with base:
            spent = time.process_time()
            for change in documents(n, maker, asked):
                await base.store.upsert(change, space)
            cost = 1000 * (time.process_time() - spent) / n
            held = await base.store.statistics(base.collections)
            print(f"\n{held.chunks:,} passages, {held.entities:,} entities, {held.mentions:,} mentions")
            print(f"  written with {cost:.2f} ms CPU a passage; {held.size_bytes / 1e6:.0f} MB")
            for mode in ("graph", "hybrid", "vector", "keyword"):
                print(f"  {mode:8} {await _cost(base, mode, list(asked)[:QUESTIONS])}", flush=True)


async def _cost(base: kag.KnowledgeBase, mode: Any, questions: list[str]) -> str:
    retriever = searcher(base, mode)
    await retriever.search(Search(questions[0], k=10))
    cpu, wall = [], []
    for question in questions:
        began, started = time.perf_counter(), time.process_time()
        await retriever.search(Search(question, k=10))
        cpu.append(1000 * (time.process_time() - started))
        wall.append(1000 * (time.perf_counter() - began))
    return (
        f"CPU ms: median {np.median(cpu):.1f}, p95 {np.percentile(cpu, 95):.1f}; wall: {np.median(wall):.1f}"
    )
