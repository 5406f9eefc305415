"""Long work that outlives the call which began it: run in the background, kept in the store, told truly.

A job is in the store before its id is given out. While it runs its record is written again every few
seconds, so that a record that stands still, or whose process is gone, tells of a server that stopped. The
id names the host and the process that work on the job; to everybody else it is just an id.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import secrets
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio

from kag.errors import KagError, StoreError, StoreNotFoundError, ToolError
from kag.knowledge_bases.base import Job, JobState
from mcp_server.untrusted import line

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from mcp_server.library import Library

STOPPED = "The server stopped before the job was done. What it stored is kept; ingest the same paths again."
UNFINISHED: tuple[JobState, ...] = ("queued", "running")
_MOST_WAITING = 100
_MOST_FAILURES = 1000  # kept with a job
_HEARTBEAT, _LIFELESS = 5.0, timedelta(seconds=60)
_PAUSE = 0.2  # seconds between two writes of a job's record
_HOST = hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()
logger = logging.getLogger(__name__)


class Running:
    """A job of this process.

    Args:
        job: Its first record.

    Attributes:
        job: Its record as it is now.
        scope: Cancels it.
        kept: Set when its end is in the store, as far as it could be written.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.scope = anyio.CancelScope()
        self.kept = anyio.Event()
        self._changed = anyio.Event()

    @property
    def over(self) -> bool:
        """Whether it has come to its end, good or bad."""
        return self.job.state not in UNFINISHED

    async def changed(self) -> None:
        """Waits until the job's record changes."""
        await self._changed.wait()

    def begin(self) -> None:
        """Says that it no longer waits for its turn."""
        self._set(replace(self.job, state="running"))

    def advance(self, total: int, failure: tuple[str, str] | None = None) -> None:
        """Counts one more item as done.

        Args:
            total: Items in all, as far as known.
            failure: The item's name and what went wrong, where something did.
        """
        failed = self.job.failed
        if failure is not None and len(failed) < _MOST_FAILURES:
            failed = (*failed, {"item": failure[0], "error": failure[1]})
        self._set(replace(self.job, done=self.job.done + 1, total=total, failed=failed))

    def end(self, state: JobState, message: str) -> None:
        """Says how it ended."""
        self._set(replace(self.job, state=state, message=message))

    def _set(self, job: Job) -> None:
        self.job = job
        changed, self._changed = self._changed, anyio.Event()
        changed.set()


Work = Callable[[Running], Awaitable[tuple[JobState, str]]]
"""Does a job: advances it, and gives its last state and a line that says what was done."""


