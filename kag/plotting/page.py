"""Draws a view of the graph as one HTML file to explore it in: no network, no other file, nothing to install.

Names and quotes come from documents that nobody has vetted. They are embedded as JSON in ASCII without `<`,
`>` and `&`, shown only as text, and the page's own policy allows exactly its one script and one style sheet.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Mapping
from importlib.resources import files

import numpy as np

from kag.knowledge_bases.records import Entity, Relation, Scalar
from kag.plotting.layout import Floats, place
from kag.plotting.selection import View, backbone

_LINKS = 4000
_QUOTES = 20  # for each relation
_HOP = (130.0, 95.0)  # pixels
_EXTRA_LINKS = 1.0  # for each entity: links that shape the layout beyond those that hold the graph together


def draw_page(view: View, seed: int) -> tuple[bytes, int]:
    """Draws the view.

    Args:
        view: What to draw.
        seed: Of the layout.

    Returns:
        The page, and how many relations it shows.
    """
    data = _data(view, seed)
    return _page(view.title, data).encode("utf-8", "xmlcharrefreplace"), len(data["relations"])


def _data(view: View, seed: int) -> dict[str, list[object]]:
    relations = [relation for link in view.links[:_LINKS] for relation in link.relations]
    places = {entity.id: i for i, entity in enumerate(view.entities)}
    chunks = list(
        dict.fromkeys(s.chunk_id for r in relations for s in r.support if s.chunk_id in view.sources)
    )
    numbers = {chunk: i for i, chunk in enumerate(chunks)}
    return {
        "entities": [
            _entity(entity, degree, (float(x), float(y)))
            for entity, degree, (x, y) in zip(view.entities, view.degrees, _places(view, seed), strict=True)
        ],
        "relations": [_relation(relation, places, numbers) for relation in relations],
        "sources": [[view.sources[c].title, view.sources[c].uri, view.sources[c].page] for c in chunks],
        "colours": [list(item) for item in view.colours().items()],
        "left_out": [view.entities_left_out, view.relations - len(relations), view.truncated],
    }


def _places(view: View, seed: int) -> Floats:
    """Centres in pixels, y downwards; the boxes leave room for most names."""
    edges = [(link.a, link.b) for link in backbone(view, extra=_EXTRA_LINKS)]
    boxes = np.array(
        [
            (30 + 6 * min(20, len(e.name)), 40 + 2 * math.sqrt(d))
            for e, d in zip(view.entities, view.degrees, strict=True)
        ]
    ).reshape(-1, 2)
    centres = place(len(view.entities), edges, boxes, hop=_HOP, seed=seed)
    downwards: Floats = centres * np.array([1.0, -1.0])
    return downwards


def _entity(entity: Entity, degree: int, place: tuple[float, float]) -> dict[str, object]:
    return {
        "id": entity.id,
        "label": entity.label,
        "name": entity.name,
        "aliases": list(entity.aliases),
        "description": entity.description,
        "properties": _properties(entity.properties),
        "mentions": entity.degree,
        "degree": degree,
        "x": round(place[0], 1),
        "y": round(place[1], 1),
    }


def _relation(relation: Relation, places: Mapping[str, int], sources: Mapping[str, int]) -> dict[str, object]:
    return {
        "type": relation.type,
        "subject": places[relation.subject_id],
        "object": places[relation.object_id],
        "description": relation.description,
        "properties": _properties(relation.properties),
        "quotes": [
            [support.quote, sources.get(support.chunk_id, -1)] for support in relation.support[:_QUOTES]
        ],
        "more_quotes": max(0, len(relation.support) - _QUOTES),
    }


def _properties(properties: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """JSON has no infinity, and a browser would not read it."""
    return {
        key: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in properties.items()
    }


def _page(title: str, data: Mapping[str, object]) -> str:
    template = files("kag.plotting").joinpath("page.html").read_text(encoding="utf-8")
    filled = {"TITLE": html.escape(title), "DATA": _json(data)}
    for tag in ("style", "script"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", template, re.DOTALL)
        digest = hashlib.sha256(content[1].encode() if content else b"").digest()
        filled[tag.upper()] = f"'sha256-{base64.b64encode(digest).decode()}'"
    return re.sub(r"\{\{(\w+)\}\}", lambda field: filled[field[1]], template)


def _json(data: Mapping[str, object]) -> str:
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
