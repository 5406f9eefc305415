"""Shows evidence: as JSON data for programs, and as numbered passages with their paths for people."""

from __future__ import annotations

import textwrap
from typing import Any

from kag.retrievers.base import Evidence, Hit
from kag.text import printable


def as_data(found: Evidence) -> dict[str, Any]:
    """The evidence as JSON data, with ids and spans."""
    return {
        "query": found.query,
        "mode": found.mode,
        "passages": [_passage(hit) for hit in found.hits],
        "entities": [{"id": e.id, "name": e.name, "label": e.label} for e in found.entities],
        "facts": [
            {"id": f.id, "subject": f.subject_id, "type": f.type, "object": f.object_id, "support": f.support}
            for f in found.facts
        ],
    }


def _passage(hit: Hit) -> dict[str, Any]:
    chunk = hit.chunk
    return {
        "id": chunk.id,
        "document_id": chunk.document_id,
        "title": hit.title,
        "uri": hit.uri,
        "page": chunk.page,
        "headings": chunk.headings,
        "span": [chunk.start, chunk.end],
        "score": round(hit.score, 6),
        "text": chunk.text,
        "path": hit.path,
    }


def as_text(found: Evidence) -> str:
    """The evidence for a person: numbered passages, their sources and the paths to them."""
    if not found.hits:
        return "Nothing found."
    return "\n\n".join(_block(number, hit) for number, hit in enumerate(found.hits, start=1))


def _block(number: int, hit: Hit) -> str:
    chunk = hit.chunk
    where = [hit.title, *(h for h in chunk.headings[-1:] if h != hit.title)]
    page = f", page {chunk.page}" if chunk.page else ""
    lines = [
        f"[{number}] {printable(' › '.join(where))}  (score {hit.score:.3f})",
        f"    {printable(hit.uri)}{page}, characters {chunk.start}–{chunk.end}",
        *_path_lines(hit),
        *("    " + line for line in _wrapped(chunk.text)),
    ]
    return "\n".join(lines)


def _path_lines(hit: Hit) -> list[str]:
    if len(hit.path) < 2:
        return []
    names = " → ".join(f"«{s.name}»" if s.kind == "entity" else s.name for s in hit.path[1:])
    names = printable(names)
    quotes = [f"      “{step.quote}”" for step in hit.path if step.quote]
    return [f"    path: question → {names}", *quotes]


def _wrapped(text: str, width: int = 100, most: int = 6) -> list[str]:
    lines = textwrap.wrap(printable(" ".join(text.split())), width)
    return lines if len(lines) <= most else [*lines[:most], "…"]
