"""The user's own questions: from JSONL, CSV, or a dataset of the Hugging Face library."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from kag.data_models.data_model import DataModel
from kag.datasets import base
from kag.errors import MissingDependencyError, TrainingError

if TYPE_CHECKING:
    from kag.datasets.base import Split

Mapper = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def from_jsonl(
    path: str | Path,
    input_data_model: type[DataModel],
    output_data_model: type[DataModel],
    *,
    inputs: Mapper | None = None,
    outputs: Mapper | None = None,
) -> Split:
    """Reads samples from a JSONL file, plain or gzipped, one object a line.

    Args:
        path: The file.
        input_data_model: What the program is given; its fields are taken from the row by name.
        output_data_model: The right answer, likewise.
        inputs: Makes the fields of the input of a row, where names differ.
        outputs: Makes the fields of the right answer of a row.

    Returns:
        Inputs and right answers as object arrays `(n,)`.

    Raises:
        TrainingError: The file cannot be read, or a row does not fit; the message has its number.

    Example:
        >>> x, y = from_jsonl("questions.jsonl", Question, Answer)
    """
    return _samples(
        base.rows(Path(path)), str(path), (input_data_model, inputs), (output_data_model, outputs)
    )


def from_csv(
    path: str | Path,
    input_data_model: type[DataModel],
    output_data_model: type[DataModel],
    *,
    inputs: Mapper | None = None,
    outputs: Mapper | None = None,
) -> Split:
    """Reads samples from a CSV file with a header; arguments, result and errors as for `from_jsonl`."""
    return _samples(
        base.table(Path(path)), str(path), (input_data_model, inputs), (output_data_model, outputs)
    )


def from_huggingface(
    name: str,
    input_data_model: type[DataModel],
    output_data_model: type[DataModel],
    *,
    split: str = "train",
    inputs: Mapper | None = None,
    outputs: Mapper | None = None,
    **options: Any,
) -> Split:
    """Reads samples through the `datasets` library of Hugging Face, which caches what it downloads.

    Args:
        name: The dataset's name, or a folder.
        input_data_model: As for `from_jsonl`.
        output_data_model: As for `from_jsonl`.
        split: Which part.
        inputs: As for `from_jsonl`.
        outputs: As for `from_jsonl`.
        **options: Passed on to `datasets.load_dataset`, such as `name="distractor"` or `revision=...`.

    Raises:
        MissingDependencyError: The library is not installed.
        TrainingError: A row does not fit.
    """
    try:
        import datasets  # type: ignore[import-not-found]  # an optional library
    except ImportError as error:
        raise MissingDependencyError(
            "from_huggingface needs the library `datasets`; install it with: pip install datasets"
        ) from error
    found = datasets.load_dataset(name, split=split, **options)
    return _samples(found, f"{name} ({split})", (input_data_model, inputs), (output_data_model, outputs))


def _samples(
    rows: Iterable[Mapping[str, Any]],
    source: str,
    given: tuple[type[DataModel], Mapper | None],
    right: tuple[type[DataModel], Mapper | None],
) -> Split:
    pairs = [
        (_made(row, *given, f"{source}, row {number}"), _made(row, *right, f"{source}, row {number}"))
        for number, row in enumerate(rows, start=1)
    ]
    if not pairs:
        raise TrainingError(f"{source} holds no samples; expected at least one row.")
    return base.arrays(pairs)


def _made(row: Mapping[str, Any], model: type[DataModel], mapper: Mapper | None, place: str) -> DataModel:
    fields = mapper(row) if mapper else {name: row[name] for name in model.model_fields if name in row}
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or model.__name__
        raise TrainingError(
            f"{place} does not fit {model.__name__}: {where}: {first['msg']}; the row has "
            f"{', '.join(map(repr, row)) or 'nothing'}. Rename its fields, or give inputs= / outputs=."
        ) from error
