"""Words as the graph servers' text indexes keep them: the same terms as in the embedded store.

Servers differ in their analyzers. So texts are split, folded and stemmed here, by the tokenizer that the
embedded store's index uses, and a server's index only splits the result at spaces. A run of a script without
spaces becomes its characters and pairs of characters. A term that some analyzer would split or drop, which is
all but short ones of ASCII letters and digits, is kept as a hash.
"""

from __future__ import annotations

import hashlib
import re
import threading
from functools import lru_cache
from typing import Any

import apsw

from kag.knowledge_bases._sqlite_schema import TOKENIZER
from kag.text import unspaced

_PLAIN = re.compile(r"[a-z0-9]{1,32}")
_own = threading.local()


def terms(text: str) -> list[str]:
    """The terms of a text, in order, with repetitions."""
    return [_kept(piece) for token in _tokens(text) for piece in _pieces(token, everything=True)]


@lru_cache(maxsize=4096)
def indexed(text: str) -> str:
    """What is indexed of a text: its terms with spaces between them."""
    return " ".join(terms(text))


def asked(text: str, stop_words: frozenset[str], most: int = 64) -> list[str]:
    """The terms of a question, each once; function words only where there is nothing else."""
    meaningful = " ".join(w for w in text.split() if w.strip("?!.,;:\"'()").casefold() not in stop_words)
    return (_unique(meaningful) or _unique(text))[:most]


def _unique(text: str) -> list[str]:
    pieces = (piece for token in _tokens(text) for piece in _pieces(token, everything=False))
    return list(dict.fromkeys(map(_kept, pieces)))


def _tokens(text: str) -> list[str]:
    tokenizer: Any = getattr(_own, "tokenizer", None)
    if tokenizer is None:
        _own.database = apsw.Connection(":memory:")
        tokenizer = _own.tokenizer = _own.database.fts5_tokenizer(TOKENIZER[0], list(TOKENIZER[1:]))
    data = text.encode("utf-8", "replace")
    found: list[str] = tokenizer(
        data, apsw.FTS5_TOKENIZE_DOCUMENT, None, include_offsets=False, include_colocated=False
    )
    return found


def _pieces(token: str, *, everything: bool) -> list[str]:
    """A token itself; of one with a run without spaces the pairs of characters, for an index also each."""
    if not unspaced(token):
        return [token]
    pairs = [token[n : n + 2] for n in range(len(token) - 1)]
    return [*token, *pairs] if everything or not pairs else pairs


def _kept(term: str) -> str:
    if _PLAIN.fullmatch(term):
        return term
    return f"u{hashlib.blake2b(term.encode('utf-8', 'replace'), digest_size=8).hexdigest()}"
