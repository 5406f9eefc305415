"""`kag mcp`: serves the knowledge base to an assistant."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kag import console, settings
from kag.settings import ExtractorName

Collections = Annotated[
    list[str] | None,
    typer.Option("--collection", "-c", help="Namespace to serve; may be repeated.", show_default="default"),
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--root", help="Folder to ingest from; may be repeated.", show_default="the working folder"),
]
Write = Annotated[bool, typer.Option("--write/--read-only", help="Whether clients may ingest.")]
Extraction = Annotated[
    ExtractorName | None,
    typer.Option("--extractor", help="auto takes llm where a model is set, else local.", show_default="auto"),
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(mcp)


def mcp(
    store: console.Store = None,
    collection: Collections = None,
    root: Folders = None,
    write: Write = True,
    extractor: Extraction = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
) -> None:
    """Serve the knowledge base to an assistant over MCP, on stdin and stdout."""
    flags = {
        "store": store,
        "collection": collection[0] if collection else None,
        "extractor": extractor,
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }
    chosen = settings.load(flags)

    from mcp_server.app import serve_stdio
    from mcp_server.roots import Roots
    from mcp_server.scope import Access

    access = Access(
        collections=tuple(dict.fromkeys(collection or [chosen.collection])),
        write=write,
        roots=Roots.of(root) if root else Roots.default(),
    )
    if sys.stdin.isatty():
        console.note(
            "Waiting for an MCP client on stdin; this command is for a client's settings. Ctrl-C ends it."
        )
    console.run(lambda: serve_stdio(chosen, access))
