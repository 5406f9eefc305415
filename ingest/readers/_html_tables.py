"""Tables of a web page: small ones as Markdown tables, long ones as lines that name their columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_LONGEST_TABLE = 1000  # characters, about a passage; a part of a longer Markdown table would lack its head
_MOST_COLUMNS = 100
_MOST_CELLS = 50_000
_LONGEST_REPEATED = 200  # characters of a cell that is repeated in each row that it spans

_NUMBER = re.compile(r"$|[-+$€£]?[\d.,]+%?$")

Render = Callable[["LexborNode", str], str]
"""Renders an element on one line, with the given joint for its line ends."""


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    head: bool


def frames(page: LexborHTMLParser) -> frozenset[int]:
    """The elements, by `mem_id`, that hold what no cell of data does: a table, a heading or code."""
    found: set[int] = set()
    for node in page.css("table, pre, h1, h2, h3, h4, h5, h6"):
        parent = node.parent
        while parent is not None and parent.mem_id not in found:
            found.add(parent.mem_id)
            parent = parent.parent
    return frozenset(found)


def is_data(table: LexborNode, frames: frozenset[int]) -> bool:
    """Whether a table holds data rather than laying out a page; `frames` are those of its page."""
    if table.mem_id in frames or (table.attributes.get("role") or "") in ("presentation", "none"):
        return False
    rows, cells = len(table.css("tr")), len(table.css("td, th"))
    return rows > 0 and 1 < cells <= min(rows * _MOST_COLUMNS, _MOST_CELLS)


def lines(table: LexborNode, render: Render) -> Iterator[str]:
    """Renders a table of data.

    Args:
        table: The element; it holds no other table.
        render: Makes the text of a cell.

    Yields:
        Lines of Markdown; an empty one stands between a caption, the table and rows that span all of it.
    """
    caption = table.css_first("caption")
    if caption is not None and (words := render(caption, " ")):
        yield words
        yield ""
    rows = [row for row in _grid(table, render) if any(cell.text for cell in row)]
    width = max((len(row) for row in rows), default=0)
    if width == 0:
        return
    if width == 1:
        yield from (f"- {row[0].text}" for row in rows)
    elif not _has_head(rows) and _has_keys(rows, width):
        yield from _by_keys(rows)
    else:
        yield from _with_head(rows, width)


def _has_head(rows: list[list[_Cell]]) -> bool:
    """Whether the first row names the columns."""
    first = rows[0]
    return all(cell.head or not cell.text for cell in first) and sum(bool(cell.text) for cell in first) > 1


def _has_keys(rows: list[list[_Cell]], width: int) -> bool:
    """Whether the first column names what stands beside it, as in the box beside an article."""
    firsts = [row[0] for row in rows]
    return any(cell.head for cell in firsts) or (
        width == 2 and sum(cell.text.endswith(":") for cell in firsts) > len(firsts) // 2
    )


def _with_head(rows: list[list[_Cell]], width: int) -> Iterator[str]:
    """A table whose first row names the columns, as most do."""
    names, *body = [[cell.text for cell in row] + [""] * (width - len(row)) for row in rows]
    drawn = [f"| {' | '.join(map(_bare, row))} |" for row in (names, ["---"] * width, *body)]
    if not body or sum(map(len, drawn)) <= _LONGEST_TABLE:
        yield from drawn
        return
    if not _has_head(rows) and (len(set(names)) < width or any(_NUMBER.match(name) for name in names)):
        names, body = [""] * width, [names, *body]
    for row in body:
        pairs = (
            f"{name}: {value}" if name else value for name, value in zip(names, row, strict=True) if value
        )
        yield "- " + "; ".join(pairs)


def _by_keys(rows: list[list[_Cell]]) -> Iterator[str]:
    for row in rows:
        key, *values = row
        written = [cell.text for cell in values if cell.text and cell.text != key.text]
        if key.text and written:
            yield f"- {key.text.rstrip(': ')}: {', '.join(written)}"
        else:
            yield f"- {key.text or ', '.join(written)}"


def _grid(table: LexborNode, render: Render) -> Iterator[list[_Cell]]:
    """Rows of cells; one that spans rows stands in each, one that spans columns leaves the others empty."""
    carried: dict[int, tuple[int, _Cell]] = {}
    cells = 0
    for row in table.css("tr"):
        line: list[_Cell] = []
        for node in row.iter():
            if node.tag not in ("td", "th"):
                continue
            _carry(line, carried)
            cell = _Cell(render(node, " " if node.tag == "th" else ", "), node.tag == "th")
            columns = min(_span(node, "colspan"), max(1, _MOST_COLUMNS - len(line)))
            if (down := _span(node, "rowspan") - 1) > 0 and cells < _MOST_CELLS:
                again = cell if len(cell.text) <= _LONGEST_REPEATED else _Cell("", cell.head)
                carried.update({len(line) + i: (down, again) for i in range(columns)})
            line += [cell, *[_Cell("", cell.head)] * (columns - 1)]
        _carry(line, carried)
        cells += len(line)
        yield line


def _carry(line: list[_Cell], carried: dict[int, tuple[int, _Cell]]) -> None:
    """Fills in the cells of earlier rows that reach down into this one."""
    while (column := len(line)) in carried:
        left, cell = carried.pop(column)
        if left > 1:
            carried[column] = (left - 1, cell)
        line.append(cell)


def _span(node: LexborNode, name: str) -> int:
    value = node.attributes.get(name) or ""
    return max(1, int(value)) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _bare(text: str) -> str:
    return text.replace("|", "\\|")
