"""Draws a piece of the knowledge graph: a picture to look at (PNG), or a page to explore it in (HTML)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kag.errors import ConfigurationError
from kag.knowledge_bases.records import Subgraph
from kag.plotting.page import draw_page
from kag.plotting.picture import draw_picture
from kag.plotting.selection import Source, View, select

_Draw = Callable[[View, int], tuple[bytes, int]]
# Suffix: how it is drawn, how many entities unless told otherwise, and how many at most.
_FORMATS: Mapping[str, tuple[_Draw, int, int]] = {
    ".png": (draw_picture, 80, 300),
    ".html": (draw_page, 400, 600),
}


@dataclass(frozen=True, slots=True)
class GraphPlot:
    """What was drawn, and what was not.

    Args:
        path: The file that was written.
        entities: Entities drawn.
        relations: Relations drawn; those between the same two entities share a line.
        entities_left_out: Less connected entities, beyond `limit`.
        relations_left_out: Relations of such entities, and in a picture also the weaker ones between entities
            that are drawn.
    """

    path: Path
    entities: int
    relations: int
    entities_left_out: int
    relations_left_out: int


async def plot_graph(
    subgraph: Subgraph,
    *,
    to_file: Path | str,
    title: str = "Knowledge graph",
    sources: Mapping[str, Source] | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> GraphPlot:
    """Draws entities and relations, the best connected ones where there are too many to read.

    A `.png` is for looking at: labels that do not cover each other, sizes by number of neighbours, colours by
    label, typed relations as named arrows. An `.html` page is for exploring: one file that needs no network,
    with search, zoom and each relation's quotes and sources. Equal input gives an equal layout.

    Args:
        subgraph: What to draw, such as the result of `Store.expand`.
        to_file: Ends in `.png` or `.html`; missing folders are made, an existing file is replaced.
        title: Heading of the picture or page.
        sources: Chunk id to where it comes from; the page shows it beside the quotes.
        limit: Entities to draw at most: 1 to 300 in a picture (default 80), 1 to 600 on a page (default 400).
        seed: Another number gives another arrangement.

    Returns:
        What was drawn and how much was left out.

    Raises:
        ConfigurationError: Another suffix, a limit out of range, or a file that cannot be written.

    Example:
        ```python
        plot = await plot_graph(await store.expand(ids, hops=2), to_file="graph.html")
        print(f"{plot.entities} entities in {plot.path}, {plot.entities_left_out} left out")
        ```
    """
    path = Path(to_file)
    draw, limit = _format(path, limit)
    view = select(subgraph, limit=limit, title=title, sources=sources or {})
    content, relations = await asyncio.to_thread(draw, view, seed)
    await asyncio.to_thread(_write, path, content)
    return _report(path, view, relations)


def _format(path: Path, limit: int | None) -> tuple[_Draw, int]:
    if path.suffix.lower() not in _FORMATS:
        known = " or ".join(_FORMATS)
        raise ConfigurationError(f"Cannot draw the graph to {path}: the name must end in {known}.")
    draw, usual, most = _FORMATS[path.suffix.lower()]
    if limit is not None and not 1 <= limit <= most:
        raise ConfigurationError(
            f"Cannot draw {limit} entities: a {path.suffix.lower()} file takes 1 to {most}; change `limit`."
        )
    return draw, limit or usual


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot write the graph to {path}: {error.strerror or error}; choose another file."
        ) from error


def _report(path: Path, view: View, relations: int) -> GraphPlot:
    return GraphPlot(
        path=path,
        entities=len(view.entities),
        relations=relations,
        entities_left_out=view.entities_left_out,
        relations_left_out=view.relations - relations,
    )
