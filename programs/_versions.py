"""Versions of a saved program: `best.json` is a copy of the newest of `best.v1.json`, `best.v2.json`, ...

Nothing is ever lost: a rollback copies an earlier version over the file, and the later ones stay.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from kag.errors import SavingError
from kag.saving._files import write


@dataclass(frozen=True, slots=True)
class Version:
    """A kept state of a program's file.

    Args:
        number: From 1, the oldest.
        path: Where it is kept.
    """

    number: int
    path: Path


def versions(path: Path) -> list[Version]:
    """The kept versions of a program's file, oldest first."""
    name = re.compile(rf"{re.escape(path.stem)}\.v(\d+){re.escape(path.suffix)}")
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    found = [Version(int(match[1]), one) for one in beside if (match := name.fullmatch(one.name))]
    return sorted(found, key=lambda version: version.number)


def current(path: Path) -> Version | None:
    """The version that the file is a copy of; None if it is none of them, or is not there."""
    if not path.is_file():
        return None
    content = _read(path)
    same = [version for version in versions(path) if _read(version.path) == content]
    return same[-1] if same else None


def publish(path: Path, text: str) -> Version:
    """Writes a program's text to its file as the newest version; what was there is kept as a version too.

    Raises:
        SavingError: It cannot be written; the file stays as it was.
    """
    if path.is_file() and current(path) is None:
        _keep(path, _read(path))
    version = _keep(path, text)
    write(path, text)
    return version


def rollback(path: Path, to: int | None = None) -> Version:
    """Puts an earlier version in the place of a program's file.

    Args:
        path: The file.
        to: Number of the version; the one before the present one by default.

    Raises:
        SavingError: There is no such version.
    """
    known = versions(path)
    now = current(path)
    if path.is_file() and now is None:
        now = _keep(path, _read(path))
    if to is None:
        earlier = [version for version in known if now is None or version.number < now.number]
        wanted = earlier[-1] if earlier else None
    else:
        wanted = next((version for version in known if version.number == to), None)
    if wanted is None:
        there = ", ".join(str(version.number) for version in known) or "none"
        what = "an earlier version" if to is None else f"version {to}"
        raise SavingError(f"{path} has no such version: {what} was asked for, kept are {there}.")
    write(path, _read(wanted.path))
    return wanted


def _keep(path: Path, text: str) -> Version:
    known = versions(path)
    number = known[-1].number + 1 if known else 1
    kept = Version(number, path.with_name(f"{path.stem}.v{number}{path.suffix}"))
    write(kept.path, text)
    return kept


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SavingError(f"Cannot read {path}: {error}.") from error
