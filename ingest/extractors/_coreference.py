"""Finds which names of a document mean the same thing, from where its chunks mention them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from kag.knowledge_bases.records import Chunk, MentionKind
from kag.resolution.within import Named, resolve_within
from kag.text import Span

Place = tuple[str, str, int, int, MentionKind]  # chunk id, key of the name, start, end, kind
Known = tuple[str, str, tuple[str, ...]]  # name, label, aliases


def leading_names(
    names: Mapping[str, Known], places: Iterable[Place], chunks: Iterable[Chunk]
) -> dict[str, str]:
    """Gives the key of every name the key of the fullest name that means the same thing.

    Args:
        names: The document's names by key.
        places: Where chunks mention them.
        chunks: Those chunks, once each.
    """
    text, offsets = _joined(sorted(chunks, key=lambda chunk: (chunk.order, chunk.id)))
    spans: defaultdict[str, set[Span]] = defaultdict(set)
    titled: defaultdict[str, set[str]] = defaultdict(set)
    for chunk, key, start, end, kind in places:
        if kind == "title":
            titled[key].add(chunk)
        else:
            spans[key].add((offsets[chunk] + start, offsets[chunk] + end))
    named = [Named(key, *known[:2], tuple(sorted(spans[key])), known[2]) for key, known in names.items()]
    titles = [names[key][0] for key, where in titled.items() if len(where) == len(offsets)]
    return resolve_within(named, text, topic=min(titles, key=lambda name: (len(name), name), default=""))


def _joined(chunks: Sequence[Chunk]) -> tuple[str, dict[str, int]]:
    """The chunks as one text, and where each begins in it."""
    offsets, place = {}, 0
    for chunk in chunks:
        offsets[chunk.id] = place
        place += len(chunk.text) + 2
    return "\n\n".join(chunk.text for chunk in chunks), offsets
