"""Datasets to train and to evaluate on: known ones from a local folder, and the user's own files.

(x_train, y_train), (x_test, y_test) = kag.datasets.gsm8k.load_data()
x, y = kag.datasets.from_jsonl("questions.jsonl", Question, Answer)
"""

from __future__ import annotations

import importlib
from typing import Any

from kag.datasets.own import from_csv as from_csv
from kag.datasets.own import from_huggingface as from_huggingface
from kag.datasets.own import from_jsonl as from_jsonl
from kag.discover import names

_SHARED = {"base", "own"}


def __getattr__(name: str) -> Any:
    if name in _SHARED or name not in names(__name__):
        known = ", ".join(sorted(set(names(__name__)) - _SHARED))
        raise AttributeError(
            f"kag.datasets has no {name!r}; it has {known}, from_jsonl, from_csv, from_huggingface."
        )
    return importlib.import_module(f"{__name__}.{name}")
