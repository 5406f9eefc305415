"""`kag cache stats | clear`: the language model's answers that are kept on disk."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console

if TYPE_CHECKING:
    from kag.language_models import ResponseCache

File = Annotated[
    Path | None, typer.Option("--file", help="Another file.", show_default="~/.cache/kag/answers.db")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

app = typer.Typer(help="Count or forget the kept answers of language models.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="cache")


@app.command()
def stats(file: File = None, as_json: console.AsJson = False) -> None:
    """Count the kept answers of each model."""
    data = _counted(_cache(file))
    models = [f"{count:>10,}  {model}" for model, count in data["models"].items()]
    head = f"{data['path']}: {data['answers']:,} answers, {data['bytes'] / 1e6:.1f} MB"
    console.emit(data, None if as_json else "\n".join([head, *models]))


@app.command()
def clear(file: File = None, yes: Yes = False, as_json: console.AsJson = False) -> None:
    """Forget all kept answers; asking again costs again."""
    cache = _cache(file)
    answers = _counted(cache)["answers"]
    if answers and not yes:
        typer.confirm(f"Forget {answers:,} answers in {cache.path}?", abort=True, err=True)
    forgotten = asyncio.run(cache.clear()) if answers else 0
    data = {"path": str(cache.path), "forgotten": forgotten}
    console.emit(data, None if as_json else f"Forgot {forgotten:,} answers in {cache.path}.")


def _cache(file: Path | None) -> ResponseCache:
    from kag.language_models import ResponseCache

    return ResponseCache(file)


def _counted(cache: ResponseCache) -> dict[str, Any]:
    """What is in a cache; a file that is not there is not made."""
    if not cache.path.exists():
        return {"path": str(cache.path), "answers": 0, "models": {}, "bytes": 0}
    return asyncio.run(cache.stats())
