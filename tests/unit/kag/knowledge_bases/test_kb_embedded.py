"""The embedded store's file: what it leaves on disk, and what it says when that is not as it should be."""

# ruff: noqa: ASYNC221, ASYNC240  a test may block while it looks at files

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from store_documents import SPACE, document, everything, vector

import kag.knowledge_bases._vectors  # noqa: F401  loaded now: a test gives up the right to read its file
from kag.errors import (
    ConfigurationError,
    StoreCorruptError,
    StoreError,
    StoreLockedError,
    StoreNotFoundError,
    StoreReadOnlyError,
    StoreVersionError,
)
from kag.knowledge_bases.base import Store, TextSearch, VectorSearch
from kag.knowledge_bases.embedded import EmbeddedStore
from kag.knowledge_bases.records import Chunk, document_id

ROOT = Path(__file__).resolve().parents[4]


async def filled(folder: Path) -> Path:
    """Makes a store with two documents, closes it, and returns its file."""
    store = EmbeddedStore(folder)
    await store.upsert(document("/a.md", "[Ada] met [Bob]."), SPACE)
    await store.upsert(document("/b.md", "[Bob] met [Cid]."), SPACE)
    await store.close()
    return folder / "kag.db"


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, shadow tables of the text indexes included."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    names = [n for (n,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    rows = {name: list(db.execute(f'SELECT * FROM "{name}"')) for name in names}
    db.close()
    return rows


