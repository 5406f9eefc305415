"""Full-text search by BM25: a user's words become quoted terms, and the commonest words are left out.

Function words and words that stand in a large share of the rows cost most of the time and say least; they are
dropped as long as rarer words remain.
"""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows, row_numbers
from kag.knowledge_bases._sqlite_schema import TOKENIZER
from kag.knowledge_bases._sqlite_vectors import Target, check_target
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Scored, TextSearch

_WEIGHTS = {"chunk": "1.0, 3.0", "entity": "4.0, 3.0, 1.0"}  # columns in the order of the tables
_MOST_TERMS = 64
_ALWAYS_KEPT = 3  # so many of the rarest words are searched, however common they are
_MOST_ROWS = 20_000  # rows that all words together may match before the commonest are dropped
_STOP_WORDS = frozenset(
    "a about above after again all also am an and any are as at be been before being below between both "
    "but by can could did do does doing down during each few for from further had has have having he "
    "her here hers him his how i if in into is it its itself just me more most my no nor not of off on "
    "once only or other our out over own same she should so some such than that the their theirs them "
    "then there these they this those through to too under until up very was we were what when where "
    "which while who whom whose why will with would you your".split()
)


def text_search(db: apsw.Connection, search: TextSearch) -> list[Scored]:
    """Finds the best by BM25, best first.

    Args:
        db: A connection in a reading transaction.
        search: What to look for.
    """
    check_target(search.target)
    query = _query(db, search.target, clean(search.text))
    if not query or search.k < 1:
        return []
    collections = collection_rows(db, search.collections)
    filters, values = _filters(db, search, collections)
    table = f"{search.target}_fts"
    ranked = f"bm25({table}, {_WEIGHTS[search.target]})"
    found = select(
        db,
        f"SELECT rowid, {ranked} AS score FROM {table} WHERE {table} MATCH ? {filters} "
        f"ORDER BY score LIMIT ?",
        (query, *values, search.k),
    )
    scores = dict(found)
    ids = select(
        db,
        f"SELECT id, rid FROM {search.target} WHERE rid IN (SELECT value FROM json_each(?))",
        (as_json(scores),),
    )
    return sorted((Scored(i, -scores[rid]) for i, rid in ids), key=lambda item: (-item.score, item.id))


def _filters(
    db: apsw.Connection, search: TextSearch, collections: Sequence[int]
) -> tuple[str, tuple[str, ...]]:
    """The conditions that a search adds to the words, and their values."""
    everywhere = select_value(db, "SELECT count(*) FROM collection") == len(collections)
    conditions: list[str] = []
    values: list[str] = []
    if not everywhere:
        conditions.append("t.collection IN (SELECT value FROM json_each(?))")
        values.append(as_json(collections))
    if search.document_ids:
        held = "t.document" if search.target == "chunk" else "s.document"
        conditions.append(f"{held} IN (SELECT value FROM json_each(?))")
        values.append(as_json(row_numbers(db, "document", search.document_ids).values()))
    if search.label is not None and search.target == "entity":
        conditions.append("t.label = ?")
        values.append(clean(search.label))
    if not conditions:
        return "", ()
    source = f"{search.target} t"
    if search.target == "entity" and search.document_ids:
        source += " JOIN entity_source s ON s.entity = t.rid"
    where = f"t.rid = {search.target}_fts.rowid AND {' AND '.join(conditions)}"
    return f"AND EXISTS (SELECT 1 FROM {source} WHERE {where})", tuple(values)


def _query(db: apsw.Connection, target: Target, text: str) -> str:
    """Makes a query in FTS5's syntax of a user's words; empty where there are none."""
    words = _words(db, text)
    meaningful = {term: word for term, word in words.items() if word.casefold() not in _STOP_WORDS} or words
    frequencies = _frequencies(db, target, list(meaningful)[:_MOST_TERMS])
    rarest = sorted(frequencies, key=lambda term: (frequencies[term], term))
    kept, matched = [], 0
    for n, term in enumerate(rarest):
        matched += frequencies[term]
        if n < _ALWAYS_KEPT or matched <= _MOST_ROWS:
            kept.append('"' + meaningful[term].replace('"', '""') + '"')
    return " OR ".join(kept)


def _words(db: apsw.Connection, text: str) -> dict[str, str]:
    """Splits text as the index does: indexed term to the word as it was written, each term once."""
    tokenizer = db.fts5_tokenizer(TOKENIZER[0], list(TOKENIZER[1:]))
    data = text.encode()
    words: dict[str, str] = {}
    tokens: Any = tokenizer(data, apsw.FTS5_TOKENIZE_QUERY, None)
    for start, end, term, *_ in tokens:
        words.setdefault(term, data[start:end].decode("utf-8", "replace"))
    return words


def _frequencies(db: apsw.Connection, target: Target, terms: Sequence[str]) -> dict[str, int]:
    """In how many rows each term stands; terms that stand in none are left out."""
    found = ((term, select(db, f"SELECT doc FROM {target}_terms WHERE term = ?", (term,))) for term in terms)
    return {term: rows[0][0] for term, rows in found if rows}
