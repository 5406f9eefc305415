"""BackupAndRestore: lets a fit that was interrupted go on where it was."""

from __future__ import annotations

import os
from pathlib import Path

from kag.errors import TrainingError
from kag.training.callbacks.base import Callback, Logs


class BackupAndRestore(Callback):
    """The same as `fit(run_dir=...)`, as a callback, and tidies up after a fit that went to its end.

    Args:
        backup_dir: Folder of the fit's journal. Calling `fit` again with the same arguments goes on from it.
        delete_checkpoint: Remove the journal when the fit has come to its end; it stays after an error, a
            kill, or a stop.
        name: What logs call it.
    """

    def __init__(
        self, backup_dir: str | os.PathLike[str], delete_checkpoint: bool = True, name: str | None = None
    ) -> None:
        super().__init__(name)
        if not os.fspath(backup_dir):
            raise TrainingError(f"{self.name}: backup_dir must name a folder; got an empty text.")
        self.run_dir = os.fspath(backup_dir)
        self.delete_checkpoint = delete_checkpoint

    def on_train_end(self, logs: Logs) -> None:
        """Removes the journal, and its folder if nothing else is in it."""
        if self.fit.failed or self.fit.stop_reason or not self.delete_checkpoint:
            return
        folder = Path(str(self.run_dir))
        (folder / "journal.jsonl").unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
