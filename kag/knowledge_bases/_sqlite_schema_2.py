"""Version 2 of the embedded store's tables: scripts without spaces, empty collections, a number of its own.

Words of Chinese, Japanese, Thai and the like are not set apart by spaces, so texts that hold such script are
indexed by every three characters that follow each other, beside the index of words. Triggers keep these
indexes in step with the texts. Two spaces at the end of a text let its last characters be found too.
"""

# ruff: noqa: S608  only names from this file are pasted into statements

from __future__ import annotations

# As in kag/text.py when this version was made; a script that shipped never changes.
SCRIPTS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)


def _trigrams(index: str, table: str, columns: tuple[str, ...]) -> str:
    """The index of a table's columns, the triggers that keep it in step, and what is there already."""
    listed = ", ".join(columns)

    def texts(row: str) -> str:
        return ", ".join(f"{row}.{column} || '  '" for column in columns)

    def has(row: str) -> str:
        return f"({' || '.join(f'{row}.{column}' for column in columns)}) GLOB '*[{SCRIPTS}]*'"

    insert = f"INSERT INTO {index}(rowid, {listed}) VALUES (new.rid, {texts('new')})"
    delete = f"INSERT INTO {index}({index}, rowid, {listed}) VALUES ('delete', old.rid, {texts('old')})"
    return f"""
CREATE VIRTUAL TABLE {index} USING fts5({listed}, content='', tokenize='trigram');
INSERT INTO {index}({index}, rank) VALUES ('secure-delete', 1);
CREATE VIRTUAL TABLE {index}_terms USING fts5vocab('{index}', 'row');
CREATE TRIGGER {index}_insert AFTER INSERT ON {table} WHEN {has("new")} BEGIN {insert}; END;
CREATE TRIGGER {index}_delete BEFORE DELETE ON {table} WHEN {has("old")} BEGIN {delete}; END;
CREATE TRIGGER {index}_forget BEFORE UPDATE OF {listed} ON {table} WHEN {has("old")} BEGIN {delete}; END;
CREATE TRIGGER {index}_renew AFTER UPDATE OF {listed} ON {table} WHEN {has("new")} BEGIN {insert}; END;
INSERT INTO {index}(rowid, {listed}) SELECT t.rid, {texts("t")} FROM {table} t WHERE {has("t")};
"""


VERSION_2 = f"""
INSERT INTO meta VALUES ('identity', random());
CREATE TABLE named_collection(name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
{_trigrams("chunk_trigram", "chunk_text", ("text", "context"))}
{_trigrams("entity_trigram", "entity", ("name", "aliases", "description"))}
"""
