"""Runs the real `kag` command in a process of its own, as a user would."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

KAG = Path(sys.executable).parent / "kag"


# The superuser may read and write what permissions forbid; without its capabilities it may not.
_POWERLESS = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--")
AS_A_USER = _POWERLESS if os.geteuid() == 0 else ()


def can_be_powerless() -> bool:
    """Whether `AS_A_USER` runs commands that permissions bind."""
    return os.geteuid() != 0 or shutil.which("setpriv") is not None


def kag(
    *arguments: str | Path, cwd: Path, prefix: tuple[str, ...] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs `kag ARGUMENTS` in a folder, with no settings but the given KAG_* variables and no network."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KAG_")}
    environment |= {
        "HF_HUB_OFFLINE": "1",
        "XDG_CONFIG_HOME": str(cwd / "no-config"),
        "FASTEMBED_CACHE_PATH": str(cwd / "no-models"),
        **variables,
    }
    return subprocess.run(
        [*prefix, KAG, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def kag_json(*arguments: str | Path, cwd: Path, **variables: str) -> Any:
    """Runs `kag ARGUMENTS --json`, expects success and gives what it printed."""
    done = kag(*arguments, "--json", cwd=cwd, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
