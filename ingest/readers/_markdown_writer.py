"""Builds a Markdown text piece by piece, and knows where in it each heading begins."""

from __future__ import annotations

import re

from ingest.readers import _files
from ingest.readers.base import Heading

_BLANKS = re.compile(r"[ \t\n\r\f\u00a0\u2002-\u200a\u202f]+")
_DEEPEST = 12  # indentations; each line repeats them all


class MarkdownWriter:
    """Takes words and structure in the order of a page and lays them out as Markdown.

    Args:
        joint: What stands for a line's end where everything goes on one line, as in the cell of a table.
    """

    def __init__(self, *, joint: str = "") -> None:
        self.headings: list[Heading] = []
        self._pieces: list[str] = []
        self._length = 0
        self._newlines = 0
        self._space = False
        self._prefixes: list[list[str]] = []
        self._deeper = 0  # indentations that are not written
        self._openings: list[str] = []
        self._joint = joint
        self._joining = False
        self._heading: tuple[int, int, int] | None = None  # level, start in the text, first piece
        self._level = 0

    def text(self) -> str:
        """The text so far."""
        return "".join(self._pieces)

    def words(self, source: str) -> None:
        """Writes running text; white space in it collapses."""
        collapsed = _BLANKS.sub(" ", _files.clean(source))
        stripped = collapsed.strip(" ")
        if collapsed[:1] == " ":
            self._space = True
        if stripped:
            self._flush()
            self._write(stripped)
            self._space = collapsed[-1] == " "

    def newline(self, count: int = 1) -> None:
        """Ends the line, leaving `count - 1` lines empty, before the next words; headings stay on a line."""
        if self._joint:
            self._joining = True
        elif self._level:
            self._space = True
        else:
            self._newlines = max(self._newlines, count)

    def open(self, mark: str) -> None:
        """Puts a mark directly before the next words, such as a backtick."""
        self._openings.append(mark)

    def close(self, mark: str) -> None:
        """Puts a mark directly behind the last words; an opening without words after it is taken back."""
        if self._openings and self._openings[-1] == mark:
            self._openings.pop()
        else:
            self._write(mark)

    def open_heading(self, level: int) -> None:
        """Begins a heading; its line begins with the next words."""
        self.newline(2)
        self._level = 0 if self._joint or self._prefixes else level

    def close_heading(self) -> None:
        """Ends a heading; without words it leaves no trace."""
        if self._heading is not None:
            level, start, piece = self._heading
            title = "".join(self._pieces[piece:]).replace("`", "").strip()
            if title:
                self.headings.append(Heading(level, title, start))
        self._heading, self._level = None, 0
        self.newline(2)

    def indent(self, first: str, rest: str) -> None:
        """Begins every line with `rest` from now on, the next one with `first`, unless that is too deep."""
        if len(self._prefixes) < _DEEPEST:
            self._prefixes.append([first, rest])
        else:
            self._deeper += 1

    def dedent(self) -> None:
        """Takes back the last `indent`."""
        if self._deeper:
            self._deeper -= 1
        else:
            self._prefixes.pop()

    def verbatim(self, lines: str) -> None:
        """Writes lines as they are, each with the indentation of its place."""
        for number, line in enumerate(_files.clean(lines).split("\n")):
            if number:
                self._newlines = 1
            if line.strip():
                self._flush()
                self._write(line.rstrip())
            else:
                self._write("\n" * self._newlines)
                self._newlines = 0
        self._space = False

    def _flush(self) -> None:
        """Writes the line ends, indentation and marks that were waiting for words."""
        if not self._pieces or self._newlines:
            if self._pieces:
                self._write("\n" * self._newlines)
            self._begin_line()
        elif self._joining and self._pieces[-1][-1].isalnum():
            self._write(self._joint)
        elif self._space or self._joining:
            self._write(" ")
        self._newlines, self._space, self._joining = 0, False, False
        if self._openings:
            self._write("".join(self._openings))
            self._openings.clear()

    def _begin_line(self) -> None:
        for prefix in self._prefixes:
            self._write(prefix[0])
            prefix[0] = prefix[1]
        if self._level and self._heading is None and not self._prefixes:
            start = self._length
            self._write("#" * self._level + " ")
            self._heading = (self._level, start, len(self._pieces))

    def _write(self, piece: str) -> None:
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)
