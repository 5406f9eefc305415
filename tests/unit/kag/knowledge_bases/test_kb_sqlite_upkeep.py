"""The embedded store over time: migrations, scripts without spaces, checks, backups, and full disks."""

# ruff: noqa: ASYNC221  a test may block while it looks at files

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import apsw
import pytest
from store_documents import SPACE, document, everything

from kag import text
from kag.errors import StoreError, StoreFullError, StoreReadOnlyError, StoreVersionError
from kag.knowledge_bases import _sqlite_schema as schema
from kag.knowledge_bases import _sqlite_schema_2 as second
from kag.knowledge_bases.base import TextSearch
from kag.knowledge_bases.embedded import EmbeddedStore
from kag.knowledge_bases.records import chunk_id, document_id, entity_id

ROOT = Path(__file__).resolve().parents[4]
HERE = ("default",)


async def found(store: EmbeddedStore, words: str, target: str = "chunk") -> list[str]:
    hits = await store.text_search(TextSearch(words, 10, HERE, target=target))  # type: ignore[arg-type]
    records = await store.get([hit.id for hit in hits])
    return [getattr(r, "text", "") or getattr(r, "name", "") for r in records.values()]


# Migrations


def first_version(path: Path) -> None:
    """Makes a store as the first version did, with a document in two scripts, by its script and rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.execute(schema.MIGRATIONS[0]).fetchall()
    db.execute("INSERT INTO schema_version VALUES (1, '2026-01-01T00:00:00Z')")
    db.pragma("application_id", schema.APPLICATION_ID)
    db.pragma("user_version", 1)
    document_ = document_id("default", "/a.md")
    texts = ["Ada lived in London.", "日本の首都は東京です。"]
    names = ["Ada", "東京"]
    db.execute("INSERT INTO collection VALUES (1, 'default')")
    db.execute(
        "INSERT INTO document VALUES (1, ?, 1, '/a.md', 'A', 'text/plain', 'h', '2026', '{}', 'd')",
        (document_,),
    )
    db.execute("INSERT INTO document_text VALUES (1, ?)", ("\n".join(texts),))
    for n, (line, name) in enumerate(zip(texts, names, strict=True), start=1):
        db.execute(
            "INSERT INTO chunk VALUES (?, ?, 1, 1, ?, 0, ?, NULL, '[]')",
            (n, chunk_id(document_, line), n - 1, len(line)),
        )
        db.execute("INSERT INTO chunk_text VALUES (?, ?, 'A')", (n, line))
        db.execute("INSERT INTO chunk_fts(rowid, text, context) VALUES (?, ?, 'A')", (n, line))
        db.execute(
            "INSERT INTO entity VALUES (?, ?, 1, 'Name', ?, '', '', '{}', 1)",
            (n, entity_id("default", "Name", name), name),
        )
        db.execute("INSERT INTO entity_source VALUES (1, ?, ?, '[]', '', '{}')", (n, name))
        db.execute("INSERT INTO entity_name VALUES (?, ?, ?, 1, 0)", (n, name, name.lower()))
        db.execute(
            "INSERT INTO entity_fts(rowid, name, aliases, description) VALUES (?, ?, '', '')", (n, name)
        )
        db.execute("INSERT INTO mention VALUES (?, ?, 0, 2, 0)", (n, n))
    for kind, name, n in (("document", "", 1), ("chunk", "", 2), ("entity", "Name", 2), ("mention", "", 2)):
        db.execute("INSERT INTO tally VALUES (1, ?, ?, ?)", (kind, name, n))
    db.close()


async def test_a_store_of_the_first_version_is_migrated_and_finds_its_scripts(tmp_path: Path) -> None:
    first_version(tmp_path / "kag.db")
    reader = EmbeddedStore(tmp_path)
    with pytest.raises(StoreVersionError, match="older schema 1"):
        await reader.open(read_only=True)
    store = EmbeddedStore(tmp_path)
    await store.open(create=False)
    assert await store.check() == []
    assert await found(store, "london") == ["Ada lived in London."]
    assert await found(store, "首都") == ["日本の首都は東京です。"]
    assert await found(store, "東京", "entity") == ["東京"]
    assert len(await store.mentions(entity_ids=[entity_id("default", "Name", "東京")])) == 1
    await store.delete_document(document_id("default", "/a.md"))
    assert await found(store, "首都") == []
    assert await store.check() == []
    await store.close()
    await reader.open(read_only=True)
    await reader.close()


async def test_a_migrated_store_is_what_a_new_one_is(tmp_path: Path) -> None:
    first_version(tmp_path / "old" / "kag.db")
    stores = [EmbeddedStore(tmp_path / name) for name in ("old", "new")]
    shown = []
    for store in stores:
        await store.upsert(document("/a.md", "[Ada] met [東京].", "[Bob] sat."), SPACE)
        shown.append(await everything(store))
        assert await store.check() == []
        await store.close()
    assert shown[0] == shown[1]


def test_the_scripts_of_the_index_are_those_that_questions_are_split_by() -> None:
    assert second.SCRIPTS == text.UNSPACED_RANGES


# Scripts without spaces


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("東京", "日本の首都は東京です。"),
        ("首都", "日本の首都は東京です。"),
        ("都", "日本の首都は東京です。"),
        ("日本の首都はどこですか", "日本の首都は東京です。"),
        ("เมืองหลวง", "กรุงเทพเป็นเมืองหลวงของไทย"),
        ("ไทย", "กรุงเทพเป็นเมืองหลวงของไทย"),
        ("서울", "우리는 서울에서 만났다."),
        ("北京大学", "他在北京大学学习。"),
        ("大学", "他在北京大学学习。"),
        ("ရန်ကုန်", "မြန်မာနိုင်ငံ ရန်ကုန်မြို့"),
        ("what is 大学 about", "他在北京大学学习。"),
    ],
)
async def test_parts_of_runs_without_spaces_are_found(tmp_path: Path, words: str, wanted: str) -> None:
    store = EmbeddedStore(tmp_path)
    lines = (
        "日本の首都は東京です。",
        "กรุงเทพเป็นเมืองหลวงของไทย",
        "우리는 서울에서 만났다.",
        "他在北京大学学习。",
        "မြန်မာနိုင်ငံ ရန်ကုန်မြို့",
        "Plain words of the Latin script.",
    )
    await store.upsert(document("/a.md", *lines), SPACE)
    assert (await found(store, words))[0] == wanted
    assert await found(store, "火星") == []
    await store.close()


async def test_entities_in_such_scripts_follow_their_changes(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    said = {"東京": {"description": "日本の首都。"}}
    await store.upsert(document("/a.md", "[東京] は広い。", said=said), SPACE)
    assert await found(store, "首都", "entity") == ["東京"]
    await store.upsert(
        document("/a.md", "[東京] は広い。", said={"東京": {"description": "大きな街。"}}), SPACE
    )
    assert await found(store, "首都", "entity") == []
    assert await found(store, "大きな街", "entity") == ["東京"]
    await store.delete_document(document_id("default", "/a.md"))
    assert await found(store, "東京", "entity") == []
    assert await store.check() == []
    db = apsw.Connection(str(tmp_path / "kag.db"))
    for index in ("chunk_trigram", "entity_trigram"):
        assert db.execute(f"SELECT count(*) FROM {index}_terms").fetchall() == [(0,)]
    db.close()
    await store.close()


async def test_latin_text_costs_nothing_in_the_index_of_characters(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(document("/a.md", "[Ada] is called Zoë; Привет."), SPACE)
    await store.close()
    db = apsw.Connection(str(tmp_path / "kag.db"))
    for index in ("chunk_trigram", "entity_trigram"):
        assert db.execute(f"SELECT count(*) FROM {index}_docsize").fetchall() == [(0,)]
    db.close()


# Collections


async def test_an_empty_collection_is_listed_until_it_is_deleted(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    assert await store.create_collection("empty")
    assert not await store.create_collection("empty")
    await store.upsert(document("/a.md", "[Ada] sat.", collection="empty"), SPACE)
    await store.delete_document(document_id("empty", "/a.md"))
    assert (await store.statistics()).collections == ("empty",)
    assert (await store.statistics(["empty", "x"])).collections == ("empty",)
    assert (await store.statistics(["x"])).collections == ()
    assert await store.delete_collection("empty") == 0
    assert (await store.statistics()).collections == ()
    with pytest.raises(StoreError, match="name"):
        await store.create_collection("  ")
    await store.close()


# Checks


FAULTS = {
    "DELETE FROM support": "relations",
    "UPDATE relation SET weight = weight + 1": "wrong count of support",
    "UPDATE entity SET degree = degree + 1": "wrong count of chunks",
    "DELETE FROM entity_source": "entities that no document states",
    "DELETE FROM relation_source": "relations that no document states",
    "DELETE FROM chunk_text": "without their text",
    "DELETE FROM document_text": "documents without their text",
    "DELETE FROM chunk_fts_docsize": "text index",
    "INSERT INTO entity_fts(rowid, name) VALUES (999, 'ghost')": "without an entity",
    "UPDATE tally SET n = n + 1 WHERE kind = 'mention'": "counts that are wrong: mention",
    "UPDATE chunk_vector SET data = x'00'": "vectors of a wrong size",
    "UPDATE chunk_vector SET document = 99": "another document",
    "UPDATE chunk SET document = 99": "refers to a document that is not there",
    "UPDATE chunk_text SET text = text || ' more'": "holds other words than the texts",
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
async def test_a_check_names_what_is_wrong(tmp_path: Path, fault: str) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(document("/a.md", "[Ada] met [Bob].", "[Bob] met [Cid]."), SPACE)
    assert await store.check() == []
    db = apsw.Connection(str(tmp_path / "kag.db"))
    db.execute(fault).fetchall()
    db.close()
    wrong = await store.check()
    assert wrong
    assert FAULTS[fault] in "\n".join(wrong)
    await store.close()


async def test_a_check_of_a_damaged_file_says_so(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(document("/a.md", *(f"[Name {n}] met [Ada]." for n in range(200))), SPACE)
    await store.close()
    data = bytearray((tmp_path / "kag.db").read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 2048] = b"\xff" * 2048
    (tmp_path / "kag.db").write_bytes(data)
    store = EmbeddedStore(tmp_path)
    await store.open(read_only=True)
    try:
        wrong = await store.check()
    except StoreError as error:
        wrong = [str(error)]
    assert "damaged" in wrong[0]
    await store.close()


async def test_a_check_does_not_take_what_others_wrote_for_damage(tmp_path: Path) -> None:
    store, other = EmbeddedStore(tmp_path), EmbeddedStore(tmp_path)
    for n in range(4):
        await other.upsert(document("/a.md", f"[Ada {n}] met [Bob {n}] in 東京{n}."), SPACE)
        assert await store.check() == []
        await other.delete_document(document_id("default", "/a.md"))
        assert await store.check() == []
    await store.close()
    await other.close()


# Backups


async def test_a_backup_is_one_moment_while_another_writes(tmp_path: Path) -> None:
    store, writer = EmbeddedStore(tmp_path / "store"), EmbeddedStore(tmp_path / "store")
    for n in range(20):
        await store.upsert(document(f"/{n}.md", f"[Ada] met [Bob {n}]."), SPACE)
        if n % 5 == 4:
            await writer.upsert(document(f"/w{n}.md", f"[Cid] met [Dan {n}]."), SPACE)
            await store.backup(str(tmp_path / f"copy {n}"))
    copy = EmbeddedStore(tmp_path / "copy 19")
    assert await everything(copy) == await everything(store)
    assert await copy.check() == []
    assert {p.name for p in (tmp_path / "copy 9").iterdir()} == {"kag.db"}
    for each in (store, writer, copy):
        await each.close()


async def test_a_backup_replaces_nothing(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    await store.upsert(document("/a.md", "[Ada] sat."), SPACE)
    (tmp_path / "taken.db").write_text("mine")
    with pytest.raises(StoreError, match="exists already"):
        await store.backup(str(tmp_path / "taken.db"))
    assert (tmp_path / "taken.db").read_text() == "mine"
    with pytest.raises(StoreError, match="exists already"):
        await store.backup(str(tmp_path / "store"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError):
        await store.backup(str(tmp_path / "file" / "copy.db"))
    await store.close()


FULL = """
import asyncio, resource, signal, sys
sys.path.insert(0, "tests")
from store_documents import SPACE, document
from kag.errors import StoreError
from kag.knowledge_bases.embedded import EmbeddedStore

