"""`ingest`: puts files and folders into the knowledge graph, in the background; it answers with a job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
from pydantic import BeforeValidator, Field

from ingest.commands import make_extractor
from ingest.report import Report, Result
from kag.errors import IngestError
from kag.knowledge_bases.base import JobState
from mcp_server.job_answer import JobAnswer
from mcp_server.jobs import Running
from mcp_server.library import Library
from mcp_server.roots import Roots
from mcp_server.scope import Scope
from mcp_server.tools.base import Arguments, Collection, Tool


def _as_list(value: Any) -> Any:
    """Some clients send a list as JSON text, or one path as it is."""
    if not isinstance(value, str):
        return value
    try:
        parsed = json.loads(value)
    except ValueError:
        return [value]
    return parsed if isinstance(parsed, list) else [value]


OnePath = Annotated[str, Field(min_length=1, max_length=4096)]


class IngestArguments(Arguments):
    """What to ingest."""

    paths: Annotated[
        list[OnePath],
        Field(min_length=1, max_length=100, description="Files or folders, absolute or relative to a root"),
        BeforeValidator(_as_list),
    ]
    collection: Collection = None
    wait_s: Annotated[float, Field(ge=0, le=30, description="Wait so long for the end")] = 0


async def call(scope: Scope, asked: IngestArguments) -> JobAnswer:
    """Checks the paths, stores a job, starts it, and waits for it as long as the client wants to."""
    collection = scope.access.writable(asked.collection)
    files, outside = await anyio.to_thread.run_sync(readable, scope.access.roots, asked.paths)
    work = Ingestion(scope.library, collection, files, outside)
    running = await scope.jobs.start("ingest", collection, total=len(files) + len(outside), work=work)
    with anyio.move_on_after(asked.wait_s):
        await _follow(scope, running)
    return JobAnswer.of(running.job, scope.fence)


async def _follow(scope: Scope, running: Running) -> None:
    told = 0
    while not running.over:
        await running.changed()
        if running.job.done > told:
            told = running.job.done
            await scope.progress(told, running.job.total, f"{told} of {running.job.total}")
    await running.kept.wait()


def readable(roots: Roots, paths: Sequence[str]) -> tuple[list[Path], list[Path]]:
    """Lists the documents that paths name, folders searched through.

    Returns:
        Those within the roots, and those that a link leads out of them.

    Raises:
        ToolError: A path is not allowed.
        IngestError: There is no document in what was named.
    """
    from ingest import readers, sources

    named = [roots.resolve(path) for path in paths]
    found = [source.path for source in sources.find(named) if not source.reason]
    if not found:
        endings = ", ".join(sorted(readers.supported_suffixes()))
        raise IngestError(f"No document found there. Readable are files that end in {endings}.")
    admitted = {path: roots.admits(path) for path in found}
    return [p for p, yes in admitted.items() if yes], [p for p, yes in admitted.items() if not yes]


@dataclass(frozen=True, slots=True)
class Ingestion:
    """The work of a job: the same pipeline as `kag ingest` runs.

    Args:
        library: Where the documents go.
        collection: The namespace that they go to.
        files: What to read.
        outside: What was found and must not be read.
    """

    library: Library
    collection: str
    files: list[Path]
    outside: list[Path]

    async def __call__(self, running: Running) -> tuple[JobState, str]:
        """Ingests the files, item by item."""
        from ingest.pipeline import Pipeline

        settings = self.library.settings
        for path in self.outside:
            running.advance(
                running.job.total, (str(path), "A link leads outside the folders that may be read.")
            )
        pipeline = Pipeline(
            await self.library.writer(self.collection),
            extractor=make_extractor(settings),
            chunk_characters=settings.chunk_characters,
            jobs=settings.jobs,
            max_bytes=settings.max_megabytes * 1_000_000,
        )
        report = await pipeline.run(
            *self.files,
            progress=lambda result, total: running.advance(total + len(self.outside), _failure(result)),
        )
        return _ending(report, complete=report.complete and not self.outside)


def _failure(result: Result) -> tuple[str, str] | None:
    if result.state == "failed":
        return result.uri, result.reason
    if result.failed_chunks:
        return result.uri, f"{len(result.failed_chunks)} passages failed: {result.failed_chunks[0][1]}"
    return None


def _ending(report: Report, *, complete: bool) -> tuple[JobState, str]:
    counts = report.counts()
    states = [
        f"{counts[state]} {state}" for state in ("stored", "unchanged", "skipped", "failed") if counts[state]
    ]
    message = f"{', '.join(states) or 'nothing'}; {counts['chunks']} passages written."
    if complete:
        return "done", message
    return "partial" if counts["stored"] or counts["unchanged"] else "failed", message


TOOL = Tool(
    title="Ingest documents",
    description=(
        "Put files or folders into the knowledge graph. Returns a job at once; poll job_status with its id "
        "until it is done, partial or failed. What is there unchanged costs nothing, so repeating is safe."
    ),
    arguments=IngestArguments,
    answer=JobAnswer,
    call=call,
    writes=True,
)
