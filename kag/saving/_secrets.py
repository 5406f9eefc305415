"""Refuses what holds a secret: a program file is copied, committed and mailed.

A setting is judged by its name and by its value; prose (instructions, descriptions, what a model wrote) only
by values that look like real keys, since it may talk about passwords.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kag.errors import SavingError

_WORDS = (
    r"(?:api[_-]?key|access[_-]?key|private[_-]?key|encryption[_-]?key|password|passwd|passphrase|secret"
    r"|(?:access|auth|bearer|refresh|api)[_-]?token|authorization|credentials?|cookie)"
)
_NAMES = re.compile(rf"(?:^|[_-]){_WORDS}$", re.IGNORECASE)
_TOKEN = re.compile(r"(?:^|[_-])token$", re.IGNORECASE)  # of a service, or a word of a language
_PROSE = re.compile(
    r"(?:^|_)(?:instructions?|descriptions?|prompts?|template|question|query|text|content|title|labels?"
    r"|seed_instructions|candidates|examples|predictions|thinking)$",
    re.IGNORECASE,
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@")
_RANDOM = r"(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}"  # letters and digits without a break
_KEY = re.compile(
    rf"\b(?:sk|gsk|pk|rk|hf|gh[opsur]|github_pat|glpat|xox[abprs]|pplx|nvapi)[-_][A-Za-z0-9_-]*?{_RANDOM}"
    r"|\bAKIA[0-9A-Z]{16}\b|\bAIza[A-Za-z0-9_-]{35}|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_QUERY = re.compile(rf"://\S*[?&](?:key|token|sig|signature|(?:\w*[_-])?{_WORDS})=[^&\s#{{<$]", re.IGNORECASE)
_ASSIGNED = re.compile(rf"(?<![A-Za-z0-9]){_WORDS}[\"']?\s*[:=]\s*[\"']?[^\s\"'{{<$]", re.IGNORECASE)
_BEARER = re.compile(r"\bBearer\s+[A-Za-z0-9._~+/-]{8,}")
_LONG = re.compile(_RANDOM)


def refuse_secrets(value: Any, owner: str, *, prose: bool = False) -> None:
    """Looks for secrets in plain values, however deep.

    Args:
        value: JSON, in which anything else is passed over.
        owner: What it belongs to, for the message.
        prose: Its texts were written for people or models, and are no settings.

    Raises:
        SavingError: There is one; the message names its place, not the secret.
    """
    _refuse(value, owner, "an item", prose=prose)


def _refuse(value: Any, owner: str, key: str, *, prose: bool) -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            _refuse(item, owner, str(name), prose=prose or bool(_PROSE.search(str(name))))
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse(item, owner, key, prose=prose)
    elif isinstance(value, str) and value and _is_secret(key, value, prose=prose):
        raise SavingError(
            f"{owner} cannot be saved: {key!r} in it looks like a secret. "
            "Read it from the environment when it is used, and leave it out of what is saved."
        )


def _is_secret(key: str, value: str, *, prose: bool) -> bool:
    if _NAMES.search(key) or _KEY.search(value) or _URL.search(value):
        return True
    if prose:
        return False
    if _TOKEN.search(key) and _LONG.search(value):
        return True
    return bool(_QUERY.search(value) or _ASSIGNED.search(value) or _BEARER.search(value))
