"""Read-only SQL on the embedded store: what it shows, and that nothing gets around it."""

# ruff: noqa: ASYNC240  a test may block while it looks at files

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest
from store_documents import SPACE, document, everything

from kag.errors import SearchError
from kag.knowledge_bases import _sqlite_views as views
from kag.knowledge_bases.embedded import EmbeddedStore

HERE = ("default",)


async def opened(folder: Path) -> EmbeddedStore:
    """A store with a document that may be read and one in a collection that may not."""
    store = EmbeddedStore(folder)
    said = {"Ada": {"aliases": ("Countess",), "properties": {"born": 1815}, "description": "A person."}}
    await store.upsert(document("/a.md", "[Ada] met [Bob].", "[Bob] met [Ada].", said=said), SPACE)
    await store.upsert(document("/x.md", "[Secret] met [Eve].", collection="hidden"), SPACE)
    return store


@pytest.mark.parametrize("name", sorted(views.COLUMNS))
async def test_every_documented_view_has_its_columns_and_shows_only_what_is_asked(
    tmp_path: Path, name: str
) -> None:
    store = await opened(tmp_path)
    shown = await store.read_query(f"SELECT * FROM {name}", collections=HERE)
    assert shown.columns == views.COLUMNS[name]
    assert shown.rows
    assert "Secret" not in repr(shown.rows)
    assert "hidden" not in repr(shown.rows)
    everywhere = await store.read_query(f"SELECT * FROM {name}")
    assert name == "aliases" or len(everywhere.rows) > len(shown.rows)
    assert (await store.read_query(f"SELECT count(*) FROM {name}", collections=["no"])).rows == ((0,),)
    await store.close()


