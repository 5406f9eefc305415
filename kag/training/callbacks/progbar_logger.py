"""ProgbarLogger: shows on stderr how far a fit is."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TextIO

from kag.training.callbacks.base import Callback, Logs

_WIDTH = 24
_EVERY = 0.1  # seconds between two drawings of the bar


class ProgbarLogger(Callback):
    """A bar for each epoch on a terminal, one line an epoch elsewhere.

    Args:
        bar: Draw the bar where the output is a terminal; False gives lines there too.
        name: What logs call it.
    """

    def __init__(self, bar: bool = True, name: str | None = None) -> None:
        super().__init__(name)
        self.bar = bar
        self._stream: TextIO = sys.stderr
        self._begun = 0.0
        self._drawn = 0.0
        self._epoch = 0

    def on_train_begin(self, logs: Logs) -> None:
        """Looks where the output goes now."""
        self._stream = sys.stderr

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Names the epoch."""
        self._epoch, self._begun, self._drawn = epoch, time.monotonic(), 0.0
        if self._draws():
            self._stream.write(f"Epoch {epoch + 1}/{self.fit.params['epochs']}\n")

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Draws the bar."""
        if self._draws() and time.monotonic() - self._drawn >= _EVERY:
            self._drawn = time.monotonic()
            self._stream.write(f"\r{self._line(batch + 1, logs)}\033[K")
            self._stream.flush()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Ends the bar, or writes the line."""
        steps = int(self.fit.params["steps"])
        if self._draws():
            self._stream.write(f"\r{self._line(steps, logs)}\033[K\n")
        else:
            head = f"Epoch {epoch + 1}/{self.fit.params['epochs']}"
            self._stream.write(f"{head} - {self._rest(logs)}\n")
        self._stream.flush()

    def _draws(self) -> bool:
        return self.bar and self._stream.isatty()

    def _line(self, done: int, logs: Logs) -> str:
        steps = int(self.fit.params["steps"])
        filled = _WIDTH * done // steps
        line = f"{done}/{steps} {'━' * filled}{'─' * (_WIDTH - filled)} {self._rest(logs)}"
        return line[: shutil.get_terminal_size().columns - 1]  # a line that wraps cannot be drawn over

    def _rest(self, logs: Logs) -> str:
        parts = [f"{time.monotonic() - self._begun:.0f}s"]
        parts += [f"{name}: {value:.4f}" for name, value in logs.items()]
        parts.append(f"calls: {self.fit.calls}")
        if self.fit.cost:
            parts.append(f"${self.fit.cost:.4f}")
        return " - ".join(parts)
