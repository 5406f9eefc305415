"""Documents to graph: readers, chunkers, extractors, and the pipeline that puts them together."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_NAMES = {"Pipeline": "ingest.pipeline", "Report": "ingest.report"}

if TYPE_CHECKING:
    from ingest.pipeline import Pipeline as Pipeline
    from ingest.report import Report as Report

__all__ = [*_NAMES]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'ingest' has no attribute {name!r}")
    return getattr(importlib.import_module(_NAMES[name]), name)
