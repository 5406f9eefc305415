"""What the guard of raw Cypher lets through, what it refuses, and that it always ends."""

# ruff: noqa: E501  a query is a line

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.errors import QueryError
from kag.knowledge_bases._cypher_guard import require_read_only

READS = r"""
MATCH (n) RETURN n LIMIT 10
MATCH (n:Person {name: $name})-[r:KNOWS|LIKES*1..3]->(m) WHERE m.age > 30 AND m.name STARTS WITH 'A' RETURN m.name AS name, count(*) AS c ORDER BY c DESC SKIP 1 LIMIT 10
MATCH (n) WHERE n.name =~ '(?i).*x.*' RETURN n;
MATCH (n:A|B) RETURN n
MATCH (n:A&!B) RETURN n
MATCH (n) WHERE n:A RETURN n
MATCH (n) WHERE n:A OR n:B RETURN labels(n), n.name
MATCH (n) WHERE EXISTS { MATCH (n)-->(m) WHERE m.x = 1 } RETURN n
MATCH (n) WHERE NOT EXISTS { (n)-->(m) } RETURN n
MATCH (n) RETURN n.name, COUNT { (n)-->() } AS degree ORDER BY degree DESC
MATCH (n) WHERE COUNT { (n)-[:KNOWS]->() } > 2 RETURN n.name
MATCH (n) RETURN COLLECT { MATCH (n)-->(m) RETURN m.name } AS names
CALL { MATCH (n) RETURN n LIMIT 1 } RETURN n
MATCH (p) CALL { WITH p MATCH (p)-->(q) RETURN count(q) AS c } RETURN p, c
MATCH (p) CALL (p) { MATCH (p)-->(q) RETURN count(q) AS c } RETURN p, c
CALL db.labels() YIELD label RETURN label ORDER BY label
CALL db.labels()
CALL db.labels
CALL db.relationshipTypes() YIELD relationshipType AS t RETURN collect(t)
CALL db.index.vector.queryNodes('x', 10, $v) YIELD node, score RETURN node.name, score
CALL db.index.fulltext.queryNodes($index, $text) YIELD node, score WHERE score > 0.5 RETURN node, score LIMIT 5
MATCH p = shortestPath((a:Person {name: $a})-[*..5]-(b:Person {name: $b})) RETURN p
MATCH (a:Chunk)-[:NEXT]->(next:Chunk) RETURN next.text AS next ORDER BY next
MATCH (a:Person {name: 'x'}), (b:Person {name: 'y'}) MATCH p = allShortestPaths((a)-[:KNOWS*]-(b)) RETURN [n IN nodes(p) | n.name] AS names, length(p)
MATCH p = ANY SHORTEST (a)-[:R]->+(b) RETURN p
MATCH (a)-[r]->{1,3}(b) RETURN a
MATCH (n) RETURN n { .name, .*, x: 1 }
MATCH (n:Person)-[:LIVES_IN]->(c) RETURN n {.name, city: c.name, friends: [(n)-[:KNOWS]->(f) | f {.name}]} AS person
MATCH (n) RETURN [x IN n.list WHERE x > 1 | x * 2] AS l
MATCH (n) RETURN CASE WHEN n.x > 1 THEN 'a' ELSE 'b' END AS kind
MATCH (n) RETURN CASE n.x WHEN 1 THEN 'a' WHEN 2 THEN 'b' END
MATCH (n) RETURN reduce(a = 0, x IN n.l | a + x)
RETURN all(x IN [1,2] WHERE x > 0) AS ok
MATCH p = (a)-[*1..3]->(b) WHERE ALL(r IN relationships(p) WHERE r.since > 2000) AND NONE(x IN nodes(p) WHERE x.hidden) RETURN p
MATCH (n:A) RETURN n.name AS name UNION ALL MATCH (m:B) RETURN m.name AS name
MATCH (n:A) RETURN n.name AS name UNION MATCH (m:B) RETURN m.name AS name
UNWIND $rows AS row MATCH (n {id: row.id}) RETURN n
MATCH (n) RETURN DISTINCT labels(n)
MATCH (n)-[r]-() RETURN type(r), count(r)
MATCH (a), (b) WHERE a.name IN ['x', "y"] AND NOT (a)--(b) RETURN a.name + '-' + b.name
MATCH (n) WHERE n.x IS NOT NULL RETURN n.x[0..2], n.x[-1]
/* c */ MATCH (n) /* x ' */ RETURN n // end
MATCH (n) RETURN n.`a b`, n.`x``y` AS `my name`
MATCH (n:`Strange Label`)-[:`HAS PART`]->(m) RETURN m
MATCH (n) RETURN date(), datetime('2020-01-01'), n.a ^ 2 % 3, 1.5e3, 0xFF, -1
MATCH (n) WHERE n.born >= date('1990-01-01') AND n.born < date() RETURN n.name, duration.between(n.born, date()).years AS age
MATCH (n) WHERE elementId(n) = '4:abc' RETURN n.count, n.type, n.order, n.label, n.description
MATCH (n) WHERE toLower(n.name) CONTAINS toLower($text) RETURN toLower(n.name) AS type, n AS node
MATCH (n) WITH n, count(*) AS count WHERE count > 1 RETURN *
MATCH (n) WITH n ORDER BY n.name LIMIT 3 MATCH (n)-[:R]->(m) RETURN n, collect(DISTINCT m.name)[..5] AS names
MATCH (n) OPTIONAL MATCH (n)-[r:KNOWS]->(m) RETURN n.name, coalesce(m.name, 'nobody') AS friend
MATCH (d:Document)<-[:PART_OF]-(c:Chunk)-[:MENTIONS]->(e:Entity) RETURN d.title, collect(DISTINCT e.name)[..5] AS names
MATCH (e:Entity)<-[:MENTIONS]-(c:Chunk) RETURN e.name, count(DISTINCT c) AS mentions ORDER BY mentions DESC LIMIT 20
MATCH (a:Person)-[:ACTED_IN]->(m:Movie)<-[:DIRECTED]-(d:Person) WHERE a <> d AND m.released >= 1990 AND m.released <= 2000 RETURN a.name, m.title, d.name
MATCH (n) RETURN avg(n.age) AS mean, max(n.age), min(n.age), percentileCont(n.age, 0.5)
MATCH (n) WHERE n.name ENDS WITH 'son' OR n.age IN range(20, 30) RETURN n.name
MATCH (a)-[r:WORKS_AT {since: 2020}]->(b) RETURN properties(r), startNode(r).name, keys(a)
MATCH (n:Person) WHERE n.age > 18 AND (n.city = 'Berlin' OR n.city = 'Paris') AND NOT n.hidden RETURN n.name, n.age ORDER BY n.age DESC, n.name ASC SKIP $skip LIMIT $limit
MATCH (n) WHERE size(n.aliases) > 2 AND any(a IN n.aliases WHERE a STARTS WITH $p) RETURN n.name
MATCH (n) RETURN n.name || '!' AS s
MATCH (n) WHERE n.set = 1 AND n.delete IS NULL RETURN n.create AS `merge`
MATCH (n:Set)-[:CREATE]->(m:Delete) RETURN m
MATCH (n) RETURN 'CREATE (n) // not a comment' AS text, "LOAD CSV"
MATCH (n)-[:R]->(m) WITH n, collect(m) AS ms UNWIND ms AS m RETURN n.name, m.name
MATCH (n) WHERE (n)-[:KNOWS]->(:Person {name: $name}) RETURN n
MATCH (n) WHERE length(shortestPath((n)-[*..4]-(:Person {name: $name}))) < 3 RETURN n
WITH 1 AS x RETURN x + 1 AS y
MATCH (n) RETURN {name: n.name, tags: [1, 2, 'x'], nested: {a: true}} AS m
MATCH (n) WHERE n.embedding IS NOT NULL RETURN n.name, vector.similarity.cosine(n.embedding, $v) AS score ORDER BY score DESC LIMIT 5
MATCH (n) RETURN head(labels(n)) AS label, count(*) AS n ORDER BY n DESC
MATCH (a)<-[r]-(b), (b)-->(c) RETURN DISTINCT a, c
MATCH (n WHERE n.age > 3)-[r WHERE r.x = 1]->(m) RETURN n
MATCH (n) WHERE n.x IS NULL XOR n.y = false RETURN count(n)
MATCH (n) WHERE EXISTS { MATCH (n)-[:R]->(m) WHERE EXISTS { (m)-[:S]->(:T) } } RETURN n
MATCH (n) RETURN toInteger(n.a) / 2, toFloat(n.b) * 1.0, round(n.c, 2), abs(-3)
MATCH (n) RETURN split(n.name, ' ')[0] AS first, substring(n.name, 0, 3), replace(n.name, 'a', 'b')
CALL vector_search.search('index', 10, $v) YIELD node, distance, similarity RETURN node, similarity
MATCH (n) WHERE ((n.a = 1 AND n.b = 2) OR (n.c = 3 AND NOT (n.d = 4 OR n.e = 5))) AND (n)-->() RETURN n
MATCH (n:`a``) DELETE n //`) RETURN n
MATCH (group:Group)-[:R]->(record) WHERE record.value = $value RETURN group.name, record.order
MATCH (n) CALL (*) { MATCH (n)--(m) RETURN m } RETURN m
""".strip().splitlines()

