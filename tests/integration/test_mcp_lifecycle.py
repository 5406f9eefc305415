"""The life of a `kag mcp` process: started, killed, told to end, hung up on; and what its jobs say of it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from kag_process import kag, kag_json
from mcp.shared.exceptions import MCPError
from mcp_process import (
    QUESTION,
    Wire,
    ask,
    finished,
    many_documents,
    refusal,
    served,
    three_documents,
)

from kag.settings import Settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with three documents that are connected."""
    return three_documents(tmp_path)


@pytest.fixture
def ingested(folder: Path) -> Path:
    kag_json("ingest", "docs", cwd=folder)
    return folder


async def test_a_server_without_a_store_starts_says_so_and_makes_one_at_the_first_ingestion(
    folder: Path,
) -> None:
    async with served(folder) as client:
        assert "Nothing has been ingested yet" in await refusal(client, "search", query="Curie")
        assert "Nothing has been ingested yet" in await refusal(client, "job_status", job_id="job_x")
        assert not (folder / ".kag").exists()
        job = await ask(client, "ingest", paths=["docs/marie.md"], wait_s=30)
        assert job["state"] == "done"
        assert (await ask(client, "search", query="Warsaw"))["passages"]


async def test_a_store_that_another_process_makes_or_changes_is_seen_at_once(folder: Path) -> None:
    async with served(folder) as client:
        await refusal(client, "search", query="Warsaw")
        await anyio.to_thread.run_sync(lambda: kag_json("ingest", "docs/marie.md", cwd=folder))
        assert (await ask(client, "search", query="Warsaw", mode="keyword"))["passages"]
        await anyio.to_thread.run_sync(lambda: kag_json("ingest", "docs", cwd=folder))
        assert (await ask(client, "search", query="Langevin", mode="keyword"))["passages"]


async def test_searches_are_answered_while_an_ingestion_runs(ingested: Path) -> None:
    many_documents(ingested, 120)
    async with served(ingested) as client:
        job = await ask(client, "ingest", paths=["many"])
        assert job["state"] in ("queued", "running")
        searches = 0
        while (await ask(client, "job_status", job_id=job["id"]))["state"] in ("queued", "running"):
            assert (await ask(client, "search", query=QUESTION))["passages"]
            searches += 1
        done = await finished(client, job["id"])
        assert (done["state"], done["done"]) == ("done", 120)
        assert searches > 1
        assert (await ask(client, "search", query="Person7 Family7"))["passages"][0]["title"] == "Report 7"


async def test_a_killed_server_loses_nothing_and_the_next_one_tells_the_truth(folder: Path) -> None:
    many_documents(folder, 200)
    with pytest.raises((MCPError, anyio.ClosedResourceError, ExceptionGroup)):  # the client dies with it
        async with served(folder) as client:
            job = await ask(client, "ingest", paths=["many"])
            with anyio.fail_after(120):
                while (await ask(client, "job_status", job_id=job["id"]))["done"] < 20:
                    pass
            os.kill(int((folder / "server.pid").read_text()), signal.SIGKILL)
            await ask(client, "job_status", job_id=job["id"])

    stored = kag_json("status", cwd=folder)["documents"]
    assert 20 <= stored < 200
    async with served(folder) as client:
        dead = await ask(client, "job_status", job_id=job["id"])
        assert dead["state"] == "failed"
        assert dead["message"].startswith("The server stopped")
        again = await finished(client, (await ask(client, "ingest", paths=["many"]))["id"])
        assert (again["state"], again["done"]) == ("done", 200)
        assert f"{200 - stored} stored, {stored} unchanged" in again["message"]
    assert kag_json("status", cwd=folder)["documents"] == 200


async def test_a_server_that_is_hung_up_on_ends_and_its_job_says_so(folder: Path) -> None:
    many_documents(folder, 200)
    async with served(folder) as client:
        job = await ask(client, "ingest", paths=["many"])
    async with served(folder) as client:
        stopped = await ask(client, "job_status", job_id=job["id"])
        assert (stopped["state"], stopped["message"][:18]) == ("failed", "The server stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_server_that_is_told_to_end_does_so_in_order(folder: Path, number: signal.Signals) -> None:
    wire = Wire(folder)
    job = wire.call("ingest", paths=[str(many_documents(folder, 100))])
    wire.process.send_signal(number)
    assert wire.process.wait(timeout=30) == 128 + number  # although its stdin is still open
    wire.rest()
    async with Settings(store=str(folder / ".kag")).open_knowledge_base() as base:
        (stopped,) = await base.store.jobs(job["id"])
    assert (stopped.state, stopped.message[:18]) == ("failed", "The server stopped")


def test_wrong_flags_and_stores_end_the_start_with_one_clear_line(ingested: Path) -> None:
    done = kag("mcp", "--root", "nowhere", cwd=ingested)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--root nowhere does not exist" in done.stderr
    (ingested / "bad").mkdir()
    (ingested / "bad" / "kag.db").write_text("not a database, only text " * 100)
    done = kag("mcp", "--store", "bad", cwd=ingested)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_a_start_loads_no_model_no_reader_and_no_plotting(ingested: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from mcp import Client\n"
        "from kag.settings import Settings\n"
        "from mcp_server import app, commands\n"
        "from mcp_server.roots import Roots\n"
        "from mcp_server.scope import Access\n"
        "async def main():\n"
        "    access = Access(('default',), True, Roots.of([Path('.')]))\n"
        "    async with app.running(Settings()) as running:\n"
        "        server = app.build(app.same_for_all(running, access), app.tools(access))\n"
        "        async with Client(server) as client:\n"
        "            await client.list_tools()\n"
        "asyncio.run(main())\n"
        "heavy = ('fastembed', 'onnxruntime', 'wordllama', 'tokenizers', 'litellm', 'matplotlib', 'numpy',\n"
        "         'networkx', 'pypdfium2', 'mammoth', 'selectolax', 'semantic_text_splitter', 'neo4j',\n"
        "         'aiohttp')\n"
        "print(*[name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ingested, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == ""
