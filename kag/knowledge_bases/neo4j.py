"""The store on a Neo4j server, 5.26 LTS or the lines of 2025 and 2026; the Community edition is enough."""

from __future__ import annotations

from collections.abc import Sequence

from kag.knowledge_bases._bolt import address
from kag.knowledge_bases._cypher_store import CypherStore
from kag.knowledge_bases._neo4j_dialect import Neo4jDialect
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases.base import Resolution

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")  # of the URIs that it serves


class Neo4jStore(CypherStore):
    """A store on a Neo4j server; it fulfils the `Store` contract and opens by itself at its first use.

    Args:
        uri: `neo4j://host:7687`, `neo4j+s://user:password@host/database`, or one of `bolt`.
        wipe: Collections that are emptied whenever the store is opened.
        username: In the place of the URI's, or of `NEO4J_USERNAME`; none anywhere means no authentication.
        password: In the place of the URI's, or of `NEO4J_PASSWORD`.
        database: In the place of the URI's, or of `NEO4J_DATABASE`; none means the user's own.
        busy_seconds: How long to go on trying where others write, or the server is away for a moment.
        ontology: What data models allow; what they do not is left out of writes and reported.
        resolution: `on`, `off`, or thresholds, for how names become entities; None leaves it as it is in the
            store, which is on from the start.

    Raises:
        ConfigurationError: The URI names no server, a user comes without a password, or `resolution` is none
            of these.

    Example:
        >>> store = Neo4jStore("neo4j://localhost:7687", username="neo4j", password="...")
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
        known = {scheme: scheme for scheme in SCHEMES}
        where = address(uri, "NEO4J", known, (username, password, database))
        super().__init__(
            where,
            Neo4jDialect,
            wipe=wipe,
            busy_seconds=busy_seconds,
            ontology=ontology,
            resolution=resolution,
        )


STORE = Neo4jStore  # what `KnowledgeBase` builds for these schemes