async def test_views_are_joined_grouped_and_filtered_like_tables(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    result = await store.read_query(
        "SELECT s.name AS subject, r.type, o.name AS object, group_concat(p.quote, ' | ') AS quotes "
        "FROM relations r JOIN entities s ON s.id = r.subject_id JOIN entities o ON o.id = r.object_id "
        "JOIN support p ON p.relation_id = r.id WHERE json_extract(s.properties, '$.born') > :year "
        "GROUP BY r.id HAVING count(*) >= :least",
        {"year": 1800, "least": 1},
        collections=HERE,
    )
    assert result.columns == ("subject", "type", "object", "quotes")
    assert result.rows == (("Ada", "CO_OCCURS_WITH", "Bob", "Ada met Bob."),)
    listed = await store.read_query(
        "SELECT name FROM entities WHERE name IN (SELECT value FROM json_each(:names)) ORDER BY name",
        {"names": ["Bob", "Ada", "Nobody"]},
        collections=HERE,
    )
    assert listed.rows == (("Ada",), ("Bob",))
    await store.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM sqlite_schema",
        "SELECT sql FROM sqlite_temp_schema",
        "SELECT * FROM temp.sqlite_master",
        "SELECT name FROM entity",
        "SELECT name FROM main.entity",
        "SELECT * FROM document_text",
        "SELECT main.entity.name FROM entities",
        "SELECT count(*) FROM main.entities",
        "SELECT rowid FROM entities",
        # a common table expression that takes a view's name, so that an authorizer believes it is the view
        "WITH entities AS (SELECT name FROM main.entity) SELECT * FROM entities",
        "WITH documents(text) AS (SELECT text FROM document_text) SELECT * FROM documents",
        "WITH chunks AS (SELECT * FROM main.chunk_text), documents AS (SELECT 1) SELECT * FROM chunks",
        "SELECT * FROM (SELECT data FROM chunk_vector) AS entities",
        "SELECT (SELECT text FROM document_text LIMIT 1) FROM entities",
        "SELECT name FROM entities UNION SELECT text FROM document_text",
        "SELECT * FROM chunk_fts WHERE chunk_fts MATCH 'secret'",
        "SELECT * FROM chunk_fts('secret')",
        "SELECT * FROM chunk_terms",
        "SELECT highlight(chunk_fts, 0, 'a', 'b') FROM chunks",
        "SELECT name FROM entities WHERE name MATCH 'x'",
        "ATTACH DATABASE '/tmp/other.db' AS other",
        "DETACH DATABASE main",
        "PRAGMA table_info(entity)",
        "PRAGMA query_only = 0",
        "/* hi */ pragma writable_schema = 1",
        "SELECT * FROM pragma_table_info('entity')",
        "SELECT * FROM pragma_database_list",
        "SELECT * FROM dbstat",
        "SELECT load_extension('x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/x', 'y')",
        "SELECT fts3_tokenizer('x')",
        "SELECT randomblob(10)",
        "SELECT zeroblob(1000000000)",
        "SELECT hex(randomblob(8))",
        "SELECT sqlite_version()",
        "SELECT last_insert_rowid(), changes()",
        "EXPLAIN SELECT * FROM entities",
        "EXPLAIN QUERY PLAN SELECT * FROM entities",
        "EXPLAIN DELETE FROM entity",
        "DELETE FROM entity",
        "DELETE FROM main.entity RETURNING *",
        "INSERT INTO entity_fts(entity_fts) VALUES ('rebuild')",
        "REPLACE INTO meta VALUES ('x', 1)",
        "WITH x AS (SELECT 1) INSERT INTO meta SELECT 'x', 1",
        "CREATE TEMP TABLE x(y)",
        "CREATE TEMP VIEW entities2 AS SELECT * FROM main.entity",
        "DROP VIEW temp.entities",
        "ALTER TABLE entity RENAME TO x",
        "VACUUM",
        "VACUUM INTO '/tmp/stolen.db'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "BEGIN IMMEDIATE",
        "COMMIT",
        "SAVEPOINT x",
        "SELECT 1; SELECT 2",
        "SELECT 1; DELETE FROM entity",
        "SELECT 1 /* ; */; DROP TABLE entity --",
        "-- nothing but a comment",
        "/* never closed",
        ";",
        "SELECT 1\0; DELETE FROM entity",
        'SELECT "name of no column" FROM entities',
        "SELECT ?",
        "SELECT :nothing_given",
        "SELECT " + "(" * 5000 + "1" + ")" * 5000,
        "SELECT " + " + ".join("1" for _ in range(500)),
        "SELECT " + ", ".join("1" for _ in range(300)),
        " UNION ALL ".join("SELECT 1" for _ in range(100)),
        "SELECT '" + "x" * 200_000 + "'",
        "SELECT 1 WHERE 'a' LIKE '" + "%a" * 200 + "'",
        "half a pair \ud800",
    ],
)
async def test_what_is_not_a_plain_select_over_the_views_is_refused(tmp_path: Path, query: str) -> None:
    store = await opened(tmp_path)
    before = await everything(store)
    files = {path.name for path in tmp_path.iterdir()}
    with pytest.raises(SearchError) as refused:
        await store.read_query(query, collections=HERE)
    assert "Secret" not in str(refused.value)
    assert await everything(store) == before
    assert {path.name for path in tmp_path.iterdir()} == files
    await store.close()


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ("WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n", "seconds"),
        (
            "WITH RECURSIVE n(x) AS (SELECT printf('%9999d', 1) UNION SELECT x || 'a' FROM n) "
            "SELECT count(DISTINCT x) FROM n",
            "seconds|memory|files",
        ),
        (
            "SELECT count(*) FROM " + ", ".join(f"mentions m{n}" for n in range(16)),
            "seconds",
        ),
        ("SELECT replace(printf('%9999999d', 1), ' ', 'aaaaaaaaaaaaaaaa')", "too big"),
    ],
)
async def test_what_would_never_end_or_fill_the_memory_is_stopped(
    tmp_path: Path, query: str, what: str
) -> None:
    store = await opened(tmp_path)
    with pytest.raises(SearchError, match=what):
        await store.read_query(query, seconds=0.5)
    assert (await store.read_query("SELECT 1 AS one")).rows == ((1,),)
    await store.close()


