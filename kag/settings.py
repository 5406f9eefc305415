"""What a command or the server runs with: flags, then `KAG_*` variables, then `kag.toml`, then defaults.

Only commands and the server import this; the library itself takes everything as arguments. Secrets are never
settings: a model reads its vendor's usual key variable (or `KAG_API_KEY`, `KAG_EMBEDDING_API_KEY`), so that
they cannot end up in a file here.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from kag.errors import ConfigurationError

if TYPE_CHECKING:
    from kag.embedding_models import EmbeddingModel
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.language_models import LanguageModel

ExtractorName = Literal["auto", "local", "llm"]
FILE = "kag.toml"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings; named so in `kag.toml`, and in variables as `KAG_` and the name in capitals.

    Args:
        store: Folder or URI of the knowledge base.
        collection: Namespace that is written, and read unless others are named.
        model: Language model as `provider/name`; None means that nothing needs or has one.
        api_base: Base URL of an OpenAI-compatible server for `model`.
        embedding_model: Embedding model as `provider/name`; None chooses by what is there.
        embedding_folder: Folder with an ONNX embedding model and its tokenizer.
        embedding_api_base: Base URL of an OpenAI-compatible server for `embedding_model`.
        extractor: `local` needs no model, `llm` uses `model`, `auto` takes `llm` where a model is set.
        chunk_characters: Longest passage, in characters.
        max_megabytes: Largest file that is read.
        jobs: How many documents, or model calls, are worked on at once.
        source: The `kag.toml` that was read, where there was one.
    """

    store: str = ".kag"
    collection: str = "default"
    model: str | None = None
    api_base: str | None = None
    embedding_model: str | None = None
    embedding_folder: str | None = None
    embedding_api_base: str | None = None
    extractor: ExtractorName = "auto"
    chunk_characters: int = 1200
    max_megabytes: int = 100
    jobs: int = 4
    source: str | None = None

    def open_knowledge_base(self) -> KnowledgeBase:
        """Makes the knowledge base of these settings, with its embedding model; does no I/O yet."""
        from kag.knowledge_bases.knowledge_base import KnowledgeBase

        return KnowledgeBase(
            uri=self.store, collection=self.collection, embedding_model=self.open_embedding_model()
        )

    def open_embedding_model(self) -> EmbeddingModel:
        """Makes the embedding model of these settings; does no I/O yet."""
        from kag.embedding_models import EmbeddingModel

        return EmbeddingModel(
            model=self.embedding_model,
            folder=self.embedding_folder,
            api_base=self.embedding_api_base,
            api_key=os.environ.get("KAG_EMBEDDING_API_KEY"),
        )

    def open_language_model(self, *, cached: bool = False) -> LanguageModel:
        """Makes the language model of these settings; does no I/O yet.

        Args:
            cached: Answer at temperature 0 and keep answers on disk: work done again is not paid again.

        Raises:
            ConfigurationError: No model is set; the message shows three ways to set one.
        """
        if self.model is None:
            raise ConfigurationError(NO_MODEL)
        from kag.language_models import LanguageModel

        key = os.environ.get("KAG_API_KEY")
        return LanguageModel(
            model=self.model,
            api_base=self.api_base,
            api_key=key,
            temperature=0.0 if cached else None,
            cache=cached or None,
        )


NO_MODEL = """No language model is set. Any of these sets one:
  1. a flag:      --model ollama/mistral          (or openai/gpt-4o-mini with OPENAI_API_KEY set)
  2. a variable:  export KAG_MODEL=openai/local KAG_API_BASE=http://127.0.0.1:8080/v1
  3. kag.toml:    model = "ollama/mistral"         (`kag init` writes the file)"""

_SECRET = ("key", "token", "password", "secret")
_FIELDS = {f.name: f for f in fields(Settings) if f.name != "source"}
_LEAST = {"chunk_characters": 100}
_PATHS = ("store", "embedding_folder")
_TOGETHER = (frozenset({"embedding_model", "embedding_folder", "embedding_api_base"}),)


def load(flags: Mapping[str, Any] | None = None, *, folder: Path | None = None) -> Settings:
    """Reads the settings that hold in a folder.

    Args:
        flags: Values given on the command line; those that are None count as not given.
        folder: Where to look for `kag.toml`, upwards; the working folder by default.

    Raises:
        ConfigurationError: A broken file, an unknown name or a value of the wrong type; says which and where.
    """
    values: dict[str, Any] = {}
    path = find_file(folder or Path.cwd())
    if path is not None:
        values |= _from_file(path)
    values |= _from_environment(os.environ)
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    for group in _TOGETHER:
        if group & given.keys():  # a model that a flag names has no use for another model's folder or server
            values = {name: value for name, value in values.items() if name not in group}
    for name, value in given.items():
        values[name] = _checked(name, value, f"flag --{name.replace('_', '-')}")
    return replace(Settings(), **values)


def find_file(folder: Path) -> Path | None:
    """Finds the nearest `kag.toml` in a folder or above it, else the user's own."""
    for place in (folder, *folder.parents):
        if (place / FILE).is_file():
            return place / FILE
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kag" / FILE
    return home if home.is_file() else None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}. Mend it, or move it away.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    values: dict[str, Any] = {"source": str(path)}
    for name, value in table.items():
        values[name] = _checked(name, value, str(path))
    for name in _PATHS:
        if name in values:
            values[name] = _beside(path, values[name])
    return values


def _beside(path: Path, value: str) -> str:
    """A relative path in a file means beside that file, wherever the command runs."""
    return value if "://" in value else str(path.parent / Path(value).expanduser())


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name in _FIELDS:
        raw = environment.get(f"KAG_{name.upper()}")
        if raw:
            found[name] = _checked(name, _number(name, raw), f"variable KAG_{name.upper()}")
    return found


def _number(name: str, raw: str) -> str | int:
    return int(raw) if _FIELDS[name].type == "int" and raw.strip().isdigit() else raw


def _checked(name: str, value: Any, where: str) -> Any:
    if name not in _FIELDS:
        raise ConfigurationError(_unknown(name, where))
    kind = int if _FIELDS[name].type == "int" else str
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ConfigurationError(
            f"{where}: {name} is {value!r} ({type(value).__name__}), expected {kind.__name__}."
        )
    least = _LEAST.get(name, 1)
    if isinstance(value, int) and value < least:
        raise ConfigurationError(f"{where}: {name} is {value}, expected at least {least}.")
    if name == "extractor" and value not in get_args(ExtractorName):
        raise ConfigurationError(
            f"{where}: extractor is {value!r}, expected one of {', '.join(get_args(ExtractorName))}."
        )
    return value


def _unknown(name: str, where: str) -> str:
    if any(part in name.lower() for part in _SECRET):
        return (
            f"{where}: {name!r} looks like a secret, and secrets do not belong here: "
            "set the provider's variable (such as OPENAI_API_KEY) or KAG_API_KEY, and remove the line."
        )
    close = difflib.get_close_matches(name, _FIELDS, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(_FIELDS)}."
    return f"{where}: unknown setting {name!r}. {hint}"
