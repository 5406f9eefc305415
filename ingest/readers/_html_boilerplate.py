"""Tells the text of a web page from what stands around it: menus, banners, cookie bars, share buttons."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_DROPPED = frozenset(
    "script style noscript template iframe object embed canvas video audio svg map head nav button select "
    "input textarea datalist dialog progress meter img picture source -comment".split()
)
_DROPPED_ROLES = frozenset(
    "navigation banner contentinfo search complementary dialog alertdialog menu menubar toolbar tablist "
    "button".split()
)
_NOTES = frozenset("note warning tip info caution important danger admonition callout example".split())
_DROPPED_CLASSES = frozenset(
    "nav navbar navigation navbox menu submenu mainmenu breadcrumb breadcrumbs sidebar toc tableofcontents "
    "cookie cookies consent gdpr share sharing social newsletter subscribe advert advertisement ads "
    "sponsored promo related pagination pager skiplink skiptocontent editsection noprint nosearch noindex "
    "nocontent backlink portlet dropdown popup modal catlinks printfooter hatnote".split()
)
# Only whole: many generators make the id of a section from its heading.
_DROPPED_IDS = frozenset(
    "nav navbar navigation menu sidebar toc cookie-banner cookie-consent cookie-notice cookies-banner "
    "breadcrumbs header footer site-header site-footer comments disqus_thread related-posts share-buttons "
    "sitesub".split()
)
_BY_NAME = frozenset("div section ul ol dl span a table form".split())  # elements that a class name may drop
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_LARGEST_SHARE = 0.3  # of the page's text that may go because of a mere class name
_MOST_MEASURED = 200  # elements; measuring each of very many could take quadratic time


class Boilerplate:
    """Decides for each element of one page whether it is left out.

    Args:
        page: The parsed page.
    """

    def __init__(self, page: LexborHTMLParser) -> None:
        self._page = page
        self._length = -1
        self._measured = 0

    def drops(self, node: LexborNode, tag: str) -> bool:
        """Whether an element and all that is in it is no part of the text."""
        if tag in _DROPPED:
            return True
        attributes = node.attributes
        if not attributes and tag not in ("header", "footer", "aside"):
            return False
        if "hidden" in attributes or attributes.get("aria-hidden") == "true" or _invisible(attributes):
            return True
        if tag in ("header", "footer", "aside"):
            return _frames_page(node, tag, _words(attributes))
        if tag not in _BY_NAME:
            return False
        if (attributes.get("role") or "").lower() in _DROPPED_ROLES:
            return self._is_small(node)
        words = _words(attributes)
        named = words & _DROPPED_CLASSES or (attributes.get("id") or "").lower() in _DROPPED_IDS
        return bool(named) and not words & _NOTES and self._is_small(node)

    def _is_small(self, node: LexborNode) -> bool:
        """Whether an element holds little of the page, and not its main heading."""
        self._measured += 1
        if self._measured > _MOST_MEASURED:
            return True
        if self._length < 0:
            body = self._page.body
            self._length = len(body.text()) if body is not None else 0
        return (
            len(node.text()) <= _LARGEST_SHARE * self._length and node.css_first("h1, main, article") is None
        )


def main_part(page: LexborHTMLParser) -> LexborNode | None:
    """The element that holds the text: the page's `main`, its only article, else its body."""
    body = page.body
    if body is None:
        return page.root
    articles = page.css("article")
    candidates = [*page.css("main, [role=main]")[:1], *(articles if len(articles) == 1 else [])]
    least = len(body.text()) * 0.25
    return next((node for node in candidates if len(node.text()) >= least), body)


def _invisible(attributes: dict[str, str | None]) -> bool:
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return "display:none" in style or "visibility:hidden" in style


def _words(attributes: dict[str, str | None]) -> frozenset[str]:
    names = attributes.get("class") or ""
    return frozenset(word.lower() for word in _WORD.findall(names)) if len(names) < 1000 else frozenset()


def _frames_page(node: LexborNode, tag: str, words: frozenset[str]) -> bool:
    """Whether a header, footer or aside belongs to the page around the text rather than to the text."""
    if tag == "aside":
        return not words & _NOTES
    parent = node.parent
    for _ in range(4):
        if parent is None:
            break
        if parent.tag == "blockquote" or (tag == "header" and parent.tag in ("article", "main", "section")):
            return False
        parent = parent.parent
    return tag == "footer" or node.css_first("h1") is None
