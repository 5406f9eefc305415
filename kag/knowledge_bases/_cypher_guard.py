"""What a raw Cypher query may do on a server: read, and nothing else. Everything not listed is refused.

Two views of the text have to agree that it only reads. The tokens settle what is a string, a comment or a
name by Neo4j's rules, and which functions are called. The parse tree, from the grammar of the package
graphglot (openCypher and GQL), may hold only kinds of nodes that read. This comes on top of READ access mode,
a time-out and a limit of rows, and replaces none of them.

Refused although they only read, because the grammar does not know them or few need them: quantified path
patterns in parentheses (`((a)-->(b)){1,3}`; `-[:R]->{1,3}` and `-[:R*1..3]->` are read), `RETURN *, x`, hints
(`USING INDEX`), computed labels (`:$(x)`), types (`IS :: STRING`), `FILTER`, `LET`, `SEARCH`, `SHOW`, and
options in front (`CYPHER 25`).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from kag.errors import MissingDependencyError
from kag.knowledge_bases._cypher_allowed import CALL_NOTHING, FUNCTIONS, PROCEDURES, READING
from kag.knowledge_bases._cypher_forms import plain_forms, text_of
from kag.knowledge_bases._cypher_tokens import Token, calls, refuse, tokens

ATTEMPTS = 60_000
"""How many forms the grammar may try for one query: a second or two; usual queries take hundreds."""

_ONE_AT_A_TIME = threading.Lock()  # the grammar moves the interpreter's limit of recursion while it reads
_MAY = (
    "MATCH, OPTIONAL MATCH, WHERE, WITH, UNWIND, RETURN, UNION, ORDER BY, SKIP, LIMIT, subqueries of these "
    "in CALL, EXISTS, COUNT and COLLECT, and CALL of a listed procedure are allowed."
)

_REFUSED = tuple(
    "CREATE MERGE SET DELETE DETACH REMOVE INSERT DROP FOREACH LOAD USE EXPLAIN PROFILE ALTER USING".split()
)


def require_read_only(query: str) -> None:
    """Refuses every Cypher query that is not certain to only read.

    It takes milliseconds for a usual query and up to a second for the largest allowed: call it in a thread.

    Args:
        query: One statement in the Cypher of Neo4j or Memgraph; its values should be parameters.

    Raises:
        QueryError: The text writes, calls what is not listed, or is not understood; says what and where.
        MissingDependencyError: The package with the grammar is not installed.

    Example:
        >>> require_read_only("MATCH (n:Person) RETURN n.name LIMIT 10")
    """
    found = tokens(query)
    for index, name in calls(found):
        if index and found[index - 1].says("CALL"):
            _require_procedure(name, found[index])
        elif name.lower() not in FUNCTIONS | CALL_NOTHING:
            _refuse_clause(found)
            refuse(
                f"the function {name} is not allowed; Cypher's own for graphs, lists, numbers, text, time "
                "and vectors are, and no extension's.",
                found[index].at,
            )
    _require_reading(found)


def _require_procedure(name: str, token: Token) -> None:
    if name not in PROCEDURES:
        refuse(f"the procedure {name} is not allowed; these are: {', '.join(sorted(PROCEDURES))}.", token.at)


def _require_reading(found: Sequence[Token]) -> None:
    """Refuses a query, and queries inside it, with a node that is not known to read."""
    plain, inside = plain_forms(found)
    for node in _parse(plain):
        kind = type(node).__name__
        if kind not in READING:
            _refuse_clause(plain)
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind).strip("_").lower()
            refuse(f"it holds something ({words}) that is not known to only read. {_MAY}", plain[0].at)
        if kind == "NamedProcedureCall":
            parts = [
                part.name for part in node.procedure_reference.dfs() if type(part).__name__ == "Identifier"
            ]
            _require_procedure(".".join(parts), plain[0])
    for query in inside:
        _require_reading(query)


def _refuse_clause(found: Sequence[Token]) -> None:
    """Names the first clause that is not allowed, if a word says it."""
    for index, token in enumerate(found):
        if token.says(*_REFUSED) and not (index and found[index - 1].says(".", ":")):
            refuse(f"{token.text} is not allowed. {_MAY}", token.at)


def _parse(plain: Sequence[Token]) -> Iterator[Any]:
    """All nodes of a query's tree."""
    try:
        from graphglot.dialect import Dialect
        from graphglot.error import GraphGlotError
    except ImportError as error:
        raise MissingDependencyError(
            "raw Cypher queries are checked with the package graphglot, which is not installed: "
            "pip install graphglot"
        ) from error
    text, places = text_of(plain)
    dialect = Dialect.get_or_raise("neo4j")
    parser = dialect.parser()
    parser.try_parse = _counted(parser.try_parse)
    try:
        with _ONE_AT_A_TIME:
            trees = parser.parse(dialect.tokenize(text), text)
    except RecursionError:
        refuse("it nests too deep; use fewer brackets and shorter chains of operators.")
    except GraphGlotError as error:
        _refuse_unread(error, places)
    if len(trees) != 1 or trees[0] is None:
        refuse("it holds several statements; send one at a time.")
    nodes: Iterator[Any] = trees[0].dfs()
    return nodes


def _counted(attempt: Callable[..., Any]) -> Callable[..., Any]:
    """The grammar's way to try a form, a limited number of times: it tries some nestings again and again."""
    left = ATTEMPTS

    def counted(*arguments: Any, **options: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            refuse("it takes too long to understand; use fewer brackets and shorter chains of operators.")
        return attempt(*arguments, **options)

    return counted


def _refuse_unread(error: Any, places: Sequence[tuple[int, Token]]) -> NoReturn:
    """Says at which token the grammar gave up, where it knows."""
    _refuse_clause([token for _, token in places])
    details = getattr(error, "errors", None)
    if not details or details[0].get("start_offset") is None:
        refuse(f"a form in it is not understood. {_MAY}", places[0][1].at)
    token = [token for offset, token in places if offset <= details[0]["start_offset"]][-1]
    refuse(f"{token.text!r} is not understood here. {_MAY}", token.at)
