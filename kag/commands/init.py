"""`kag init`: writes a commented `kag.toml`. It may ask for a folder and a model, and never needs to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from kag import console
from kag.errors import ConfigurationError
from kag.settings import FILE

TEMPLATE = """\
# Settings of this project for `kag`. Flags and KAG_* variables go before them (KAG_MODEL, KAG_STORE, ...).
# No keys or passwords here: set the provider's own variable (such as OPENAI_API_KEY), or KAG_API_KEY.

# Where the knowledge base lives; a relative path is beside this file.
store = {store}

# The namespace that is written and searched.
collection = "default"

# A language model, for `kag ask` and `kag ingest --extractor llm`. Nothing else needs one.
{model_line}

# A server that speaks the OpenAI API (llama.cpp, vLLM, LM Studio, ...).
# api_base = "http://127.0.0.1:8080/v1"

# An embedding model. Without this line the best one that is there is taken, and recorded in the store.
# embedding_model = "fastembed/sentence-transformers/all-MiniLM-L6-v2"
# embedding_folder = "models/minilm"

# auto: the language model extracts where one is set, else the local extractor does.
# extractor = "auto"
# chunk_characters = 1200
# max_megabytes = 100
# jobs = 4
"""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    store: Annotated[str | None, typer.Option("--store", "-s", help="Folder of the knowledge base.")] = None,
    model: console.Model = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: console.AsJson = False,
) -> None:
    """Write a commented kag.toml."""
    path = folder / FILE
    if path.exists() and not force:
        raise ConfigurationError(f"{path} is there already; edit it, or replace it with --force.")
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is not a folder; make it first.")
    if sys.stdin.isatty() and sys.stderr.isatty() and not as_json:
        store = store or typer.prompt("Folder of the knowledge base", default=".kag", err=True)
        model = model or typer.prompt(
            "Language model (empty for none)", default="", show_default=False, err=True
        )
    fresh = path.with_suffix(".toml.new")
    try:
        fresh.write_text(text(store or ".kag", model or ""), encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    console.emit({"written": str(path)}, None if as_json else f"Wrote {path}. Next: kag ingest FOLDER")


def text(store: str, model: str) -> str:
    """The file's content for a store and a model (empty: none)."""
    line = f"model = {_quoted(model)}" if model else '# model = "ollama/mistral"'
    return TEMPLATE.format(store=_quoted(store), model_line=line)


def _quoted(value: str) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)
