"""`kag communities`, `questions generate`, `evaluate retrieval`, `graph import`, as users run them."""

import json
from pathlib import Path

import pytest
from kag_process import kag, kag_json
from tiny_cross_encoder import write_tiny_cross_encoder

FILES = {
    "ada.md": "# Ada Lovelace\n\nAda Lovelace described the Analytical Engine of Charles Babbage.\n",
    "babbage.md": "# Analytical Engine\n\nCharles Babbage of Trinity College built the Analytical Engine.\n",
    "cambridge.md": "# Trinity College\n\nIsaac Newton wrote the Principia at Trinity College.\n",
    "bread.md": "# Sourdough\n\nA Sourdough begins with Rye Flour from the Water Mill.\n",
    "mill.md": "# Water Mill\n\nThe Water Mill grinds Rye Flour for each Sourdough of the village.\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("retrieval")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    kag_json("ingest", *FILES, cwd=folder)
    return folder


def test_communities_are_built_listed_and_shown(folder: Path) -> None:
    done = kag_json("communities", "build", cwd=folder)
    assert done["written"] == done["communities"] >= 2
    assert kag_json("communities", "build", cwd=folder)["written"] == 0
    found = kag_json("communities", "list", "Who grinds flour for bread?", cwd=folder)["communities"]
    assert {"Sourdough", "Water Mill"} & set(found[0]["entities"])
    shown = kag_json("communities", "show", found[0]["id"], cwd=folder)
    for statement in shown["statements"]:
        for source in statement["provenance"]:
            assert Path(source["uri"]).name in ("bread.md", "mill.md")
    text = kag("communities", "show", found[0]["name"][:5], cwd=folder).stdout
    assert found[0]["id"] in text
    assert "characters" in text


def test_a_community_that_is_not_there_is_named(folder: Path) -> None:
    done = kag("communities", "show", "nothing of this name", cwd=folder)
    assert done.returncode == 1
    assert "nothing of this name" in done.stderr


def test_questions_of_the_graph_are_a_gate_for_its_retrieval(folder: Path) -> None:
    made = kag("questions", "generate", "--out", "questions.jsonl", cwd=folder)
    assert made.returncode == 0, made.stderr
    rows = [json.loads(line) for line in (folder / "questions.jsonl").read_text().splitlines()]
    assert rows
    assert all(len(row["gold"]) == 2 for row in rows)
    arguments = ("evaluate", "retrieval", "questions.jsonl", "--mode", "graph", "--mode", "auto", "-k", "5")
    data = kag_json(*arguments, "--min-recall", "0.5", "--plot", "recall.png", cwd=folder)
    assert data["questions"] == len(rows)
    assert set(data["modes"]) == {"graph", "auto"}
    assert data["modes"]["graph"]["recall@5"] == 1
    assert (folder / "recall.png").read_bytes()[:4] == b"\x89PNG"


def test_a_reranker_from_a_folder_changes_the_order(folder: Path) -> None:
    (folder / "mill.jsonl").write_text(
        json.dumps({"question": "Who begins with Rye Flour?", "gold": ["mill.md"]})
    )
    write_tiny_cross_encoder(folder / "models" / "tiny", {"grinds": 9.0})
    arguments = ("evaluate", "retrieval", "mill.jsonl", "--mode", "keyword", "--k", "1")
    assert kag_json(*arguments, cwd=folder)["modes"]["keyword"]["recall@1"] == 0
    data = kag_json(*arguments, "--reranker", "models/tiny", cwd=folder)
    assert data["modes"]["keyword"]["recall@1"] == 1


def test_a_recall_below_the_threshold_fails_the_command(folder: Path) -> None:
    row = {"question": "Who begins with Rye Flour?", "gold": ["bread.md", "cambridge.md"]}
    (folder / "hard.jsonl").write_text(json.dumps(row))
    arguments = ("evaluate", "retrieval", "hard.jsonl", "--mode", "keyword", "--k", "1")
    assert kag(*arguments, "--min-recall", "0.5", cwd=folder).returncode == 0
    done = kag(*arguments, "--min-recall", "0.6", cwd=folder)
    assert done.returncode == 1
    assert "recall@1 of keyword is less than 0.6" in done.stderr
    assert "50.0" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (("nowhere.jsonl",), "nowhere.jsonl", 2),
        (("ada.md",), "is not JSON", 2),
        (("ok.jsonl", "--mode", "magic"), "magic", 2),
        (("ok.jsonl", "--k", "0"), "--k", 2),
        (("ok.jsonl", "--min-recall", "2"), "--min-recall", 2),
        (("gone.jsonl",), "gone.md", 1),
    ],
)
def test_what_cannot_be_evaluated_is_said(
    folder: Path, arguments: tuple[str, ...], says: str, code: int
) -> None:
    (folder / "ok.jsonl").write_text(json.dumps({"question": "q", "gold": ["ada.md"]}))
    (folder / "gone.jsonl").write_text(json.dumps({"question": "q", "gold": ["gone.md"]}))
    done = kag("evaluate", "retrieval", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_given_facts_are_imported_with_their_passages(tmp_path: Path) -> None:
    passage = {"id": "p1", "title": "Marie Curie", "text": "Marie Curie was born in Warsaw."}
    (tmp_path / "corpus.jsonl").write_text(json.dumps(passage))
    (tmp_path / "triples.jsonl").write_text(
        json.dumps({"id": "p1", "triples": [["Marie Curie", "first saw", "Warsaw"]]})
    )
    arguments = ("graph", "import", "corpus.jsonl", "triples.jsonl", "--embedding-model", "wordllama")
    done = kag_json(*arguments, cwd=tmp_path)
    assert [document["state"] for document in done["documents"]] == ["stored"]
    shown = kag_json("entities", "show", "Marie Curie", cwd=tmp_path)["entities"][0]
    assert "FIRST_SAW" in {fact["type"] for fact in shown["facts"]}


def test_questions_need_documents_that_meet(tmp_path: Path) -> None:
    (tmp_path / "one.md").write_text("Ada Lovelace lived in London.")
    kag_json("ingest", "one.md", cwd=tmp_path)
    done = kag("questions", "generate", cwd=tmp_path)
    assert done.returncode == 1
    assert "No question can be made" in done.stderr
