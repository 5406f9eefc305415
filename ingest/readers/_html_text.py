"""HTML to Markdown text: headings, lists, tables and code are kept, menus and scripts left out.

The tree is walked without recursion, so its depth does not matter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest.readers import _files, _html_boilerplate, _html_depth, _html_head, _html_tables
from ingest.readers._markdown_writer import MarkdownWriter
from ingest.readers.base import Heading

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_PARAGRAPHS = frozenset("p ul ol dl table figure blockquote pre hr details article section main dt".split())
_LINES = frozenset(
    "address aside body caption center dd div fieldset figcaption footer form header hgroup legend li option "
    "summary tbody td tfoot th thead tr br".split()
)
_LANGUAGE = re.compile(r"(?:^|\s)(?:language|lang|highlight-source|highlight|brush:)-?\s*([\w+#-]{1,20})")
_POWER = re.compile(r"[-−+]?\d{1,4}$")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A page as text: Markdown, its headings, its own title (may be empty) and what it says about itself."""

    text: str
    headings: tuple[Heading, ...]
    title: str
    metadata: dict[str, str]


def render(html: str) -> Rendered:
    """Renders a web page, or a piece of HTML, as Markdown text.

    Args:
        html: The source; broken HTML is read as browsers read it.

    Returns:
        The text without what stands around it; empty where there is none.
    """
    from selectolax.lexbor import LexborHTMLParser

    page = LexborHTMLParser(_html_depth.limit(html))
    writer = MarkdownWriter()
    root = _html_boilerplate.main_part(page)
    if root is not None:
        _Walk(writer, _html_boilerplate.Boilerplate(page), _html_tables.frames(page)).over(root)
    text = writer.text()
    return Rendered(text, tuple(writer.headings), _html_head.title(page), _html_head.metadata(page))


class _Walk:
    """Goes over a tree once, in the order of the text, and tells the writer what it meets."""

    def __init__(
        self, writer: MarkdownWriter, boilerplate: _html_boilerplate.Boilerplate, frames: frozenset[int]
    ) -> None:
        self._writer = writer
        self._boilerplate = boilerplate
        self._frames = frames
        self._counters: list[int] = []  # of the lists that are open: the next number, -1 for bullets
        self._code = 0

    def over(self, root: LexborNode) -> None:
        """Renders an element and all that is in it."""
        node, end = root, root.mem_id
        while True:
            if self._enter(node):
                child = node.first_child
                if child is not None:
                    node = child
                    continue
                self._leave(node.tag or "")
            following = self._after(node, end)
            if following is None:
                return
            node = following

    def _after(self, node: LexborNode, end: int) -> LexborNode | None:
        """The node that comes after one and all that is in it; leaves the elements that end before it."""
        while node.mem_id != end:
            following = node.next
            if following is not None:
                return following
            parent = node.parent
            if parent is None:
                return None
            node = parent
            self._leave(node.tag or "")
        return None

    def _enter(self, node: LexborNode) -> bool:
        """Renders the beginning of an element; False where it is done with, children and all."""
        tag = node.tag or ""
        if tag == "-text":
            self._writer.words(node.text())
            return False
        if tag.startswith("-") or self._boilerplate.drops(node, tag):
            return False
        if tag == "pre":
            self._fence(node)
        elif tag == "math":
            self._formula(node)
        elif tag == "table" and _html_tables.is_data(node, self._frames):
            self._table(node)
        elif tag in ("sup", "sub"):
            return self._raised(node, tag)
        else:
            self._begin(node, tag)
            return True
        return False

    def _begin(self, node: LexborNode, tag: str) -> None:
        writer = self._writer
        if tag in _HEADINGS:
            writer.open_heading(_HEADINGS[tag])
        elif tag in ("ul", "ol"):
            writer.newline(1 if self._counters else 2)
            self._counters.append(_first_number(node) if tag == "ol" else -1)
        elif tag == "li":
            self._item()
        elif tag in _PARAGRAPHS:
            writer.newline(1 if self._counters else 2)
        elif tag in _LINES:
            writer.newline()
        elif tag in ("code", "kbd", "samp", "tt"):
            self._code += 1
            if self._code == 1:
                writer.open("`")

    def _leave(self, tag: str) -> None:
        writer = self._writer
        if tag in _HEADINGS:
            writer.close_heading()
        elif tag in ("ul", "ol"):
            self._counters.pop()
            writer.newline(1 if self._counters else 2)
        elif tag == "li":
            writer.dedent()
            writer.newline()
        elif tag in _PARAGRAPHS:
            writer.newline(1 if self._counters or tag == "dt" else 2)
        elif tag in _LINES:
            writer.newline()
        elif tag in ("code", "kbd", "samp", "tt"):
            self._code -= 1
            if self._code == 0:
                writer.close("`")

    def _item(self) -> None:
        self._writer.newline()
        number = self._counters[-1] if self._counters else -1
        mark = "- " if number < 0 else f"{number}. "
        if number >= 0:
            self._counters[-1] += 1
        self._writer.indent(mark, " " * len(mark))

    def _fence(self, node: LexborNode) -> None:
        code = _preformatted(node).strip("\n").rstrip()
        if not code.strip():
            return
        fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`{3,}", code))])
        self._writer.newline(2)
        self._writer.verbatim(f"{fence}{_language(node)}\n{code}\n{fence}")
        self._writer.newline(2)

    def _formula(self, node: LexborNode) -> None:
        source = node.css_first('annotation[encoding="application/x-tex"]')
        words = source.text() if source is not None else node.attributes.get("alttext") or node.text()
        self._writer.words(f"${words.strip()}$" if words.strip() else "")

    def _table(self, node: LexborNode) -> None:
        self._writer.newline(2)
        for line in _html_tables.lines(node, self._on_one_line):
            if line:
                self._writer.verbatim(line)
            self._writer.newline(1 if line else 2)
        self._writer.newline(2)

    def _on_one_line(self, node: LexborNode, joint: str) -> str:
        writer = MarkdownWriter(joint=joint)
        _Walk(writer, self._boilerplate, self._frames).over(node)
        return writer.text()

    def _raised(self, node: LexborNode, tag: str) -> bool:
        """A power keeps its mark (10^6, not 106); references to footnotes are left out."""
        words = node.text().strip()
        if "reference" in (node.attributes.get("class") or "") or (words[:1] == "[" and words[-1:] == "]"):
            return False
        if tag == "sup" and _POWER.match(words):
            self._writer.open("^")
        return True


def _preformatted(node: LexborNode) -> str:
    """The text of a `pre` with its line ends, also where they are written as `br` or as one block a line."""
    pieces: list[str] = []
    for inner in node.traverse(include_text=True):
        if inner.tag == "-text" and not _within_button(inner):
            pieces.append(inner.text())
        elif inner.tag == "br" or (
            inner.tag in ("div", "p", "li", "tr") and pieces and pieces[-1][-1:] != "\n"
        ):
            pieces.append("\n")
    return _files.clean("".join(pieces)).expandtabs(4)


def _within_button(node: LexborNode) -> bool:
    parent = node.parent
    return parent is not None and parent.tag in ("button", "script", "style")


def _language(node: LexborNode) -> str:
    inner = node.css_first("code")
    parent = node.parent
    for candidate in (inner, node, parent, parent.parent if parent is not None else None):
        if candidate is not None:
            found = _LANGUAGE.search(candidate.attributes.get("class") or "")
            if found:
                return found.group(1)
    return ""


def _first_number(node: LexborNode) -> int:
    start = node.attributes.get("start") or "1"
    return int(start) if start.isascii() and start.isdigit() and len(start) < 7 else 1
