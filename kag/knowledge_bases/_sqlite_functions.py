"""Text functions that take time in proportion to their texts, in the place of SQLite's own, which may not.

No progress handler runs within a function, so one call on two long texts could outlast every time limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apsw

_MOST_CHARACTERS = 16_000_000


def tame(db: apsw.Connection) -> None:
    """Puts the functions in their places, on one connection."""
    functions: dict[str, tuple[int, Callable[..., Any]]] = {
        "instr": (2, _instr),
        "replace": (3, _replace),
        "trim": (2, lambda text, letters: _stripped(text, letters, str.strip)),
        "ltrim": (2, lambda text, letters: _stripped(text, letters, str.lstrip)),
        "rtrim": (2, lambda text, letters: _stripped(text, letters, str.rstrip)),
    }
    for name, (arguments, function) in functions.items():
        db.create_scalar_function(name, function, arguments, deterministic=True)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _instr(text: Any, part: Any) -> int | None:
    """The first place of a part, from 1; 0 where it does not stand there."""
    return None if text is None or part is None else _text(text).find(_text(part)) + 1


def _replace(text: Any, old: Any, new: Any) -> str | None:
    if text is None or old is None or new is None:
        return None
    whole, before, after = _text(text), _text(old), _text(new)
    if not before:
        return whole
    longer = (len(after) - len(before)) * whole.count(before)
    if len(whole) + longer > _MOST_CHARACTERS:
        raise apsw.TooBigError("string or blob too big")
    return whole.replace(before, after)


def _stripped(text: Any, letters: Any, strip: Callable[[str, str], str]) -> str | None:
    return None if text is None or letters is None else strip(_text(text), _text(letters))
