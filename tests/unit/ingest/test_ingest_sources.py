"""What is found in files and folders, in which order, and what is left out and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ingest import readers, sources
from kag.errors import ReadError, UnsupportedFileError


def plant(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("Words.")


def found(root: Path, **options: object) -> list[str]:
    """Names below the root of what would be read."""
    listed = sources.find([root], **options)  # type: ignore[arg-type]
    return [source.path.relative_to(root).as_posix() for source in listed if not source.reason]


def test_a_folder_is_listed_in_a_stable_order(tmp_path: Path) -> None:
    plant(tmp_path, "b.md", "a/z.txt", "a/b/c.html", "a.md", "Z.md", "é.md", "c/a.md")
    assert found(tmp_path) == ["Z.md", "a.md", "b.md", "é.md", "a/z.txt", "a/b/c.html", "c/a.md"]
    assert found(tmp_path, recursive=False) == ["Z.md", "a.md", "b.md", "é.md"]


def test_hidden_files_the_store_and_locks_are_passed_over(tmp_path: Path) -> None:
    plant(tmp_path, ".kag/x.md", ".git/y.md", ".hidden.md", "~$letter.docx", "node_modules/z.md", "seen.md")
    assert [source.path.name for source in sources.find([tmp_path])] == ["seen.md"]


def test_files_that_no_reader_knows_are_listed_with_the_reason(tmp_path: Path) -> None:
    plant(tmp_path, "a.md", "photo.PNG", "Makefile")
    reasons = {source.path.name: source.reason for source in sources.find([tmp_path])}
    assert reasons == {
        "Makefile": "no suffix that says what it is",
        "a.md": "",
        "photo.PNG": "no reader for .png files",
    }


def test_a_file_that_is_named_itself_fails_when_it_is_read(tmp_path: Path) -> None:
    plant(tmp_path, "photo.png")
    [source] = sources.find([tmp_path / "photo.png"])
    assert source.reason == ""
    with pytest.raises(UnsupportedFileError):
        next(readers.read(source.path))
    [source] = sources.find([tmp_path, tmp_path / "photo.png"])
    assert source.reason == ""


def test_globs_and_exclusions_match_names_and_paths(tmp_path: Path) -> None:
    plant(tmp_path, "a.md", "b.txt", "drafts/c.md", "x/drafts/d.md", "x/e.md", "photo.png")
    assert found(tmp_path, glob="*.md") == ["a.md", "drafts/c.md", "x/e.md", "x/drafts/d.md"]
    assert found(tmp_path, exclude=["drafts"]) == ["a.md", "b.txt", "x/e.md"]
    assert found(tmp_path, exclude=["x/*", "*.txt"]) == ["a.md", "drafts/c.md"]
    assert all(source.path.suffix == ".md" for source in sources.find([tmp_path], glob="*.md"))


def test_a_path_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"no file or folder .*nowhere\. Check the path"):
        sources.find([tmp_path / "nowhere"])
    with pytest.raises(ReadError, match="no file or folder"):
        sources.find(["with\0nul"])


def test_an_empty_folder_is_an_empty_list(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert sources.find([tmp_path]) == []
    assert sources.find([]) == []


def test_a_file_that_is_reached_twice_is_listed_once(tmp_path: Path) -> None:
    plant(tmp_path, "d/a.md")
    listed = sources.find(
        [tmp_path / "d", tmp_path, tmp_path / "d" / "a.md", tmp_path / "d" / ".." / "d" / "a.md"]
    )
    assert [source.uri for source in listed] == [str(tmp_path / "d" / "a.md")]


def test_links_do_not_lead_in_circles_or_to_doubles(tmp_path: Path) -> None:
    plant(tmp_path, "d/a.md")
    (tmp_path / "d" / "up").symlink_to(tmp_path)
    (tmp_path / "d" / "self").symlink_to("self")
    (tmp_path / "again.md").symlink_to(tmp_path / "d" / "a.md")
    (tmp_path / "broken.md").symlink_to("nothing")
    listed = {s.path.relative_to(tmp_path).as_posix(): s.reason for s in sources.find([tmp_path])}
    assert listed == {
        "again.md": "a link to a file that is read itself",
        "broken.md": "a link to nothing",
        "d/a.md": "",
        "d/self": "no suffix that says what it is",
    }


def test_a_link_to_a_file_elsewhere_is_followed(tmp_path: Path) -> None:
    plant(tmp_path, "elsewhere/a.md")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "b.md").symlink_to(tmp_path / "elsewhere" / "a.md")
    assert found(tmp_path / "here") == ["b.md"]
    (tmp_path / "here" / "all").symlink_to(tmp_path / "elsewhere")
    assert found(tmp_path / "here") == ["all/a.md"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every folder")
def test_a_folder_that_may_not_be_entered_is_listed_with_the_reason(tmp_path: Path) -> None:
    plant(tmp_path, "locked/a.md", "open.md")
    (tmp_path / "locked").chmod(0)
    try:
        reasons = [source.reason for source in sources.find([tmp_path])]
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert reasons == ["", "cannot look into this folder: Permission denied"]


def test_odd_names_survive(tmp_path: Path) -> None:
    names = ["two\nlines.md", "ünï.md", "{}%s'\";.md", os.fsdecode(b"caf\xe9.md")]
    written = 0
    for name in names:
        try:
            (tmp_path / name).write_text("Words.")
            written += 1
        except OSError:  # a file system that takes only UTF-8
            continue
    listed = sources.find([tmp_path])
    assert len(listed) == written >= 3
    for source in listed:
        source.uri.encode()
        assert next(readers.read(source.path)).uri == source.uri


def test_a_file_that_vanishes_before_it_is_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    plant(tmp_path, "a.md", "b.md")
    first, second = sources.find([tmp_path])
    first.path.unlink()
    with pytest.raises(ReadError, match=r"a\.md: No such file"):
        next(readers.read(first.path))
    assert next(readers.read(second.path)).text == "Words."


def test_ten_thousand_tiny_files_are_found(tmp_path: Path) -> None:
    for folder in range(100):
        (tmp_path / f"{folder:02d}").mkdir()
        for number in range(100):
            (tmp_path / f"{folder:02d}" / f"{number:02d}.txt").touch()
    listed = sources.find([tmp_path])
    assert len(listed) == 10_000
    assert [source.uri for source in listed] == sorted(source.uri for source in listed)
