"""What Neo4j says its own way: constraints, indexes, dynamic labels and types, vector and text search.

It fits 5.26 and later, Community included: no APOC, no GDS, no statement of the Enterprise edition.
Statements name the version of Cypher that they are written in, so the server's default does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from kag.errors import StoreError, StoreLockedError, StoreVersionError
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
from kag.knowledge_bases.base import Space

_OLDEST = (5, 26)
_CLAUSE_SINCE = (2026, 4)  # from here on SEARCH takes the place of the procedure for vectors
_WAIT_SECONDS = 300
_TRIES = 8
_ALREADY = ("AlreadyExists", "EquivalentSchemaRule")  # another process made it in the meantime

COMPONENTS = "CALL dbms.components() YIELD name, versions, edition RETURN versions[0], edition"
INDEX_STATES = "SHOW INDEXES YIELD name, state WHERE name STARTS WITH 'kag_' RETURN name, state"
AWAIT = "CALL db.awaitIndex($name, $seconds)"
TEXT_INDEXES = {"chunk": "kag_chunk_text", "entity": "kag_entity_text"}


class Neo4jDialect:
    """Neo4j 5.26 LTS and the lines of 2025 and 2026; it fulfils the `Dialect` contract."""

    name = "Neo4j"
    prefix = "CYPHER 5 "
    backup_advice = (
        "a Neo4j server is backed up by its own tools: `neo4j-admin database dump` while it is stopped, or "
        "`neo4j-admin database backup` in the Enterprise edition. `kag copy` copies to another store."
    )

    def __init__(self) -> None:
        self.version: tuple[int, ...] = _OLDEST
        self._ready: set[str] = set()

    async def detect(self, bolt: Bolt) -> None:
        """Finds out which version answers.

        Raises:
            StoreVersionError: It is older than 5.26, or not Neo4j.
        """
        found = await bolt.read(lambda tx: tx.rows(COMPONENTS))
        version = str(found[0][0]) if found else ""
        self.version = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
        if self.version < _OLDEST:
            raise StoreVersionError(
                f"{bolt.where.shown} is Neo4j {version or 'of an unknown version'}; KAG needs 5.26 or later, "
                "for labels and types as parameters and for vector indexes. Upgrade the server."
            )

    async def prepare(self, bolt: Bolt) -> None:
        """Makes the constraints and indexes that are missing, and waits until they can be used."""
        await self._make(bolt, schema())

    async def index_vectors(self, bolt: Bolt, space: Space, wanted: int = 0) -> None:
        """Makes the vector indexes of a space where they are missing; Neo4j needs no room to be reserved."""
        names = [vector_index(label, space) for label in LABELS.values()]
        if not self._ready.issuperset(names):
            await self._make(
                bolt, {vector_index(x, space): create_vector_index(x, space) for x in LABELS.values()}
            )

    async def drop_vector_indexes(self, bolt: Bolt, space: Space) -> None:
        """Takes the vector indexes of a space away."""
        for label in LABELS.values():
            name = vector_index(label, space)
            self._ready.discard(name)
            await bolt.command(f"DROP INDEX {name} IF EXISTS")

    async def _make(self, bolt: Bolt, wanted: dict[str, str]) -> None:
        """Makes what is missing; several processes may do so at once."""
        states = dict(await bolt.command(INDEX_STATES))
        for name, statement in wanted.items():
            if name not in states:
                await self._make_one(bolt, statement)
        for name in wanted:
            if states.get(name) != "ONLINE":
                await bolt.command(AWAIT, name=name, seconds=_WAIT_SECONDS)
        self._ready.update(wanted)

    async def _make_one(self, bolt: Bolt, statement: str) -> None:
        for left in reversed(range(_TRIES)):
            try:
                await bolt.command(statement)
                return
            except StoreLockedError:
                if not left:
                    raise
            except StoreError as error:
                if not any(part in str(error) for part in _ALREADY):
                    raise
                return

    def create_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for all labels: the label is a parameter."""
        return [
            ("UNWIND $rows AS row CREATE (e:KagForm:Entity:$(row.shown)) SET e += row.fields", list(rows))
        ]

    def show_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for all labels: the label is a parameter."""
        return [("UNWIND $rows AS row MATCH (f:KagForm {id: row.id}) SET f:Entity:$(row.shown)", list(rows))]

    def hide_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for all labels: the label is a parameter."""
        return [
            ("UNWIND $rows AS row MATCH (f:KagForm {id: row.id}) REMOVE f:Entity:$(row.shown)", list(rows))
        ]

    def create_facts(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """One statement for all types: the type is a parameter."""
        statement = (
            "UNWIND $rows AS row MATCH (s:Entity {id: row.subject}) MATCH (o:Entity {id: row.object}) "
            "CREATE (s)-[r:$(row.shown)]->(o) SET r = row.edge "
            "MERGE (f:KagClaim {id: row.id}) SET f:Fact SET f += row.fields"
        )
        return [(statement, list(rows))]

    def set_vectors(self, label: str, property_: str) -> Statement:
        """Sets vectors as 32-bit floats, half the size of a list."""
        statement = (
            f"UNWIND $rows AS row MATCH (n:{label} {{id: row.id}}) "
            "CALL db.create.setNodeVectorProperty(n, $property, row.vector) RETURN count(*)"
        )
        return statement, {"property": property_}

    def exact(self, target: Target, property_: str, conditions: str) -> str:
        """Scores every node that meets conditions; Neo4j's score is half of cosine plus one."""
        where = f"WHERE {conditions} " if conditions else ""
        return (
            f"MATCH (n:{LABEL_OF[target]}) {where}{WITH_VECTORS[target]}WHERE v.{property_} IS NOT NULL "
            f"RETURN n.id AS id, max(2.0 * vector.similarity.cosine(v.{property_}, $vector) - 1.0) AS score "
            "ORDER BY score DESC, id LIMIT $k"
        )

    def nearest(self, target: Target, space: Space, fetch: int, conditions: str) -> Statement:
        """Asks the vector index, and computes the scores of what it gives exactly."""
        name, label = vector_index(EMBEDDED[target], space), EMBEDDED[target]
        property_ = embedding_property(space)
        where = f"WHERE {conditions} " if conditions else ""
        asked = "CALL db.index.vector.queryNodes($index, $fetch, $vector) YIELD node AS n, score "
        parameters: dict[str, Any] = {"index": name, "fetch": fetch}
        if self.version >= _CLAUSE_SINCE:
            index = f"VECTOR INDEX {name} FOR $vector LIMIT $fetch"
            asked = f"CYPHER 25 MATCH (n:{label}) SEARCH n IN ({index}) SCORE AS score "
            parameters = {"fetch": fetch}
        statement = (
            f"{asked}{SHOWN_BY[target]}{where}WITH n, v ORDER BY score DESC LIMIT $rescored "
            f"RETURN n.id AS id, max(2.0 * vector.similarity.cosine(v.{property_}, $vector) - 1.0) AS score "
            "ORDER BY score DESC, id LIMIT $k"
        )
        return statement, parameters

    def matching(
        self, target: Target, terms: Sequence[str], keys: Sequence[Sequence[str]], conditions: str
    ) -> Statement:
        """Asks the text index; where nothing is filtered afterwards it stops at `$k`."""
        limit = "{}" if conditions else "{limit: $k}"
        where = f"WHERE {conditions} " if conditions else ""
        statement = (
            f"CALL db.index.fulltext.queryNodes($index, $query, {limit}) YIELD node AS n, score "
            f"WITH n, score {where}RETURN n.id AS id, score ORDER BY score DESC, id LIMIT $k"
        )
        return statement, {"index": TEXT_INDEXES[target], "query": lucene(target, terms, keys)}

    def named(self, keys: Sequence[str]) -> Statement:
        """Asks the text index for names, which are keys there."""
        statement = "CALL db.index.fulltext.queryNodes($index, $query) YIELD node AS n RETURN n.id"
        return statement, {"index": TEXT_INDEXES["entity"], "query": f"keys:({_quoted(keys)})"}


def schema() -> dict[str, str]:
    """All constraints and indexes but those of vectors, by name."""
    made = {
        f"kag_{label.lower()}_{key}": (
            f"CREATE CONSTRAINT kag_{label.lower()}_{key} IF NOT EXISTS "
            f"FOR (n:{label}) REQUIRE n.{key} IS UNIQUE"
        )
        for label, key in UNIQUE.items()
    }
    for label, fields in INDEXED:
        name = f"kag_{label.lower()}_by_{'_'.join(fields)}"
        columns = ", ".join(f"n.{field}" for field in fields)
        made[name] = f"CREATE INDEX {name} IF NOT EXISTS FOR (n:{label}) ON ({columns})"
    for target, name in TEXT_INDEXES.items():
        columns = ", ".join(f"n.{field}" for field in (*TEXT_FIELDS[target], "keys"))
        made[name] = (
            f"CREATE FULLTEXT INDEX {name} IF NOT EXISTS FOR (n:{LABEL_OF[target]}) ON EACH [{columns}] "
            "OPTIONS {indexConfig: "
            "{`fulltext.analyzer`: 'whitespace', `fulltext.eventually_consistent`: false}}"
        )
    return made


def vector_index(label: str, space: Space) -> str:
    """The name of the vector index of a label in a space."""
    return f"kag_{label.lower()}_{embedding_property(space)}"


def create_vector_index(label: str, space: Space) -> str:
    """Makes a vector index; scores are computed exactly afterwards, so it may hold vectors in short."""
    return (
        f"CREATE VECTOR INDEX {vector_index(label, space)} IF NOT EXISTS "
        f"FOR (n:{label}) ON (n.{embedding_property(space)}) OPTIONS {{indexConfig: {{"
        f"`vector.dimensions`: {int(space.dimensions)}, `vector.similarity_function`: 'cosine'}}}}"
    )


def lucene(target: Target, terms: Sequence[str], keys: Sequence[Sequence[str]]) -> str:
    """A question for the text index: quoted terms only, any of them, in any field; keys add no score."""
    words = _quoted(terms)
    fields = " ".join(f"{field}:({words})^{weight}" for field, weight in TEXT_FIELDS[target].items())
    needed = "".join(f"+keys:({_quoted(group)})^0 " for group in keys)
    return f"{needed}+({fields})"


def _quoted(terms: Sequence[str]) -> str:
    return " ".join('"' + re.sub(r'(["\\])', r"\\\1", term) + '"' for term in terms)
