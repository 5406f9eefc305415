"""`kag doctor`: asks the configured models and the store live whether they work, and how well."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console, settings
from kag.errors import ConfigurationError, EmbeddingMismatchError, KagError, StoreNotFoundError

if TYPE_CHECKING:
    from rich.table import Table

    from kag.knowledge_bases.base import Statistics
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings

OK, FAILED, ABSENT = "ok", "failed", "not set up"
_DAMAGED = "Restore the store from a backup, or delete it and ingest the documents again."
Data = dict[str, Any]

Routed = Annotated[
    str | None,
    typer.Option("--provider", help="openrouter: list which back-ends serve MODEL.", show_default=False),
]
Name = Annotated[
    str | None, typer.Argument(metavar="[MODEL]", help="Model for --provider.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


def doctor(
    name: Name = None,
    provider: Routed = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Check live that models and store work. A hosted model charges for some dozens of small requests."""
    if provider is not None:
        return _list_back_ends(provider, name, api_base, as_json=as_json)
    if name is not None:
        raise ConfigurationError(f"{name!r} goes with --provider openrouter; to check a model, give --model.")
    flags = {
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
        "store": store,
        "collection": collection,
    }
    chosen = settings.load(flags)
    found = asyncio.run(_examine(chosen, store_is_named=store is not None))
    if as_json:
        console.emit(found)
    else:
        for table in _tables(found):
            _print(table)
    if not found["ok"]:
        raise typer.Exit(console.FAILED)
    return None


async def _examine(chosen: Settings, *, store_is_named: bool) -> Data:
    base = chosen.open_knowledge_base()
    try:
        stored = await _store(base, missing=FAILED if store_is_named else ABSENT)
        embedding = await _embedding(base, stored.get("embedding_model"))
        if embedding["status"] == OK and stored["status"] == OK:
            await _match(base, stored)
    finally:
        await base.close()
    language = await _language(chosen)
    parts = {"language_model": language, "embedding_model": embedding, "store": stored}
    ok = all(part["status"] != FAILED for part in parts.values())
    return {"ok": ok, **parts, "settings": chosen.source}


async def _store(base: KnowledgeBase, *, missing: str) -> Data:
    """Opens the store for reading only, counts it and searches it by words."""
    data: Data = {"status": FAILED, "store": base.store.uri, "collection": base.collection}
    try:
        await base.open(create=False, read_only=True)
        counts: Statistics = await base.store.statistics()
        data["word_search_ms"] = await _timed_search(base)
        data["problems"] = await base.store.check()
    except StoreNotFoundError as error:
        return {**data, "status": missing, "error": str(error)}
    except KagError as error:
        return {**data, "error": str(error)}
    problems = data["problems"]
    return {
        **data,
        "status": FAILED if problems else OK,
        **({"error": "\n".join([*problems, _DAMAGED])} if problems else {}),
        "collections": counts.collections,
        "documents": counts.documents,
        "chunks": counts.chunks,
        "entities": counts.entities,
        "relations": counts.relations,
        "size_bytes": counts.size_bytes,
        "embedding_model": counts.space.model if counts.space else None,
        "dimensions": counts.space.dimensions if counts.space else None,
    }


async def _timed_search(base: KnowledgeBase) -> float:
    from kag.knowledge_bases.base import TextSearch

    begun = time.perf_counter()
    await base.store.text_search(TextSearch("what is known", 5, base.collections))
    return round((time.perf_counter() - begun) * 1000, 2)


async def _match(base: KnowledgeBase, stored: Data) -> None:
    """Notes whether the embedding model is the one that wrote the store's vectors."""
    if stored["embedding_model"] is None:
        return
    try:
        await base.embed_query("what is known")
        stored["vectors_match"] = True
    except KagError as error:
        matches = False if isinstance(error, EmbeddingMismatchError) else None
        stored.update(status=FAILED, vectors_match=matches, error=str(error))


async def _embedding(base: KnowledgeBase, prefer: str | None) -> Data:
    from kag.embedding_models import EmbeddingModel, _probe

    em = base.embedding_model
    if not isinstance(em, EmbeddingModel):
        return {"status": ABSENT}
    result = asdict(await _probe.probe(em, prefer))
    return {"status": OK if result.pop("works") else FAILED, **result}