class Jobs:
    """Starts jobs, one at a time, and tells how they stand.

    Args:
        library: Whose store keeps them.
        tasks: Runs them; when it is cancelled, they end as failed.
    """

    def __init__(self, library: Library, tasks: TaskGroup) -> None:
        self._library = library
        self._tasks = tasks
        self._own: dict[str, Running] = {}
        self._turn = anyio.Lock()

    async def start(self, kind: str, collection: str, *, total: int, work: Work) -> Running:
        """Puts a job in the store, then starts it.

        Raises:
            ToolError: Too many jobs wait already.
            StoreError: The store cannot be written.
        """
        if len(self._own) >= _MOST_WAITING:
            raise ToolError(
                f"{_MOST_WAITING} jobs are waiting already; poll job_status, and try again later."
            )
        now = _now()
        running = Running(
            Job(_new_id(), collection, kind, "queued", total=total, created_at=now, updated_at=now)
        )
        self._own[running.job.id] = running
        with anyio.CancelScope(shield=True):  # a job that was stored is begun, whatever becomes of the call
            try:
                await self._save(running)
            except BaseException:
                del self._own[running.job.id]
                raise
        self._tasks.start_soon(self._run, running, work)
        return running

    async def get(self, job_id: str, collections: tuple[str, ...]) -> Job:
        """Tells how a job stands; one whose process is gone is marked as failed.

        Raises:
            ToolError: There is no such job in these collections.
            StoreNotFoundError: There is no store yet.
        """
        job = await self._found(job_id)
        if job is None or job.collection not in collections:
            raise ToolError(f"There is no job {line(job_id, 60)!r} here; pass the id that ingest returned.")
        return job

    async def _found(self, job_id: str) -> Job | None:
        running = self._own.get(job_id)
        if running is not None:
            if running.over:
                await running.kept.wait()  # an end that is told must outlive a crash
            return running.job
        base = await self._library.reader()
        found = await base.store.jobs(job_id)
        return await _settled(self._library, found[0]) if found else None

    async def stop(self) -> None:
        """Ends all jobs; they are in the store as failed when this returns."""
        ending = list(self._own.values())
        for running in ending:
            running.scope.cancel()
        for running in ending:
            await running.kept.wait()

    async def _run(self, running: Running, work: Work) -> None:
        try:
            with running.scope:
                async with anyio.create_task_group() as beside:
                    beside.start_soon(self._record, running)
                    async with self._turn:
                        running.begin()
                        running.end(*await _ending(running, work))
                    beside.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                if not running.over:
                    running.end("failed", STOPPED)
                if await self._try_to_save(running):
                    del self._own[running.job.id]  # else this process alone knows how the job ended
            running.kept.set()

    async def _record(self, running: Running) -> None:
        """Writes the job's record after changes, and as a sign of life."""
        written: Job | None = None
        while True:
            if running.job is written:
                with anyio.move_on_after(_HEARTBEAT):
                    await running.changed()
            written = running.job
            await self._try_to_save(running)
            await anyio.sleep(_PAUSE)

    async def _try_to_save(self, running: Running) -> bool:
        try:
            await self._save(running)
        except Exception:  # the outermost edge of a background task: the job goes on
            logger.exception("Job %s could not be recorded", running.job.id)
            return False
        return True

    async def _save(self, running: Running) -> None:
        base = await self._library.writer(running.job.collection)
        await base.store.save_job(replace(running.job, updated_at=_now()))


async def settle(library: Library) -> None:
    """Marks all jobs as failed whose server is gone. Call it when a server starts.

    Raises:
        StoreError: There is a store, and it cannot be opened.
    """
    try:
        base = await library.reader()
    except StoreNotFoundError:
        return
    for job in await base.store.jobs():
        await _settled(library, job)


async def _settled(library: Library, job: Job) -> Job:
    if job.state not in UNFINISHED or _lives(job):
        return job
    job = replace(job, state="failed", message=STOPPED, updated_at=_now())
    base = await library.reader()
    try:
        await base.store.save_job(job)
    except StoreError as error:  # a store that cannot be written can still be read
        logger.warning("Job %s could not be marked as failed: %s", job.id, error)
    return job


async def _ending(running: Running, work: Work) -> tuple[JobState, str]:
    try:
        return await work(running)
    except KagError as error:
        return "failed", str(error)
    except Exception:  # the outermost edge of a background task
        logger.exception("Job %s failed unexpectedly", running.job.id)
        return "failed", "An unexpected error ended the job; the server's log says which."


def _new_id() -> str:
    return f"job_{_HOST}{os.getpid():08x}{secrets.token_hex(6)}"


def _lives(job: Job) -> bool:
    """Whether another process seems to work on a job: it is there, as far as we see, and gave a sign."""
    host, process = job.id[4:12], job.id[12:20]
    if host == _HOST and not _is_another_process(int(process, 16)):
        return False
    return bool(job.updated_at) and datetime.now(UTC) - datetime.fromisoformat(job.updated_at) < _LIFELESS


def _is_another_process(number: int) -> bool:
    if number == os.getpid():
        return False
    if sys.platform == "win32":  # there, asking a process for a sign of life can end it
        return True
    try:
        os.kill(number, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
