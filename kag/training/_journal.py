"""The journal of a fit: every outcome and proposal, appended as it comes, so that a killed fit can go on.

A fit is a function of its seed, its data and what models answered; so going on means to run it again from
its begin with the answers that the journal has. Lines reach the system at once (they outlive a kill of the
process) and the disk when a trial is complete (they outlive a crash of the machine).
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kag.data_models.json_data_model import JsonDataModel
from kag.errors import TrainingError
from kag.graph.structure import map_leaves
from kag.schema import Schema
from kag.schema.values import Json
from kag.training.metrics.base import Run
from kag.training.records import Candidate, Demonstration, Outcome, Sample, ScoredTrial, digest, dumps

FILE = "journal.jsonl"
_PASSING = ("ProviderError:", "AuthenticationError:", "RateLimitError:", "ModelTimeoutError:")
"""Failures that say nothing of the sample; a resumed fit asks again."""

OutcomeKey = tuple[str, str, bool]


class Journal:
    """Remembers outcomes and proposals; in a folder, so that a later process finds them.

    Args:
        folder: The run's folder, made if it is missing; None to keep nothing.
        facts: What the run must have in common with one that it resumes, by names for messages.

    Attributes:
        spent: What the run that is resumed took: calls, cost, tokens, and seconds since its begin.
    """

    def __init__(self, folder: str | os.PathLike[str] | None, facts: Mapping[str, str]) -> None:
        self._outcomes: dict[OutcomeKey, Json] = {}
        self._proposals: dict[int, Json] = {}
        self._schemas: dict[str, Schema] = {}
        self.spent: Json = {"calls": 0, "cost": 0.0, "tokens": 0, "seconds": 0.0}
        self._folder = folder
        self._facts = dict(facts)
        self._first: Json | None = None
        self._file: int | None = None
        self._sync: asyncio.Future[None] | None = None

    def begin(self, start: Candidate, state: Json) -> tuple[Candidate, Json]:
        """Where the run starts: from what it is given, or from where the one began that it resumes.

        Args:
            start: The values that the program has now.
            state: What it knows of earlier fits.

        Raises:
            TrainingError: The folder cannot be used, or holds another run, one that is under way, or one of
                other values.
        """
        if self._folder is not None:
            self._open(Path(self._folder))
        try:
            return self._begun(start, state)
        except TrainingError:
            self.close()
            raise

    def _begun(self, start: Candidate, state: Json) -> tuple[Candidate, Json]:
        if self._first is None:
            self._write({"kind": "run", "facts": self._facts, "start": dict(start.values), "state": state})
            return start, state
        first = Candidate(self._first["start"], origin=start.origin)
        if start != first and start.key not in {key[0] for key in self._outcomes}:
            raise TrainingError(
                "The run folder holds a fit of other values of this program's variables; give the program "
                "that it began with, or another run_dir."
            )
        return first, self._first["state"]

    def outcome(self, candidate: Candidate, sample: Sample, *, training: bool) -> Outcome | None:
        """What came of a sample in the run that is resumed; None if that is not known."""
        line = self._outcomes.get((candidate.key, sample.key, training))
        if line is None:
            return None
        return Outcome(
            sample=sample,
            outputs=self._decoded(line["outputs"]),
            run=Run(**line["run"]),
            feedback=line["feedback"],
            error=line["error"],
            demonstrations=tuple(Demonstration(**one) for one in line["demonstrations"]),
        )

    def proposal(self, step: int) -> Candidate | None:
        """What was proposed at a step in the run that is resumed; None if that is not known."""
        line = self._proposals.get(step)
        if line is None:
            return None
        return Candidate(line["values"], tuple(line["parents"]), line["origin"])

    def keep_outcome(self, candidate: Candidate, outcome: Outcome, spent: Json, *, training: bool) -> None:
        """Appends an outcome."""
        if self._file is None:
            return
        run, made = outcome.run, outcome.demonstrations
        line = {
            "kind": "outcome",
            "candidate": candidate.key,
            "sample": outcome.sample.key,
            "training": training,
            "outputs": self._encoded(outcome.outputs),
            "run": {name: getattr(run, name) for name in Run.__slots__},
            "feedback": outcome.feedback,
            "error": outcome.error,
            "demonstrations": [
                {"path": one.path, "inputs": one.inputs, "outputs": one.outputs} for one in made
            ],
            "spent": spent,
        }
        self._write(line)

    def keep_proposal(self, step: int, candidate: Candidate, spent: Json) -> None:
        """Appends a proposal."""
        self._write(
            {
                "kind": "proposal",
                "step": step,
                "candidate": candidate.key,
                "values": dict(candidate.values),
                "parents": list(candidate.parents),
                "origin": candidate.origin,
                "spent": spent,
            }
        )

    def keep_trial(self, trial: ScoredTrial) -> None:
        """Appends a trial's rewards, for whoever reads the file, and has everything so far reach the disk."""
        self._write(
            {
                "kind": "trial",
                "number": trial.number,
                "candidate": trial.candidate.key,
                "origin": trial.candidate.origin,
                "reward": trial.reward,
                "validated": len(trial.validation),
                "val_reward": trial.val_reward,
            }
        )
        if self._file is not None and (self._sync is None or self._sync.done()):
            self._sync = asyncio.ensure_future(asyncio.to_thread(os.fsync, self._file))

    async def finish(self) -> None:
        """Has everything reach the disk, and closes the file."""
        if self._sync is not None:
            await asyncio.wait([self._sync])
        if self._file is not None:
            await asyncio.to_thread(os.fsync, self._file)
        self.close()

    def close(self) -> None:
        """Closes the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self, folder: Path) -> None:
        path = folder / FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            _lock(self._file, folder)
            self._read(path)
        except OSError as error:
            self.close()
            raise TrainingError(
                f"The run folder {folder} cannot be used: {error.strerror or error}; choose another run_dir."
            ) from error
        except TrainingError:
            self.close()
            raise

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1  # a line that was cut off by a kill did not happen
        if whole < len(content) and self._file is not None:
            os.ftruncate(self._file, whole)
        lines = [_parsed(line, place, path) for place, line in enumerate(content[:whole].splitlines(), 1)]
        if not lines:
            return
        if lines[0].get("kind") != "run":
            raise TrainingError(f"{path} is not the journal of a fit; choose another run_dir.")
        self._first = lines[0]
        known = lines[0]["facts"]
        other = [name for name in self._facts if known.get(name) != self._facts[name]]
        if other:
            raise TrainingError(
                f"{path.parent} holds the run of another fit: {', '.join(other)} differ; give what that one "
                "was given to resume it, or another run_dir."
            )
        try:
            for line in lines[1:]:
                self._take(line)
        except (KeyError, TypeError, AttributeError) as error:
            raise TrainingError(f"{path} is damaged ({error!r}); choose another run_dir.") from error

    def _take(self, line: Json) -> None:
        if line["kind"] == "outcome" and not line["error"].startswith(_PASSING):
            self._outcomes[line["candidate"], line["sample"], line["training"]] = line
        elif line["kind"] == "proposal":
            self._proposals[line["step"]] = line
        elif line["kind"] == "schema":
            self._schemas[line["key"]] = Schema.of(line["schema"])
        for name, amount in line.get("spent", {}).items():
            so_far = self.spent[name]
            self.spent[name] = max(so_far, amount) if name == "seconds" else so_far + amount

    def _write(self, line: Json) -> None:
        if self._file is None:
            return
        rest = dumps(line, ordered=True) + b"\n"
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise TrainingError(
                f"The journal in {self._folder} cannot be written: {error.strerror or error}; when that is "
                "mended, the fit can go on from it."
            ) from error

    def _encoded(self, outputs: Any) -> Any:
        return map_leaves(lambda leaf: None if leaf is None else self._model(leaf), outputs)

    def _model(self, leaf: JsonDataModel) -> str:
        """A value as text, so that it is a leaf: its schema's name, then its JSON."""
        key = digest(leaf.schema.json)
        if key not in self._schemas:
            self._schemas[key] = leaf.schema
            self._write({"kind": "schema", "key": key, "schema": leaf.schema.json})
        return f"{key} {dumps(leaf.data).decode()}"

    def _decoded(self, outputs: Any) -> Any:
        def value(leaf: str | None) -> JsonDataModel | None:
            if leaf is None:
                return None
            key, _, text = leaf.partition(" ")
            return JsonDataModel.trusted(self._schemas[key], json.loads(text))

        return map_leaves(value, outputs)


def seed_of(folder: str | os.PathLike[str] | None) -> int | None:
    """The seed of the run that a folder holds; None if it holds none (that can be read)."""
    if folder is None:
        return None
    try:
        with (Path(folder) / FILE).open("rb") as file:
            first = json.loads(file.readline())
        return int(first["facts"]["seed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _parsed(line: bytes, place: int, path: Path) -> Json:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise TrainingError(f"{path}, line {place}, is damaged ({error}); choose another run_dir.") from None
    if not isinstance(value, dict) or "kind" not in value:
        raise TrainingError(f"{path} is not the journal of a fit; choose another run_dir.")
    return value


def _lock(file: int, folder: object) -> None:
    """Keeps a second process out, where the system can do that; a kill gives the lock back."""
    if os.name != "posix":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TrainingError(f"Another process trains in {folder}; choose another run_dir.") from None
