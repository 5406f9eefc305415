"""Finds the provider of a model by its name, and the best model that can be had where none is named."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from kag import discover
from kag.embedding_models import _catalogue, _hub
from kag.embedding_models.base import Backend, Options
from kag.errors import ConfigurationError, EmbeddingModelError

_PACKAGE = "kag.embedding_models"
_LAST = "litellm"
_IN_FOLDERS = ("fastembed",)
_log = logging.getLogger(_PACKAGE)


@dataclass(frozen=True, slots=True)
class Choice:
    """A model that is ready, and in one line why it is this one."""

    backend: Backend
    reason: str


def choose(options: Options, prefer: str | None) -> Choice:
    """Makes the model that is named, or else one that can be had.

    Args:
        options: What the user said.
        prefer: Recorded name of the model whose vectors are there already; counts where the user named none.

    Raises:
        EmbeddingModelError: The model is unknown or cannot be had.
    """
    if options.folder is not None:
        return Choice(build(options), f"it is in the folder {options.folder}")
    if options.model or options.api_base:
        return Choice(build(options), "it was asked for")
    if prefer:
        return Choice(build(replace(options, model=prefer)), "the vectors that are there come from it")
    return _best(options)


def build(options: Options) -> Backend:
    """Asks the provider that the name begins with, else the first that accepts it; litellm comes last.

    Raises:
        EmbeddingModelError: Nobody knows the name.
        ConfigurationError: A folder is given, and a server or a model that is not in folders.
    """
    chosen = _provider(options)
    if chosen is None:
        raise EmbeddingModelError(_unknown(options.model or ""))
    if options.folder is not None:
        _refuse_two_places(options)
    backend: Backend = discover.load(_PACKAGE, chosen).build(options)
    return backend


def _provider(options: Options) -> str | None:
    providers = discover.names(_PACKAGE)
    if options.prefix() in providers and options.folder is None:
        return options.prefix()
    order = sorted(providers, key=lambda name: name == _LAST)
    return next((name for name in order if discover.load(_PACKAGE, name).accepts(options)), None)


def _refuse_two_places(options: Options) -> None:
    elsewhere = _provider(replace(options, folder=None))
    if options.api_base or elsewhere not in (None, _LAST, *_IN_FOLDERS) or options.prefix() == _LAST:
        other = f"the server {options.api_base}" if options.api_base else f"the model {options.model}"
        raise ConfigurationError(
            f"The folder {options.folder} and {other} were given, but only one can be the embedding model; "
            "leave one out."
        )


def _best(options: Options) -> Choice:
    for entry in _catalogue.DEFAULTS:
        if folder := _hub.find(entry):
            return _cached(entry.name, options, f"its files are in {folder}")
    default = _catalogue.DEFAULTS[0]
    fetched = _hub.fetch(default, allowed=options.download)
    if isinstance(fetched, Path):
        return _cached(default.name, options, f"it was fetched to {fetched}")
    backend = build(replace(options, model="wordllama"))
    reason = f"{default.name} is not in {_hub.caches()[0]}, and {fetched}"
    _log.warning(
        "embedding with %s, because %s; a sentence model finds more: name a folder or server that has one.",
        backend.name,
        reason,
    )
    return Choice(backend, reason)


def _cached(name: str, options: Options, reason: str) -> Choice:
    return Choice(build(replace(options, model=f"fastembed/{name}")), reason)


def _unknown(model: str) -> str:
    leaves = {entry.name.rpartition("/")[2].lower(): entry.name for entry in _catalogue.DEFAULTS}
    close = difflib.get_close_matches(model.lower(), [*leaves, "wordllama"], n=1)
    meant = f" Did you mean {leaves.get(close[0], close[0])!r}?" if close else ""
    return (
        f"No embedding model {model!r}.{meant} Name it as 'provider/name', such as "
        f"'ollama/nomic-embed-text' or 'fastembed/{_catalogue.DEFAULTS[0].name}', or 'wordllama', "
        f"or give folder=. Providers: {', '.join(discover.names(_PACKAGE))}."
    )
