"""What differs between graph servers: their schema, dynamic names, vectors and text search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal, Protocol

from kag.knowledge_bases._bolt import Bolt
from kag.knowledge_bases.base import Space

Target = Literal["chunk", "entity"]
Statement = tuple[str, dict[str, Any]]  # a text and its parameters

LABEL_OF = {"chunk": "Chunk", "entity": "Entity"}
EMBEDDED = {"chunk": "Chunk", "entity": "KagForm"}  # labels of the nodes that have the vectors
SHOWN_BY = {
    "chunk": "WITH n, n AS v, score ",
    "entity": (
        "OPTIONAL MATCH (n)-[:IN]->(h:Entity) WITH coalesce(h, n) AS e, n AS v, score WITH e AS n, v, score "
    ),
}  # from a node `n` that a vector index gives to what it is shown as, and `v`, which has the vector
WITH_VECTORS = {
    "chunk": "WITH n, n AS v ",
    "entity": (
        "OPTIONAL MATCH (n)<-[:IN]-(h:KagForm) WITH n, [n] + collect(h) AS forms UNWIND forms AS v WITH n, v "
    ),
}  # from what is shown to the nodes `v` that have its vectors
UNIQUE = {
    "Document": "id",
    "Chunk": "id",
    "Entity": "id",
    "Fact": "id",
    "KagForm": "id",
    "KagClaim": "id",
    "KagKey": "key",
    "KagDecision": "pair",
    "KagNear": "pair",
    "KagLink": "key",
    "KagRules": "scope",
    "KagMeta": "key",
    "KagCollection": "scope",
    "KagSpace": "key",
    "KagJob": "id",
}  # label to the property that is unique
INDEXED = (
    ("Document", ("scope",)),
    ("Chunk", ("scope", "id")),
    ("Entity", ("scope", "id")),
    ("Fact", ("scope", "id")),
    ("Fact", ("subject_id",)),
    ("Fact", ("object_id",)),
    ("KagForm", ("scope", "id")),
    ("KagClaim", ("scope", "id")),
    ("KagClaim", ("subject_id",)),
    ("KagClaim", ("object_id",)),
    ("KagKey", ("scope",)),
    ("KagDecision", ("scope",)),
    ("KagDecision", ("first",)),
    ("KagDecision", ("second",)),
    ("KagNear", ("scope",)),
    ("KagNear", ("first",)),
    ("KagNear", ("second",)),
)  # label to properties that are looked up
TEXT_FIELDS = {
    "chunk": {"terms": 1, "context_terms": 3},
    "entity": {"name_terms": 4, "alias_terms": 3, "description_terms": 1},
}  # of the text indexes, with their weights; beside them `keys`


class Dialect(Protocol):
    """One kind of server.

    Args:
        name: For messages.
        prefix: What stands before each statement.
        backup_advice: Which tools of the server make a copy of it.
    """

    name: str
    prefix: str
    backup_advice: str

    async def detect(self, bolt: Bolt) -> None:
        """Finds out which version answers, and refuses one that lacks what is needed.

        Raises:
            StoreVersionError: The server is too old; the message says what is needed.
        """

    async def prepare(self, bolt: Bolt) -> None:
        """Makes the constraints and indexes that are missing, and waits until they can be used."""

    async def index_vectors(self, bolt: Bolt, space: Space, wanted: int = 0) -> None:
        """Makes the vector indexes of a space where they are missing, with room for so many vectors."""

    async def drop_vector_indexes(self, bolt: Bolt, space: Space) -> None:
        """Takes the vector indexes of a space away."""

    def create_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """Statements that create entities of rows with `shown` (the label) and `fields`."""

    def show_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """Statements that make entities of forms, of rows with `id` and `shown` (the label)."""

    def hide_entities(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """Statements that make entities plain forms, of rows with `id` and `shown` (the label)."""

    def create_facts(self, rows: Sequence[dict[str, Any]]) -> Iterable[tuple[str, list[dict[str, Any]]]]:
        """Statements that show relations, of rows: they create the relationships and make or take the facts.

        Args:
            rows: Each with `id`, `shown` (the type), `subject`, `object`, `edge` and `fields`.
        """

    def set_vectors(self, label: str, property_: str) -> Statement:
        """The statement that sets the vectors of `$rows`, each with `id` and `vector`."""

    def exact(self, target: Target, property_: str, conditions: str) -> str:
        """The statement that scores all nodes `n` that meet conditions by cosine with `$vector`."""

    def nearest(self, target: Target, space: Space, fetch: int, conditions: str) -> Statement:
        """The statement that asks the vector index for `fetch` and keeps `$k` that meet conditions."""

    def matching(
        self, target: Target, terms: Sequence[str], keys: Sequence[Sequence[str]], conditions: str
    ) -> Statement:
        """The statement that asks the text index for the best `$k` that meet conditions.

        Args:
            target: What to find.
            terms: Terms, any of which must be there.
            keys: Groups of keys; of each group one must be there.
            conditions: On the node `n`, for Cypher; empty for none.
        """

    def named(self, keys: Sequence[str]) -> Statement:
        """The statement that finds entities by the keys of their names; returns their ids."""
