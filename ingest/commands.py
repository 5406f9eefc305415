"""`kag ingest` puts documents into the graph; `kag reembed` changes the embedding model of a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ingest import display
from kag import console, settings
from kag.errors import IngestError
from kag.settings import ExtractorName

if TYPE_CHECKING:
    from ingest.extractors.base import Extractor
    from ingest.report import Report
    from kag.knowledge_bases.base import Space
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings

Paths = Annotated[list[Path], typer.Argument(help="Files and folders.", show_default=False)]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Documents worked on at once.", show_default="4")
]
Extraction = Annotated[
    ExtractorName | None,
    typer.Option("--extractor", help="auto takes llm where a model is set, else local.", show_default="auto"),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(ingest)
    app.command()(reembed)
    console.group(app, "graph", "Draw the graph, or bring facts into it.").command("import")(import_triples)


def ingest(
    paths: Paths,
    store: console.Store = None,
    collection: console.Collection = None,
    recursive: Annotated[bool, typer.Option(help="Go into folders of folders.")] = True,
    glob: Annotated[str | None, typer.Option(help="Only files whose name matches, such as '*.md'.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="Leave out files or folders that match.")] = None,
    extractor: Extraction = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    jobs: Jobs = None,
    as_json: console.AsJson = False,
) -> None:
    """Put documents into the knowledge graph; what is there unchanged costs nothing."""
    flags = {
        "store": store,
        "collection": collection,
        "extractor": extractor,
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
        "jobs": jobs,
    }
    something_to_read(paths, recursive=recursive, glob=glob, exclude=exclude or ())

    extractor_made = make_extractor(settings.load(flags))

    async def work(base: KnowledgeBase, chosen: Settings) -> Report:
        from ingest.extractors import llm
        from ingest.pipeline import Pipeline

        pipeline = Pipeline(
            base,
            extractor=extractor_made,
            chunk_characters=chosen.chunk_characters,
            jobs=chosen.jobs,
            max_bytes=chosen.max_megabytes * 1_000_000,
            reviewer=extractor_made.language_model if isinstance(extractor_made, llm.Extractor) else None,
        )
        with display.progress(failures=as_json) as progress:
            return await pipeline.run(
                *paths, recursive=recursive, glob=glob, exclude=exclude or (), progress=progress
            )

    report = console.with_store(flags, work, create=True)
    console.emit(display.as_data(report), None if as_json else display.as_text(report))
    raise typer.Exit(display.exit_code(report))


def something_to_read(
    paths: Sequence[Path], *, recursive: bool = True, glob: str | None = None, exclude: Sequence[str] = ()
) -> None:
    """Looks for documents before a store is made or a model is loaded.

    Raises:
        ReadError: A path does not exist.
        IngestError: There is no document in what was named.
    """
    from ingest import readers, sources

    found = sources.find(paths, recursive=recursive, glob=glob, exclude=exclude)
    if all(source.reason for source in found):
        named = ", ".join(str(path) for path in paths)
        raise IngestError(
            f"No document found in {named}. Readable are files that end in "
            f"{', '.join(sorted(readers.supported_suffixes()))}; hidden files and folders are left out."
        )


def make_extractor(chosen: Settings) -> Extractor:
    """Makes the extractor that the settings name; `auto` is `llm` where a language model is set.

    Raises:
        ConfigurationError: `llm` without a model.
    """
    if chosen.extractor == "local" or (chosen.extractor == "auto" and chosen.model is None):
        from ingest.extractors import local

        return local.Extractor()
    from ingest.extractors import llm

    return llm.Extractor(chosen.open_language_model(cached=True), max_concurrency=chosen.jobs)


def reembed(
    store: console.Store = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Embed every passage anew with another embedding model, then switch the store to it."""
    flags = {
        "store": store,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }

    async def work(base: KnowledgeBase, _: Settings) -> Space:
        from ingest.reembed import reembed as embed_anew

        with display.counter("passages") as progress:
            return await embed_anew(base, progress)

    space = console.with_store(flags, work, write=True)
    text = f"The store's vectors now come from {space.model} ({space.dimensions} dimensions)."
    if embedding_folder:
        text += f'\nFor the other commands, add to kag.toml: embedding_folder = "{embedding_folder}"'
    console.emit(space, None if as_json else text)


def import_triples(
    corpus: Annotated[
        Path, typer.Argument(help="JSON lines of passages: id, title, text.", show_default=False)
    ],
    triples: Annotated[Path, typer.Argument(help="JSON lines of facts: id, triples.", show_default=False)],
    store: console.Store = None,
    collection: console.Collection = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Put passages in, with facts that were extracted elsewhere; mentions are found as by `kag ingest`."""
    from ingest.triples import GivenTriples, read_triples

    flags = {
        "store": store,
        "collection": collection,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }
    something_to_read([corpus])
    extractor = GivenTriples(read_triples(triples))

    async def work(base: KnowledgeBase, chosen: Settings) -> Report:
        from ingest.pipeline import Pipeline

        pipeline = Pipeline(
            base,
            extractor=extractor,
            chunk_characters=chosen.chunk_characters,
            jobs=chosen.jobs,
            max_bytes=chosen.max_megabytes * 1_000_000,
        )
        with display.progress(failures=as_json) as progress:
            return await pipeline.run(corpus, progress=progress)

    report = console.with_store(flags, work, create=True)
    console.emit(display.as_data(report), None if as_json else display.as_text(report))
    raise typer.Exit(display.exit_code(report))