async def main():
    store = EmbeddedStore(sys.argv[1])
    await store.upsert(document("/b.md", *(f"Line {n} " + "x" * 5000 for n in range(600))), SPACE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
    try:
        await store.backup(sys.argv[2])
    except StoreError as error:
        print(type(error).__name__)
    print((await store.statistics()).documents)

asyncio.run(main())
"""


async def test_a_backup_to_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "copies" / "copy.db"
    done = subprocess.run(
        [sys.executable, "-c", FULL, tmp_path / "store", target],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == [StoreFullError.__name__, "1"], done.stderr
    assert list(target.parent.iterdir()) == []


async def test_a_store_that_is_open_for_reading_makes_backups_and_no_collections(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "store")
    await store.upsert(document("/a.md", "[Ada] sat."), SPACE)
    await store.close()
    await store.open(read_only=True)
    await store.backup(str(tmp_path / "copy.db"))
    assert (tmp_path / "copy.db").exists()
    with pytest.raises(StoreReadOnlyError):
        await store.create_collection("x")
    await store.close()


def files(folder: Path) -> dict[str, bytes]:
    """What stands in a folder."""
    return {file.name: file.read_bytes() for file in folder.iterdir()}


async def test_what_was_deleted_is_not_in_the_log_beside_an_open_store(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    change = document("/secret.md", "[Zebulon Quux] lives in [Xanadu].", embedded=False)
    await store.upsert(change)
    assert await store.find_documents(("default",), "/secret.md")
    await store.delete_document(change.document.id)
    assert [name for name, data in files(tmp_path).items() if b"Quux" in data] == []
    await store.close()
