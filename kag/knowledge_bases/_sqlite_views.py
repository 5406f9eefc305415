"""What a read-only query sees of the embedded store: views with names and columns that stay as they are.

The tables behind them may change from version to version; a query that keeps to the views goes on working.
"""

from __future__ import annotations

from collections.abc import Sequence

COLUMNS = {
    "collections": ("name",),
    "documents": ("id", "collection", "uri", "title", "media_type", "ingested_at", "metadata", "text"),
    "chunks": ("id", "collection", "document_id", "position", "start", "stop", "page", "headings", "text"),
    "entities": ("id", "collection", "label", "name", "description", "properties", "degree"),
    "aliases": ("entity_id", "alias"),
    "relations": (
        "id", "collection", "type", "subject_id", "object_id", "description", "properties", "weight",
    ),
    "mentions": ("chunk_id", "entity_id", "start", "stop", "kind"),
    "support": ("relation_id", "chunk_id", "start", "stop", "quote"),
}  # fmt: skip
SCHEMA = "; ".join(f"{name}({', '.join(columns)})" for name, columns in COLUMNS.items())

# `{here}` becomes the rows of the collections that may be read.
_QUERIES = {
    "collections": "SELECT name FROM main.collection WHERE rid IN ({here})",
    "documents": (
        "SELECT d.id, c.name, d.uri, d.title, d.media_type, d.ingested_at, d.metadata, t.text "
        "FROM main.document d JOIN main.collection c ON c.rid = d.collection "
        "JOIN main.document_text t ON t.document = d.rid WHERE d.collection IN ({here})"
    ),
    "chunks": (
        "SELECT k.id, c.name, d.id, k.position, k.start, k.stop, k.page, k.headings, t.text "
        "FROM main.chunk k JOIN main.collection c ON c.rid = k.collection "
        "JOIN main.document d ON d.rid = k.document JOIN main.chunk_text t ON t.rid = k.rid "
        "WHERE k.collection IN ({here})"
    ),
    "entities": (
        "SELECT e.id, c.name, e.label, e.name, e.description, e.properties, e.degree "
        "FROM main.entity e JOIN main.collection c ON c.rid = e.collection WHERE e.collection IN ({here})"
    ),
    "aliases": (
        "SELECT DISTINCT e.id, n.name FROM main.entity e JOIN main.entity_name n ON n.entity = e.rid "
        "WHERE n.name <> e.name AND e.collection IN ({here})"
    ),
    "relations": (
        "SELECT r.id, c.name, r.type, s.id, o.id, r.description, r.properties, r.weight "
        "FROM main.relation r JOIN main.collection c ON c.rid = r.collection "
        "JOIN main.entity s ON s.rid = r.subject JOIN main.entity o ON o.rid = r.object "
        "WHERE r.collection IN ({here})"
    ),
    "mentions": (
        "SELECT k.id, e.id, m.start, m.stop, CASE m.kind WHEN 0 THEN 'mention' ELSE 'title' END "
        "FROM main.mention m JOIN main.chunk k ON k.rid = m.chunk JOIN main.entity e ON e.rid = m.entity "
        "WHERE k.collection IN ({here})"
    ),
    "support": (
        "SELECT r.id, k.id, s.start, s.stop, s.quote FROM main.support s "
        "JOIN main.relation r ON r.rid = s.relation JOIN main.chunk k ON k.rid = s.chunk "
        "WHERE k.collection IN ({here})"
    ),
}


# All tables that the views read.
TABLES = frozenset(
    "collection document document_text chunk chunk_text entity entity_name relation mention support".split()
)


def empty_views() -> str:
    """Statements that make the views without any tables behind them: what a query may name, nothing else."""
    return "; ".join(
        f"CREATE TEMP VIEW {name}({', '.join(columns)}) AS SELECT {', '.join(['NULL'] * len(columns))}"
        for name, columns in COLUMNS.items()
    )


def temporary_views(collections: Sequence[int]) -> str:
    """Statements that make the views over some collections."""
    here = ", ".join(str(int(row)) for row in collections)
    return "; ".join(
        f"CREATE TEMP VIEW {name}({', '.join(columns)}) AS {_QUERIES[name].format(here=here)}"
        for name, columns in COLUMNS.items()
    )
