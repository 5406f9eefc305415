"""Question sets for the retrieval benchmark: how they are read, embedded and put into a store."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kag
from ingest import Pipeline, readers
from ingest.chunkers import structure
from ingest.pipeline import text_to_embed
from ingest.triples import GivenTriples, read_triples
from kag.knowledge_bases.records import Chunk

ROOT = Path(__file__).resolve().parents[1]
PUBLIC = ROOT.parent / "shared" / "bench" / "public"
CACHE = ROOT / ".cache" / "benchmarks"
MINILM = ROOT / ".cache" / "models" / "minilm"
_BATCH = 256


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


@dataclass(frozen=True)
class QuestionSet:
    """A folder with a corpus and questions, read; `titles=False` takes the titles out of the corpus."""

    folder: Path
    titles: bool = True
    triples: bool = False

    @property
    def name(self) -> str:
        name = self.folder.name + ("" if self.titles else ", no titles")
        return name + (", given triples" if self.triples else "")

    def questions(self) -> list[dict[str, Any]]:
        return lines(self.folder / "queries.jsonl.gz")

    def passages(self) -> list[dict[str, Any]]:
        return [row if self.titles else {**row, "title": ""} for row in lines(self.corpus())]

    def corpus(self) -> Path:
        """The corpus file; a copy without titles where they are not wanted."""
        source = self.folder / "corpus.jsonl.gz"
        if self.titles:
            return source
        target = CACHE / "no_titles" / self.folder.name / "corpus.jsonl.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        with gzip.open(target, "wt", encoding="utf-8", compresslevel=1) as file:
            for row in lines(source):
                file.write(json.dumps({"id": row["id"], "text": row["text"]}) + "\n")
        return target

    def store(self, model: kag.EmbeddingModel) -> Path:
        name = f"{self.name}-{model.name}".replace("/", "_").replace(", ", "-").replace(" ", "_")
        return CACHE / "stores" / name


def embedding_model(name: str | None) -> kag.EmbeddingModel:
    """The embedding model that is named, with its vectors cached; by default MiniLM, where it is there."""
    cache = CACHE / "embeddings.db"
    cache.parent.mkdir(parents=True, exist_ok=True)
    if name is None and MINILM.is_dir():
        return kag.EmbeddingModel(folder=str(MINILM), cache=str(cache))
    if name is not None and Path(name).is_dir():
        return kag.EmbeddingModel(folder=name, cache=str(cache))
    return kag.EmbeddingModel(model=name or "wordllama", cache=str(cache))


async def embed_first(corpus: Path, model: kag.EmbeddingModel) -> None:
    """Embeds all passages of a file, so that ingestion finds the vectors in the cache."""
    texts: list[str] = []
    for text in _texts(corpus):
        texts.append(text)
        if len(texts) == _BATCH:
            await model.embed(texts)
            texts.clear()
    if texts:
        await model.embed(texts)


def _texts(corpus: Path) -> Iterator[str]:
    for reading in readers.read(corpus, max_bytes=10**9):
        for n, p in enumerate(structure.split(reading, max_characters=1200, overlap=0)):
            chunk = Chunk("", "", "", n, p.text, p.start, p.end, headings=p.headings)
            yield text_to_embed(reading.title, chunk)


async def ingest(chosen: QuestionSet, base: kag.KnowledgeBase) -> str:
    """Ingests a set through the pipeline, and says what it cost beside the embedding."""
    if base.embedding_model is not None:
        await embed_first(chosen.corpus(), base.embedding_model)  # type: ignore[arg-type]  what we made
    given = None
    if chosen.triples:
        given = GivenTriples(read_triples(chosen.folder / "triples.jsonl.gz"))
    spent, started = time.process_time(), time.monotonic()
    report = await Pipeline(base, extractor=given).run(chosen.corpus())
    if report.failures:
        raise SystemExit(f"{chosen.name}: {report.failures[0].reason}")
    stored = report.counts()["stored"]
    if not stored:
        return "as ingested before"
    cpu = 1000 * (time.process_time() - spent) / stored
    held = await base.store.statistics(base.collections)
    return (
        f"{stored:,} passages in {time.monotonic() - started:.0f} s, {cpu:.2f} ms CPU a passage beside the "
        f"embedding; {held.entities:,} entities, {held.mentions:,} mentions, {held.relations:,} relations"
    )
