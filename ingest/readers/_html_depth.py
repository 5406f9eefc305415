"""Keeps hostile HTML from costing quadratic time: tags that are nested too deep are dropped before parsing.

To parse HTML is to look back through all open elements at many tags, and to reopen all open formatting
elements in each block; 100,000 nested tags would take seconds, a million of them a quarter of an hour. Text
is never dropped.
"""

from __future__ import annotations

import re

_DEEPEST = 1500
_DEEPEST_FORMATTING = 12

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)(?:[^>\"']|\"[^\"]*\"|'[^']*')*>?")
_FORMATTING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
# Void, or closed by what follows: they do not nest without one of the others between them.
_FLAT = frozenset(
    "area base br col embed hr img input link meta param source track wbr html head body p li dt dd option "
    "optgroup tr td th thead tbody tfoot colgroup caption rb rt rtc rp path".split()
)


def limit(html: str) -> str:
    """Returns the page without the tags that are nested too deep; nearly always the page itself."""
    kept: list[str] = []
    depths = [0, 0]
    copied = 0
    for tag in _TAG.finditer(html):
        name = tag.group(2).lower()
        if name in _FLAT:
            continue
        formatting = name in _FORMATTING
        deepest = _DEEPEST_FORMATTING if formatting else _DEEPEST
        if tag.group(1):
            too_deep = depths[formatting] > deepest
            depths[formatting] = max(0, depths[formatting] - 1)
        else:
            depths[formatting] += 1
            too_deep = depths[formatting] > deepest
        if too_deep:
            kept.append(html[copied : tag.start()])
            copied = tag.end()
    return "".join([*kept, html[copied:]]) if copied else html
