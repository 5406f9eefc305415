"""Refuses configurations that hold a secret: a program file is copied, committed and mailed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kag.errors import SavingError

_NAMES = re.compile(
    r"(^|[_-])(api[_-]?key|password|passwd|secret|(access|auth|bearer|refresh|api)[_-]?token|token|authorization"
    r"|private[_-]?key|credentials?|encryption[_-]?key|cookie)$",
    re.IGNORECASE,
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@")
_KEY = re.compile(r"\b(sk|gsk|ghp|xoxb|hf)[-_][A-Za-z0-9_-]{16,}")


def refuse_secrets(config: Any, owner: str) -> None:
    """Looks for secrets in plain values, however deep.

    Raises:
        SavingError: There is one; the message names its place, not the secret.
    """
    if isinstance(config, Mapping):
        for key, value in config.items():
            if isinstance(value, str) and _is_secret(str(key), value):
                raise SavingError(
                    f"{owner} cannot be saved: {key!r} in its configuration looks like a secret. "
                    "Read it from the environment when it is used, and leave it out of get_config."
                )
            refuse_secrets(value, owner)
    elif isinstance(config, list | tuple):
        for value in config:
            refuse_secrets({"an item": value} if isinstance(value, str) else value, owner)


def _is_secret(key: str, value: str) -> bool:
    return bool(value and _NAMES.search(key)) or bool(_URL.search(value) or _KEY.search(value))
