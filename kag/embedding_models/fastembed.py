"""Models of the fastembed library: by name, from its cache or fetched, or from a folder with an ONNX file.

The usual ones and folders run on onnxruntime directly, with the same result (a test compares), because
importing fastembed costs more than loading the model. The others are run by fastembed.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kag.embedding_models import _catalogue, _hub
from kag.embedding_models._catalogue import Entry
from kag.embedding_models._local import LocalBackend
from kag.embedding_models.base import Backend, Options, need_native
from kag.errors import EmbeddingModelError

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors

# `onnx/NAME@HASH` is how the model of a folder is recorded that nobody knows.
_PREFIXES = ("fastembed", "onnx")


def accepts(options: Options) -> bool:
    """Claims folders, and names by a publisher whose models fastembed has."""
    by_name = options.prefix() in (*_PREFIXES, *_catalogue.PUBLISHERS) and "/" in (options.model or "")
    return options.folder is not None or (by_name and not options.api_base)


def build(options: Options) -> Backend:
    """Loads a model; fetches it where it is not there and that is allowed.

    Raises:
        EmbeddingModelError: It cannot be had or loaded; says what was tried and what to do.
    """
    if options.folder is not None:
        return _from_folder(options.folder, options)
    if options.prefix() == "onnx":
        raise EmbeddingModelError(
            f"{options.model} is known by its folder only; give that folder (folder=, --embedding-folder), "
            "or embed anew with another model (`kag reembed`)."
        )
    entry = _entry(options.name_after(*_PREFIXES))
    folder = _hub.find(entry) or _hub.fetch(entry, allowed=options.download)
    if isinstance(folder, str):
        raise EmbeddingModelError(absent(entry, folder))
    return from_entry(entry, folder, options)


def absent(entry: Entry, reason: str) -> str:
    """Says that a model is not here, and what to do about it."""
    places = " or ".join(str(place) for place in _hub.caches())
    return (
        f"The embedding model {entry.name} is not in {places}, and {reason}. Fetch it once with a network, "
        "or give a folder with its ONNX file and tokenizer.json (folder=, --embedding-folder), "
        "or use the model that needs no download: wordllama."
    )


def from_entry(entry: Entry, folder: Path, options: Options) -> Backend:
    """Loads a known model from its folder in a cache."""
    name = f"fastembed/{entry.name}"
    need_native(options, name, entry.dimensions)
    if entry.pooling is None:
        encode = _by_fastembed(entry, _hub.cache_of(folder), options.threads)
        return LocalBackend(name, entry.dimensions, encode, texts=32)
    from kag.embedding_models._onnx import Encoder

    encoder = Encoder(folder, entry.file, pooling=entry.pooling, threads=options.threads)
    return LocalBackend(name, encoder.dimensions, encoder.encode, texts=32)


def _entry(name: str) -> Entry:
    if found := _catalogue.known(name):
        return found
    entries = {entry.name.lower(): entry for entry in _catalogue.everything()}
    if name.lower() in entries:
        return entries[name.lower()]
    close = difflib.get_close_matches(name.lower(), entries, n=3, cutoff=0.4)
    hint = ", ".join(entries[key].name for key in close) or ", ".join(e.name for e in _catalogue.DEFAULTS)
    raise EmbeddingModelError(
        f"fastembed has no model {name!r}; it has, for example: {hint}. For another model give its folder "
        "(folder=, --embedding-folder)."
    )


def _by_fastembed(entry: Entry, cache: Path, threads: int | None) -> Callable[[list[str]], Vectors]:
    from fastembed import TextEmbedding
    from loguru import logger

    logger.disable("fastembed")  # its complaints reach the user as our errors
    try:
        model = TextEmbedding(entry.name, cache_dir=str(cache), threads=threads, local_files_only=True)
    except Exception as error:  # what it builds on raises classes that share no base
        raise EmbeddingModelError(
            f"{entry.name} in {cache} cannot be loaded ({error}); remove it there, and it is fetched again."
        ) from error

    def encode(texts: list[str]) -> Vectors:
        import numpy as np

        return np.stack(list(model.embed(texts, batch_size=1))).astype(np.float32)

    return encode


def _from_folder(folder: Path, options: Options) -> Backend:
    from kag.embedding_models._onnx import Encoder, model_file

    inside = next((place for e in _catalogue.DEFAULTS if (place := _hub.find(e, [folder]))), folder)
    path = model_file(inside)
    entry = _identity(inside, path)
    encoder = Encoder(
        inside,
        str(path.relative_to(inside)),
        pooling=entry.pooling if entry else None,
        threads=options.threads,
    )
    name = _name(options, entry, folder, path)
    need_native(options, name, encoder.dimensions)
    return LocalBackend(name, encoder.dimensions, encoder.encode, texts=32)


def _identity(folder: Path, path: Path) -> Entry | None:
    """Recognises a known model by the place that the hub gave it, its weights, or its folder's name.

    What `config.json` says does not count: a model keeps the name of the one it was trained from.
    """
    for entry in _catalogue.DEFAULTS:
        place = f"models--{entry.repository.replace('/', '--')}"
        if place in folder.parts or folder.name.lower() == entry.name.rpartition("/")[2].lower():
            return entry
    size = path.stat().st_size
    if any(size == known for known, _ in _catalogue.WEIGHTS):
        return _catalogue.WEIGHTS.get((size, _sha256(path)))
    return None


def _name(options: Options, entry: Entry | None, folder: Path, path: Path) -> str:
    """Names a folder's model: as told, as it is known, or by its folder and a mark of its weights."""
    if options.model:
        told = options.model if options.prefix() in _PREFIXES else f"fastembed/{options.model}"
        known = _catalogue.known(options.name_after(*_PREFIXES))
        return f"fastembed/{known.name}" if known else told
    if entry is not None:
        return f"fastembed/{entry.name}"
    label = re.sub(r"[^\w.-]+", "-", folder.resolve().name) or "model"
    return f"onnx/{label}@{_sha256(path)[:8]}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