async def test_a_result_that_is_too_large_is_cut(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    query = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 100) "
        "SELECT x, printf('%999999d', x) FROM n"
    )
    result = await store.read_query(query, limit=100)
    assert result.truncated
    assert 1 <= len(result.rows) < 20
    await store.close()


async def test_values_that_json_does_not_know_are_given_as_text(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    result = await store.read_query("SELECT x'00ff' AS a, 9e999 AS b, -9e999 AS c, NULL AS d, 1.5 AS e")
    assert result.rows == (("00ff", "inf", "-inf", None, 1.5),)
    await store.close()


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object()])
async def test_a_parameter_of_no_known_kind_is_named(tmp_path: Path, value: object) -> None:
    store = await opened(tmp_path)
    with pytest.raises(SearchError, match="wanted"):
        await store.read_query("SELECT :wanted", {"wanted": value})
    await store.close()


@pytest.mark.parametrize(("limit", "seconds"), [(0, 1.0), (10_001, 1.0), (1, 0.0), (1, -1.0), (1, 1e9)])
async def test_bounds_out_of_range_are_refused(tmp_path: Path, limit: int, seconds: float) -> None:
    store = await opened(tmp_path)
    with pytest.raises(SearchError, match="limit"):
        await store.read_query("SELECT 1", limit=limit, seconds=seconds)
    await store.close()


async def test_a_long_query_does_not_hold_up_a_writer(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(x) FROM n, entities"
    )
    running = asyncio.create_task(store.read_query(endless, seconds=30))
    done, _ = await asyncio.wait({running}, timeout=0.05)
    writer = EmbeddedStore(tmp_path, busy_seconds=0.5)
    await writer.upsert(document("/b.md", "[Cid] came."), SPACE)
    assert (await writer.statistics()).documents == 3
    assert not done
    assert not running.done()
    running.cancel()
    await asyncio.wait({running})
    await writer.close()
    await store.close()


async def test_a_read_only_store_can_be_queried_and_keeps_no_file_of_it(tmp_path: Path) -> None:
    await (await opened(tmp_path)).close()
    store = EmbeddedStore(tmp_path)
    await store.open(read_only=True)
    assert (await store.read_query("SELECT count(*) FROM entities")).rows == ((4,),)
    await store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["kag.db"]


async def test_a_query_sees_what_another_process_has_just_written(tmp_path: Path) -> None:
    store = await opened(tmp_path)
    other = EmbeddedStore(tmp_path)
    await other.upsert(document("/c.md", "[Dan] came."), SPACE)
    names = await store.read_query("SELECT name FROM entities WHERE name = 'Dan'")
    assert names.rows == (("Dan",),)
    await other.close()
    await store.close()


def test_the_views_read_only_the_tables_that_are_allowed(tmp_path: Path) -> None:
    from kag.knowledge_bases import _sqlite_schema as schema

    db = apsw.Connection(str(tmp_path / "kag.db"))
    schema.migrate(db, tmp_path / "kag.db")
    db.execute(views.temporary_views([1])).fetchall()
    read: set[str] = set()

    def note(action: int, table: str | None, _: object, database: str | None, *__: object) -> int:
        if action == apsw.SQLITE_READ and database == "main":
            read.add(str(table))
        return apsw.SQLITE_OK

    db.authorizer = note
    for name in views.COLUMNS:
        db.execute(f"SELECT * FROM {name}").fetchall()
    db.close()
    assert read == views.TABLES


async def test_functions_on_long_texts_end_in_time(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path)
    await store.upsert(document("/a.md", "[Ada] wrote.", embedded=False))
    long = "printf('%.*c', 10000000, 'a')"
    found = await store.read_query(f"SELECT instr({long}, printf('%.*c', 5000000, 'a') || 'b')", seconds=5)
    assert found.rows == ((0,),)
    found = await store.read_query(
        "SELECT replace('a-b', '-', '+'), instr('hello', 'l'), trim('xxhixx', 'x')"
    )
    assert found.rows == (("a+b", 3, "hi"),)
    with pytest.raises(SearchError, match="too big"):
        await store.read_query(f"SELECT replace({long}, 'a', {long})")
    await store.close()
