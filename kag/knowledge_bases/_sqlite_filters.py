"""What a search asks for beside its words or vector, as conditions on chunks or entities `t`."""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Mapping, Sequence

import apsw

from kag.errors import SearchError
from kag.knowledge_bases._sqlite_rows import as_json, row_numbers
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import TextSearch, VectorSearch
from kag.knowledge_bases.records import Scalar

Value = str | int | float
_HELD = "IN (SELECT value FROM json_each(?))"
_OWN_PROPERTIES = "SELECT 1 FROM json_each(t.properties) p WHERE {}"
_METADATA = "SELECT 1 FROM document d, json_each(d.metadata) p WHERE d.rid = t.document AND {}"


def conditions(
    db: apsw.Connection, search: TextSearch | VectorSearch, collections: Sequence[int] | None
) -> tuple[list[str], list[Value]]:
    """The conditions of a search and their values; none where it asks for everything.

    Args:
        db: A connection in a reading transaction.
        search: What is looked for.
        collections: Rows of the collections to look in; None for all.
    """
    found: list[str] = []
    values: list[Value] = []
    if collections is not None:
        found.append(f"t.collection {_HELD}")
        values.append(as_json(collections))
    if search.document_ids:
        documents = as_json(row_numbers(db, "document", search.document_ids).values())
        sources = f"EXISTS (SELECT 1 FROM entity_source s WHERE s.entity = t.rid AND s.document {_HELD})"
        found.append(f"t.document {_HELD}" if search.target == "chunk" else sources)
        values.append(documents)
    if search.label is not None and search.target == "entity":
        found.append("t.label = ?")
        values.append(clean(search.label))
    of = _METADATA if search.target == "chunk" else _OWN_PROPERTIES
    for condition, *asked in _properties(search.properties):
        found.append(f"EXISTS ({of.format(condition)})")
        values += asked
    return found, values


def _properties(properties: Mapping[str, Scalar]) -> list[tuple[str, *tuple[Value, ...]]]:
    """One condition for each property; `True` is not 1, and 1 is 1.0."""
    found: list[tuple[str, *tuple[Value, ...]]] = []
    for key, value in properties.items():
        if isinstance(value, bool):
            found.append(("p.key = ? AND p.type = ?", clean(key), "true" if value else "false"))
        elif isinstance(value, int | float):
            found.append(("p.key = ? AND p.type IN ('integer', 'real') AND p.atom = ?", clean(key), value))
        elif isinstance(value, str):
            found.append(("p.key = ? AND p.type = 'text' AND p.atom = ?", clean(key), clean(value)))
        else:
            raise SearchError(
                f"The property {key!r} is to be {value!r}; expected text, a number or a truth value."
            )
    return found