def terms(path: Path) -> set[str]:
    """Every term of both text indexes."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    found = {
        t for table in ("chunk_terms", "entity_terms") for (t,) in db.execute(f"SELECT term FROM {table}")
    }
    db.close()
    return found


def integrity(path: Path) -> str:
    """What SQLite says of the file, and of both text indexes against the texts they index."""
    db = apsw.Connection(str(path))
    said = str(db.pragma("integrity_check"))
    assert list(db.execute("PRAGMA foreign_key_check")) == []
    for index in ("chunk_fts", "entity_fts"):
        db.execute(f"INSERT INTO {index}({index}, rank) VALUES ('integrity-check', 1)")
    db.close()
    return said


@contextmanager
def nobody() -> Iterator[Path]:
    """A folder of our own, worked in as a user who has no special rights; root could write anywhere."""
    user = 65534 if os.geteuid() == 0 else os.geteuid()
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    os.chown(folder, user, -1)
    before = os.geteuid()
    vector("loads what it needs, while we still may read it")
    os.seteuid(user)
    try:
        yield folder
    finally:
        os.seteuid(before)
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
        for path in sorted(folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        folder.rmdir()


# What is left on disk


async def test_a_repeated_upsert_writes_not_one_byte(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    change = document("/a.md", "[Ada] met [Bob].")
    await store.upsert(change, SPACE)
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir() if not p.name.endswith("-shm")}
    assert (await store.upsert(change, SPACE)).unchanged
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if not p.name.endswith("-shm")} == files
    await store.close()


async def test_no_trace_of_a_deleted_document_is_left_in_any_table_or_index(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    said = {
        "Qwertzuiop": {"aliases": ("Asdfghjkl",), "description": "Yxcvbnm", "properties": {"uvw": "rstuv"}}
    }
    for n in range(30):
        await store.upsert(document(f"/{n}.md", f"[Name {n}] met [Bob] at place{n}."), SPACE)
    secret = document(
        "/Zanzibarian.md",
        "[Qwertzuiop] met [Bob] in Mnemosyne.",
        "Xylophonist.",
        title="Hjklmnop",
        headings=("Vbnmqwe",),
        relation="KLMOPQ",
        label="Tzuiopas",
        said=said,
    )
    await store.upsert(secret, SPACE)
    await store.set_embeddings(SPACE, {secret.entities[0].id: vector("x")}, final=False)
    await store.close()
    words = [b"qwertzuiop", b"asdfghjkl", b"yxcvbnm", b"mnemosyn", b"xylophonist", b"hjklmnop", b"vbnmqw"]
    words += [b"zanzibarian", b"klmopq", b"tzuiopas", b"uvw", b"rstuv", secret.document.id.encode()]
    whole = (tmp_path / "kag.db").read_bytes().lower()
    assert all(word in whole for word in words[:6]), "the words must be there before they can go"
    store = EmbeddedStore(tmp_path)
    await store.delete_document(secret.document.id)
    await store.close()
    kept = repr(tables(tmp_path / "kag.db")).lower()
    left = [word for word in words if word.decode() in kept]
    assert left == []
    assert not {word.decode() for word in words} & terms(tmp_path / "kag.db")
    whole = (tmp_path / "kag.db").read_bytes().lower()
    assert [word for word in words if word in whole] == []
    assert integrity(tmp_path / "kag.db") == "ok"


async def test_words_that_a_changed_document_lost_are_gone_too(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(document("/a.md", "[Ada] stays.", "[Qwertzuiop] goes."), SPACE)
    await store.upsert(document("/a.md", "[Ada] stays."), SPACE)
    await store.close()
    assert "qwertzuiop" not in repr(tables(tmp_path / "kag.db")).lower()
    assert "qwertzuiop" not in terms(tmp_path / "kag.db")


async def test_deleting_a_document_leaves_the_tables_as_if_it_had_never_come(tmp_path: Path) -> None:
    one, other = EmbeddedStore(tmp_path / "one"), EmbeddedStore(tmp_path / "other")
    first = document(
        "/a.md", "[Ada] met [Bob].", said={"Bob": {"description": "Short.", "properties": {"p": 1}}}
    )
    guest = document(
        "/b.md", "[BOB] met [Cid].", said={"BOB": {"description": "Longer.", "properties": {"p": 2}}}
    )
    await one.upsert(first, SPACE)
    await other.upsert(first, SPACE)
    await other.upsert(guest, SPACE)
    await other.delete_document(guest.document.id)
    await one.close()
    await other.close()
    left, right = tmp_path / "one" / "kag.db", tmp_path / "other" / "kag.db"
    assert terms(left) == terms(right)
    # The text indexes keep their segments as they came, and counters only ever grow.
    grown = re.compile("schema_version|sqlite_sequence|meta|.*_fts_(data|idx|config)")
    assert _without(tables(left), grown) == _without(tables(right), grown)


def _without(rows: dict[str, list[tuple[object, ...]]], names: re.Pattern[str]) -> dict[str, object]:
    return {name: found for name, found in rows.items() if not names.fullmatch(name)}


async def test_the_file_is_sound_after_many_changes(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    for round_ in range(3):
        for n in range(12):
            said = {"Hub": {"description": "x" * ((n * 7 + round_) % 13), "aliases": (f"alias {n % 3}",)}}
            names = [
                f"[Hub] met [Name {(n + k) % 9}] in round {round_ if n % 2 else 0}." for k in range(n % 4 + 1)
            ]
            await store.upsert(document(f"/{n}.md", *names, said=said), SPACE)
        for n in range(0, 12, 3):
            await store.delete_document(document_id("default", f"/{n}.md"))
    await store.close()
    assert integrity(tmp_path / "kag.db") == "ok"


async def test_closing_leaves_only_the_one_file(tmp_path: Path) -> None:
    await filled(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["kag.db"]
    reader = EmbeddedStore(tmp_path)
    await reader.open(read_only=True)
    assert (await reader.statistics()).documents == 2
    await reader.close()
    assert [p.name for p in tmp_path.iterdir()] == ["kag.db"]


# Where the store is


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("{}/folder", "folder/kag.db"),
        ("{}/deep/er/folder", "deep/er/folder/kag.db"),
        ("{}/x.db", "x.db"),
        ("{}/x.sqlite", "x.sqlite"),
        ("sqlite:///{}/y.db", "y.db"),
        ("sqlite:///{}/no-suffix", "no-suffix"),
        ("{}/with space?and#marks%20", "with space?and#marks%20/kag.db"),
        ("{}/Größe 日本", "Größe 日本/kag.db"),
    ],
)
async def test_a_uri_is_a_folder_or_a_file(tmp_path: Path, uri: str, file: str) -> None:
    store = EmbeddedStore(uri.format(tmp_path))
    await store.open()
    await store.close()
    assert (tmp_path / file).is_file()


async def test_a_relative_uri_is_relative_to_where_we_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for uri in ("sqlite:///here.db", "there"):
        store = EmbeddedStore(uri)
        await store.open()
        await store.close()
    assert {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.db")} == {"here.db", "there/kag.db"}


@pytest.mark.parametrize(
    "uri",
    ["", "  ", ":memory:", "sqlite:///:memory:", "sqlite://", "sqlite:///", "x://y", "a\0b", "x" * 5000],
)
async def test_a_uri_that_names_no_store_is_refused(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="names no store"):
        await EmbeddedStore(uri).open()


async def test_a_missing_store_is_not_made_unasked(tmp_path: Path) -> None:
    for flags in ({"create": False}, {"read_only": True}):
        with pytest.raises(StoreNotFoundError, match="kag ingest"):
            await EmbeddedStore(tmp_path / "none").open(**flags)
    assert list(tmp_path.iterdir()) == []


# Files that are no stores


async def test_an_empty_file_becomes_a_store_only_when_asked(tmp_path: Path) -> None:
    (tmp_path / "kag.db").touch()
    with pytest.raises(StoreNotFoundError, match="empty"):
        await EmbeddedStore(tmp_path).open(create=False)
    store = EmbeddedStore(tmp_path)
    await store.open()
    assert (await store.statistics()).documents == 0
    await store.close()


@pytest.mark.parametrize("flags", [{}, {"create": False}, {"read_only": True}])
@pytest.mark.parametrize("content", [b"just some text\n" * 400, b"\x89PNG\r\n", os.urandom(8192)])
async def test_a_file_that_is_no_database_is_left_alone(
    tmp_path: Path, content: bytes, flags: dict[str, bool]
) -> None:
    (tmp_path / "kag.db").write_bytes(content)
    with pytest.raises(StoreCorruptError, match="not a store"):
        await EmbeddedStore(tmp_path).open(**flags)
    assert (tmp_path / "kag.db").read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["kag.db"]


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    db = apsw.Connection(str(tmp_path / "kag.db"))
    db.execute("CREATE TABLE theirs(a)")
    db.close()
    content = (tmp_path / "kag.db").read_bytes()
    with pytest.raises(StoreCorruptError, match="another program"):
        await EmbeddedStore(tmp_path).open()
    assert (tmp_path / "kag.db").read_bytes() == content


@pytest.mark.parametrize("flags", [{}, {"create": False}, {"read_only": True}])
async def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, flags: dict[str, bool]) -> None:
    path = await filled(tmp_path)
    db = apsw.Connection(str(path))
    db.pragma("user_version", 99)
    db.close()
    content = path.read_bytes()
    with pytest.raises(StoreVersionError, match=r"newer version.*99.*Upgrade"):
        await EmbeddedStore(tmp_path).open(**flags)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["kag.db"]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
async def test_a_file_that_was_cut_short_is_called_damaged(tmp_path: Path, share: float) -> None:
    path = await filled(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    store = EmbeddedStore(tmp_path)
    with pytest.raises(StoreCorruptError, match=r"damaged|not a store"):
        await store.open(create=False)
        await everything(store)
    await store.close()


async def test_pages_of_rubbish_are_called_damaged(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    store = EmbeddedStore(tmp_path)
    with pytest.raises(StoreCorruptError, match="damaged"):
        await store.open(create=False)
        await everything(store)
    await store.close()


async def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "kag.db").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        await EmbeddedStore(tmp_path).open()


async def test_wiping_needs_a_store_that_may_be_written(tmp_path: Path) -> None:
    await filled(tmp_path)
    with pytest.raises(StoreReadOnlyError, match="emptied"):
        await EmbeddedStore(tmp_path, wipe=("default",)).open(read_only=True)


async def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="another place"):
        await EmbeddedStore(tmp_path / "file" / "below").open()


# Locked, read-only, full


async def test_a_store_that_another_writer_holds_says_so_and_stays_readable(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    store = EmbeddedStore(tmp_path, busy_seconds=0.05)
    assert (await store.statistics()).documents == 2
    with pytest.raises(StoreLockedError, match="another process"):
        await store.upsert(document("/c.md", "More."), SPACE)
    other.execute("ROLLBACK")
    other.close()
    await store.upsert(document("/c.md", "More."), SPACE)
    assert (await store.statistics()).documents == 3
    await store.close()


async def test_a_writer_waits_for_another_that_is_soon_done(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    other = apsw.Connection(str(path))
    other.execute("BEGIN IMMEDIATE")
    store = EmbeddedStore(tmp_path, busy_seconds=30)
    await store.open()
    waiting = asyncio.create_task(store.upsert(document("/c.md", "More."), SPACE))
    for _ in range(20):
        assert (await store.statistics()).documents == 2
    assert not waiting.done()
    other.execute("COMMIT")
    other.close()
    await waiting
    assert (await store.statistics()).documents == 3
    await store.close()


async def test_a_store_that_is_open_for_reading_refuses_every_write(tmp_path: Path) -> None:
    await filled(tmp_path)
    store = EmbeddedStore(tmp_path)
    await store.open(read_only=True)
    with pytest.raises(StoreReadOnlyError):
        await store.upsert(document("/c.md", "More."), SPACE)
    with pytest.raises(StoreReadOnlyError):
        await store.delete_document(document_id("default", "/a.md"))
    with pytest.raises(StoreReadOnlyError):
        await store.set_embeddings(SPACE, {}, final=True)
    with pytest.raises(StoreError, match="close it first"):
        await store.open()
    await store.close()


async def read_all(folder: Path) -> dict[str, object]:
    store: Store = EmbeddedStore(folder)
    await store.open(read_only=True)
    assert len(await store.text_search(TextSearch("met", 9, ("default",)))) == 2
    assert len(await store.vector_search(VectorSearch(vector("x"), 9, ("default",)))) == 2
    seen = await everything(store)
    await store.close()
    return seen


async def test_a_read_only_folder_is_read_and_nothing_is_made_in_it(tmp_path: Path) -> None:
    with nobody() as folder:
        path = await filled(folder)
        before = await read_all(folder)
        path.chmod(0o444)
        folder.chmod(0o555)
        assert await read_all(folder) == before
        assert [p.name for p in folder.iterdir()] == ["kag.db"]
        with pytest.raises(StoreReadOnlyError, match="read-only"):
            await EmbeddedStore(folder).open()
        with pytest.raises(StoreReadOnlyError):
            await EmbeddedStore(folder / "new").open()
        assert [p.name for p in folder.iterdir()] == ["kag.db"]


async def test_a_read_only_file_in_a_writable_folder_is_read(tmp_path: Path) -> None:
    with nobody() as folder:
        path = await filled(folder)
        before = await read_all(folder)
        path.chmod(0o444)
        assert await read_all(folder) == before
        assert [p.name for p in folder.iterdir()] == ["kag.db"]
        with pytest.raises(StoreReadOnlyError):
            await EmbeddedStore(folder).open()


async def test_a_reader_in_a_read_only_place_sees_the_file_replaced(tmp_path: Path) -> None:
    with nobody() as folder:
        path = await filled(folder)
        path.chmod(0o444)
        folder.chmod(0o555)
        store = EmbeddedStore(folder, readers=1)
        await store.open(read_only=True)
        assert (await store.statistics()).documents == 2
        folder.chmod(0o755)
        path.chmod(0o644)
        writer = EmbeddedStore(folder)
        await writer.upsert(document("/c.md", "More."), SPACE)
        await writer.close()
        path.chmod(0o444)
        folder.chmod(0o555)
        assert (await store.statistics()).documents == 3
        await store.close()


async def test_changes_that_wait_in_a_read_only_place_are_not_passed_over(tmp_path: Path) -> None:
    with nobody() as folder:
        live = folder / "live"
        writer = EmbeddedStore(live)
        await writer.upsert(document("/a.md", "[Ada] met [Bob]."), SPACE)
        copy = folder / "copy"
        copy.mkdir()
        for name in ("kag.db", "kag.db-wal"):
            (copy / name).write_bytes((live / name).read_bytes())
            (copy / name).chmod(0o444)
        await writer.close()
        copy.chmod(0o555)
        with pytest.raises(StoreReadOnlyError, match="copy the folder"):
            await EmbeddedStore(copy).open(read_only=True)


FULL = """
import asyncio, resource, signal, sys
sys.path.insert(0, "tests")
from store_documents import SPACE, document
from kag.errors import StoreFullError
from kag.knowledge_bases.embedded import EmbeddedStore

