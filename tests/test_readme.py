"""The README's examples run, and its commands exist."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from click.testing import CliRunner

from kag.cli import build_app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.S)


def commands() -> list[list[str]]:
    """The `kag` command lines of the README, without variables before and comments behind."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    found = [re.search(r"(?:^|\s|/)kag (?P<rest>[a-z].*)", line.split("  #")[0]) for line in lines]
    return [shlex.split(match["rest"]) for match in found if match]


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: f"{len(code)} characters")
def test_an_example_runs(code: str, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout or "print(" not in code


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_a_command_and_its_options_exist(arguments: list[str]) -> None:
    group = typer.main.get_command(build_app())
    result = CliRunner().invoke(group, [*_names(arguments), "--help"])
    assert result.exit_code == 0, result.output
    for option in (a for a in arguments if a.startswith("--")):
        assert option in result.output, f"{option} is not an option of kag {arguments[0]}"


def _names(arguments: list[str]) -> list[str]:
    """The command's own words: those of a group with a subcommand are two."""
    return arguments[:2] if arguments[0] in ("documents", "entities", "graph", "cache") else arguments[:1]


def test_there_are_examples_to_run() -> None:
    assert blocks("python")
    assert len(commands()) > 8
