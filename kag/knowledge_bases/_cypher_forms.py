"""Forms of Cypher that the grammar does not know, turned into forms that it does and that read just as much.

A subquery becomes rows from a parameter, or a parameter in an expression, as do a shortest path, a
comprehension and a condition in parentheses; what is inside is checked as a query of its own. A map
projection becomes a map. So all of it is looked at, and nesting costs the grammar no exponential time.
"""

from __future__ import annotations

from collections.abc import Sequence

from kag.knowledge_bases._cypher_tokens import Token, end_of_bracket

_SUBQUERIES = ("EXISTS", "COUNT", "COLLECT")
_SHORTEST = ("SHORTESTPATH", "ALLSHORTESTPATHS")
_CLAUSES = ("MATCH", "OPTIONAL", "UNWIND", "WITH", "CALL", "RETURN")

_KEYWORDS = tuple(
    "ALL AND ANY AS ASC ASCENDING BY CALL CASE CONTAINS CREATE DELETE DESC DESCENDING DETACH DISTINCT "
    "DROP ELSE END  ENDS EXPLAIN FALSE FILTER FINISH FOR GROUPS IN INSERT IS LET LIMIT MATCH MERGE "
    "NONE NOT NULL OFFSET  ON OPTIONAL OR ORDER PATHS PROFILE REMOVE RETURN SET SHORTEST SINGLE SKIP "
    "STARTS THEN TRUE UNION  UNWIND USE WHEN WHERE WITH XOR YIELD".split()
)
_ANY_ROWS = (("word", "UNWIND"), ("parameter", "$rows"), ("word", "AS"), ("word", "row"))
_ANY_NODE = (("word", "MATCH"), ("mark", "("), ("mark", ")"), ("word", "WHERE"))
_CONDITION = {"AND", "OR", "XOR", "NOT", "CASE", "=", "<>", "<=", ">=", "=~"}
_BEFORE_CONDITION = (
    "WHERE",
    "AND",
    "OR",
    "XOR",
    "NOT",
    "WHEN",
    "THEN",
    "ELSE",
    "CASE",
    "RETURN",
    "WITH",
    "IN",
    "BY",
)
_SHOWN = {"string": "'text'", "name": "quoted", "parameter": "$value"}

Query = list[Token]


def plain_forms(found: Sequence[Token]) -> tuple[Query, list[Query]]:
    """A query in forms that the grammar knows, and the queries that were inside it."""
    plain: Query = []
    inside: list[Query] = []
    index = 0
    while index < len(found):
        end = _subquery(found, index, plain, inside)
        end = end or _shortest(found, index, plain, inside)
        end = end or _part_or_projection(found, index, plain, inside)
        if not end:
            plain.append(found[index])
        index = max(index, end) + 1
    return _without_yield_where(plain), inside


def _is_name_here(plain: Query) -> bool:
    """Whether what comes next is a property or a label, whatever it is called."""
    return bool(plain) and plain[-1].says(".", ":")


def _subquery(found: Sequence[Token], index: int, plain: Query, inside: list[Query]) -> int:
    """Writes what stands for a subquery; the index of its last token, or 0 where none begins here."""
    token, following = found[index], found[min(index + 1, len(found) - 1)]
    if _is_name_here(plain):
        return 0
    if token.says(*_SUBQUERIES) and following.says("{"):
        end = end_of_bracket(found, index + 1)
        inside.append(_whole(found[index + 2 : end], token))
        plain.append(Token("parameter", "$subquery", token.at))
        return end
    opening = _opening_of_call(found, index) if token.says("CALL") else 0
    if not opening:
        return 0
    end = end_of_bracket(found, opening)
    if plain and plain[-1].says("OPTIONAL"):
        plain.pop()
    inside.append(_whole(found[opening + 1 : end], token))
    plain += (Token(kind, text, token.at) for kind, text in _ANY_ROWS)
    return end


def _shortest(found: Sequence[Token], index: int, plain: Query, inside: list[Query]) -> int:
    """Writes what stands for a shortest path; the index of its last token, or 0 where none begins here."""
    token, following = found[index], found[min(index + 1, len(found) - 1)]
    if not token.says(*_SHORTEST) or not following.says("(") or _is_name_here(plain):
        return 0
    end = end_of_bracket(found, index + 1)
    pattern = list(found[index + 2 : end])
    if _expects_pattern(plain):
        plain += pattern
    else:
        inside.append(_whole(pattern, token))
        plain.append(Token("parameter", "$path", token.at))
    return end


def _part_or_projection(found: Sequence[Token], index: int, plain: Query, inside: list[Query]) -> int:
    """Writes a comprehension, a condition or a map projection; the index of its last token, or 0."""
    token = found[index]
    if parts := _parts(found, index):
        inside += parts
        plain.append(Token("parameter", "$part", token.at))
        return end_of_bracket(found, index)
    named = bool(plain) and plain[-1].kind in ("word", "name")
    if not token.says("{") or not named or not _is_projection(found, index):
        return 0
    end = end_of_bracket(found, index)
    plain.pop()
    projected, more = plain_forms(_as_map(found[index : end + 1]))
    plain += projected
    inside += more
    return end


def _without_yield_where(found: Query) -> Query:
    """`YIELD a WHERE b` as `YIELD a WITH * WHERE b`."""
    plain: Query = []
    yields = False
    for token in found:
        if token.says("YIELD", "WHERE", *_CLAUSES) and not (plain and plain[-1].says(".", ":")):
            if token.says("WHERE") and yields:
                plain += [Token("word", "WITH", token.at), Token("mark", "*", token.at)]
            yields = token.says("YIELD")
        plain.append(token)
    return plain


