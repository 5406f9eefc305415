"""Jobs: in the store before they are told of, true while they run, true after a crash."""

import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from kag.errors import IngestError, ToolError
from kag.knowledge_bases.base import Job, JobState
from kag.settings import Settings
from mcp_server.jobs import STOPPED, Jobs, Running, settle
from mcp_server.library import Library


def settings(folder: Path) -> Settings:
    return Settings(store=str(folder / "store"), embedding_model="wordllama")


async def stored(folder: Path, job_id: str | None = None) -> list[Job]:
    """What another process would read from the store."""
    base = settings(folder).open_knowledge_base()
    await base.open(create=False)
    try:
        return await base.store.jobs(job_id)
    finally:
        await base.close()


async def keep(folder: Path, job: Job) -> None:
    """Puts a job in the store, as another server would."""
    base = settings(folder).open_knowledge_base()
    await base.open()
    await base.store.save_job(job)
    await base.close()


@asynccontextmanager
async def jobs_in(folder: Path) -> AsyncIterator[Jobs]:
    library = Library(settings(folder))
    async with anyio.create_task_group() as tasks:
        yield Jobs(library, tasks)
        tasks.cancel_scope.cancel()
    await library.close()


async def end_of(running: Running) -> Job:
    with anyio.fail_after(30):
        while not running.over:
            await running.changed()
    return running.job


async def nothing_to_do(running: Running) -> tuple[JobState, str]:
    return "done", "nothing to do"


async def test_a_job_is_in_the_store_before_its_id_is_given_out(tmp_path: Path) -> None:
    async with jobs_in(tmp_path) as jobs:
        running = await jobs.start("ingest", "default", total=3, work=nothing_to_do)
        (job,) = await stored(tmp_path, running.job.id)
        assert (job.kind, job.collection, job.total) == ("ingest", "default", 3)


async def test_what_a_job_did_is_in_the_store_when_it_is_over(tmp_path: Path) -> None:
    async def work(running: Running) -> tuple[JobState, str]:
        running.advance(2)
        running.advance(2, ("b.md", "it is empty"))
        return "partial", "1 stored, 1 failed"

    async with anyio.create_task_group() as tasks:
        library = Library(settings(tmp_path))
        running = await Jobs(library, tasks).start("ingest", "default", total=2, work=work)
    (job,) = await stored(tmp_path, running.job.id)
    assert (job.state, job.done, job.total, job.message) == ("partial", 2, 2, "1 stored, 1 failed")
    assert [dict(f) for f in job.failed] == [{"item": "b.md", "error": "it is empty"}]
    await library.close()


async def test_a_running_job_tells_others_how_far_it_is(tmp_path: Path) -> None:
    seen = anyio.Event()

    async def work(running: Running) -> tuple[JobState, str]:
        running.advance(7)
        await seen.wait()
        return "done", ""

    async with jobs_in(tmp_path) as jobs:
        running = await jobs.start("ingest", "default", total=7, work=work)
        with anyio.fail_after(30):
            while (await stored(tmp_path, running.job.id))[0].done != 1:
                await anyio.lowlevel.checkpoint()
        assert (await stored(tmp_path, running.job.id))[0].state == "running"
        seen.set()
        assert (await end_of(running)).state == "done"


async def test_a_foreseen_error_ends_a_job_with_its_own_words(tmp_path: Path) -> None:
    async def work(running: Running) -> tuple[JobState, str]:
        raise IngestError("There is no document in it.")

    async with jobs_in(tmp_path) as jobs:
        job = await end_of(await jobs.start("ingest", "default", total=1, work=work))
        assert (job.state, job.message) == ("failed", "There is no document in it.")


async def test_an_unforeseen_error_is_logged_and_its_words_are_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(running: Running) -> tuple[JobState, str]:
        raise ValueError("postgres://user:hunter2@host")

    async with jobs_in(tmp_path) as jobs:
        with caplog.at_level(logging.ERROR):
            job = await end_of(await jobs.start("ingest", "default", total=1, work=work))
        assert job.state == "failed"
        assert "hunter2" not in job.message
        assert job.id in caplog.text
        again = await end_of(await jobs.start("ingest", "default", total=1, work=nothing_to_do))
        assert again.state == "done"


