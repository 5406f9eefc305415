"""The `kag` command as a user runs it: real processes, real files, good input and bad."""

import json
import signal
import sqlite3
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from kag_process import AS_A_USER, KAG, can_be_powerless, kag, kag_json

MARIE = (
    "# Marie Curie\n\nMarie Curie was born in Warsaw. She discovered polonium with Pierre Curie in 1898.\n"
)
PIERRE = "# Pierre Curie\n\nPierre Curie taught at the ESPCI in Paris. Jacques Curie was his brother.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with two documents that share an entity."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "marie.md").write_text(MARIE, encoding="utf-8")
    (tmp_path / "docs" / "pierre.md").write_text(PIERRE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def ingested(folder: Path) -> Path:
    kag_json("ingest", "docs", cwd=folder)
    return folder


def contents(folder: Path) -> Any:
    """What the store holds, as its own commands tell it."""
    counts = kag_json("status", cwd=folder)
    counts.pop("size_bytes")
    return counts, kag_json("documents", "list", cwd=folder)


def test_version_prints_one_line(tmp_path: Path) -> None:
    done = kag("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("kag ")
    assert done.stderr == ""


def test_ingest_reports_what_it_stored_and_status_agrees(folder: Path) -> None:
    report = kag_json("ingest", "docs", cwd=folder)
    assert (report["stored"], report["failed"], report["extractor"]) == (2, 0, "local")
    assert report["embedding_model"].startswith("wordllama")
    counts = kag_json("status", cwd=folder)
    assert (counts["documents"], counts["chunks"]) == (2, report["chunks"])
    assert counts["embedding_model"] == report["embedding_model"]


def test_ingesting_again_changes_nothing(ingested: Path) -> None:
    before = contents(ingested)
    report = kag_json("ingest", "docs", cwd=ingested)
    assert (report["stored"], report["unchanged"]) == (0, 2)
    assert contents(ingested) == before


def test_a_changed_file_replaces_what_it_said(ingested: Path) -> None:
    (ingested / "docs" / "marie.md").write_text("# Marie Curie\n\nNow about Zanzibar.\n", encoding="utf-8")
    report = kag_json("ingest", "docs", cwd=ingested)
    assert (report["stored"], report["unchanged"]) == (1, 1)
    assert kag_json("search", "Warsaw", "--mode", "keyword", cwd=ingested)["passages"] == []
    assert kag_json("search", "Zanzibar", cwd=ingested)["passages"]


def test_search_finds_the_second_document_over_the_graph_and_says_how(ingested: Path) -> None:
    found = kag_json(
        "search", "Who was the brother of the man with whom Marie Curie discovered polonium?", cwd=ingested
    )
    titles = [p["title"] for p in found["passages"]]
    assert set(titles[:2]) == {"Marie Curie", "Pierre Curie"}
    second = next(p for p in found["passages"] if p["title"] == "Pierre Curie")
    assert [s["name"] for s in second["path"] if s["kind"] == "entity"] == ["Pierre Curie"]


def test_every_passage_of_a_search_is_the_text_at_its_span(ingested: Path) -> None:
    for passage in kag_json("search", "Curie", cwd=ingested)["passages"]:
        text = kag_json("documents", "show", passage["document_id"], cwd=ingested)["text"]
        start, end = passage["span"]
        assert text[start:end] == passage["text"]


@pytest.mark.parametrize("mode", ["graph", "hybrid", "vector", "keyword"])
def test_every_mode_finds_words_of_a_passage(ingested: Path, mode: str) -> None:
    found = kag_json("search", "brother Jacques Curie", "--mode", mode, cwd=ingested)
    assert found["passages"][0]["title"] == "Pierre Curie"


def test_entities_show_gives_facts_with_quotes_and_places(ingested: Path) -> None:
    (entity,) = kag_json("entities", "show", "pierre curie", cwd=ingested)["entities"]
    assert entity["degree"] == 2
    assert {p["title"] for p in entity["passages"]} == {"Marie Curie", "Pierre Curie"}
    assert all(s["quote"] in MARIE + PIERRE for fact in entity["facts"] for s in fact["support"])


def test_deleting_a_document_leaves_no_trace(ingested: Path) -> None:
    done = kag("documents", "delete", "marie.md", "--yes", cwd=ingested)
    assert done.returncode == 0
    assert [d["title"] for d in kag_json("documents", "list", cwd=ingested)["documents"]] == ["Pierre Curie"]
    assert kag("entities", "show", "Warsaw", cwd=ingested).returncode == 1


def test_graph_plot_writes_a_picture_and_a_page(ingested: Path) -> None:
    done = kag("graph", "plot", cwd=ingested)
    assert done.returncode == 0, done.stderr
    assert (ingested / "graph.png").read_bytes().startswith(b"\x89PNG")
    assert "Pierre Curie" in (ingested / "graph.html").read_text(encoding="utf-8")


def test_ask_without_a_model_says_three_ways_and_shows_the_evidence(ingested: Path) -> None:
    done = kag("ask", "Where was Marie Curie born?", cwd=ingested)
    assert done.returncode == 1
    assert all(way in done.stderr for way in ("--model", "KAG_MODEL", "kag.toml"))
    assert "Warsaw" in done.stdout


def test_ask_with_a_model_that_is_not_there_names_it_and_shows_the_evidence(ingested: Path) -> None:
    done = kag(
        "ask", "Where was Marie Curie born?", "--model", "openai/absent", "--api-base", "http://127.0.0.1:9/v1",
        cwd=ingested, OPENAI_API_KEY="sk-very-secret",
    )  # fmt: skip
    assert done.returncode == 1
    assert "openai/absent" in done.stderr
    assert "Warsaw" in done.stdout
    assert "sk-very-secret" not in done.stdout + done.stderr


def test_init_writes_a_file_that_the_other_commands_read(folder: Path) -> None:
    assert kag("init", "--store", "graph", cwd=folder).returncode == 0
    kag_json("ingest", "docs", cwd=folder)
    assert (folder / "graph").is_dir()
    assert kag_json("status", cwd=folder)["settings"] == str(folder / "kag.toml")
    again = kag("init", cwd=folder)
    assert again.returncode == 2
    assert "--force" in again.stderr


def test_reembed_switches_to_another_model_and_searches_still_work(
    ingested: Path, minilm_folder: Path
) -> None:
    done = kag("search", "brother", "--embedding-folder", minilm_folder, cwd=ingested)
    assert done.returncode == 1
    assert "kag reembed" in done.stderr
    space = kag_json("reembed", "--embedding-folder", minilm_folder, cwd=ingested)
    assert space["dimensions"] == 384
    found = kag_json(
        "search",
        "Who was his sibling?",
        "--mode",
        "vector",
        "--embedding-folder",
        minilm_folder,
        cwd=ingested,
    )
    assert found["passages"]


# Bad input: one clear line, the right exit code, and the store as it was.


def refused(done: Any, code: int, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_missing_path_is_named_and_no_store_is_made(tmp_path: Path) -> None:
    refused(kag("ingest", "nowhere", cwd=tmp_path), 1, "nowhere", "error:")
    assert not (tmp_path / ".kag").exists()


def test_an_empty_folder_says_what_can_be_read_and_no_store_is_made(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    refused(kag("ingest", "empty", cwd=tmp_path), 1, "empty", ".md")
    assert not (tmp_path / ".kag").exists()


def test_a_binary_file_is_reported_and_the_others_are_stored(folder: Path) -> None:
    (folder / "docs" / "binary.md").write_bytes(bytes(range(256)) * 40)
    done = kag("ingest", "docs", "--json", cwd=folder)
    report = json.loads(done.stdout)
    assert done.returncode == 3
    assert (report["stored"], report["failed"]) == (2, 1)
    assert "binary.md" in done.stderr


bound_by_permissions = pytest.mark.skipif(
    not can_be_powerless(), reason="the superuser may do what permissions forbid, and there is no setpriv"
)


@bound_by_permissions
@pytest.mark.parametrize("name", ["docs/marie.md", "docs/closed"])
def test_what_may_not_be_read_is_named(folder: Path, name: str) -> None:
    (folder / "docs" / "closed").mkdir()
    (folder / name).chmod(0)
    done = kag("ingest", "docs", cwd=folder, prefix=AS_A_USER)
    (folder / name).chmod(0o755)
    assert done.returncode == 3
    assert Path(name).name in done.stdout
    assert "ermission" in done.stdout


def test_a_search_without_a_store_says_how_to_make_one(tmp_path: Path) -> None:
    refused(kag("search", "words", cwd=tmp_path), 1, "kag ingest")
    assert not (tmp_path / ".kag").exists()


def test_a_store_from_a_newer_version_is_left_alone(ingested: Path) -> None:
    path = ingested / ".kag" / "kag.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    before = path.read_bytes()
    for arguments in (["search", "x"], ["ingest", "docs"], ["status"]):
        refused(kag(*arguments, cwd=ingested), 1, "newer")
    assert path.read_bytes() == before


def test_a_damaged_store_is_a_clear_error(ingested: Path) -> None:
    path = ingested / ".kag" / "kag.db"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    refused(kag("search", "x", cwd=ingested), 1, "error:")


def test_a_locked_store_says_so_and_loses_nothing(ingested: Path) -> None:
    before = contents(ingested)
    holder = sqlite3.connect(ingested / ".kag" / "kag.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    (ingested / "docs" / "new.md").write_text("# New\n\nSomething new.\n", encoding="utf-8")
    try:
        refused(kag("ingest", "docs", cwd=ingested), 1, "process")
        assert kag_json("search", "Curie", cwd=ingested)["passages"]
    finally:
        holder.close()
    assert contents(ingested) == before


@bound_by_permissions
def test_a_read_only_store_can_be_searched_and_not_written(ingested: Path) -> None:
    store = ingested / ".kag"
    for path in (*store.iterdir(), store):
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        for command in (
            ["search", "Curie"],
            ["status"],
            ["documents", "list"],
            ["entities", "show", "Pierre Curie"],
        ):
            done = kag(*command, cwd=ingested, prefix=AS_A_USER)
            assert done.returncode == 0, done.stderr
        (ingested / "docs" / "new.md").write_text("# New\n\nSomething new.\n", encoding="utf-8")
        refused(kag("ingest", "docs", cwd=ingested, prefix=AS_A_USER), 1, "cannot be written")
    finally:
        store.chmod(0o755)


def test_an_embedding_model_that_is_not_there_is_named(folder: Path) -> None:
    refused(kag("ingest", "docs", "--embedding-folder", "no-such-folder", cwd=folder), 1, "no-such-folder")


def test_the_llm_extractor_without_a_model_is_a_usage_error_and_makes_no_store(folder: Path) -> None:
    refused(kag("ingest", "docs", "--extractor", "llm", cwd=folder), 2, "--model")
    assert not (folder / ".kag").exists()


def test_a_model_that_cannot_be_reached_stops_the_ingestion_and_stores_nothing_half(folder: Path) -> None:
    done = kag(
        "ingest", "docs", "--model", "openai/absent", "--api-base", "http://127.0.0.1:9/v1", cwd=folder
    )
    assert done.returncode == 1
    assert "openai/absent" in done.stderr
    assert kag_json("status", cwd=folder)["documents"] == 0


@pytest.mark.parametrize("content", ["store = ", 'modle = "x"', "jobs = 'x'"])
def test_a_broken_kag_toml_is_a_usage_error(folder: Path, content: str) -> None:
    (folder / "kag.toml").write_text(content, encoding="utf-8")
    refused(kag("ingest", "docs", cwd=folder), 2, "kag.toml")


@pytest.mark.parametrize(
    "arguments",
    [["search"], ["search", "x", "--mode", "magic"], ["search", "x", "-k", "0"], ["nonsense"], ["ingest"]],
)
def test_wrong_usage_exits_with_two(folder: Path, arguments: list[str]) -> None:
    done = kag(*arguments, cwd=folder)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_an_empty_query_is_refused(ingested: Path) -> None:
    refused(kag("search", "  ", cwd=ingested), 1, "empty")


def test_query_syntax_is_only_words(ingested: Path) -> None:
    for text in ('" OR 1=1 --', "NEAR(a b", "title:x AND *", "'; DROP TABLE chunk; --", "💥" * 50):
        assert kag("search", text, cwd=ingested).returncode == 0
    assert kag_json("status", cwd=ingested)["documents"] == 2


def test_collections_do_not_see_each_other(ingested: Path) -> None:
    (ingested / "other.md").write_text("# Radon\n\nRadon was named by Friedrich Dorn.\n", encoding="utf-8")
    kag_json("ingest", "other.md", "-c", "other", cwd=ingested)
    (here,) = kag_json("entities", "show", "Pierre Curie", cwd=ingested)["entities"]
    assert kag_json("search", "Pierre Curie", "-c", "other", cwd=ingested)["passages"][0]["title"] == "Radon"
    found = kag_json("search", "Friedrich Dorn", cwd=ingested)["passages"]
    assert "Radon" not in [passage["title"] for passage in found]
    refused(kag("entities", "show", here["id"], "-c", "other", cwd=ingested), 1, "No entity")
    refused(kag("graph", "plot", here["id"], "-c", "other", cwd=ingested), 1, "No entity")
    refused(kag("documents", "show", "marie.md", "-c", "other", cwd=ingested), 1, "No document")


def test_an_interrupted_ingestion_says_so_and_goes_on_when_run_again(folder: Path) -> None:
    for number in range(300):
        (folder / "docs" / f"{number}.md").write_text(f"# Page {number}\n\n{MARIE}" * 20, encoding="utf-8")
    with subprocess.Popen([KAG, "ingest", "docs"], cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        while not (folder / ".kag" / "kag.db").exists() and process.poll() is None:
            pass
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    report = kag_json("ingest", "docs", cwd=folder)
    assert report["stored"] + report["unchanged"] == 302


def test_deleting_asks_nobody_without_a_terminal(ingested: Path) -> None:
    refused(kag("documents", "delete", "marie.md", cwd=ingested), 2, "--yes")
    assert kag_json("status", cwd=ingested)["documents"] == 2


def test_names_of_files_cannot_steer_the_terminal(folder: Path) -> None:
    (folder / "docs" / "a\x1b[31m\nb.md").write_text("# Red\n\nA red page.\n", encoding="utf-8")
    kag_json("ingest", "docs", cwd=folder)
    listed = kag("documents", "list", cwd=folder).stdout
    assert "\x1b" not in listed
    assert len(listed.splitlines()) == 3
    assert "\x1b" not in kag("search", "red page", cwd=folder).stdout


def test_an_absent_model_leaves_no_store_behind(folder: Path) -> None:
    assert kag("ingest", "docs", "--embedding-folder", "docs", cwd=folder).returncode == 1
    assert not (folder / ".kag").exists()
