"""Vectors on disk by the hash of their text, in one SQLite file for several processes."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kag.errors import EmbeddingModelError

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors

FILE = "embeddings.sqlite"
_AT_ONCE = 500
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"


class VectorCache:
    """A file of vectors. It is opened for each batch, so nobody has to close it.

    Args:
        path: The file, or a folder to hold it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path if path.suffix in (".sqlite", ".db") else path / FILE

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """Fetches what is there; float32 vectors as they were put."""
        found: dict[bytes, Vectors] = {}
        try:
            with closing(self._open()) as file:
                for start in range(0, len(keys), _AT_ONCE):
                    part = keys[start : start + _AT_ONCE]
                    marks = ",".join("?" * len(part))
                    rows = file.execute(f"SELECT key, value FROM vectors WHERE key IN ({marks})", part)  # noqa: S608
                    found.update((key, np.frombuffer(value, dtype="<f4")) for key, value in rows)
        except (sqlite3.Error, ValueError) as error:
            raise self._failure(error) from error
        return found

    def put(self, vectors: Mapping[bytes, Vectors]) -> None:
        """Writes vectors, in one transaction."""
        rows: Iterable[tuple[bytes, bytes]] = (
            (key, row.astype("<f4").tobytes()) for key, row in vectors.items()
        )
        try:
            with closing(self._open()) as file, file:
                file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._failure(error) from error
        file = sqlite3.connect(self.path, timeout=30)
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.execute(_TABLE)
        return file

    def _failure(self, error: Exception) -> EmbeddingModelError:
        return EmbeddingModelError(
            f"The cache of embeddings {self.path} cannot be used ({error}); "
            "remove the file or choose another cache=."
        )


def key(model: str, kind: str, text: str) -> bytes:
    """Makes the key of a text: everything that shapes its vector.

    Args:
        model: The model's full name with its dimensions.
        kind: `query` or `passage`.
        text: What is embedded, with its prompt.
    """
    parts = "\0".join((model, kind, text)).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(parts, digest_size=20).digest()
