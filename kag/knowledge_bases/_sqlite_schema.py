"""The embedded store's tables, and how a file comes to have them: each version is a script, run in order.

Facts hang on what states them. `entity_source` and `relation_source` keep what each document said of an
entity or a relation; the rows of `entity` and `relation` are only the merged view of their sources, so the
view can always be rebuilt from what remains, in whatever order documents came and went. `entity_name` and
`property` count the votes that decide the view; `tally` counts everything, so that statistics cost nothing.

Ids are hashes, so an index over them is written all over: there is one for each table, and it knows the
collection, so that a page of a collection reads nothing else. Texts stand in tables of their own
(`document_text`, `chunk_text`), so that walks over ids read few pages. Vectors are float32 rows in
`chunk_vector` and `entity_vector`; their `seq` is never used twice, so that a reader with a matrix knows what
is new.
"""

# ruff: noqa: S608  only names from this package are pasted into statements; values are parameters

from __future__ import annotations

from pathlib import Path

import apsw

from kag.errors import StoreCorruptError, StoreNotFoundError, StoreVersionError
from kag.knowledge_bases._sqlite_connection import damaged, is_cut_short, select_value, transaction
from kag.knowledge_bases._sqlite_schema_2 import VERSION_2
from kag.knowledge_bases._sqlite_schema_3 import VERSION_3

APPLICATION_ID = 0x4B414721  # "KAG!"
# Marks are part of words, or Hindi, Arabic and Hebrew fall apart at their vowels.
TOKENIZER = ("porter", "unicode61", "remove_diacritics", "2", "categories", "L* N* Co Mn Mc")
_TOKENIZE = " ".join(f"'{word}'" for word in TOKENIZER)

_VERSION_1 = f"""
CREATE TABLE schema_version(version INTEGER PRIMARY KEY, applied_at TEXT NOT NULL) STRICT;
CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('chunk_vector_removals', 0), ('entity_vector_removals', 0);

CREATE TABLE collection(rid INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE tally(
    collection INTEGER NOT NULL REFERENCES collection ON DELETE CASCADE,
    kind TEXT NOT NULL, name TEXT NOT NULL, n INTEGER NOT NULL,
    PRIMARY KEY(collection, kind, name)) STRICT, WITHOUT ROWID;

CREATE TABLE document(
    rid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, collection INTEGER NOT NULL REFERENCES collection,
    uri TEXT NOT NULL, title TEXT NOT NULL, media_type TEXT NOT NULL, content_hash TEXT NOT NULL,
    ingested_at TEXT NOT NULL, metadata TEXT NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE INDEX document_by_uri ON document(uri, id, collection);
CREATE TABLE document_text(
    document INTEGER PRIMARY KEY REFERENCES document ON DELETE CASCADE, text TEXT NOT NULL) STRICT;

CREATE TABLE chunk(
    rid INTEGER PRIMARY KEY, id TEXT NOT NULL,
    document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    collection INTEGER NOT NULL REFERENCES collection,
    position INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, page INTEGER,
    headings TEXT NOT NULL) STRICT;
CREATE INDEX chunk_by_document ON chunk(document, position);
CREATE UNIQUE INDEX chunk_by_id ON chunk(id, collection);
CREATE TABLE chunk_text(
    rid INTEGER PRIMARY KEY REFERENCES chunk ON DELETE CASCADE,
    text TEXT NOT NULL, context TEXT NOT NULL) STRICT;
CREATE VIRTUAL TABLE chunk_fts USING fts5(
    text, context, content='chunk_text', content_rowid='rid', tokenize="{_TOKENIZE}");
INSERT INTO chunk_fts(chunk_fts, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE chunk_terms USING fts5vocab('chunk_fts', 'row');

CREATE TABLE entity(
    rid INTEGER PRIMARY KEY, id TEXT NOT NULL, collection INTEGER NOT NULL REFERENCES collection,
    label TEXT NOT NULL, name TEXT NOT NULL, aliases TEXT NOT NULL, description TEXT NOT NULL,
    properties TEXT NOT NULL, degree INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX entity_by_id ON entity(id, collection);
CREATE TABLE entity_source(
    document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    entity INTEGER NOT NULL REFERENCES entity,
    name TEXT NOT NULL, aliases TEXT NOT NULL, description TEXT NOT NULL, properties TEXT NOT NULL,
    PRIMARY KEY(document, entity)) STRICT, WITHOUT ROWID;
CREATE INDEX entity_source_by_entity ON entity_source(entity);
CREATE TABLE entity_name(
    entity INTEGER NOT NULL REFERENCES entity ON DELETE CASCADE,
    name TEXT NOT NULL, key TEXT NOT NULL, shown INTEGER NOT NULL, listed INTEGER NOT NULL,
    PRIMARY KEY(entity, name)) STRICT, WITHOUT ROWID;
CREATE INDEX entity_name_by_key ON entity_name(key);
CREATE VIRTUAL TABLE entity_fts USING fts5(
    name, aliases, description, content='entity', content_rowid='rid', tokenize="{_TOKENIZE}");
INSERT INTO entity_fts(entity_fts, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE entity_terms USING fts5vocab('entity_fts', 'row');

CREATE TABLE mention(
    chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    entity INTEGER NOT NULL REFERENCES entity,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, kind INTEGER NOT NULL,
    PRIMARY KEY(chunk, entity, start, stop, kind)) STRICT, WITHOUT ROWID;
CREATE INDEX mention_by_entity ON mention(entity, chunk);

CREATE TABLE relation(
    rid INTEGER PRIMARY KEY, id TEXT NOT NULL, collection INTEGER NOT NULL REFERENCES collection,
    subject INTEGER NOT NULL REFERENCES entity, object INTEGER NOT NULL REFERENCES entity,
    type TEXT NOT NULL, description TEXT NOT NULL, properties TEXT NOT NULL, weight INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX relation_by_id ON relation(id, collection);
CREATE INDEX relation_by_subject ON relation(subject, weight DESC, id, object);
CREATE INDEX relation_by_object ON relation(object, weight DESC, id, subject);
CREATE TABLE relation_source(
    document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    relation INTEGER NOT NULL REFERENCES relation,
    description TEXT NOT NULL, properties TEXT NOT NULL,
    PRIMARY KEY(document, relation)) STRICT, WITHOUT ROWID;
CREATE INDEX relation_source_by_relation ON relation_source(relation);
CREATE TABLE support(
    rid INTEGER PRIMARY KEY, relation INTEGER NOT NULL REFERENCES relation,
    chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, quote TEXT NOT NULL) STRICT;
CREATE INDEX support_by_relation ON support(relation, chunk);
CREATE INDEX support_by_chunk ON support(chunk);

CREATE TABLE property(
    owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, votes INTEGER NOT NULL,
    PRIMARY KEY(owner, key, value)) STRICT, WITHOUT ROWID;

CREATE TABLE space(
    rid INTEGER PRIMARY KEY, model TEXT NOT NULL, dimensions INTEGER NOT NULL, current INTEGER NOT NULL,
    UNIQUE(model, dimensions)) STRICT;
CREATE TABLE chunk_vector(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL REFERENCES space,
    owner INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    collection INTEGER NOT NULL, document INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX chunk_vector_by_owner ON chunk_vector(owner, space);
CREATE INDEX chunk_vector_by_space ON chunk_vector(space, seq);
CREATE TABLE entity_vector(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL REFERENCES space,
    owner INTEGER NOT NULL REFERENCES entity ON DELETE CASCADE,
    collection INTEGER NOT NULL, document INTEGER NOT NULL, data BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX entity_vector_by_owner ON entity_vector(owner, space);
CREATE INDEX entity_vector_by_space ON entity_vector(space, seq);

CREATE TABLE job(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, collection TEXT NOT NULL,
    kind TEXT NOT NULL, state TEXT NOT NULL, done INTEGER NOT NULL, total INTEGER NOT NULL,
    failed TEXT NOT NULL, message TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL) STRICT;
"""