async def main():
    store = EmbeddedStore(sys.argv[1])
    await store.upsert(document("/a.md", "[Ada] met [Bob]."), SPACE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
    try:
        await store.upsert(document("/b.md", *(f"Line {n} " + "x" * 5000 for n in range(600))), SPACE)
    except StoreFullError as error:
        print(error)
    print((await store.statistics()).documents)

asyncio.run(main())
"""


async def test_a_full_disk_is_named_and_keeps_what_was_there(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    message, documents = done.stdout.splitlines()
    assert "nothing of the change was kept" in message
    assert documents == "1"
    store = EmbeddedStore(tmp_path)
    await store.upsert(document("/b.md", "Now it fits."), SPACE)
    assert (await store.statistics()).documents == 2
    await store.close()
    assert integrity(tmp_path / "kag.db") == "ok"


# Cost


async def test_a_search_reads_only_the_vectors_that_are_new(tmp_path: Path) -> None:
    writer, reader = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
    await writer.open()
    await reader.open(read_only=True)
    search = VectorSearch(vector("Line 7."), 1, ("default",))
    for n in range(10):
        await writer.upsert(document(f"/{n}.md", f"Line {n}."), SPACE)
        hits = await reader.vector_search(search)
        assert len(hits) == 1
    await writer.delete_document(document_id("default", "/7.md"))
    (best,) = await reader.vector_search(search)
    assert best.score < 0.999
    await writer.upsert(document("/7.md", "Line 7."), SPACE)
    (best,) = await reader.vector_search(search)
    assert best.score == pytest.approx(1.0, abs=1e-5)
    await writer.close()
    await reader.close()


def test_importing_the_store_loads_no_numpy() -> None:
    code = "import sys, kag.knowledge_bases.embedded; print(sorted({'numpy', 'pydantic'} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True).strip() == "[]"


async def test_common_words_do_not_hide_the_rare_one(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    lines = [f"The common engine number {n}." for n in range(400)]
    await store.upsert(document("/a.md", *lines, "The common engine of quokkas.", embedded=False))
    hits = await store.text_search(TextSearch("what is the common engine of the quokka", 3, ("default",)))
    (best, *_) = (await store.get([hits[0].id])).values()
    assert isinstance(best, Chunk)
    assert best.text == "The common engine of quokkas."
    await store.close()
