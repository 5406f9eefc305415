"""A cache of answers on disk: one SQLite file that several processes may share.

The key is everything that shapes an answer: model, endpoint, messages, schema and options. Only accepted
answers are kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import orjson

from kag.errors import ConfigurationError

_COLUMNS = "key BLOB PRIMARY KEY, answer BLOB NOT NULL, model TEXT NOT NULL, time REAL NOT NULL"
_TABLE = f"CREATE TABLE IF NOT EXISTS answers ({_COLUMNS})"
_BUSY_SECONDS = 30.0


def default_path() -> Path:
    """Returns where answers are cached when no other file is named."""
    return Path.home() / ".cache" / "kag" / "answers.db"


class ResponseCache:
    """Keeps accepted answers in one file.

    Args:
        path: The SQLite file; its folder is made when the first answer is kept.

    Example:
        >>> import tempfile
        >>> cache = ResponseCache(Path(tempfile.mkdtemp()) / "answers.db")
        >>> asyncio.run(cache.put(cache.key("question"), {"answer": "Paris"}, model="ollama/mistral"))
        >>> asyncio.run(cache.get(cache.key("question")))
        {'answer': 'Paris'}
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path).expanduser() if path is not None else default_path()
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    @staticmethod
    def key(*parts: Any) -> bytes:
        """Returns the key of everything that shapes an answer; the order of a dict's keys does not matter."""
        try:
            text = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
        except TypeError as error:
            raise ConfigurationError(f"A message or an option is not JSON: {error}.") from error
        return hashlib.sha256(text).digest()

    async def get(self, key: bytes) -> Any:
        """Returns the answer under a key, or None where there is none."""
        rows = await asyncio.to_thread(self._run, "SELECT answer FROM answers WHERE key = ?", (key,))
        try:
            return orjson.loads(rows[0][0]) if rows else None
        except orjson.JSONDecodeError:  # a damaged row: the answer is asked for again, and replaces it
            return None

    async def put(self, key: bytes, answer: Any, *, model: str) -> None:
        """Keeps an answer, in place of an older one."""
        row = (key, orjson.dumps(answer), model, time.time())
        await asyncio.to_thread(self._run, "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", row)

    async def stats(self) -> dict[str, Any]:
        """Returns the number of answers for each model, and the size of the file in bytes."""
        rows = await asyncio.to_thread(
            self._run, "SELECT model, COUNT(*) FROM answers GROUP BY model ORDER BY model", ()
        )
        models = dict(rows)
        return {
            "path": str(self.path),
            "answers": sum(models.values()),
            "models": models,
            "bytes": self.path.stat().st_size,
        }

    async def clear(self) -> int:
        """Forgets all answers; returns how many there were."""
        rows = await asyncio.to_thread(self._run, "DELETE FROM answers RETURNING 1", ())
        await asyncio.to_thread(self._run, "VACUUM", ())
        return len(rows)

    def close(self) -> None:
        """Closes the file; it is opened again when it is needed."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _run(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            with self._lock:
                return self._opened().execute(statement, values).fetchall()
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(
                f"The answer cache {self.path} cannot be used: {error}. Name another file with cache=, "
                "or delete this one."
            ) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)  # answers may be private; SQLite gives its other files the same mode
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            weakref.finalize(self, connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(_TABLE)
            self._connection = connection
        return self._connection
