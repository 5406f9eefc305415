"""What users of such frameworks look for under `utils`: drawing, and saving objects of their own."""

from __future__ import annotations

from kag.plotting import plot_history, plot_program
from kag.saving import deserialize_kag_object, register_kag_serializable, serialize_kag_object

__all__ = [
    "deserialize_kag_object",
    "plot_history",
    "plot_program",
    "register_kag_serializable",
    "serialize_kag_object",
]
