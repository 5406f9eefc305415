"""What datasets share: where their files are, how rows are read, and how samples are given.

A dataset is a file of this folder with `load_data`, `get_input_data_model` and `get_output_data_model`. Its
data lies in the folder that the environment variable KAG_DATA names, or that `load_data` is given; nothing is
downloaded.
"""

from __future__ import annotations

import csv
import gzip
import os
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import orjson

from kag.data_models.data_model import DataModel
from kag.errors import TrainingError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.object_]
    Split = tuple[Samples, Samples]

ENVIRONMENT = "KAG_DATA"
_HELD_OUT = 10  # where a split is missing, one in so many samples of the other serves


class DatasetWarning(UserWarning):
    """A dataset is not quite as asked for."""


def folder_of(folder: str | Path | None, dataset: str, source: str) -> Path:
    """The folder with a dataset's files.

    Args:
        folder: Where the user says it is; None takes the environment's.
        dataset: Its name, for messages.
        source: Where it can be had, for messages.

    Raises:
        TrainingError: None is named, or it is not there.
    """
    named = folder or os.environ.get(ENVIRONMENT)
    if not named:
        raise TrainingError(
            f"The dataset {dataset} needs a folder: set {ENVIRONMENT}, or give load_data(folder=...). "
            f"{source}"
        )
    path = Path(named).expanduser()
    if not path.is_dir():
        raise TrainingError(f"The dataset {dataset} was looked for in {path}, which is no folder. {source}")
    return path


def find(folder: Path, dataset: str, split: str) -> Path | None:
    """The file of one split: `NAME_SPLIT*.jsonl[.gz]`, or `queries.jsonl[.gz]` in a folder `NAME_SPLIT*`."""
    for ending in (".jsonl", ".jsonl.gz"):
        files = sorted(folder.glob(f"{dataset}_{split}*{ending}"))
        files += sorted(folder.glob(f"{dataset}_{split}*/queries{ending}"))
        if files:
            return files[0]
    return None


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSONL file, plain or gzipped.

    Raises:
        TrainingError: It cannot be read, or a line holds no JSON object; the message has its number.
    """
    return (row for _, row in numbered_rows(path))


def numbered_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The same, each with the number of its line, from 1."""
    number = 0
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    row = orjson.loads(line)
                    if not isinstance(row, dict):
                        raise TrainingError(f"{path}, line {number}: expected an object; got {line[:60]!r}.")
                    yield number, row
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read after line {number}: {error}.") from error
    except orjson.JSONDecodeError as error:
        raise TrainingError(f"{path}, line {number}: this is not JSON: {error}.") from error


def table(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a CSV file by its header.

    Raises:
        TrainingError: It cannot be read.
    """
    try:
        with _opened(path) as lines:
            yield from csv.DictReader(lines)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path} cannot be read: {error}.") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, "rt", encoding="utf-8", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def load(
    dataset: str,
    folder: str | Path | None,
    source: str,
    read: Callable[[Path], Iterable[tuple[DataModel, DataModel]]],
) -> tuple[Split, Split]:
    """Both splits of a dataset; where one is missing the last tenth of the other serves, with a warning.

    Raises:
        TrainingError: The data is not there, or cannot be read.
    """
    root = folder_of(folder, dataset, source)
    files = {split: find(root, dataset, split) for split in ("train", "test")}
    found = {split: list(read(path)) for split, path in files.items() if path is not None}
    if not found:
        raise TrainingError(
            f"There is no {dataset} data in {root}; expected {dataset}_train.jsonl or "
            f"{dataset}_train.jsonl.gz (and {dataset}_test...). {source}"
        )
    if len(found) == 1:
        ((split, pairs),) = found.items()
        missing = "test" if split == "train" else "train"
        held = max(1, len(pairs) // _HELD_OUT)
        warnings.warn(
            f"{root} has no {missing} split of {dataset}; the last {held} of {len(pairs)} samples of "
            f"{files[split]} are held out as the test split.",
            DatasetWarning,
            stacklevel=3,
        )
        found = {"train": pairs[:-held], "test": pairs[-held:]}
    return arrays(found["train"]), arrays(found["test"])


def arrays(pairs: Sequence[tuple[DataModel, DataModel]]) -> Split:
    """Inputs and right answers as two object arrays of one length."""
    import numpy as np

    x, y = np.empty(len(pairs), dtype=object), np.empty(len(pairs), dtype=object)
    for number, (given, right) in enumerate(pairs):
        x[number], y[number] = given, right
    return x, y


def field(row: dict[str, Any], name: str, path: Path) -> Any:
    """A field of a row.

    Raises:
        TrainingError: The row has no such field.
    """
    if name not in row:
        raise TrainingError(
            f"{path}: a row has no {name!r}; it has {', '.join(map(repr, row)) or 'nothing'}."
        )
    return row[name]
