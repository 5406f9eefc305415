"""Names of labels, relation types and properties as identifiers in Cypher; one function makes them.

Such names come from documents, models and users; parameters cannot stand in their place in every version, so
they are quoted here, and refused where a quoted name could mean something else to some version of a server.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

from kag.errors import StoreError

LONGEST = 1_000
"""Characters that a name may have; a server's own limit is far above, and no name of a schema comes near."""

Kind = Literal["label", "relation type", "property", "index", "constraint"]


def identifier(name: str, kind: Kind) -> str:
    """A name between backticks, safe to stand in a Cypher statement.

    Args:
        name: Any text; it is kept to the letter, so that the same name is read back.
        kind: What it names, for the message of the error.

    Raises:
        StoreError: The name is empty or too long, or holds control or unpaired surrogate characters, or a
            backslash before `u` (some servers decode unicode escapes before they look for backticks).

    Example:
        >>> identifier("part of `x`", "relation type")
        '`part of ``x```'
    """
    if problem := _problem(name):
        shown = name if len(name) <= 80 else f"{name[:80]}..."
        raise StoreError(
            f"{shown!r} cannot be the name of a {kind}: it {problem}. "
            f"Use 1 to {LONGEST} printable characters, such as 'WORKS_AT' or 'works at'."
        )
    return "`" + name.replace("`", "``") + "`"


def _problem(name: str) -> str:
    """What keeps a name from being safe, or nothing."""
    if not name.strip():
        return "is blank"
    if len(name) > LONGEST:
        return f"has {len(name)} characters"
    if re.search(r"\\u", name, re.IGNORECASE):
        return "holds a unicode escape, which some servers decode"
    for character in name:
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            return f"holds the character U+{ord(character):04X}, which is not printable"
    return ""