async def _language(chosen: Settings) -> Data:
    if chosen.model is None:
        return {
            "status": ABSENT,
            "error": "No language model is set: --model, KAG_MODEL or kag.toml sets one.",
        }
    from kag.language_models import Retry, _probe

    console.note(f"asking {chosen.model} ...")
    lm = chosen.open_language_model()
    lm.retry = Retry(times=1)
    result = await _probe.probe(lm)
    return {"status": OK if result.works else FAILED, **asdict(result)}


def _list_back_ends(provider: str, name: str | None, api_base: str | None, *, as_json: bool) -> None:
    """Prints who serves a model of OpenRouter."""
    if provider != "openrouter" or name is None:
        raise ConfigurationError(
            "Only OpenRouter tells which back-ends serve a model: "
            "kag doctor --provider openrouter meta-llama/llama-3.1-8b-instruct"
        )
    from kag.language_models import _told

    found = asyncio.run(_told.back_ends(name, api_base=api_base))
    if as_json:
        console.emit({"model": name, "back_ends": found})
        return
    if not found:
        console.emit(found, f"Nobody serves {name} now.")
        return
    table = _table(f"{name}: back-ends", "back-end", "context", "$/M in", "$/M out", "weights", "does", "up")
    for one in found:
        does = [what for what, can in (("schemas", one.structured), ("tools", one.tools)) if can]
        uptime = "" if one.uptime is None else f"{one.uptime:.1f} %"
        prices = ["?" if price is None else f"{price:g}" for price in (one.prompt, one.completion)]
        _row(table, one.name, one.context_length or "?", *prices, one.quantization, ", ".join(does), uptime)
    _print(table)
    console.emit(None, f'One of them: LanguageModel(..., provider={{"only": ["{found[0].name}"]}})')


# -------------------------------------------------------------------------------------------- what it prints


def _tables(found: Data) -> Iterator[Table]:
    overview = _table("kag doctor", "part", "state", "what was found")
    for part, describe in _DESCRIBE.items():
        data = found[part]
        told = [*describe(data), data.get("error") or ""]
        _row(overview, part.replace("_", " "), data["status"], "\n".join(line for line in told if line))
    yield overview
    if modes := found["language_model"].get("modes"):
        table = _table("structured output", "mode", "valid", "seconds", "first failure")
        for mode in modes:
            valid = f"{mode['valid']} of {mode['asked']}"
            _row(table, mode["mode"], valid, f"{mode['seconds']:.2f}", mode["reason"])
        yield table


def _describe_language(data: Data) -> Iterator[str]:
    if data["status"] == ABSENT:
        return
    yield f"{data['model']} at {data['api_base'] or 'its provider'}{' (local)' if data['local'] else ''}"
    if data["reachable"]:
        context = data["context_length"]
        yield f"context: {f'{context:,} tokens' if context else 'the server does not tell'}"
        speed = data["tokens_per_second"]
        yield f"speed: {f'{speed:g} tokens/s' if speed else 'the server does not count tokens'}"
        cost = f"${data['cost']:.6f}" if data["priced"] else "unknown: its price is in no table"
        yield f"this check: {data['requests']} requests, cost {cost}"


def _describe_embedding(data: Data) -> Iterator[str]:
    if data.get("dimensions"):
        yield f"{data['name']}, {data['dimensions']} dimensions, {data['texts_per_second']:g} texts/s"
        yield f"chosen because {data['reason']}" if data["reason"] else ""


def _describe_store(data: Data) -> Iterator[str]:
    yield data["store"]
    if "documents" in data:
        counts = [f"{data[kind]:,} {kind}" for kind in ("documents", "chunks", "entities", "relations")]
        yield f"{', '.join(counts)} in {', '.join(data['collections']) or 'no collection'}"
        yield f"a search by words took {data['word_search_ms']:g} ms"
        yield "" if data["problems"] else "file, references, indexes and counts are whole"
        match = {True: "as embedded here", False: "not as embedded here", None: "not compared"}
        if data["embedding_model"]:
            yield f"vectors of {data['embedding_model']}: {match[data.get('vectors_match')]}"


_DESCRIBE = {
    "language_model": _describe_language,
    "embedding_model": _describe_embedding,
    "store": _describe_store,
}


def _table(title: str, *columns: str) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(table: Table) -> None:
    """Prints a table on stdout; colours only on a terminal, and none with NO_COLOR."""
    from rich.console import Console

    Console(highlight=False, soft_wrap=not sys.stdout.isatty()).print(table)


def _row(table: Table, *cells: object) -> None:
    """Adds a row; what a server said is text, never markup."""
    from rich.text import Text

    table.add_row(*(Text(str(cell)) for cell in cells))
