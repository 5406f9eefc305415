"""The main job with a real, small language model behind a real server; its content is not judged."""

import json
from pathlib import Path

from kag_process import kag
from real_models import LanguageModelServer

PAGE = "# Marie Curie\n\nMarie Curie was born in Warsaw. She discovered polonium in Paris.\n"


def model(server: LanguageModelServer) -> tuple[str, ...]:
    return ("--model", server.model, "--api-base", server.url)


def test_typed_extraction_stores_only_what_the_page_says(
    tmp_path: Path, language_model_server: LanguageModelServer
) -> None:
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    done = kag("ingest", "page.md", *model(language_model_server), "--json", cwd=tmp_path, HOME=str(tmp_path))
    report = json.loads(done.stdout)
    assert (done.returncode, report["stored"], report["extractor"]) == (0, 1, "llm"), done.stderr
    shown = kag("entities", "show", "Marie Curie", "--json", cwd=tmp_path)
    (entity, *_) = json.loads(shown.stdout)["entities"]
    assert all(s["quote"] in PAGE for fact in entity["facts"] for s in fact["support"])


def test_an_answer_quotes_the_evidence_or_abstains(
    tmp_path: Path, language_model_server: LanguageModelServer
) -> None:
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    assert kag("ingest", "page.md", cwd=tmp_path).returncode == 0
    done = kag("ask", "Where was Marie Curie born?", *model(language_model_server), "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["insufficient"] == (not answer["sentences"])
    for sentence in answer["sentences"]:
        assert sentence["citations"]
        assert all(PAGE[c["start"] : c["end"]] == c["quote"] for c in sentence["citations"])
    assert answer["evidence"]["passages"]
