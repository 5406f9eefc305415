"""Where the files of hub models are on this machine, and how they get there when there is a network.

The layout is the hub's own, so that fastembed finds what is fetched here and the other way round.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from pathlib import Path

from kag.embedding_models import _threads
from kag.embedding_models._catalogue import Entry

_PROBE_SECONDS = 3.0
_TOKENIZER = ("tokenizer.json", "tokenizer_config.json")
_OPTIONAL = ("config.json", "special_tokens_map.json")
_log = logging.getLogger("kag.embedding_models")
_fetching = threading.Lock()
_failed: dict[str, str] = {}


def caches() -> list[Path]:
    """Lists the folders that may hold fetched models; new ones go to the first."""
    if chosen := os.environ.get("FASTEMBED_CACHE_PATH"):
        return [Path(chosen).expanduser()]
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kag" / "models"
    return [own, Path(tempfile.gettempdir()) / "fastembed_cache"]


def find(entry: Entry, folders: list[Path] | None = None) -> Path | None:
    """Finds a model's folder in the given caches or the usual ones, if all its files are there."""
    for cache in caches() if folders is None else folders:
        for snapshot in _snapshots(cache / f"models--{entry.repository.replace('/', '--')}"):
            if all((snapshot / file).is_file() for file in (entry.file, *_TOKENIZER, *entry.extra_files)):
                return snapshot
    return None


def cache_of(snapshot: Path) -> Path:
    """Returns the cache that a folder found by `find` belongs to."""
    return snapshot.parents[2]


def _snapshots(repository: Path) -> list[Path]:
    """Lists a repository's revisions, the one in use first."""
    try:
        current = (repository / "refs" / "main").read_text(encoding="utf-8").strip()
    except OSError:
        current = ""
    try:
        found = sorted((repository / "snapshots").iterdir())
    except OSError:
        return []
    return sorted(found, key=lambda folder: folder.name != current)


def fetch(entry: Entry, *, allowed: bool) -> Path | str:
    """Fetches a model, once in a process, and only where the hub answers within seconds.

    Args:
        entry: The model.
        allowed: False says no without trying.

    Returns:
        The folder with its files, or one line that says why it cannot be had.
    """
    if not allowed:
        return "fetching is switched off (download=False)"
    if os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "TRUE", "YES", "ON"):
        return "fetching is switched off (HF_HUB_OFFLINE)"
    with _fetching:
        if entry.repository not in _failed:
            outcome = find(entry) or _fetch(entry)
            if isinstance(outcome, Path):
                return outcome
            _failed[entry.repository] = outcome
        return _failed[entry.repository]


def _fetch(entry: Entry) -> Path | str:
    from huggingface_hub import constants

    unheard = f"{constants.ENDPOINT} does not answer within {_PROBE_SECONDS:g} s"
    url = f"{constants.ENDPOINT}/{entry.repository}/resolve/main/tokenizer_config.json"
    trouble = _threads.within(_PROBE_SECONDS, lambda: _probe(url), unheard)
    return trouble or _download(entry, caches()[0])


def _probe(url: str) -> str:
    """Asks for a small file's headers; gives the reason why it cannot be had, or nothing."""
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, method="HEAD")  # noqa: S310  the hub's own address
    try:
        with urllib.request.urlopen(request, timeout=_PROBE_SECONDS):  # noqa: S310  as above
            return ""
    except urllib.error.HTTPError as error:
        return f"{url} answers {error.code}"
    except (OSError, ValueError) as error:
        return f"{url.split('/resolve/')[0]} cannot be reached ({getattr(error, 'reason', error)})"


def _download(entry: Entry, cache: Path) -> Path | str:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils import httpx
    from huggingface_hub.utils.tqdm import disable_progress_bars

    _log.info("fetching %s (%d MB) into %s", entry.name, entry.megabytes, cache)
    if not sys.stderr.isatty():
        disable_progress_bars()
    patterns = [entry.file, *_TOKENIZER, *_OPTIONAL, *entry.extra_files]
    try:
        cache.mkdir(parents=True, exist_ok=True)
        snapshot_download(entry.repository, allow_patterns=patterns, cache_dir=cache)
    except (OSError, ValueError, httpx.HTTPError) as error:
        return f"fetching {entry.repository} failed ({type(error).__name__}: {error})".splitlines()[0]
    return find(entry, [cache]) or f"{entry.repository} does not hold {entry.file} and its tokenizer"
