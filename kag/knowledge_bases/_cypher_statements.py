"""The statements that Neo4j and Memgraph understand alike; what differs stands in each one's own file.

Every value is a parameter. The few names that are pasted in are made by this package: `{target}` is `Chunk`
or `Entity`, `{property}` is the property that holds the vectors of a space.
"""

from __future__ import annotations

DOCUMENT = "d.id, d.collection, d.uri, d.title, d.media_type, d.content_hash, d.ingested_at, d.metadata"
CHUNK = "c.id, c.document_id, c.collection, c.order, c.text, c.start, c.end, c.page, c.headings"
ENTITY = "e.id, e.collection, e.label, e.name, e.aliases, e.description, e.properties, e.degree"
FACT = "f.id, f.collection, f.type, f.subject_id, f.object_id, f.description, f.properties, f.weight"
STANDING = "f.said, f.count, f.sources, f.names, f.votes"

# The store itself
META = "MATCH (m:KagMeta) RETURN m.version"
CREATE_META = "MERGE (m:KagMeta {key: 'kag'}) ON CREATE SET m.version = $version, m.jobs = 0"
LOCK_META = "MATCH (m:KagMeta) SET m.lock = $token"
COLLECTIONS = (
    "MATCH (k:KagCollection) WHERE k.leaving IS NULL RETURN k.scope, k.name, k.tally ORDER BY k.name"
)
LOCK_COLLECTION = (
    "MATCH (k:KagCollection {scope: $scope}) SET k.lock = $token "
    "RETURN k.leaving IS NOT NULL, k.tally, k.name"
)
LEAVE = "MATCH (k:KagCollection {scope: $scope}) SET k.leaving = true"
LOCK_COLLECTIONS = "MATCH (k:KagCollection) WITH k ORDER BY k.scope SET k.lock = $token"
CREATE_COLLECTION = (
    "MERGE (k:KagCollection {scope: $scope}) ON CREATE SET k.name = $name, k.tally = '{}' SET k.lock = $token"
)
READ_TALLY = "MATCH (k:KagCollection {scope: $scope}) RETURN k.tally"
WRITE_TALLY = "MATCH (k:KagCollection {scope: $scope}) SET k.tally = $tally"
KEEP_COLLECTION = "MATCH (k:KagCollection {scope: $scope}) SET k.kept = true"
DELETE_UNKEPT_COLLECTION = "MATCH (k:KagCollection {scope: $scope}) WHERE k.kept IS NULL DELETE k"
DELETE_COLLECTION = "MATCH (k:KagCollection {scope: $scope}) DELETE k"

# Vector spaces
SPACES = "MATCH (s:KagSpace) RETURN s.model, s.dimensions, s.current"
CREATE_SPACE = (
    "MERGE (s:KagSpace {key: $key}) "
    "ON CREATE SET s.model = $model, s.dimensions = $dimensions, s.current = false"
)
SWITCH_SPACE = "MATCH (s:KagSpace) SET s.current = (s.key = $key)"
DELETE_SPACE = "MATCH (s:KagSpace {key: $key}) DELETE s"
HAS_VECTORS = "MATCH (n:{target}) WHERE n.{property} IS NOT NULL RETURN 1 LIMIT 1"
CLEAR_VECTORS = (
    "MATCH (n:{target}) WHERE n.{property} IS NOT NULL WITH n LIMIT $limit "
    "SET n.{property} = null RETURN count(n)"
)
UNEMBEDDED = (
    "MATCH (c:Chunk) WHERE c.id > $after AND c.{property} IS NULL "
    f"RETURN {CHUNK} ORDER BY c.id LIMIT $limit"
)
COUNT_UNEMBEDDED = "MATCH (c:Chunk) RETURN count(c), sum(CASE WHEN c.{property} IS NULL THEN 1 ELSE 0 END)"
VECTORS_OF = (
    "MATCH (d:Document {{id: $id}})<-[:PART_OF]-(c:Chunk) "
    "WHERE c.{property} IS NOT NULL RETURN c.id, c.{property}"
)
VECTORS = "MATCH (n:{target}) WHERE n.id IN $ids AND n.{property} IS NOT NULL RETURN n.id, n.{property}"

