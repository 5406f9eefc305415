"""The user's data as samples: arrays, lists, iterables and async iterables of data models, or of pairs."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Sequence
from random import Random
from typing import Any

from kag.data_models.json_data_model import JsonDataModel, as_json_data_model
from kag.errors import DataModelError, TrainingError
from kag.graph.structure import leaves, map_leaves
from kag.training.records import Sample, digest


async def samples_of(x: Any, y: Any = None, what: str = "x") -> list[Sample]:
    """Samples, in the order of the data.

    Args:
        x: Inputs: a list, array or (async) iterable with one data model (or tuple, list, dict of them) a
            sample; or a tuple or list of arrays, one an input of the program. An iterable that is neither
            list nor array may give pairs `(inputs, target)` in place of a `y`.
        y: Targets, likewise; None without.
        what: What messages call the data.

    Raises:
        TrainingError: It is none of these, lengths differ, or an item is not a data model.
    """
    paired = y is None and not _is_list(x)
    inputs = await _items(x, what)
    if paired and inputs and all(isinstance(item, tuple) and len(item) == 2 for item in inputs):
        inputs, targets = [item[0] for item in inputs], [item[1] for item in inputs]
    else:
        targets = [None] * len(inputs) if y is None else await _items(y, f"the targets of {what}")
    if len(inputs) != len(targets):
        raise TrainingError(
            f"{what} has {len(inputs)} inputs and {len(targets)} targets; every input needs its target."
        )
    return [_sample(place, *pair, what) for place, pair in enumerate(zip(inputs, targets, strict=True))]


def split(samples: Sequence[Sample], share: float, random: Random) -> tuple[list[Sample], list[Sample]]:
    """Training and validation samples; which ones are held out is drawn, their order stays.

    Args:
        samples: All of them.
        share: Part to hold out, 0 to below 1; rounded, but at least one sample if it is above 0.
        random: The source of chance.
    """
    if not isinstance(share, int | float) or isinstance(share, bool) or not 0 <= share < 1:
        raise TrainingError(f"validation_split must be from 0 to below 1; got {share!r}.")
    if share == 0 or len(samples) < 2:
        return list(samples), []
    count = min(len(samples) - 1, max(1, round(len(samples) * share)))
    held = set(random.sample(range(len(samples)), count))
    return (
        [one for place, one in enumerate(samples) if place not in held],
        [one for place, one in enumerate(samples) if place in held],
    )


def data_of(value: Any) -> Any:
    """The JSON of a structure of JSON data models; None stays None."""
    return map_leaves(lambda leaf: leaf.data if isinstance(leaf, JsonDataModel) else leaf, value)


def _is_list(x: Any) -> bool:
    return isinstance(x, list | tuple) or _is_array(x)


def _is_array(x: Any) -> bool:
    return hasattr(x, "dtype") and hasattr(x, "tolist")


async def _items(given: Any, what: str) -> list[Any]:
    if _is_array(given):
        return list(given)
    if isinstance(given, list | tuple):
        if given and all(_is_array(column) for column in given):
            return list(zip(*given, strict=True))
        return list(given)
    if isinstance(given, AsyncIterable):
        return [item async for item in given]
    single = isinstance(given, str | bytes | dict) or hasattr(given, "to_json_data_model")
    if isinstance(given, Iterable) and not single:
        return list(given)
    raise TrainingError(
        f"{what} must be a list, an array or an (async) iterable of data models; got {type(given).__name__}."
    )


def _sample(place: int, inputs: Any, target: Any, what: str) -> Sample:
    try:
        given, right = map_leaves(_model, inputs), map_leaves(_model, target)
    except DataModelError as error:
        raise TrainingError(f"Sample {place} of {what}: {error}") from None
    if not any(leaf is not None for leaf in leaves(given)):
        raise TrainingError(f"Sample {place} of {what} has no inputs.")
    return Sample(place, given, right, digest([data_of(given), data_of(right)]))


def _model(leaf: Any) -> JsonDataModel | None:
    return None if leaf is None else as_json_data_model(leaf)
