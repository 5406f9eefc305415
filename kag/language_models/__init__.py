"""Language models behind one contract, one file a transport."""

from __future__ import annotations

from kag.language_models._prices import Price
from kag.language_models._retry import Retry
from kag.language_models._stream import Stream
from kag.language_models.cache import ResponseCache
from kag.language_models.language_model import LanguageModel, get
from kag.language_models.limits import Limits
from kag.language_models.usage import Usage, current_phase, phase

__all__ = [
    "LanguageModel",
    "Limits",
    "Price",
    "ResponseCache",
    "Retry",
    "Stream",
    "Usage",
    "current_phase",
    "get",
    "phase",
]
