"""What a web page says about itself: title, author, date, language, address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ingest.readers import _files

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser

_NAMES = {
    "author": (
        "author",
        "article:author",
        "citation_author",
        "dc.creator",
        "dcterms.creator",
        "parsely-author",
    ),
    "date": (
        "article:published_time",
        "citation_publication_date",
        "dc.date",
        "dcterms.date",
        "date",
        "pubdate",
        "datepublished",
        "article:modified_time",
        "last-modified",
    ),
    "language": ("content-language", "og:locale"),
    "description": ("description", "og:description"),
    "url": ("og:url",),
    "site": ("og:site_name",),
}
_SPACES = re.compile(r"\s+")
_LONGEST = 1000


def title(page: LexborHTMLParser) -> str:
    """The page's own title: its first `h1` where the `title` element agrees with it, else that element's."""
    named = page.css_first("head > title") or page.css_first("title")
    full = _line(named.text()) if named is not None else ""
    heading = page.css_first("h1")
    first = _line(heading.text()) if heading is not None else ""
    if first and (not full or first.casefold() in full.casefold()):
        return first
    return full or _line(_meta(page).get("og:title", ""))


def metadata(page: LexborHTMLParser) -> dict[str, str]:
    """Author, date, language, description, address and site of the page, where it gives them."""
    said = _meta(page)
    found: dict[str, str] = {}
    for key, names in _NAMES.items():
        value = next((said[name] for name in names if said.get(name)), "")
        if value and not (key == "author" and value.startswith(("http:", "https:"))):
            found[key] = _line(value)
    root = page.css_first("html")
    if root is not None and (language := root.attributes.get("lang")):
        found["language"] = _line(language)
    canonical = page.css_first("link[rel=canonical]")
    if canonical is not None and (address := canonical.attributes.get("href")):
        found["url"] = _line(address)
    for key, value in _linked_data(page).items():
        found.setdefault(key, value)
    if "date" not in found and (times := page.css("article time[datetime], main time[datetime]")):
        found["date"] = _line(times[0].attributes.get("datetime") or "")
    return {key: value for key, value in found.items() if value}


def _meta(page: LexborHTMLParser) -> dict[str, str]:
    said: dict[str, str] = {}
    for node in page.css("meta[content]"):
        attributes = node.attributes
        name = attributes.get("name") or attributes.get("property") or attributes.get("http-equiv")
        name = name or attributes.get("itemprop")
        if name:
            said.setdefault(name.lower(), attributes.get("content") or "")
    return said


def _linked_data(page: LexborHTMLParser) -> dict[str, str]:
    """Author and date from the page's JSON-LD, where other systems put them."""
    import orjson

    found: dict[str, str] = {}
    for node in page.css('script[type="application/ld+json"]')[:10]:
        try:
            data = orjson.loads(node.text())
        except orjson.JSONDecodeError:
            continue
        for item in _objects(data):
            if isinstance(date := item.get("datePublished") or item.get("dateModified"), str):
                found.setdefault("date", _line(date))
            if author := _name(item.get("author")):
                found.setdefault("author", author)
    return found


def _objects(data: Any) -> Iterator[dict[str, Any]]:
    for item in data if isinstance(data, list) else [data]:
        if isinstance(item, dict):
            yield item
            graph = item.get("@graph")
            if isinstance(graph, list):
                yield from (node for node in graph if isinstance(node, dict))


def _name(author: Any) -> str:
    if isinstance(author, list):
        return ", ".join(filter(None, (_name(one) for one in author if not isinstance(one, list))))
    if isinstance(author, dict):
        author = author.get("name")
    return _line(author) if isinstance(author, str) else ""


def _line(text: str) -> str:
    return _SPACES.sub(" ", _files.clean(text)).strip()[:_LONGEST]
