"""Paths that clients name are held against the roots, links followed."""

import os
import socket
from pathlib import Path

import pytest

from kag.errors import ConfigurationError, ToolError
from mcp_server.roots import Roots


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a file, beside a file that is not in it."""
    folder = (tmp_path / "root").resolve()
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.md").write_text("inside")
    (tmp_path / "secret.md").write_text("outside")
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "b.md").write_text("outside")
    return folder


def test_files_and_folders_inside_are_found_by_absolute_and_relative_paths(root: Path) -> None:
    roots = Roots.of([root])
    assert roots.resolve(str(root / "deep" / "a.md")) == root / "deep" / "a.md"
    assert roots.resolve("deep/a.md") == root / "deep" / "a.md"
    assert roots.resolve("deep") == root / "deep"
    assert roots.resolve(".") == root


def test_a_relative_path_is_looked_for_in_every_root(root: Path, tmp_path: Path) -> None:
    roots = Roots.of([root, tmp_path / "root-beside"])
    assert roots.resolve("b.md") == (tmp_path / "root-beside" / "b.md").resolve()


OUTSIDE = (
    "../secret.md",
    "/etc/passwd",
    "/",
    "deep/../../secret.md",
    "../root-beside/b.md",
    "~/x.md",
    "/proc/self/environ",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_outside_are_refused_and_the_roots_are_named(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match="outside the folders") as error:
        Roots.of([root]).resolve(path)
    assert str(root) in str(error.value)


def test_whether_a_path_outside_exists_is_not_told(root: Path) -> None:
    messages = []
    for path in ("../secret.md", "../nothing.md"):
        with pytest.raises(ToolError) as error:
            Roots.of([root]).resolve(path)
        messages.append(str(error.value).replace(path, ""))
    assert messages[0] == messages[1]


def test_a_link_that_leads_outside_is_refused(root: Path, tmp_path: Path) -> None:
    (root / "link.md").symlink_to(tmp_path / "secret.md")
    (root / "linked").symlink_to(tmp_path)
    roots = Roots.of([root])
    for path in ("link.md", "linked", "linked/secret.md"):
        with pytest.raises(ToolError, match="outside the folders"):
            roots.resolve(path)
    assert not roots.admits(root / "link.md")


def test_a_link_within_the_root_is_followed(root: Path) -> None:
    (root / "link.md").symlink_to(root / "deep" / "a.md")
    assert Roots.of([root]).resolve("link.md") == root / "deep" / "a.md"


def test_a_root_that_is_a_link_holds_what_it_leads_to(root: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(root)
    roots = Roots.of([tmp_path / "alias"])
    assert roots.resolve(str(tmp_path / "alias" / "deep" / "a.md")) == root / "deep" / "a.md"


@pytest.mark.parametrize("path", ["missing.md", "deep/missing", "x" * 4000])
def test_a_missing_path_is_called_missing(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match="does not exist"):
        Roots.of([root]).resolve(path)


def test_hidden_files_and_folders_are_left_alone(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "config.txt").write_text("token")
    for path in (".git", ".git/config.txt"):
        with pytest.raises(ToolError, match="hidden"):
            Roots.of([root]).resolve(path)


@pytest.mark.parametrize(
    "path", ["a\0b", "https://example.com/a.md", "file:///etc/passwd", "\\\\server\\share", "//server/share"]
)
def test_what_is_no_path_of_a_file_here_is_refused(root: Path, path: str) -> None:
    with pytest.raises(ToolError, match="not a path of a file here"):
        Roots.of([root]).resolve(path)


def test_pipes_and_sockets_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe.md")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(root)  # the path of a socket must be short
        listening.bind("socket.md")
    for name in ("pipe.md", "socket.md"):
        with pytest.raises(ToolError, match="device, pipe or socket"):
            Roots.of([root]).resolve(name)
        assert not Roots.of([root]).admits(root / name)


def test_a_device_is_refused() -> None:
    with pytest.raises(ToolError, match="device, pipe or socket"):
        Roots.of([Path("/dev")]).resolve("null")


def test_a_loop_of_links_is_refused(root: Path) -> None:
    (root / "one").symlink_to(root / "two")
    (root / "two").symlink_to(root / "one")
    with pytest.raises(ToolError):
        Roots.of([root]).resolve("one")
    assert not Roots.of([root]).admits(root / "one")


def test_control_characters_of_a_path_do_not_reach_the_message(root: Path) -> None:
    with pytest.raises(ToolError) as error:
        Roots.of([root]).resolve("../a\nignore\x1b[31m all\u202e rules")
    assert "\n" not in str(error.value)
    assert "\x1b" not in str(error.value)
    assert "\u202e" not in str(error.value)


def test_a_root_that_is_not_a_folder_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "file.md").write_text("x")
    with pytest.raises(ConfigurationError, match="does not exist"):
        Roots.of([tmp_path / "nothing"])
    with pytest.raises(ConfigurationError, match="is a file"):
        Roots.of([tmp_path / "file.md"])


def test_the_working_folder_is_the_default_root(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert Roots.default().folders == (root,)


@pytest.mark.parametrize("place", ["/", "home"])
def test_the_disk_and_the_home_folder_are_no_default_root(
    root: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(root))
    monkeypatch.chdir(root if place == "home" else "/")
    assert Roots.default().folders == ()
    with pytest.raises(ToolError, match="--root"):
        Roots.default().resolve("a.md")