REFUSED = r"""
CREATE (n)
MATCH (n) SET n.x = 1
MATCH (n) SET n:Label RETURN n
MATCH (n) SET n += {x: 1}
MATCH (n) REMOVE n.x
MATCH (n) DETACH DELETE n
MATCH (n) DELETE n
MERGE (n:X) ON CREATE SET n.x = 1
MATCH (n) WITH n CREATE (m) RETURN m
LOAD CSV FROM 'file:///x' AS l RETURN l
LOAD CSV WITH HEADERS FROM $u AS l RETURN l
FOREACH (x IN [1] | CREATE (n))
MATCH (n) FOREACH (x IN [1] | SET n.x = x)
EXPLAIN MATCH (n) RETURN n
PROFILE MATCH (n) RETURN n
EXPLAIN CALL apoc.cypher.runWrite('CREATE (n)', {}) YIELD value RETURN value
CYPHER 25 MATCH (n) RETURN n
CYPHER runtime=slotted MATCH (n) RETURN n
USE system MATCH (n) RETURN n
USE graph.byName('x') MATCH (n) RETURN n
SHOW INDEXES
SHOW DATABASES
SHOW PROCEDURES
SHOW TRANSACTIONS
TERMINATE TRANSACTIONS 'x'
CREATE INDEX x FOR (n:A) ON (n.b)
CREATE VECTOR INDEX x FOR (n:A) ON (n.b)
CREATE CONSTRAINT c FOR (n:A) REQUIRE n.x IS UNIQUE
DROP INDEX x
CREATE USER x SET PASSWORD 'y'
ALTER USER neo4j SET PASSWORD 'x'
CREATE DATABASE x
START DATABASE x
GRANT READ {*} ON GRAPH * TO x
CALL dbms.listConfig()
CALL dbms.components()
CALL db.createLabel('x')
CALL db.index.fulltext.createNodeIndex('a', ['b'], ['c'])
CALL db.index.fulltext.awaitEventuallyConsistentIndexRefresh()
CALL apoc.load.json('x') YIELD value RETURN value
CALL gds.graph.list()
CALL `apoc`.`load`.`json`('x') YIELD value RETURN value
CALL `db`.`labels`()
CALL db.labels() YIELD label CALL apoc.cypher.doIt('x', {}) YIELD value RETURN value
MATCH (n) RETURN apoc.load.json('x')
MATCH (n) RETURN apoc . load . json ( 'x' )
MATCH (n) RETURN `apoc`.`load`.`json`('x')
MATCH (n) RETURN gds.util.asNode(1)
MATCH (n) WHERE dbms.functions() = 1 RETURN n
MATCH (n) RETURN file('x')
MATCH (n) RETURN graph.names()
CALL { MATCH (n) RETURN n } IN TRANSACTIONS RETURN n
CALL { MATCH (n) DELETE n } IN TRANSACTIONS OF 10 ROWS
MATCH (n) CALL { WITH n SET n.x = 1 } RETURN n
MATCH (n) CALL (n) { CREATE (m) RETURN m } RETURN m
CALL { CREATE (n) RETURN n } RETURN n
CALL { CALL { CREATE (n) RETURN n } RETURN n } RETURN n
MATCH (n) WHERE EXISTS { CREATE (m) RETURN m } RETURN n
MATCH (n) WHERE EXISTS { MATCH (n) WHERE EXISTS { MATCH (m) DELETE m } } RETURN n
MATCH (n) RETURN COUNT { MATCH (n) SET n.x = 1 RETURN n }
MATCH (n) RETURN COLLECT { MATCH (n) DELETE n RETURN 1 }
MATCH (n) RETURN n {.x, y: COUNT { MATCH (m) DELETE m RETURN 1 }}
MATCH (n) RETURN n; MATCH (m) DELETE m
MATCH (n) RETURN n; CREATE (m)
MATCH (n) RETURN 1 UNION CREATE (m) RETURN 1
MATCH (n) WHERE n.x = '\u0027 OR true CREATE (m) //' RETURN n
MATCH (n) /* ' */ SET n.x = 1 /* ' */ RETURN n
MATCH (n) // '
MATCH (n) RETURN 'it\'s' /* " */ CREATE (m) //"
MATCH (n) WHERE n.a = "x' /*" DELETE n //*/
MATCH (n) RETURN n /* unclosed
MATCH (n) RETURN 'unclosed
MATCH (n) RETURN `unclosed
MATCH (n:`a`)DELETE n//`) RETURN n
MATCH (n) RETURN n FINISH
INSERT (:A)
MATCH (n) NEXT RETURN 1
RETURN 1 NEXT CREATE (n)
MATCH (n)
RETURN
()
;
MATCH (n:$(x)) RETURN n
MATCH (n) USING INDEX n:A(x) WHERE n.x=1 RETURN n
SESSION SET GRAPH x
START TRANSACTION
BEGIN
COMMIT
:param x => 1
MATCH (n) RETURN n LIMIT 1 CREATE (m)
MATCH (a) CREATE (a)-[:R]->(b)
MATCH (n) WITH * DELETE n
PERIODIC COMMIT LOAD CSV FROM 'x' AS l RETURN l
USING PERIODIC COMMIT 500 LOAD CSV FROM 'x' AS l CREATE (n)
CREATE TRIGGER t ON CREATE EXECUTE CREATE (n)
STORAGE INFO
FREE MEMORY
CALL mg.load_all()
CALL export_util.json('x')
CREATE SNAPSHOT
DUMP DATABASE
SHOW CONFIG
ANALYZE GRAPH
MATCH p = shortestPath((a)-[*]-(b)) SET a.x = 1 RETURN p
MATCH (n) RETURN [x IN [1] | apoc.do.when(true, 'CREATE (n)', '', {})]
MATCH (n) ORDER BY apoc.x(n) RETURN n
MATCH (n) RETURN n ORDER BY foo.bar(n)
MATCH (n {x: apoc.load.json('a')}) RETURN n
MATCH (n)-[r {x: evil.fn()}]->() RETURN n
UNWIND evil.fn() AS x RETURN x
MATCH (n) RETURN shortestPath((a {x: evil.fn()})-[*]-(b))
MATCH (n) WHERE n.x CALL { RETURN 1 AS y } IN TRANSACTIONS RETURN n
MATCH (n) RETURN [x IN [1] WHERE (x = 1 AND evil.fn()) | x]
MATCH (n) WHERE ((n.x = 1 OR COUNT { CREATE (m) RETURN m } > 0) AND true) RETURN n
MATCH (n) RETURN [(n)-->(m) WHERE EXISTS { MATCH (k) DELETE k } | m]
MATCH (n) RETURN [(n)-->(m) | m {.x, y: COLLECT { MERGE (k) RETURN k }}]
MATCH (a:A) ((x)-[:R]->(y)){1,3} (b:B) RETURN a, b
""".strip().splitlines()


