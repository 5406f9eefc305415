"""The folders that documents may be ingested from; every path that a client names is held against them."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kag.errors import ConfigurationError, ToolError
from mcp_server.untrusted import line


@dataclass(frozen=True, slots=True)
class Roots:
    """Folders, resolved; nothing outside of them is read. Without any, nothing is.

    Args:
        folders: Absolute paths without symbolic links.
    """

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, folders: Sequence[Path]) -> Roots:
        """Resolves folders that a user named.

        Raises:
            ConfigurationError: One is not a folder.
        """
        resolved = []
        for folder in folders:
            try:
                resolved.append(folder.expanduser().resolve(strict=True))
            except (OSError, RuntimeError) as error:
                raise ConfigurationError(f"--root {folder} does not exist; name a folder.") from error
            if not resolved[-1].is_dir():
                raise ConfigurationError(f"--root {folder} is a file; name a folder.")
        return cls(tuple(dict.fromkeys(resolved)))

    @classmethod
    def default(cls) -> Roots:
        """The working folder, unless that is the disk or a home: programs start servers there unasked."""
        here = Path.cwd().resolve()
        return cls(() if here == here.parent or here == Path.home().resolve() else (here,))

    def resolve(self, given: str) -> Path:
        """Resolves a path to an existing file or folder within the roots, symbolic links followed.

        Args:
            given: Absolute, or relative to a root.

        Raises:
            ToolError: It leads outside, does not exist, is hidden, or is neither file nor folder.
        """
        shown = repr(line(given, 200))
        if not self.folders:
            raise ToolError("This server reads no files: it was started without --root FOLDER.")
        if "\0" in given or "://" in given or given.startswith(("\\\\", "//")):
            raise ToolError(f"{shown} is not a path of a file here; give paths under {self}.")
        inside = [p for p in self._candidates(given) if self.holds(p)]
        if not inside:
            raise ToolError(f"{shown} is outside the folders that this server may read: {self}.")
        found = next((p for p in inside if os.path.exists(p)), None)  # unlike Path.exists, never raises
        if found is None:
            raise ToolError(f"{shown} does not exist under {self}.")
        if self._hidden(found):
            raise ToolError(f"{shown} is hidden (a part of its path begins with a dot), so it is left alone.")
        if not _is_plain(found):
            raise ToolError(f"{shown} is a device, pipe or socket; expected a file or a folder.")
        return found

    def admits(self, path: Path) -> bool:
        """Whether a path found in a folder leads to a plain file within the roots, links followed."""
        try:
            real = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return False
        return self.holds(real) and _is_plain(real)

    def holds(self, path: Path) -> bool:
        """Whether a resolved path is a root or below one."""
        return any(path.is_relative_to(folder) for folder in self.folders)

    def __str__(self) -> str:
        return ", ".join(map(str, self.folders))

    def _candidates(self, given: str) -> list[Path]:
        found = []
        for folder in self.folders:
            try:
                found.append((folder / Path(given).expanduser()).resolve())
            except (OSError, RuntimeError, ValueError):  # a loop of links, a name too long, no such home
                continue
        return found

    def _hidden(self, path: Path) -> bool:
        folder = next(folder for folder in self.folders if path.is_relative_to(folder))
        return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _is_plain(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
