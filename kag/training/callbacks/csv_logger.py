"""CSVLogger: writes the logs of every epoch to a CSV file."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import IO, Any

from kag.errors import TrainingError
from kag.training.callbacks.base import Callback, Logs


class CSVLogger(Callback):
    """One row an epoch: its number (from 0 up) and the logs.

    Args:
        filename: The file; missing folders are made.
        separator: Between the cells.
        append: Keep what the file has; its first row must name the same columns.
        name: What logs call it.
    """

    def __init__(
        self,
        filename: str | os.PathLike[str],
        separator: str = ",",
        append: bool = False,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if not isinstance(separator, str) or len(separator) != 1:
            raise TrainingError(f"{self.name}: separator must be one character; got {separator!r}.")
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file: IO[str] | None = None
        self._columns: list[str] = []

    def on_train_begin(self, logs: Logs) -> None:
        """Opens the file."""
        path = Path(self.filename)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+" if self.append else "w", newline="", encoding="utf-8")
            self._file.seek(0)
            first = self._file.readline() if self.append else ""
        except OSError as error:
            raise TrainingError(f"{self.name} cannot write {path}: {error.strerror or error}.") from error
        self._columns = next(csv.reader([first], delimiter=self.separator), [])

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Writes the row."""
        row: dict[str, Any] = {"epoch": epoch, **logs}
        if not self._columns:
            self._columns = list(row)
            self._write(self._columns)
        self._write([row.get(column, "") for column in self._columns])

    def on_train_end(self, logs: Logs) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, cells: list[Any]) -> None:
        if self._file is not None:
            csv.writer(self._file, delimiter=self.separator, lineterminator="\n").writerow(cells)
            self._file.flush()