def _opening_of_call(found: Sequence[Token], index: int) -> int:
    """The index of the brace of `CALL {` or `CALL (a, b) {`; 0 for the call of a procedure."""
    index += 1
    if index < len(found) and found[index].says("("):
        index = end_of_bracket(found, index) + 1
    return index if index < len(found) and found[index].says("{") else 0


def _whole(part: Sequence[Token], start: Token) -> Query:
    """The query that a subquery stands for: it may be only a pattern, and need not return anything."""
    whole = list(part)
    if not whole or not whole[0].says(*_CLAUSES):
        whole.insert(0, Token("word", "MATCH", start.at))
    depth = 0
    for index, token in enumerate(whole):
        depth += token.says("(", "[", "{") - token.says(")", "]", "}")
        if depth == 0 and token.says("RETURN") and not whole[index - 1].says(".", ":"):
            return whole
    return [*whole, Token("word", "RETURN", start.at), Token("number", "1", start.at)]


def _expects_pattern(before: Sequence[Token]) -> bool:
    """Whether a pattern of MATCH begins here, and not an expression."""
    if len(before) >= 3 and before[-1].says("=") and before[-2].kind in ("word", "name"):
        before = before[:-2]
    return bool(before) and before[-1].says("MATCH", ",")


def _is_projection(found: Sequence[Token], opening: int) -> bool:
    """Whether a brace holds `.name` or `.*`, as only a map projection does."""
    depth = 0
    for index in range(opening, end_of_bracket(found, opening)):
        depth += found[index].says("(", "[", "{") - found[index].says(")", "]", "}")
        if depth == 1 and found[index].says("{", ",") and found[index + 1].says("."):
            return True
    return False


def _parts(found: Sequence[Token], opening: int) -> list[Query]:
    """What a comprehension, or a condition in parentheses, consists of, each as a query; else nothing."""
    token, before = found[opening], found[max(0, opening - 1)]
    content = list(found[opening + 1 : end_of_bracket(found, opening)]) if token.says("(", "[") else []
    if not content:
        return []
    top = _top(content)
    marks = {content[index].text.upper() for index in top}
    if token.says("("):
        grouped = before.says(*_BEFORE_CONDITION) or before.kind == "mark"
        only = marks & _CONDITION and not marks & {"WHERE", ",", ":"}
        expression = _value if content[0].says("CASE") else _condition
        return [expression(content, token)] if grouped and only else []
    if before.says("-") or "|" not in marks:
        return []
    start = 2 if len(content) > 1 and content[1].says("IN") else 0
    bar = next(index for index in top if content[index].says("|"))
    where = next((index for index in top if content[index].says("WHERE") and index < bar), bar)
    source = content[start:where]
    queries = [_value(source, token) if start else _whole(source, token), _value(content[bar + 1 :], token)]
    return [*queries, _condition(content[where + 1 : bar], token)] if where < bar else queries


def _top(content: Sequence[Token]) -> list[int]:
    """The indexes of the words and marks that stand in no bracket and name no property."""
    depth = 0
    top = []
    for index, token in enumerate(content):
        depth -= token.says(")", "]", "}")
        if depth == 0 and token.kind in ("word", "mark") and not (index and content[index - 1].says(".")):
            top.append(index)
        depth += token.says("(", "[", "{")
    return top


def _condition(expression: Sequence[Token], start: Token) -> Query:
    """A query that holds a condition, which may be a pattern."""
    opening = [Token(kind, text, start.at) for kind, text in _ANY_NODE]
    return [*opening, *expression, Token("word", "RETURN", start.at), Token("number", "1", start.at)]


def _value(expression: Sequence[Token], start: Token) -> Query:
    """A query that holds an expression."""
    return [Token("word", "RETURN", start.at), *expression]


def _as_map(projection: Sequence[Token]) -> Query:
    """`{.name, .*, friend, x: 1}` as `{key: 0, key: 0, key: friend, x: 1}`."""
    result: Query = []
    depth = 0
    index = 0
    while index < len(projection):
        token = projection[index]
        depth += token.says("(", "[", "{") - token.says(")", "]", "}")
        result.append(token)
        index += 1
        if depth != 1 or not token.says("{", ","):
            continue
        key = [Token("word", "key", token.at), Token("mark", ":", token.at)]
        if projection[index].says("."):
            result += [*key, Token("number", "0", token.at)]
            index += 2
        elif projection[index].kind in ("word", "name") and projection[index + 1].says(",", "}"):
            result += key
    return result


def text_of(plain: Sequence[Token]) -> tuple[str, list[tuple[int, Token]]]:
    """The text for the grammar, and where each token begins in it.

    Strings and names in backticks lose their content, so that no rule of escaping makes the grammar and the
    server see different code. Names get backticks, as the grammar reserves more words than Cypher does.
    """
    text = ""
    places: list[tuple[int, Token]] = []
    for index, token in enumerate(plain):
        before = plain[index - 1]
        apart = before.at + len(before.text) != token.at or "mark" not in (before.kind, token.kind)
        text += " " if index and apart else ""
        places.append((len(text), token))
        if token.kind == "word" and _is_name(plain, index):
            text += f"`{token.text}`"
        else:
            text += _SHOWN.get(token.kind, token.text)
    return text, places


def _is_name(plain: Sequence[Token], index: int) -> bool:
    """Whether a word is a name, whatever it means elsewhere: neither a keyword nor the start of a call."""
    token = plain[index]
    if index and plain[index - 1].says("."):
        return True
    if token.says(*_KEYWORDS):
        return index > 0 and plain[index - 1].says(":")
    while index + 2 < len(plain) and plain[index + 1].says("."):
        index += 2
    return index + 1 == len(plain) or not plain[index + 1].says("(")
