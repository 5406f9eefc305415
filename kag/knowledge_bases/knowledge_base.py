"""The knowledge base: the door through which programs and commands reach a store, whatever is behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from kag import discover
from kag.errors import ConfigurationError, EmbeddingMismatchError, StoreError
from kag.graph.recording import refuse_while_recording
from kag.knowledge_bases._ontology import Ontology, ontology_of
from kag.knowledge_bases._resolution import settings_of
from kag.knowledge_bases.base import Space, Store

if TYPE_CHECKING:
    from kag.embedding_models.base import EmbedFunction
    from kag.knowledge_bases.records import Vector

DEFAULT_FOLDER = ".kag"
_PACKAGE = "kag.knowledge_bases"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SHARED = {"knowledge_base", "records"}  # modules of the package that are not stores
_SETTINGS = (
    "uri",
    "entity_models",
    "relation_models",
    "embedding_model",
    "metric",
    "collection",
    "resolution",
    "database",
)
_LOCAL = ("", "sqlite")  # schemes of URIs that are paths
_SECRET = re.compile(r"key|token|password|secret|signature|credential|auth|user", re.IGNORECASE)


class Embedder(Protocol):
    """What a knowledge base asks of an embedding model."""

    @property
    def name(self) -> str:
        """The model's full name; it names the vector space."""

    @property
    def dimensions(self) -> int:
        """Length of its vectors."""

    async def load(self, prefer: str | None = None) -> Any:
        """Makes the model ready; one free to choose takes `prefer`, the model of the stored vectors."""

    async def embed(self, texts: Sequence[str]) -> Any:
        """Returns unit vectors of passages, float32 `(len(texts), dimensions)`."""

    async def embed_query(self, text: str) -> Any:
        """Returns the unit vector of a query, float32 `(dimensions,)`."""


