"""Finds the documents in files and folders, in a stable order, and says of each it leaves out why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

from ingest import readers
from kag.errors import ReadError

_HIDDEN = (".", "~$")  # the latter are locks of word processors; the store's folder is hidden too
_OTHERS = frozenset(("__pycache__", "node_modules"))


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was found.

    Args:
        path: Where it is.
        uri: Its absolute path as text that can be stored and shown.
        reason: Why it is left out; empty where it is to be read.
        failed: Whether it should have been read, and could not be.
    """

    path: Path
    uri: str
    reason: str = ""
    failed: bool = False


def find(
    paths: Iterable[str | Path],
    *,
    recursive: bool = True,
    glob: str | None = None,
    exclude: Sequence[str] = (),
) -> list[Source]:
    """Lists the documents that some paths stand for, each once.

    Hidden files and folders (the store's among them), folders of programs' making (`node_modules`) and links
    back to a folder are passed over. A file whose suffix no reader knows is listed with the reason; where it
    is named itself, it has none, so that reading it fails and says so.

    Args:
        paths: Files and folders.
        recursive: Go into folders of folders.
        glob: Of the files in folders, only those whose name or path below the folder matches, such as `*.md`.
        exclude: Leave out files and folders whose name or path below the folder matches one of these.

    Returns:
        Files in the order of `paths`, those of a folder by name, files before folders; empty where there are
        none.

    Raises:
        ReadError: A path does not exist.

    Example:
        ```python
        for source in find(["docs"], glob="*.md"):
            print(source.uri, source.reason or "is read")
        ```
    """
    found: dict[str, Source] = {}
    for path in map(Path, paths):
        if os.path.isdir(path):
            for source in _walk(path, recursive, exclude):
                if glob is None or _matches(source.path.relative_to(path), [glob]):
                    found.setdefault(source.uri, source)
        elif os.path.lexists(path):
            uri = readers.uri_of(path)
            found[uri] = Source(path, uri)
        else:
            raise ReadError(f"There is no file or folder {readers.uri_of(path)}. Check the path.")
    return _without_doubles(list(found.values()))


def _walk(root: Path, recursive: bool, exclude: Sequence[str]) -> Iterator[Source]:
    """The files below a folder; a folder that was met before, by a link, is not entered again."""
    waiting = [root]
    seen: set[tuple[int, int]] = set()
    while waiting:
        folder = waiting.pop()
        try:
            found = folder.stat()
            entries = sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            reason = f"cannot look into this folder: {error.strerror}"
            yield Source(folder, readers.uri_of(folder), reason, failed=True)
            continue
        if (found.st_dev, found.st_ino) in seen:
            continue
        seen.add((found.st_dev, found.st_ino))
        folders = []
        for entry in entries:
            path = folder / entry.name
            if _is_passed_over(entry.name) or _matches(path.relative_to(root), exclude):
                continue
            if os.path.isdir(path):
                folders.append(path)
            else:
                yield _source(path)
        if recursive:
            waiting += reversed(folders)


def _is_passed_over(name: str) -> bool:
    return name.startswith(_HIDDEN) or name in _OTHERS


def _matches(path: Path, patterns: Sequence[str]) -> bool:
    return any(fnmatch(path.name, pattern) or fnmatch(path.as_posix(), pattern) for pattern in patterns)


def _source(path: Path) -> Source:
    if not readers.suffix_of(path):
        known = path.suffix.lower()
        reason = f"no reader for {known} files" if known else "no suffix that says what it is"
    else:
        reason = "" if os.path.exists(path) else "a link to nothing"
    return Source(path, readers.uri_of(path), reason)


def _without_doubles(sources: list[Source]) -> list[Source]:
    """Marks links to files that are in the list themselves."""
    links = {source.uri for source in sources if not source.reason and source.path.is_symlink()}
    own = (
        {os.path.realpath(s.path) for s in sources if not s.reason and s.uri not in links} if links else set()
    )
    return [
        replace(source, reason="a link to a file that is read itself")
        if source.uri in links and os.path.realpath(source.path) in own
        else source
        for source in sources
    ]