# What a document holds
STORED_DIGEST = "MATCH (d:Document {id: $id}) RETURN d.scope, d.digest"
COUNT_BARE_CHUNKS = (
    "MATCH (d:Document {{id: $id}})<-[:PART_OF]-(c:Chunk) WHERE c.{property} IS NULL RETURN count(c)"
)
BARE_CHUNKS = "MATCH (d:Document {{id: $id}})<-[:PART_OF]-(c:Chunk) WHERE c.{property} IS NULL RETURN c.id"
HELD_CHUNKS = (
    "MATCH (d:Document {id: $id})<-[:PART_OF]-(c:Chunk) "
    "RETURN c.id, c.order, c.start, c.end, c.page, c.headings, c.text, c.context"
)
HELD_ENTITIES = (
    "MATCH (d:Document {id: $id})-[s:SAYS]->(e:KagForm) "
    "RETURN e.id, s.name, s.aliases, s.description, s.properties, e.label"
)
HELD_RELATIONS = (
    "MATCH (d:Document {id: $id})-[s:SAYS]->(f:KagClaim) "
    "RETURN f.id, s.description, s.properties, f.subject_id, f.type, f.object_id"
)
HELD_MENTIONS = (
    "MATCH (d:Document {id: $id})<-[:PART_OF]-(c:Chunk)-[m:MENTIONS|TITLE]->(e:Entity) "
    "RETURN c.id, coalesce(m.form, e.id), m.start, m.end, type(m)"
)
HELD_SUPPORT = (
    "MATCH (d:Document {id: $id})<-[:PART_OF]-(c:Chunk)-[s:STATES]->(f:KagClaim) "
    "RETURN coalesce(s.form, f.id), c.id, s.start, s.end, s.quote"
)

# Writing a document
WRITE_DOCUMENT = "MERGE (d:Document {id: $id}) SET d += $fields"
CREATE_CHUNKS = (
    "MATCH (d:Document {id: $document}) UNWIND $rows AS row CREATE (c:Chunk)-[:PART_OF]->(d) SET c = row"
)
UPDATE_CHUNKS = "UNWIND $rows AS row MATCH (c:Chunk {id: row.id}) SET c += row.fields"
CLEAR_ORDER = "MATCH (d:Document {id: $id})<-[:PART_OF]-(c:Chunk)-[n:NEXT]->(:Chunk) DELETE n"
WRITE_ORDER = (
    "UNWIND $rows AS row MATCH (a:Chunk {id: row[0]}) MATCH (b:Chunk {id: row[1]}) CREATE (a)-[:NEXT]->(b)"
)
DELETE_CHUNKS = "UNWIND $rows AS row MATCH (c:Chunk {id: row}) DETACH DELETE c"
FORMS = (
    "MATCH (f:KagForm) WHERE f.id IN $ids OPTIONAL MATCH (f)-[:IN]->(e:Entity) "
    f"RETURN f.id, f.scope, f.label, coalesce(e.id, f.id), coalesce(e.several, f.several), {STANDING}"
)
CLAIMS = (
    "MATCH (f:KagClaim) WHERE f.id IN $ids OPTIONAL MATCH (f)-[:IN]->(x:Fact) "
    "RETURN f.id, f.scope, f.subject_id, f.type, f.object_id, "
    "CASE WHEN x IS NOT NULL THEN x.id WHEN 'Fact' IN labels(f) THEN f.id ELSE '' END, "
    f"coalesce(x.several, f.several), {STANDING}"
)
UPDATE_FORMS = "UNWIND $rows AS row MATCH (f:KagForm {id: row.id}) SET f += row.fields"
UPDATE_CLAIMS = "UNWIND $rows AS row MATCH (f:KagClaim {id: row.id}) SET f += row.fields"
UPDATE_EDGES = (
    "UNWIND $rows AS row MATCH (s:KagForm {id: row.subject}) MATCH (o:KagForm {id: row.object}) "
    "MATCH (s)-[r]->(o) WHERE r.id = row.id SET r += row.fields"
)
DELETE_FORMS = "UNWIND $rows AS row MATCH (f:KagForm {id: row}) DETACH DELETE f"
DELETE_CLAIMS = "UNWIND $rows AS row MATCH (f:KagClaim {id: row}) DETACH DELETE f"
CREATE_CLAIMS = "UNWIND $rows AS row CREATE (f:KagClaim) SET f = row.fields"
DELETE_EDGES = (
    "UNWIND $rows AS row MATCH (s:KagForm {id: row.subject}) MATCH (o:KagForm {id: row.object}) "
    "MATCH (s)-[r]->(o) WHERE r.id = row.id DELETE r"
)
SAY = {
    kind: (
        "MATCH (d:Document {id: $document}) UNWIND $rows AS row "
        f"MATCH (x:{kind} {{id: row.id}}) CREATE (d)-[s:SAYS]->(x) SET s = row.fields"
    )
    for kind in ("KagForm", "KagClaim")
}
UNSAY = {
    kind: f"MATCH (d:Document {{id: $document}})-[s:SAYS]->(x:{kind}) WHERE x.id IN $rows DELETE s"
    for kind in ("KagForm", "KagClaim")
}
DESCRIPTIONS = {
    kind: (
        f"MATCH (x:{kind}) WHERE x.id IN $ids MATCH (x)<-[s:SAYS]-(:Document) "
        "RETURN DISTINCT x.id, s.description"
    )
    for kind in ("KagForm", "KagClaim")
}
CREATE_MENTIONS = {
    kind: (
        "UNWIND $rows AS row MATCH (c:Chunk {id: row[0]}) MATCH (e:Entity {id: row[1]}) "
        f"CREATE (c)-[m:{kind} {{start: row[2], end: row[3]}}]->(e) SET m.form = row[4]"
    )
    for kind in ("MENTIONS", "TITLE")
}
DELETE_MENTIONS = (
    "UNWIND $rows AS row MATCH (c:Chunk {id: row[0]})-[m:MENTIONS|TITLE]->(e:Entity {id: row[1]}) "
    "WHERE m.start = row[2] AND m.end = row[3] AND type(m) = row[4] AND coalesce(m.form, e.id) = row[5] "
    "DELETE m"
)
CREATE_SUPPORT = (
    "UNWIND $rows AS row MATCH (f:KagClaim {id: row[0]}) MATCH (c:Chunk {id: row[1]}) "
    "CREATE (c)-[s:STATES {start: row[2], end: row[3], quote: row[4]}]->(f) SET s.form = row[5]"
)
DELETE_SUPPORT = (
    "UNWIND $rows AS row MATCH (c:Chunk {id: row[1]})-[s:STATES]->(f:KagClaim {id: row[0]}) "
    "WHERE s.start = row[2] AND s.end = row[3] AND s.quote = row[4] AND coalesce(s.form, f.id) = row[5] "
    "DELETE s"
)
DELETE_DOCUMENT = "MATCH (d:Document {id: $id}) DETACH DELETE d"
DOCUMENTS_OF = "MATCH (d:Document) WHERE d.scope = $scope RETURN d.id"
DELETE_ALL_OF = {
    label: f"MATCH (n:{label}) WHERE n.scope = $scope WITH n LIMIT $limit DETACH DELETE n RETURN count(n)"
    for label in ("KagDecision", "KagNear", "KagKey", "KagClaim", "KagForm", "Chunk", "Document")
}

