"""Maps the styles of a Word document to HTML by what they are: outline level, name, typeface.

Houses define styles of their own (`HeadA`, `ChapterTitle`, `CodeWide`), which a list of names would miss.
"""

from __future__ import annotations

import re
import zipfile
from xml.etree import ElementTree

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MONOSPACED = re.compile(r"\b(?:courier|consolas|menlo|monaco|lucida console)|mono\b|code\b", re.I)
_TITLE = re.compile(r"(?:(?:book|chapter|document|report|paper)[ _-]?)?title$", re.I)
_LETTERED = re.compile(r"head(?:ing)?[ _-]?([A-E])$", re.I)
_NUMBERED = re.compile(r"(?:head(?:ing|er)?|[üu]berschrift|titre|t[íi]tulo|titolo)[ _-]?([1-6])$", re.I)
_BULLET = re.compile(r"list[ _-]?bullet", re.I)
_NUMBER = re.compile(r"list[ _-]?number", re.I)
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]+$")


def style_map(package: zipfile.ZipFile) -> str:
    """Writes mammoth's style map for the styles of a document; empty where it has none."""
    if "word/styles.xml" not in package.namelist():
        return ""
    root = ElementTree.fromstring(package.read("word/styles.xml"))  # noqa: S314  expat bounds what entities expand to
    styles = {style.get(f"{_W}styleId", ""): style for style in root.iter(f"{_W}style")}
    lines = []
    for identifier, style in styles.items():
        if _SAFE_ID.match(identifier) and (target := _target(style, styles)):
            kind = "r" if style.get(f"{_W}type") == "character" else "p"
            lines.append(f"{kind}.{identifier} => {target}")
    return "\n".join(lines)


def _target(style: ElementTree.Element, styles: dict[str, ElementTree.Element]) -> str:
    kind = style.get(f"{_W}type")
    if kind == "character":
        return "code" if _is_monospaced(style) else ""
    if kind != "paragraph":
        return ""
    name = _value(style, "name")
    if level := _level(name, style, styles):
        return f"h{level}:fresh"
    if _is_monospaced(style):
        return r"pre:separator('\n')"
    if _BULLET.match(name):
        return "ul > li:fresh"
    return "ol > li:fresh" if _NUMBER.match(name) else ""


def _level(name: str, style: ElementTree.Element, styles: dict[str, ElementTree.Element]) -> int:
    """The level of a heading style, 0 for other styles; below a title's, lettered headings begin at 2."""
    if _TITLE.match(name):
        return 1
    if lettered := _LETTERED.match(name):
        return ord(lettered.group(1).upper()) - ord("A") + 2
    if numbered := _NUMBERED.match(name):
        return int(numbered.group(1))
    for _ in range(10):  # styles are based on others; a ring of them ends here
        outline = _value(style, f"pPr/{_W}outlineLvl")
        if outline.isdigit():
            return int(outline) + 1 if int(outline) < 6 else 0
        parent = styles.get(_value(style, "basedOn"))
        if parent is None:
            break
        style = parent
    return 0


def _is_monospaced(style: ElementTree.Element) -> bool:
    fonts = style.find(f"{_W}rPr/{_W}rFonts")
    return fonts is not None and bool(_MONOSPACED.search(fonts.get(f"{_W}ascii", "")))


def _value(style: ElementTree.Element, path: str) -> str:
    node = style.find(f"{_W}{path}")
    return node.get(f"{_W}val", "") if node is not None else ""
