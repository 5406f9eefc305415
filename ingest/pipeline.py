"""From documents to the graph, all stages in order: find, read, split, embed, extract, store.

One document is the unit of work: its change is one transaction, so a run that is killed leaves whole
documents, and running it again goes on where it stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from ingest import readers, sources
from ingest.chunkers import structure
from ingest.extractors.base import Extraction, Extractor
from ingest.readers.base import Reading
from ingest.report import Progress, Report, Result
from ingest.review import review
from kag.errors import EmbeddingMismatchError, IngestError, ReadError
from kag.knowledge_bases.base import Space
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Chunk, Document, DocumentChange, chunk_id, document_id
from kag.language import language_of

if TYPE_CHECKING:
    from ingest.chunkers.base import Chunker, Passage
    from ingest.extractors.llm import Model

_BATCH = 64  # chunks that are embedded together
_RECIPE = "recipe"
_HOPELESS = 3  # documents that fail in a row, from the first on, before a run stops


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A document that has been read and split."""

    document: Document
    chunks: tuple[Chunk, ...]


class Pipeline:
    """Puts documents into a knowledge base.

    Args:
        knowledge_base: Where they go; its embedding model, where it has one, embeds the passages.
        extractor: What finds entities and relations; the local one, which needs no model, by default.
        chunker: What cuts texts into passages; by structure by default.
        chunk_characters: Longest passage.
        jobs: How many documents are extracted at once.
        max_bytes: Largest file that is read.
        reviewer: A language model that decides, at the end, which open pairs of names mean one thing.

    Example:
        ```python
        async with kag.KnowledgeBase(uri=".kag", embedding_model=kag.EmbeddingModel()) as base:
            report = await ingest.Pipeline(base).run("docs/")
        ```
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        *,
        extractor: Extractor | None = None,
        chunker: Chunker | None = None,
        chunk_characters: int = 1200,
        jobs: int = 4,
        max_bytes: int = 100_000_000,
        reviewer: Model | None = None,
    ) -> None:
        if extractor is None:
            from ingest.extractors.local import Extractor as Local

            extractor = Local()
        self.knowledge_base = knowledge_base
        self.extractor = extractor
        self.chunker = chunker or structure
        self.chunk_characters = chunk_characters
        self.max_bytes = max_bytes
        self.reviewer = reviewer
        self._turn = asyncio.Semaphore(jobs)

    async def run(
        self,
        *paths: str | Path,
        recursive: bool = True,
        glob: str | None = None,
        exclude: Sequence[str] = (),
        progress: Progress | None = None,
    ) -> Report:
        """Ingests files and folders; documents that are in the store unchanged cost nothing.

        Args:
            paths: Files and folders.
            recursive: Go into folders of folders.
            glob: Only files whose name matches.
            exclude: Not files or folders whose name matches one of these.
            progress: Called after each document.

        Returns:
            What became of each document.

        Raises:
            ReadError: A path does not exist.
            EmbeddingMismatchError: The store's vectors come from another embedding model.
            IngestError: The first documents could not be extracted at all.
            LanguageModelError: The extractor's model cannot be used at all.
            StoreError: The store cannot be written; what was stored before stays.
        """
        started = time.monotonic()
        found = sources.find(paths, recursive=recursive, glob=glob, exclude=exclude)
        space = await self._space()
        report = Report(self.extractor.name, space.model if space else "")

        def record(result: Result) -> None:
            report.results.append(result)
            if progress is not None:
                progress(result, max(len(found), len(report.results)))

        batch: list[_Prepared] = []
        async for item in self._prepared(found):
            if isinstance(item, Result):
                record(item)
                continue
            batch.append(item)
            if sum(len(p.chunks) for p in batch) >= _BATCH:
                await self._write(batch, space, report, record)
                batch = []
        await self._write(batch, space, report, record)
        if self.reviewer is not None:
            report.review = await review(
                self.knowledge_base.store, self.reviewer, (self.knowledge_base.collection,)
            )
        report.seconds = time.monotonic() - started
        return report

    async def _space(self) -> Space | None:
        """The vector space to write in; refuses early what the store would refuse after all the work."""
        base = self.knowledge_base
        stored = (await base.store.statistics()).space
        model = base.embedding_model
        if model is None:
            return None
        await model.load(prefer=stored.model if stored else None)
        space = Space(model.name, model.dimensions)
        if stored is not None and stored != space:
            raise EmbeddingMismatchError(
                f"The store's vectors come from {stored.model} ({stored.dimensions} dimensions), but this "
                f"run would use {space.model} ({space.dimensions}). Use the same model (--embedding-model), "
                "or switch the whole store with `kag reembed`."
            )
        return space

    async def _prepared(self, found: Sequence[sources.Source]) -> AsyncIterator[_Prepared | Result]:
        """Reads and splits each source in a thread; what is stored unchanged or unreadable is a result."""
        for source in found:
            if source.reason:
                yield Result(source.uri, "failed" if source.failed else "skipped", reason=source.reason)
                continue
            readings = readers.read(source.path, max_bytes=self.max_bytes)
            while True:
                batch, error = await asyncio.to_thread(_take, readings)
                for reading in batch:
                    yield await self._prepare(reading)
                if error is not None:
                    yield Result(source.uri, "failed", reason=str(error))
                if error is not None or not batch:
                    break

    async def _prepare(self, reading: Reading) -> _Prepared | Result:
        collection = self.knowledge_base.collection
        document = Document(
            id=document_id(collection, reading.uri),
            collection=collection,
            uri=reading.uri,
            title=reading.title,
            media_type=reading.media_type,
            content_hash=reading.content_hash,
            text=reading.text,
            ingested_at=datetime.now(UTC).isoformat(timespec="seconds"),
            metadata={**_language(reading), **reading.metadata, _RECIPE: self._recipe()},
        )
        before = (await self.knowledge_base.store.get([document.id])).get(document.id)
        if isinstance(before, Document) and _same(before, document):
            return Result(document.uri, "unchanged", document.title, language=_told(document))
        passages = await asyncio.to_thread(
            self.chunker.split, reading, max_characters=self.chunk_characters, overlap=0
        )
        if not passages:
            return Result(document.uri, "failed", document.title, reason="There is no text in it.")
        return _Prepared(document, tuple(_chunks(document, passages)))

    def _recipe(self) -> str:
        """What, beside the content, shapes the graph: a document made by another recipe is made anew."""
        return f"{self.extractor.name} {self.chunk_characters}"

    async def _write(
        self,
        batch: Sequence[_Prepared],
        space: Space | None,
        report: Report,
        record: Callable[[Result], None],
    ) -> None:
        """Embeds and extracts a batch, then stores its documents one by one."""
        vectors, extractions = await asyncio.gather(
            self._embedded(batch, space), asyncio.gather(*(self._extracted(item) for item in batch))
        )
        for item, chunks, extraction in zip(batch, vectors, extractions, strict=True):
            record(await self._stored(item, chunks, extraction, space))
            _check_hope(report)

    async def _embedded(self, batch: Sequence[_Prepared], space: Space | None) -> list[tuple[Chunk, ...]]:
        model = self.knowledge_base.embedding_model
        if space is None or model is None or not batch:
            return [item.chunks for item in batch]
        rows = iter(await model.embed([text_to_embed(i.document.title, c) for i in batch for c in i.chunks]))
        return [tuple(replace(chunk, embedding=next(rows)) for chunk in item.chunks) for item in batch]

    async def _extracted(self, item: _Prepared) -> Extraction:
        async with self._turn:
            return await self.extractor.extract(item.document, item.chunks)

    async def _stored(
        self, item: _Prepared, chunks: tuple[Chunk, ...], extraction: Extraction, space: Space | None
    ) -> Result:
        document = item.document
        if len(extraction.failed_chunks) == len(chunks):
            reason = extraction.failed_chunks[0][1]
            return Result(
                document.uri, "failed", document.title, reason=reason, failed_chunks=extraction.failed_chunks
            )
        if extraction.failed_chunks:  # so that the next run tries these passages again
            recipe = f"{document.metadata[_RECIPE]}, incomplete"
            document = replace(document, metadata={**document.metadata, _RECIPE: recipe})
        written = await self.knowledge_base.store.upsert(
            DocumentChange(document, chunks, extraction.entities, extraction.relations, extraction.mentions),
            space,
        )
        return Result(
            uri=document.uri,
            state="stored",
            title=document.title,
            chunks=len(chunks),
            entities=len(extraction.entities),
            relations=len(extraction.relations),
            dropped_quotes=extraction.dropped_quotes,
            failed_chunks=extraction.failed_chunks,
            language=_told(document),
            written=written,
        )


def text_to_embed(title: str, chunk: Chunk) -> str:
    """The text that stands for a passage in the vector space: its title, its headings and its words."""
    above = [title, *(h for h in chunk.headings if h != title)]
    fresh = [name for name in above if name and name not in chunk.text[: len(name) + 8]]
    return "\n".join([" › ".join(fresh), chunk.text]) if fresh else chunk.text


def _check_hope(report: Report) -> None:
    """Stops a run whose first documents could not be extracted: the next would fail in the same way."""
    hopeless = [result for result in report.failures if result.failed_chunks]
    if len(hopeless) >= _HOPELESS and not report.counts()["stored"]:
        raise IngestError(
            f"Stopped: the first {len(hopeless)} documents could not be extracted. {hopeless[0].reason}"
        )


def _take(readings: Iterator[Reading]) -> tuple[list[Reading], ReadError | None]:
    """Reads the next few documents of a file; an error ends the file, after what came before it."""
    taken: list[Reading] = []
    try:
        for reading in islice(readings, _BATCH):
            taken.append(reading)  # noqa: PERF402  what was read before an error must be kept
    except ReadError as error:
        return taken, error
    return taken, None


def _chunks(document: Document, passages: Sequence[Passage]) -> Iterator[Chunk]:
    seen: Counter[str] = Counter()
    for order, passage in enumerate(passages):
        occurrence = seen[passage.text]
        seen[passage.text] += 1
        yield Chunk(
            id=chunk_id(document.id, passage.text, occurrence),
            document_id=document.id,
            collection=document.collection,
            order=order,
            text=passage.text,
            start=passage.start,
            end=passage.end,
            page=passage.page,
            headings=passage.headings,
        )


def _language(reading: Reading) -> dict[str, str]:
    """The language of a text, where it is clear; what the file itself says goes before it."""
    language = language_of(reading.text)
    return {"language": language} if language else {}


def _told(document: Document) -> str:
    """The language of a document, without its region."""
    return str(document.metadata.get("language", "")).partition("-")[0].lower()


def _same(before: Document, after: Document) -> bool:
    return (
        before.content_hash == after.content_hash and before.metadata.get(_RECIPE) == after.metadata[_RECIPE]
    )