@pytest.mark.parametrize("query", READS)
def test_a_query_that_only_reads_passes(query: str) -> None:
    require_read_only(query)


@pytest.mark.parametrize("query", REFUSED)
def test_everything_else_is_refused(query: str) -> None:
    with pytest.raises(QueryError, match="The Cypher query was not run"):
        require_read_only(query)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("MATCH (n) SET n.x = 1", "at character 11.*SET is not allowed.*MATCH, OPTIONAL MATCH"),
        ("LOAD CSV FROM 'x' AS l RETURN l", "LOAD is not allowed"),
        ("CALL apoc.load.json('x')", "procedure apoc.load.json is not allowed; these are: db.index"),
        ("RETURN apoc.version()", "function apoc.version is not allowed"),
        ("RETURN 1; RETURN 2", "several statements"),
        ("RETURN '\\u0027'", "unicode escape"),
        ("SHOW INDEXES", "'SHOW' is not understood here"),
        ("RETURN (1", "a bracket is never closed"),
        ("RETURN 1)", "closes no bracket"),
        ("RETURN 'x", "may lack its end"),
        ("RETURN 1\u00a0+ 1", "not expected here"),
        ("", "it is empty"),
        ("// only a comment", "it is empty"),
        ("RETURN '" + "x" * 10_000 + "'", "10009 characters"),
        ("RETURN [" + "1, " * 999 + "1]", "words and marks"),
        ("RETURN " + "(" * 21 + "1" + ")" * 21, "nests deeper than 20"),
    ],
)
def test_the_error_says_what_is_wrong_and_where(query: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        require_read_only(query)


@pytest.mark.parametrize(
    "query",
    [
        "RETURN " + "NOT " * 490 + "true",
        "RETURN " + "a IN " * 480 + "a",
        "RETURN " + "a OR " * 480 + "a",
        "RETURN " + "(CASE WHEN ([x IN " * 6 + "l" + "]) THEN 1 END)" * 6,
        "RETURN " + "[(a)-->(b) WHERE " * 18 + "true" + " | 1]" * 18,
        "MATCH (n) WHERE " + "(" * 19 + "n.x = 1" + " AND true)" * 19 + " RETURN n",
        "CALL { " * 19 + "RETURN 1 AS x " + "} RETURN x " * 19,
        "(" * 900,
        "`" * 9_999,
        "/*" * 4_000,
    ],
)
def test_a_hostile_text_ends_with_an_answer(query: str) -> None:
    try:
        require_read_only(query)
    except QueryError as error:
        assert "The Cypher query was not run" in str(error)


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*"(){}[],.:;|'`\"", "MATCH", "RETURN", "n", "CALL", " "])).map(" ".join)
)
def test_any_text_passes_or_is_refused_with_the_same_error(text: str) -> None:
    try:
        require_read_only(text)
    except QueryError as error:
        assert str(error).startswith("The Cypher query was not run")