# Reading
GET_DOCUMENTS = f"MATCH (d:Document) WHERE d.id IN $ids RETURN d.text, {DOCUMENT}"
GET_CHUNKS = f"MATCH (c:Chunk) WHERE c.id IN $ids RETURN {CHUNK}"
GET_ENTITIES = f"MATCH (e:Entity) WHERE e.id IN $ids RETURN {ENTITY}"
GET_FACTS = f"MATCH (f:Fact) WHERE f.id IN $ids RETURN {FACT}"
SUPPORT_OF = (
    "MATCH (f:Fact) WHERE f.id IN $ids MATCH (f)<-[s:STATES]-(c:Chunk) "
    "RETURN DISTINCT f.id, c.id, s.quote, s.start, s.end"
)
SOME_SUPPORT_OF = (
    "MATCH (f:Fact) WHERE f.id IN $ids MATCH (f)<-[s:STATES]-(c:Chunk) "
    "WITH DISTINCT f.id AS id, c.id AS chunk, s.quote AS quote, s.start AS start, s.end AS end "
    "ORDER BY chunk, start "
    "WITH id, collect([chunk, quote, start, end])[0..$most] AS said "
    "UNWIND said AS one RETURN id, one[0], one[1], one[2], one[3]"
)
PAGE_ALL = {
    label: f"MATCH (n:{label}) WHERE n.id > $after RETURN n.id ORDER BY n.id LIMIT $limit"
    for label in ("Chunk", "Entity", "Fact")
}
PAGE_SCOPE = {
    label: (
        f"MATCH (n:{label}) WHERE n.scope = $scope AND n.id > $after RETURN n.id ORDER BY n.id LIMIT $limit"
    )
    for label in ("Chunk", "Entity", "Fact")
}
URI_OF = "MATCH (d:Document {id: $id}) RETURN d.uri"
PAGE_DOCUMENTS = (
    "MATCH (d:Document) WHERE d.scope IN $scopes AND (d.uri > $uri OR (d.uri = $uri AND d.id > $after)) "
    f"RETURN {DOCUMENT} ORDER BY d.uri, d.id LIMIT $limit"
)
FIND_EXACTLY = (
    "MATCH (d:Document) WHERE d.scope IN $scopes AND (d.uri = $wanted OR d.id = $wanted) "
    f"RETURN {DOCUMENT} ORDER BY d.uri, d.id"
)
FIND_BY_TAIL = (
    "MATCH (d:Document) WHERE d.scope IN $scopes AND (d.uri ENDS WITH $slash OR d.uri ENDS WITH $backslash) "
    f"RETURN {DOCUMENT} ORDER BY d.uri, d.id"
)
MENTIONS_IN = (
    "MATCH (c:Chunk) WHERE c.id IN $ids MATCH (c)-[m:MENTIONS|TITLE]->(e:Entity) "
    "RETURN c.id, e.id, m.start, m.end, type(m)"
)
_SHOWN_OF = (
    "MATCH (f:KagForm) WHERE f.id IN $ids OPTIONAL MATCH (f)-[:IN]->(h:Entity) "
    "WITH f.id AS asked, coalesce(h, f) AS e "
)
SHOWN = {
    "ent": f"{_SHOWN_OF}RETURN asked, e.id",
    "rel": (
        "MATCH (f:KagClaim) WHERE f.id IN $ids OPTIONAL MATCH (f)-[:IN]->(x:Fact) "
        "WITH f, x WHERE x IS NOT NULL OR 'Fact' IN labels(f) RETURN f.id, coalesce(x.id, f.id)"
    ),
}
MENTIONS_OF = (
    f"{_SHOWN_OF}WITH DISTINCT e WHERE $most IS NULL OR e.degree <= $most "
    "MATCH (e)<-[m:MENTIONS|TITLE]-(c:Chunk) RETURN c.id, e.id, m.start, m.end, type(m)"
)
NEIGHBOURS_OF_CHUNKS = (
    "MATCH (c:Chunk) WHERE c.id IN $ids MATCH (c)-[m:MENTIONS|TITLE]->(e:Entity) "
    "RETURN c.id, e.id, type(m), m.start, e.degree, e.label"
)
NEIGHBOURS_OF_ENTITIES = (
    f"{_SHOWN_OF}WITH asked, e WHERE e.degree <= $most "
    "MATCH (e)<-[m:MENTIONS|TITLE]-(c:Chunk) RETURN asked, c.id, type(m), m.start, 0, ''"
)
_AROUND = (
    "MATCH (f:Fact) WHERE f.{}_id IN $ids AND ($types IS NULL OR f.type IN $types) "
    "RETURN f.weight AS weight, f.id AS id, f.subject_id AS subject, f.object_id AS object"
)
AROUND = (
    f"CALL {{ {_AROUND.format('subject')} UNION {_AROUND.format('object')} }} "
    "WITH weight, id, subject, object ORDER BY weight DESC, id LIMIT $limit "
    "RETURN weight, id, subject, object"
)
STEPS = {
    end: (
        f"MATCH (f:Fact) WHERE f.{end}_id IN $ids AND ($types IS NULL OR f.type IN $types) "
        f"RETURN f.weight, f.id, f.{end}_id, f.{other}_id"
    )
    for end, other in (("subject", "object"), ("object", "subject"))
}
NEIGHBOURS = {
    end: (
        f"MATCH (f:Fact) WHERE f.{end}_id IN $ids AND ($types IS NULL OR f.type IN $types) "
        f"RETURN DISTINCT f.{other}_id"
    )
    for end, other in (("subject", "object"), ("object", "subject"))
}
TRIPLETS = "MATCH (f:Fact) WHERE {conditions} RETURN f.id AS id ORDER BY f.weight DESC, f.id LIMIT $limit"

# Filters of searches: the ids of what lies within documents
WITHIN = {
    "chunk": "MATCH (d:Document) WHERE {conditions} MATCH (d)<-[:PART_OF]-(n:Chunk) RETURN n.id",
    "entity": (
        "MATCH (d:Document) WHERE {conditions} MATCH (d)-[:SAYS]->(f:KagForm) "
        "OPTIONAL MATCH (f)-[:IN]->(h:Entity) RETURN DISTINCT coalesce(h.id, f.id)"
    ),
}

# Jobs
UPDATE_JOB = "MATCH (j:KagJob {id: $id}) SET j += $fields RETURN j.id"
NEXT_JOB = "MATCH (m:KagMeta) SET m.jobs = m.jobs + 1 RETURN m.jobs"
CREATE_JOB = "MERGE (j:KagJob {id: $id}) ON CREATE SET j.seq = $seq SET j += $fields"
JOBS = (
    "MATCH (j:KagJob) WHERE $id IS NULL OR j.id = $id "
    "RETURN j.id, j.collection, j.kind, j.state, j.done, j.total, j.failed, j.message, "
    "j.created_at, j.updated_at ORDER BY j.created_at DESC, j.seq DESC"
)
