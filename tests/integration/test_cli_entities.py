"""`kag entities duplicates | merge | split | link | unlink` as a user runs them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from kag_process import kag, kag_json

FILES = {
    "marie.md": "Marie Curie was born in Warsaw. She met J. Miller in Paris.",
    "prize.md": "Dr. Marie Curie won a prize. John Miller gave it to her in Paris.",
    "ship.md": "The steamer Marie Curie left Hamburg with Captain Olsen.",
}


def written(folder: Path) -> Path:
    """Fills a folder with a store of three documents."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    kag_json("ingest", *FILES, cwd=folder)
    return folder


@pytest.fixture
def ingested(tmp_path: Path) -> Path:
    """A folder with a store of its own."""
    return written(tmp_path)


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A folder whose store no test changes, and what it holds."""
    folder = written(tmp_path_factory.mktemp("unchanged"))
    return folder, graph(folder)


def graph(folder: Path) -> Any:
    """What the store holds, as its own commands tell it."""
    counts = kag_json("status", cwd=folder)
    counts.pop("size_bytes")
    return counts, kag_json("entities", "duplicates", cwd=folder)


def undo(folder: Path, done: dict[str, Any]) -> None:
    """Runs the commands that a command gave to be undone by."""
    assert done["undo"]
    for command in done["undo"]:
        program, *arguments = shlex.split(command)
        assert program == "kag"
        assert kag(*arguments, cwd=folder).returncode == 0


def test_duplicates_show_pairs_with_evidence_and_the_commands_that_decide(ingested: Path) -> None:
    pairs = kag_json("entities", "duplicates", cwd=ingested)["pairs"]
    asked = {frozenset((p["first"]["name"], p["second"]["name"])): p for p in pairs}
    miller = asked[frozenset(("J. Miller", "John Miller"))]
    assert 0.5 < miller["score"] < 0.9
    assert miller["evidence"]["rule"]
    shown = kag("entities", "duplicates", cwd=ingested).stdout
    ids = sorted((miller["first"]["id"], miller["second"]["id"]))
    assert f"kag entities link {ids[0]} {ids[1]} --different" in shown
    done = kag_json("entities", "link", *ids, "--different", "--reason", "asked them", cwd=ingested)
    assert done["moves"] == []
    left = kag_json("entities", "duplicates", cwd=ingested)["pairs"]
    assert len(left) == len(pairs) - 1
    (shown,) = kag_json("entities", "show", "J. Miller", cwd=ingested)["entities"]
    assert [(k["verdict"], k["reason"]) for k in shown["links"]] == [("different", "asked them")]
    undo(ingested, done)
    assert kag_json("entities", "duplicates", cwd=ingested)["pairs"] == pairs


def test_a_merge_is_undone_by_the_command_that_it_prints(ingested: Path) -> None:
    before = graph(ingested)
    done = kag_json("entities", "merge", "Warsaw", "Hamburg", "Paris", cwd=ingested)
    assert len(done["moves"]) == 2
    (city,) = done["entities"]
    assert {f["name"] for f in city["forms"]} == {"Warsaw", "Hamburg", "Paris"}
    (shown,) = kag_json("entities", "show", "hamburg", cwd=ingested)["entities"]
    assert shown["id"] == city["id"]
    (ingested / "marie.md").write_text(f"{FILES['marie.md']} Later she left.", encoding="utf-8")
    kag_json("ingest", "marie.md", cwd=ingested)
    assert kag_json("entities", "show", "hamburg", cwd=ingested)["entities"][0]["id"] == city["id"]
    (ingested / "marie.md").write_text(FILES["marie.md"], encoding="utf-8")
    kag_json("ingest", "marie.md", cwd=ingested)
    undo(ingested, done)
    assert graph(ingested) == before


def test_a_form_is_split_off_and_put_back(ingested: Path) -> None:
    before = graph(ingested)
    merged = kag_json("entities", "merge", "Warsaw", "Hamburg", cwd=ingested)
    done = kag_json("entities", "split", "Warsaw", "Hamburg", cwd=ingested)
    assert len(done["entities"]) == 2
    undo(ingested, done)
    assert len(kag_json("entities", "show", "Warsaw", cwd=ingested)["entities"][0]["forms"]) == 2
    undo(ingested, merged)
    assert graph(ingested) == before


def test_a_homonym_is_split_off_by_its_document_and_then_named_by_its_id(ingested: Path) -> None:
    before = graph(ingested)
    done = kag_json("entities", "split", "Marie Curie", "--document", "ship.md", cwd=ingested)
    assert len(done["entities"]) == 2
    ambiguous = kag("entities", "merge", "Marie Curie", "Paris", cwd=ingested)
    assert ambiguous.returncode == 1
    for entity in done["entities"]:
        assert entity["id"] in ambiguous.stderr
    assert ambiguous.stderr.startswith("error: 2 entities are called 'Marie Curie'")
    undo(ingested, done)
    assert graph(ingested) == before


def test_every_action_tells_in_words_what_it_did_and_how_to_undo_it(ingested: Path) -> None:
    done = kag("entities", "merge", "Warsaw", "Hamburg", "--store", ".kag", cwd=ingested)
    assert done.returncode == 0
    assert "1 form moved." in done.stdout
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("Undo: ")]
    assert line.endswith("--store .kag")
    assert kag(*shlex.split(line.removeprefix("Undo: kag ")), cwd=ingested).returncode == 0
    nothing = kag("entities", "link", "Warsaw", "Hamburg", "--different", cwd=ingested)
    assert "Nothing moved" in nothing.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["merge", "Warsaw"], 2, "two names or more"),
        (["merge", "Warsaw", "Nobody Atall"], 1, "No entity 'Nobody Atall'"),
        (["merge", "Warsaw", "Warsaw"], 1, "two different entities"),
        (["link", "Warsaw"], 2, ""),
        (["unlink", "Warsaw", "Paris"], 1, "Nothing links"),
        (["split", "Warsaw"], 2, "some, not all"),
        (["split", "Warsaw", "Paris"], 1, "no form of the entity"),
        (["split", "Warsaw", "Warsaw", "--document", "ship.md"], 2, "not both"),
        (["split", "Warsaw", "--document", "ship.md"], 1, "speaks of 'Warsaw'"),
        (["split", "Warsaw", "--document", "none.md"], 1, "must name one document"),
        (["duplicates", "--limit", "0"], 2, ""),
        (["duplicates", "--store", "nowhere"], 1, "no store"),
    ],
)
def test_bad_input_is_refused_with_a_reason_and_changes_nothing(
    arguments: list[str], code: int, words: str, unchanged: tuple[Path, Any]
) -> None:
    folder, before = unchanged
    done = kag("entities", *arguments, cwd=folder)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert kag_json("entities", "duplicates", cwd=folder) == before[1]