MIGRATIONS = (
    _VERSION_1,
    VERSION_2,
    VERSION_3,
)  # the script at index i brings version i to version i + 1; never edit one that shipped


def is_empty(db: apsw.Connection) -> bool:
    """Tells whether a file holds nothing at all yet."""
    found = select_value(db, "SELECT count(*) FROM sqlite_schema")
    return bool(found == 0 and db.pragma("application_id") == 0 and db.pragma("user_version") == 0)


def check(db: apsw.Connection, path: Path) -> int:
    """Returns the schema version of a store, without changing anything.

    Raises:
        StoreNotFoundError: The file is empty.
        StoreCorruptError: It is a database of another program, or was cut short.
        StoreVersionError: A newer version of this program wrote it.
    """
    if is_empty(db):
        raise StoreNotFoundError(f"{path} is empty, not a store yet; `kag ingest PATH` fills it.")
    if db.pragma("application_id") != APPLICATION_ID:
        raise StoreCorruptError(
            f"{path} is a SQLite database of another program, not a KAG store; nothing was changed. "
            "Name another folder or file."
        )
    if is_cut_short(db, path):
        raise damaged(path, "it ends within a page")
    version = int(db.pragma("user_version"))
    if version > len(MIGRATIONS):
        raise StoreVersionError(
            f"{path} was written by a newer version of KAG: its schema is {version}, this one knows up to "
            f"{len(MIGRATIONS)}; nothing was changed. Upgrade kag-server, or use another store."
        )
    return version


def require_current(db: apsw.Connection, path: Path) -> None:
    """Refuses an older store where it cannot be migrated, because it is open for reading only."""
    version = check(db, path)
    if version < len(MIGRATIONS):
        raise StoreVersionError(
            f"{path} has the older schema {version}, this version needs {len(MIGRATIONS)}; "
            "open it once for writing (`kag ingest`), which migrates it."
        )


def migrate(db: apsw.Connection, path: Path) -> None:
    """Brings an empty file or an older store to the current schema, in one transaction.

    Several processes may do so at once: the first does the work, the others find it done.
    """
    if is_empty(db):
        db.pragma("journal_mode", "wal")
    elif check(db, path) == len(MIGRATIONS):
        return
    with transaction(db, "IMMEDIATE"):
        version = 0 if is_empty(db) else check(db, path)
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            db.execute(script).fetchall()
            db.execute("INSERT INTO schema_version VALUES (?, strftime('%Y-%m-%dT%H:%M:%SZ'))", (number,))
        db.pragma("application_id", APPLICATION_ID)
        db.pragma("user_version", len(MIGRATIONS))
