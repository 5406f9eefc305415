"""What Memgraph says its own way: constraints, indexes, names in statements, vector and text search.

Written against the documentation of Memgraph 3.6 to 3.12; every statement that is Memgraph's own is made in
this file. Facts that shape it: schema statements make their own transactions; creating a constraint or a
plain index again changes nothing, creating a vector or text index again fails; a vector is kept only in its
index, which sees other transactions' changes before they commit (searches therefore look the nodes up in the
transaction), and which grows by itself from the capacity that it was made with; text indexes see what is
committed. Only the transactional storage modes keep a write whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from kag.errors import StoreError, StoreVersionError
from kag.knowledge_bases._bolt import Bolt
from kag.knowledge_bases._cypher_dialect import (
    EMBEDDED,
    INDEXED,
    LABEL_OF,
    SHOWN_BY,
    TEXT_FIELDS,
    UNIQUE,
    WITH_VECTORS,
    Statement,
    Target,
)
from kag.knowledge_bases._cypher_rows import embedding_property
from kag.knowledge_bases._cypher_spaces import LABELS
from kag.knowledge_bases._identifiers import identifier
from kag.knowledge_bases.base import Space

_OLDEST = (3, 6)  # text search without a flag
_CONFIG_SINCE = (3, 11)  # text searches take their limit in a map
_LEAST_CAPACITY = 4096
_SPARE = 2  # an index is made with room for so many times what is written at once
_MOST_MATCHES = 100_000  # of a text search that is filtered afterwards

VERSION = "SHOW VERSION"
STORAGE = "SHOW STORAGE INFO"
INDEXES = "SHOW INDEX INFO"
VECTOR_INDEXES = "SHOW VECTOR INDEX INFO"
TEXT_INDEXES = {"chunk": "kag_chunk_text", "entity": "kag_entity_text"}


class MemgraphDialect:
    """Memgraph 3.6 and later; it fulfils the `Dialect` contract."""

    name = "Memgraph"
    prefix = ""
    backup_advice = (
        "a Memgraph server is backed up by its own snapshots: `CREATE SNAPSHOT`, then copy its data "
        "directory. `kag copy` copies to another store."
    )

    def __init__(self) -> None:
        self.version: tuple[int, ...] = _OLDEST
        self._ready: set[str] = set()

    async def detect(self, bolt: Bolt) -> None:
        """Finds out which version answers, and how it keeps data.

        Raises:
            StoreVersionError: It is older than 3.6, or not Memgraph.
            StoreError: Its storage mode does not know transactions.
        """
        found = await bolt.command(VERSION)
        version = str(found[0][0]) if found else ""
        self.version = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        if self.version < _OLDEST:
            raise StoreVersionError(
                f"{bolt.where.shown} is Memgraph {version or 'of an unknown version'}; KAG needs 3.6 or "
                "later, for text and vector indexes. Upgrade the server."
            )
        modes = {str(value) for key, value, *_ in await bolt.command(STORAGE) if "storage_mode" in str(key)}
        if modes == {"IN_MEMORY_ANALYTICAL"}:
            raise StoreError(
                f"{bolt.where.shown} is in the storage mode IN_MEMORY_ANALYTICAL, which has no transactions; "
                "switch it: `STORAGE MODE IN_MEMORY_TRANSACTIONAL`."
            )

    async def prepare(self, bolt: Bolt) -> None:
        """Makes the constraints and indexes; those that are there already stay as they are."""
        for statement in schema():
            await bolt.command(statement)
        known = {str(value) for row in await bolt.command(INDEXES) for value in row}
        for name, statement in text_indexes().items():
            if not any(name in value for value in known):
                await _make(bolt, statement)

    async def index_vectors(self, bolt: Bolt, space: Space, wanted: int = 0) -> None:
        """Makes the vector indexes of a space where they are missing, with room for what is to come.

        A full index grows by itself, to twice its capacity, as long as the server has memory for it.
        """
        names = {vector_index(label, space): label for label in LABELS.values()}
        if self._ready.issuperset(names):
            return
        known = {str(value) for row in await bolt.command(VECTOR_INDEXES) for value in row}
        for name, label in names.items():
            if name not in known:
                await _make(bolt, create_vector_index(label, space, max(_LEAST_CAPACITY, _SPARE * wanted)))
        self._ready.update(names)

    async def drop_vector_indexes(self, bolt: Bolt, space: Space) -> None:
        """Takes the vector indexes of a space away."""
        known = {str(value) for row in await bolt.command(VECTOR_INDEXES) for value in row}
        for label in LABELS.values():
            name = vector_index(label, space)
            self._ready.discard(name)
            if name in known:
                await bolt.command(f"DROP VECTOR INDEX {name}")

    def create_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for each label, the label quoted in it."""
        for shown, same in _by_name(rows).items():
            label = identifier(shown, "label")
            yield f"UNWIND $rows AS row CREATE (e:KagForm:Entity:{label}) SET e += row.fields", same

    def show_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for each label, the label quoted in it."""
        for shown, same in _by_name(rows).items():
            label = identifier(shown, "label")
            yield f"UNWIND $rows AS row MATCH (f:KagForm {{id: row.id}}) SET f:Entity:{label}", same

    def hide_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for each label, the label quoted in it."""
        for shown, same in _by_name(rows).items():
            label = identifier(shown, "label")
            yield f"UNWIND $rows AS row MATCH (f:KagForm {{id: row.id}}) REMOVE f:Entity:{label}", same

    def create_facts(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for each type, the type quoted in it."""
        for shown, same in _by_name(rows).items():
            type_ = identifier(shown, "relation type")
            yield (
                "UNWIND $rows AS row MATCH (s:Entity {id: row.subject}) MATCH (o:Entity {id: row.object}) "
                f"CREATE (s)-[r:{type_}]->(o) SET r = row.edge "
                "MERGE (f:KagClaim {id: row.id}) SET f:Fact SET f += row.fields",
                same,
            )

    def set_vectors(self, label: str, property_: str) -> Statement:
        """Sets vectors, which the index takes as 32-bit floats."""
        return f"UNWIND $rows AS row MATCH (n:{label} {{id: row.id}}) SET n.{property_} = row.vector", {}

    def exact(self, target: Target, property_: str, conditions: str) -> str:
        """Scores every node that meets conditions."""
        where = f"WHERE {conditions} " if conditions else ""
        return (
            f"MATCH (n:{LABEL_OF[target]}) {where}{WITH_VECTORS[target]}WHERE v.{property_} IS NOT NULL "
            f"RETURN n.id AS id, max(vector_search.cosine_similarity(v.{property_}, $vector)) AS score "
            "ORDER BY score DESC, id LIMIT $k"
        )

    def nearest(self, target: Target, space: Space, fetch: int, conditions: str) -> Statement:
        """Asks the vector index; a node that the transaction does not see is left out."""
        label, property_ = EMBEDDED[target], embedding_property(space)
        where = f" AND {conditions}" if conditions else ""
        statement = (
            "CALL vector_search.search($index, $fetch, $vector) YIELD node, similarity "
            f"WITH node AS n, similarity AS score {SHOWN_BY[target]}WHERE v.{property_} IS NOT NULL{where} "
            "RETURN n.id AS id, max(score) AS score ORDER BY score DESC, id LIMIT $k"
        )
        return statement, {"index": vector_index(label, space), "fetch": fetch}

    def matching(
        self, target: Target, terms: Sequence[str], keys: Sequence[Sequence[str]], conditions: str
    ) -> Statement:
        """Asks the text index; where nothing is filtered afterwards it stops at `$k`."""
        limit = "$most" if conditions else "$k"
        where = f"WHERE {conditions} " if conditions else ""
        statement = (
            f"CALL text_search.search($index, $query, {self._limited(limit)}) YIELD node, score "
            f"WITH node AS n, score {where}RETURN n.id AS id, score ORDER BY score DESC, id LIMIT $k"
        )
        parameters: dict[str, Any] = {"index": TEXT_INDEXES[target], "query": tantivy(target, terms, keys)}
        return statement, {**parameters, "most": _MOST_MATCHES} if conditions else parameters

    def named(self, keys: Sequence[str]) -> Statement:
        """Asks the text index for names, which are keys there."""
        query = " OR ".join(f"data.keys:{key}" for key in keys)
        return (
            f"CALL text_search.search($index, $query, {self._limited('$most')}) YIELD node RETURN node.id",
            {"index": TEXT_INDEXES["entity"], "query": query, "most": _MOST_MATCHES},
        )

    def _limited(self, limit: str) -> str:
        return f"{{limit: {limit}}}" if self.version >= _CONFIG_SINCE else limit


def schema() -> list[str]:
    """All constraints and plain indexes; a constraint does not imply an index here."""
    unique = [f"CREATE CONSTRAINT ON (n:{label}) ASSERT n.{key} IS UNIQUE" for label, key in UNIQUE.items()]
    ids = [f"CREATE INDEX ON :{label}({key})" for label, key in UNIQUE.items()]
    labels = [f"CREATE INDEX ON :{label}" for label in UNIQUE]
    return [
        *unique,
        *ids,
        *labels,
        *(f"CREATE INDEX ON :{label}({', '.join(fields)})" for label, fields in INDEXED),
    ]


def text_indexes() -> dict[str, str]:
    """The text indexes, by name."""
    return {
        name: f"CREATE TEXT INDEX {name} ON :{LABEL_OF[target]}({', '.join((*TEXT_FIELDS[target], 'keys'))})"
        for target, name in TEXT_INDEXES.items()
    }


def vector_index(label: str, space: Space) -> str:
    """The name of the vector index of a label in a space."""
    return f"kag_{label.lower()}_{embedding_property(space)}"


def create_vector_index(label: str, space: Space, capacity: int) -> str:
    """Makes a vector index with room for so many vectors."""
    return (
        f"CREATE VECTOR INDEX {vector_index(label, space)} ON :{label}({embedding_property(space)}) "
        f'WITH CONFIG {{"dimension": {int(space.dimensions)}, "capacity": {int(capacity)}, "metric": "cos"}}'
    )


def tantivy(target: Target, terms: Sequence[str], keys: Sequence[Sequence[str]]) -> str:
    """A question for the text index: any of the terms, in any field; keys add almost no score."""
    words = " OR ".join(
        f"data.{field}:{term}^{weight}.0" for field, weight in TEXT_FIELDS[target].items() for term in terms
    )
    groups = [" OR ".join(f"data.keys:{key}^0.001" for key in group) for group in keys]
    return " AND ".join(f"({part})" for part in (*groups, words))


async def _make(bolt: Bolt, statement: str) -> None:
    """Makes an index that another process may be making at the same time."""
    try:
        await bolt.command(statement)
    except StoreError as error:
        if "already exists" not in str(error):
            raise


def _by_name(rows: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    same: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        same.setdefault(row["shown"], []).append(row)
    return same
