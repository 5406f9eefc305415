"""The store on a Memgraph server, 3.6 or later."""

from __future__ import annotations

from collections.abc import Sequence

from kag.knowledge_bases._bolt import address
from kag.knowledge_bases._cypher_store import CypherStore
from kag.knowledge_bases._memgraph_dialect import MemgraphDialect
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases.base import Resolution

SCHEMES = ("memgraph", "memgraph+s", "memgraph+ssc")  # of the URIs that this store serves
_DRIVER_SCHEMES = {scheme: scheme.replace("memgraph", "bolt") for scheme in SCHEMES}


class MemgraphStore(CypherStore):
    """A store on a Memgraph server; it fulfils the `Store` contract and opens by itself at its first use.

    Vector indexes of Memgraph see writes of others before these commit; what is not committed is left out of
    results, so that a search may give fewer than asked for while a large document is written.

    Args:
        uri: `memgraph://localhost:7687`, or `memgraph+s://user:password@host/database`.
        wipe: Collections that are emptied whenever the store is opened.
        username: In the place of the URI's, or of `MEMGRAPH_USERNAME`; none anywhere means no authentication.
        password: In the place of the URI's, or of `MEMGRAPH_PASSWORD`.
        database: In the place of the URI's, or of `MEMGRAPH_DATABASE`; none means the server's own.
        busy_seconds: How long to go on trying where others write, or the server is away for a moment.
        ontology: What data models allow; what they do not is left out of writes and reported.
        resolution: `on`, `off`, or thresholds, for how names become entities; None leaves it as it is in the
            store, which is on from the start.

    Raises:
        ConfigurationError: The URI names no server, a user comes without a password, or `resolution` is none
            of these.

    Example:
        >>> store = MemgraphStore("memgraph://localhost:7687")
        >>> report = await store.upsert(change, space)
        >>> await store.close()
    """

    def __init__(
        self,
        uri: str,
        *,
        wipe: Sequence[str] = (),
        username: str | None = None,
        password: str | None = None,
        database: str | None = None,
        busy_seconds: float = 20.0,
        ontology: Ontology | None = None,
        resolution: Resolution | str | None = None,
    ) -> None:
        known = _DRIVER_SCHEMES | {scheme: scheme for scheme in _DRIVER_SCHEMES.values()}
        where = address(uri, "MEMGRAPH", known, (username, password, database))
        super().__init__(
            where,
            MemgraphDialect,
            wipe=wipe,
            busy_seconds=busy_seconds,
            ontology=ontology,
            resolution=resolution,
        )


STORE = MemgraphStore  # what `KnowledgeBase` builds for these schemes