class KnowledgeBase:
    """A knowledge graph at a URI, with the models that its facts and vectors follow.

    Making one does no I/O. It opens at its first use, or at `async with`, which also closes it.

    Args:
        uri: Where the graph is. SQLite: a folder (the store is `kag.db` in it), a file, or
            `sqlite:///path.db`; by default `.kag`. Neo4j 5.26 or later: `neo4j://host:7687`, also `neo4j+s`,
            `neo4j+ssc`, `bolt`, `bolt+s`, `bolt+ssc`. Memgraph 3.6 or later: `memgraph://host:7687`, also
            `memgraph+s`, `memgraph+ssc`. A server's URI may hold `user:password@` and end in `/database`.
        entity_models: Data models of the entities; None leaves the graph free of a schema.
        relation_models: Data models of the relations.
        embedding_model: Makes the vectors of queries: a model, its name, or an awaitable callable that takes
            texts and returns `{"embeddings": [[...], ...]}`. Without it there is no search by vector.
        metric: How vectors are compared: `cosine`.
        collection: The namespace that is written to, and searched where a search names none.
        wipe_on_start: Empties the collection whenever the knowledge base is opened.
        resolution: How names become entities: `on` (by likeness, context and links), `off` (by links alone),
            or thresholds such as `{"upper": 0.9, "lower": 0.6}`. None leaves it as it is in the store, which
            is `on` in a new one; another choice resolves the store anew at its first write.
        username: For a server; else the URI's, else `NEO4J_USERNAME` or `MEMGRAPH_USERNAME`; none anywhere
            means no authentication.
        password: For a server; else the URI's, else `NEO4J_PASSWORD` or `MEMGRAPH_PASSWORD`.
        database: On a server; else the URI's, else `NEO4J_DATABASE` or `MEMGRAPH_DATABASE`.

    Raises:
        ConfigurationError: The metric or the collection cannot be used, or no store serves the URI.

    Example:
        >>> async with kag.KnowledgeBase(uri="my-folder") as kb:
        ...     statistics = await kb.store.statistics()
    """

    def __init__(
        self,
        uri: str | Path | None = None,
        *,
        entity_models: Sequence[type] | None = None,
        relation_models: Sequence[type] | None = None,
        embedding_model: Embedder | EmbedFunction | str | None = None,
        metric: str = "cosine",
        collection: str = "default",
        wipe_on_start: bool = False,
        resolution: str | Mapping[str, Any] | None = None,
        username: str | None = None,
        password: str | None = None,
        database: str | None = None,
    ) -> None:
        if metric != "cosine":
            raise ConfigurationError(f"metric is {metric!r}; vectors are compared by 'cosine' only.")
        if not isinstance(collection, str) or not collection.strip():
            raise ConfigurationError(f"collection is {collection!r}; expected a name, such as 'default'.")
        self.uri = str(uri) if uri is not None else DEFAULT_FOLDER
        self.entity_models = tuple(entity_models or ())
        self.relation_models = tuple(relation_models or ())
        self.embedding_model = _embedder(embedding_model)
        self.metric = metric
        self.collection = collection
        self.wipe_on_start = wipe_on_start
        settings_of(resolution)
        self.resolution = resolution
        self.database = database
        self._login = {"username": username, "password": password, "database": database}
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The store at the URI; it opens by itself at its first use, never while a program is recorded."""
        refuse_while_recording("A knowledge base", StoreError)
        if self._store is None:
            settings = {
                "wipe": (self.collection,) if self.wipe_on_start else (),
                "ontology": self.ontology or None,
                "resolution": self.resolution,
            }
            self._store = _store_at(self.uri, settings, self._login)
        return self._store

    @property
    def ontology(self) -> Ontology:
        """What the entity and relation models declare: labels, ends, keys, and how properties merge.

        Raises:
            ConfigurationError: A field declares an unknown policy, or several fields are the key.
        """
        return ontology_of(self.entity_models, self.relation_models)

    @property
    def collections(self) -> tuple[str, ...]:
        """The namespaces that are searched where a search names none."""
        return (self.collection,)

    async def open(self, *, create: bool = True, read_only: bool = False) -> None:
        """Opens the store now, to learn at once whether it can be used.

        Args:
            create: Make the store where there is none; otherwise that is an error.
            read_only: Never write, so that a read-only folder will do.

        Raises:
            StoreError: The store cannot be opened; the message says why and what to do.
        """
        await self.store.open(create=create, read_only=read_only)

    async def close(self) -> None:
        """Closes the store; closing twice is allowed."""
        if self._store is not None:
            await self._store.close()

    def get_config(self) -> dict[str, Any]:
        """What `from_config` makes an equal knowledge base of: live objects, which saving turns into JSON.

        Credentials in the URI are left out, and so is `wipe_on_start`: loading a file destroys nothing.
        """
        return {
            "uri": _without_credentials(self.uri),
            "entity_models": list(self.entity_models),
            "relation_models": list(self.relation_models),
            "embedding_model": self.embedding_model,
            "metric": self.metric,
            "collection": self.collection,
            "resolution": self.resolution,
            "database": self.database,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """A knowledge base like the one that gave the configuration; nothing is opened.

        Raises:
            ConfigurationError: It has a field that no configuration has (`wipe_on_start` is one, since a file
                must not empty a store), or a value cannot be used.
        """
        if "wipe_on_start" in config:
            raise ConfigurationError(
                "A configuration of a KnowledgeBase must not have wipe_on_start, which would empty the store "
                "when a file is loaded; take it out, and pass it to the constructor where it is meant."
            )
        if unknown := sorted(set(config) - set(_SETTINGS)):
            raise ConfigurationError(
                f"The configuration of a KnowledgeBase has unknown fields {', '.join(unknown)}; "
                f"it takes {', '.join(_SETTINGS)}."
            )
        if not isinstance(config.get("uri", ""), str | None):
            raise ConfigurationError(f"uri must be a string; got {type(config['uri']).__name__}.")
        for name in ("entity_models", "relation_models"):
            models = config.get(name) or ()
            if not isinstance(models, list | tuple) or not all(isinstance(one, type) for one in models):
                raise ConfigurationError(f"{name} must be a list of data model classes; got {models!r}.")
        return cls(**config)

    async def __aenter__(self) -> KnowledgeBase:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def embed_query(self, text: str) -> Vector | None:
        """Embeds a query with the model whose vectors the store holds.

        Args:
            text: The query.

        Returns:
            The unit vector `(dimensions,)`, or None where there is no model, or no vector in the store.

        Raises:
            EmbeddingMismatchError: The store's vectors are of another model.
        """
        if self.embedding_model is None:
            return None
        space = await self.store.space()
        if space is None:
            return None
        await self.embedding_model.load(prefer=space.model)
        if space.model != self.embedding_model.name:
            raise _mismatch(space, self.embedding_model.name)
        vector: Vector = await self.embedding_model.embed_query(text)
        if len(vector) != space.dimensions:
            raise _mismatch(space, f"{self.embedding_model.name} with {len(vector)} dimensions")
        return vector


def _without_credentials(uri: str) -> str:
    """A URI without user, password, and such fields of its query; paths stay as they are."""
    match = _SCHEME.match(uri)
    if match is None or match[1].lower() in _LOCAL:
        return uri
    try:
        parts = urlsplit(uri)
    except ValueError as error:
        raise ConfigurationError(f"The URI of the knowledge base is none ({error}).") from None
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    query = urlencode([(name, value) for name, value in pairs if not _SECRET.search(name)])
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def _embedder(model: Embedder | EmbedFunction | str | None) -> Embedder | None:
    """The model that an argument stands for."""
    if model is None or getattr(type(model), "embed_query", None) is not None:
        return cast("Embedder | None", model)
    from kag.embedding_models import get

    return get(cast("EmbedFunction | str", model))


def _mismatch(space: Space, model: str) -> EmbeddingMismatchError:
    return EmbeddingMismatchError(
        f"The store holds vectors of {space.model} ({space.dimensions} dimensions), the query would be "
        f"embedded by {model}; name {space.model} as the embedding model, or run `kag reembed`."
    )


def _store_at(uri: str, settings: Mapping[str, Any], login: Mapping[str, str | None]) -> Store:
    """Makes the store that serves a URI; each back-end says in `SCHEMES` which URIs it serves."""
    given = {name: value for name, value in login.items() if value is not None}
    settings = {name: value for name, value in settings.items() if value is not None}
    match = _SCHEME.match(uri)
    scheme = match[1].lower() if match else ""
    schemes: list[str] = []
    for name in discover.names(_PACKAGE):
        if name in _SHARED:
            continue
        module = discover.load(_PACKAGE, name)
        if scheme in module.SCHEMES:
            if given and scheme in _LOCAL:
                raise ConfigurationError(
                    f"{' and '.join(sorted(given))} cannot be used with {uri!r}, which is a file; "
                    "leave them out, or give a server's URI."
                )
            store: Store = module.STORE(uri, **settings, **given)
            return store
        schemes += [f"{known}://" for known in module.SCHEMES if known]
    raise ConfigurationError(
        f"No store serves {scheme}://; give a folder for SQLite, or one of: {', '.join(sorted(schemes))}."
    )
