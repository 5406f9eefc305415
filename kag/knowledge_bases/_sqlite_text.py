"""Full-text search by BM25: a user's words become quoted terms, and the commonest words are left out.

Function words and words that stand in a large share of the rows cost most of the time and say least; they are
dropped as long as rarer words remain. Runs of a script without spaces are searched by three characters at a
time, in an index of their own.
"""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import apsw

from kag.knowledge_bases._sqlite_connection import select, select_value
from kag.knowledge_bases._sqlite_filters import Value, conditions
from kag.knowledge_bases._sqlite_rows import as_json, collection_rows
from kag.knowledge_bases._sqlite_schema import TOKENIZER
from kag.knowledge_bases._sqlite_vectors import check_target
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Scored, TextSearch
from kag.text import unspaced

_WEIGHTS = {"chunk": "1.0, 3.0", "entity": "4.0, 3.0, 1.0"}  # columns in the order of the tables
_VOCABULARY = {
    "chunk_fts": "chunk_terms",
    "entity_fts": "entity_terms",
    "chunk_trigram": "chunk_trigram_terms",
    "entity_trigram": "entity_trigram_terms",
}
_MOST_TERMS = 64
_ALWAYS_KEPT = 3  # so many of the rarest words are searched, however common they are
_MOST_ROWS = 20_000  # rows that all words together may match before the commonest are dropped
STOP_WORDS = frozenset(
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
    if search.k < 1:
        return []
    text, table = clean(search.text), f"{search.target}_fts"
    scores = _best(db, search, table, _query(db, table, text))
    if runs := unspaced(text):
        table = f"{search.target}_trigram"
        for rid, score in _best(db, search, table, _trigram_query(db, table, runs)).items():
            scores[rid] = scores.get(rid, 0.0) + score
    best = sorted(scores, key=lambda rid: -scores[rid])[: search.k]
    ids = select(
        db,
        f"SELECT id, rid FROM {search.target} WHERE rid IN (SELECT value FROM json_each(?))",
        (as_json(best),),
    )
    return sorted((Scored(i, scores[rid]) for i, rid in ids), key=lambda item: (-item.score, item.id))


def _best(db: apsw.Connection, search: TextSearch, table: str, query: str) -> dict[int, float]:
    """The rows of an index that match a query in FTS5's syntax best, with their scores."""
    if not query:
        return {}
    filters, values = _filters(db, search, table)
    found = select(
        db,
        f"SELECT rowid, bm25({table}, {_WEIGHTS[search.target]}) AS score FROM {table} "
        f"WHERE {table} MATCH ? {filters} ORDER BY score LIMIT ?",
        (query, *values, search.k),
    )
    return {rid: -score for rid, score in found}


def _filters(db: apsw.Connection, search: TextSearch, table: str) -> tuple[str, tuple[Value, ...]]:
    """The condition that a search adds to the words, and its values."""
    collections = collection_rows(db, search.collections)
    everywhere = select_value(db, "SELECT count(*) FROM collection") == len(collections)
    found, values = conditions(db, search, None if everywhere else collections)
    if not found:
        return "", ()
    where = f"t.rid = {table}.rowid AND {' AND '.join(found)}"
    return f"AND EXISTS (SELECT 1 FROM {search.target} t WHERE {where})", tuple(values)


def _query(db: apsw.Connection, table: str, text: str) -> str:
    """Makes a query in FTS5's syntax of a user's words; empty where there are none."""
    words = _words(db, text)
    meaningful = {term: word for term, word in words.items() if word.casefold() not in STOP_WORDS} or words
    return _any_of(meaningful[term] for term in _rarest(db, table, list(meaningful)[:_MOST_TERMS]))


def _trigram_query(db: apsw.Connection, table: str, runs: Sequence[str]) -> str:
    """Makes a query of runs without spaces: of every three characters, else of pairs."""
    threes = dict.fromkeys(run[n : n + 3] for run in runs for n in range(len(run) - 2))
    known = _rarest(db, table, list(threes)[:_MOST_TERMS])
    pairs = [run[n : n + 2] for run in runs if len(run) < 3 or not known for n in range(max(1, len(run) - 1))]
    return _any_of([*known, *(term for pair in dict.fromkeys(pairs) for term in _beginning(db, table, pair))])


def _beginning(db: apsw.Connection, table: str, characters: str) -> list[str]:
    """The commonest terms of an index that begin with some characters."""
    found = select(
        db,
        f"SELECT term FROM {_VOCABULARY[table]} WHERE term >= ? AND term < ? ORDER BY doc DESC, term LIMIT ?",
        (characters, characters + "\U0010ffff", _MOST_TERMS),
    )
    return [term for (term,) in found]


def _rarest(db: apsw.Connection, table: str, terms: Sequence[str]) -> list[str]:
    """The terms that an index holds, rarest first, without those that would match too many rows."""
    frequencies = _frequencies(db, table, terms)
    kept, matched = [], 0
    for n, term in enumerate(sorted(frequencies, key=lambda term: (frequencies[term], term))):
        matched += frequencies[term]
        if n < _ALWAYS_KEPT or matched <= _MOST_ROWS:
            kept.append(term)
    return kept


def _any_of(words: Iterable[str]) -> str:
    return " OR ".join('"' + word.replace('"', '""') + '"' for word in words)


def _words(db: apsw.Connection, text: str) -> dict[str, str]:
    """Splits text as the index does: indexed term to the word as it was written, each term once."""
    tokenizer = db.fts5_tokenizer(TOKENIZER[0], list(TOKENIZER[1:]))
    data = text.encode()
    words: dict[str, str] = {}
    tokens: Any = tokenizer(data, apsw.FTS5_TOKENIZE_QUERY, None)
    for start, end, term, *_ in tokens:
        words.setdefault(term, data[start:end].decode("utf-8", "replace"))
    return words


def _frequencies(db: apsw.Connection, table: str, terms: Sequence[str]) -> dict[str, int]:
    """In how many rows each term stands; terms that stand in none are left out."""
    found = (
        (term, select(db, f"SELECT doc FROM {_VOCABULARY[table]} WHERE term = ?", (term,))) for term in terms
    )
    return {term: rows[0][0] for term, rows in found if rows}
