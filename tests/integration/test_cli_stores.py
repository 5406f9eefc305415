"""The commands for whole stores, run as a user runs them: backup, copy, collections, and doctor's check."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import apsw
from kag_process import kag, kag_json
from store_documents import SPACE, document

from kag.knowledge_bases.embedded import EmbeddedStore


def filled(folder: Path) -> Path:
    """A store with documents in two collections."""

    async def fill() -> None:
        store = EmbeddedStore(folder)
        for collection in ("default", "other"):
            await store.upsert(document("/a.md", "[Ada] met [Bob].", collection=collection), SPACE)
            await store.upsert(document("/b.md", "[Bob] met [Cid].", collection=collection), SPACE)
        await store.close()

    asyncio.run(fill())
    return folder


def test_a_backup_is_a_store_of_its_own(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    made = kag_json("backup", "copy.db", "--store", store, cwd=tmp_path)
    assert made == {"target": "copy.db", "documents": 4}
    listed = kag_json("documents", "list", "--store", "copy.db", cwd=tmp_path)
    assert len(listed["documents"]) == 2
    again = kag("backup", "copy.db", "--store", store, cwd=tmp_path)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert kag("backup", "x.db", "--store", tmp_path / "nothing", cwd=tmp_path).returncode == 1
    assert not (tmp_path / "x.db").exists()


def test_a_copy_is_verified_and_can_be_repeated(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    first = kag_json("copy", store, "copied", cwd=tmp_path)
    assert (first["documents"], first["unchanged"], first["same"]) == (4, 0, True)
    assert first["source"] == first["target"]
    assert first["target"]["chunks"] == 4
    again = kag("copy", store, "copied", cwd=tmp_path)
    assert again.returncode == 0
    assert "4 were there already" in again.stdout
    assert "Both sides hold the same." in again.stdout
    only = kag_json("copy", store, "less", "--collection", "other", cwd=tmp_path)
    assert only["documents"] == 2


def test_a_copy_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    for arguments, words in (
        ((tmp_path / "nothing", "to"), "no store"),
        ((store, store), "the same store"),
        ((store, "to", "-c", "nowhere"), "nowhere"),
        ((store, "unknown://somewhere"), "unknown"),
    ):
        done = kag("copy", *arguments, cwd=tmp_path)
        assert done.returncode in (1, 2)
        assert words in done.stderr.lower()
        assert "Traceback" not in done.stderr


def test_a_password_in_a_uri_is_not_shown(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    done = kag("copy", store, "neo4j://user:s3cret-word@127.0.0.1:1", cwd=tmp_path)
    assert done.returncode != 0
    assert "s3cret-word" not in done.stdout + done.stderr


def test_collections_are_made_listed_renamed_and_deleted(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    flags = ("--store", store)
    assert kag_json("collections", "create", "empty", *flags, cwd=tmp_path)["created"]
    assert not kag_json("collections", "create", "empty", *flags, cwd=tmp_path)["created"]
    found = kag_json("collections", "list", *flags, cwd=tmp_path)["collections"]
    assert [(c["name"], c["documents"]) for c in found] == [("default", 2), ("empty", 0), ("other", 2)]
    moved = kag_json("collections", "rename", "other", "new", *flags, cwd=tmp_path)
    assert (moved["documents"], moved["differences"]) == (2, [])
    taken = kag("collections", "rename", "new", "default", *flags, cwd=tmp_path)
    assert (taken.returncode, "already" in taken.stderr) == (1, True)
    refused = kag("collections", "delete", "new", *flags, cwd=tmp_path)
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    gone = kag_json("collections", "delete", "new", "--yes", *flags, cwd=tmp_path)
    assert gone == {"name": "new", "documents": 2}
    missing = kag("collections", "delete", "new", "--yes", *flags, cwd=tmp_path)
    assert (missing.returncode, "No collection" in missing.stderr) == (1, True)
    assert "default: 2 documents" in kag("collections", "list", *flags, cwd=tmp_path).stdout


def test_a_collection_can_be_made_where_there_is_no_store_yet(tmp_path: Path) -> None:
    assert kag_json("collections", "create", "first", "--store", "fresh", cwd=tmp_path)["created"]
    listed = kag_json("collections", "list", "--store", "fresh", cwd=tmp_path)
    assert [c["name"] for c in listed["collections"]] == ["first"]


def test_doctor_names_what_is_wrong_in_a_store(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    well = json.loads(kag("doctor", "--store", store, "--json", cwd=tmp_path).stdout)["store"]
    assert (well["status"], well["problems"]) == ("ok", [])
    db = apsw.Connection(str(store / "kag.db"))
    db.execute("DELETE FROM support").fetchall()
    db.close()
    done = kag("doctor", "--store", store, "--json", cwd=tmp_path)
    ill = json.loads(done.stdout)["store"]
    assert done.returncode == 1
    assert ill["status"] == "failed"
    assert "without support" in "\n".join(ill["problems"])
    assert "backup" in ill["error"]
