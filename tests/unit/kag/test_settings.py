"""Settings: where they come from, in which order, and what is refused."""

from pathlib import Path

import pytest

from kag import settings
from kag.errors import ConfigurationError


@pytest.fixture(autouse=True)
def no_settings_of_mine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("STORE", "MODEL", "API_BASE", "JOBS", "COLLECTION", "EXTRACTOR"):
        monkeypatch.delenv(f"KAG_{name}", raising=False)


def test_defaults_hold_where_nothing_is_set(tmp_path: Path) -> None:
    assert settings.load(folder=tmp_path) == settings.Settings()


def test_flags_go_before_variables_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kag.toml").write_text('model = "file/m"\ncollection = "file"\njobs = 2\n')
    monkeypatch.setenv("KAG_COLLECTION", "variable")
    monkeypatch.setenv("KAG_JOBS", "3")
    chosen = settings.load({"jobs": 5, "model": None}, folder=tmp_path)
    assert (chosen.model, chosen.collection, chosen.jobs) == ("file/m", "variable", 5)


def test_the_file_is_found_in_a_folder_above_and_its_paths_are_beside_it(tmp_path: Path) -> None:
    (tmp_path / "kag.toml").write_text('store = "graph"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert settings.load(folder=inner).store == str(tmp_path / "graph")


def test_a_uri_in_the_file_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kag.toml").write_text('store = "neo4j://localhost:7687"\n')
    assert settings.load(folder=tmp_path).store == "neo4j://localhost:7687"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("store = ", "not valid TOML"),
        ('modle = "x"', "Did you mean 'model'"),
        ("jobs = 0", "at least 1"),
        ('jobs = "four"', "expected int"),
        ("jobs = true", "expected int"),
        ("model = 3", "expected str"),
        ('extractor = "magic"', "auto, local, llm"),
        ('api_key = "sk-secret"', "looks like a secret"),
        ("[model]\nname = 'x'", "expected str"),
    ],
)
def test_a_broken_file_says_what_is_wrong_and_where(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "kag.toml").write_text(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        settings.load(folder=tmp_path)
    assert "kag.toml" in str(caught.value)
    assert "sk-secret" not in str(caught.value)


def test_a_file_that_is_not_text_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "kag.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="not valid TOML"):
        settings.load(folder=tmp_path)


def test_a_variable_of_the_wrong_type_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAG_JOBS", "many")
    with pytest.raises(ConfigurationError, match="variable KAG_JOBS"):
        settings.load(folder=tmp_path)


def test_no_model_is_a_message_with_three_ways_to_set_one() -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings.Settings().open_language_model()
    assert all(way in str(caught.value) for way in ("--model", "KAG_MODEL", "kag.toml"))