async def test_jobs_run_one_at_a_time_and_the_others_wait(tmp_path: Path) -> None:
    go = anyio.Event()
    order = []

    async def first(running: Running) -> tuple[JobState, str]:
        await go.wait()
        order.append("first")
        return "done", ""

    async def second(running: Running) -> tuple[JobState, str]:
        order.append("second")
        return "done", ""

    async with jobs_in(tmp_path) as jobs:
        one = await jobs.start("ingest", "default", total=1, work=first)
        two = await jobs.start("ingest", "default", total=1, work=second)
        with anyio.fail_after(30):
            while one.job.state != "running":
                await one.changed()
        assert (await jobs.get(two.job.id, ("default",))).state == "queued"
        go.set()
        await end_of(two)
    assert order == ["first", "second"]


async def test_a_server_that_is_stopped_leaves_its_jobs_failed_with_the_reason(tmp_path: Path) -> None:
    async def work(running: Running) -> tuple[JobState, str]:
        await anyio.Event().wait()
        return "done", ""

    async with jobs_in(tmp_path) as jobs:
        one = await jobs.start("ingest", "default", total=1, work=work)
        two = await jobs.start("ingest", "default", total=1, work=work)
    for running in (one, two):
        (job,) = await stored(tmp_path, running.job.id)
        assert (job.state, job.message) == ("failed", STOPPED)


def ended_process() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


async def one_of(folder: Path, process: int, *, host: str = "", age: timedelta = timedelta()) -> Job:
    """A job in the store that some process of some host works on."""
    async with jobs_in(folder) as jobs:
        ours = (await jobs.start("ingest", "default", total=5, work=nothing_to_do)).job
    number = f"job_{host or ours.id[4:12]}{process:08x}{ours.id[20:]}"
    then = (datetime.now(UTC) - age).isoformat()
    job = replace(ours, id=number, state="running", done=2, updated_at=then)
    await keep(folder, job)
    return job


async def test_at_a_start_the_jobs_of_a_dead_process_are_marked_as_failed(tmp_path: Path) -> None:
    job = await one_of(tmp_path, ended_process())
    library = Library(settings(tmp_path))
    await settle(library)
    await library.close()
    (found,) = await stored(tmp_path, job.id)
    assert (found.state, found.message, found.done) == ("failed", STOPPED, 2)


async def test_at_a_start_jobs_of_an_earlier_process_with_our_number_are_marked_as_failed(
    tmp_path: Path,
) -> None:
    job = await one_of(tmp_path, os.getpid())
    library = Library(settings(tmp_path))
    await settle(library)
    await library.close()
    assert (await stored(tmp_path, job.id))[0].state == "failed"


async def test_the_jobs_of_a_living_process_are_left_alone(tmp_path: Path) -> None:
    job = await one_of(tmp_path, os.getppid())
    async with jobs_in(tmp_path) as jobs:
        assert (await jobs.get(job.id, ("default",))).state == "running"
    assert (await stored(tmp_path, job.id))[0].state == "running"


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(seconds=5), "running"), (timedelta(minutes=5), "failed")]
)
async def test_a_job_of_another_host_lives_as_long_as_it_gives_signs(
    tmp_path: Path, age: timedelta, state: str
) -> None:
    job = await one_of(tmp_path, os.getpid(), host="0badcafe", age=age)
    async with jobs_in(tmp_path) as jobs:
        assert (await jobs.get(job.id, ("default",))).state == state


async def test_a_read_only_server_tells_the_truth_about_dead_jobs_without_writing_it(tmp_path: Path) -> None:
    job = await one_of(tmp_path, ended_process())
    library = Library(settings(tmp_path), read_only=True)
    async with anyio.create_task_group() as tasks:
        assert (await Jobs(library, tasks).get(job.id, ("default",))).state == "failed"
    await library.close()
    assert (await stored(tmp_path, job.id))[0].state == "running"


async def test_an_unknown_job_and_one_of_another_collection_look_the_same(tmp_path: Path) -> None:
    async with jobs_in(tmp_path) as jobs:
        other = await jobs.start("ingest", "secret", total=1, work=nothing_to_do)
        await end_of(other)
        messages = []
        for job_id in (other.job.id, "job_unknown"):
            with pytest.raises(ToolError) as error:
                await jobs.get(job_id, ("default",))
            messages.append(str(error.value).replace(job_id, ""))
        assert messages[0] == messages[1]


def test_a_start_makes_no_store(tmp_path: Path) -> None:
    async def start() -> None:
        library = Library(settings(tmp_path))
        await settle(library)
        await library.close()

    anyio.run(start)
    assert list(tmp_path.iterdir()) == []
