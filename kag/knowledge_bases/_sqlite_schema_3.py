"""Version 3 of the embedded store's tables: entity resolution.

The rows of `entity` and `relation` are what is shown. What documents contribute, the *form*, keeps an id and
a row number of its own; `form` and `relation_form` hold those that are shown under another id. Every table
that says what documents contribute names both: `entity` or `relation`, where it is shown, and `form`. A fact
whose two ends became one entity is kept, and shown nowhere: its `relation` is less than 0.

`form_key` holds the hashed keys under which forms meet, `near` those with close vectors, `decision` what
their comparison gave, `link` what people and models decided, `split` which documents speak of another form
than their name says, `rule` what data models declare of properties, `setting` how the graph was resolved.
"""

VERSION_3 = """
CREATE TABLE form(
    rid INTEGER PRIMARY KEY, id TEXT NOT NULL, collection INTEGER NOT NULL REFERENCES collection,
    label TEXT NOT NULL, entity INTEGER NOT NULL REFERENCES entity) STRICT;
CREATE UNIQUE INDEX form_by_id ON form(id);
CREATE INDEX form_by_entity ON form(entity);
CREATE TABLE relation_form(
    rid INTEGER PRIMARY KEY, id TEXT NOT NULL, collection INTEGER NOT NULL REFERENCES collection,
    subject INTEGER NOT NULL, object INTEGER NOT NULL, type TEXT NOT NULL, relation INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX relation_form_by_id ON relation_form(id);
CREATE INDEX relation_form_by_subject ON relation_form(subject);
CREATE INDEX relation_form_by_object ON relation_form(object);
CREATE INDEX relation_form_by_relation ON relation_form(relation);

ALTER TABLE mention RENAME TO mention_2;
CREATE TABLE mention(
    chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    entity INTEGER NOT NULL REFERENCES entity, form INTEGER NOT NULL,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, kind INTEGER NOT NULL,
    PRIMARY KEY(chunk, entity, form, start, stop, kind)) STRICT, WITHOUT ROWID;
INSERT INTO mention SELECT chunk, entity, entity, start, stop, kind FROM mention_2;
DROP TABLE mention_2;
CREATE INDEX mention_by_entity ON mention(entity, chunk);

ALTER TABLE entity_source RENAME TO entity_source_2;
CREATE TABLE entity_source(
    document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    form INTEGER NOT NULL, entity INTEGER NOT NULL REFERENCES entity,
    name TEXT NOT NULL, aliases TEXT NOT NULL, description TEXT NOT NULL, properties TEXT NOT NULL,
    PRIMARY KEY(document, form)) STRICT, WITHOUT ROWID;
INSERT INTO entity_source
    SELECT document, entity, entity, name, aliases, description, properties FROM entity_source_2;
DROP TABLE entity_source_2;
CREATE INDEX entity_source_by_entity ON entity_source(entity, form);

ALTER TABLE entity_name RENAME TO entity_name_2;
CREATE TABLE entity_name(
    entity INTEGER NOT NULL REFERENCES entity ON DELETE CASCADE, form INTEGER NOT NULL,
    name TEXT NOT NULL, key TEXT NOT NULL, shown INTEGER NOT NULL, listed INTEGER NOT NULL,
    PRIMARY KEY(entity, form, name)) STRICT, WITHOUT ROWID;
INSERT INTO entity_name SELECT entity, entity, name, key, shown, listed FROM entity_name_2;
DROP TABLE entity_name_2;
CREATE INDEX entity_name_by_key ON entity_name(key);

ALTER TABLE relation_source RENAME TO relation_source_2;
CREATE TABLE relation_source(
    document INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    form INTEGER NOT NULL, relation INTEGER NOT NULL, description TEXT NOT NULL, properties TEXT NOT NULL,
    PRIMARY KEY(document, form)) STRICT, WITHOUT ROWID;
INSERT INTO relation_source
    SELECT document, relation, relation, description, properties FROM relation_source_2;
DROP TABLE relation_source_2;
CREATE INDEX relation_source_by_relation ON relation_source(relation, form);

ALTER TABLE support RENAME TO support_2;
CREATE TABLE support(
    rid INTEGER PRIMARY KEY, relation INTEGER NOT NULL, form INTEGER NOT NULL,
    chunk INTEGER NOT NULL REFERENCES chunk ON DELETE CASCADE,
    start INTEGER NOT NULL, stop INTEGER NOT NULL, quote TEXT NOT NULL) STRICT;
INSERT INTO support SELECT rid, relation, relation, chunk, start, stop, quote FROM support_2;
DROP TABLE support_2;
CREATE INDEX support_by_relation ON support(relation, chunk);
CREATE INDEX support_by_chunk ON support(chunk);

ALTER TABLE entity_vector RENAME TO entity_vector_2;
CREATE TABLE entity_vector(
    seq INTEGER PRIMARY KEY AUTOINCREMENT, space INTEGER NOT NULL REFERENCES space,
    owner INTEGER NOT NULL, collection INTEGER NOT NULL, document INTEGER NOT NULL,
    data BLOB NOT NULL) STRICT;
INSERT INTO entity_vector SELECT seq, space, owner, collection, document, data FROM entity_vector_2;
DROP TABLE entity_vector_2;
CREATE UNIQUE INDEX entity_vector_by_owner ON entity_vector(owner, space);
CREATE INDEX entity_vector_by_space ON entity_vector(space, seq);

CREATE TABLE form_key(
    key INTEGER NOT NULL, form INTEGER NOT NULL, PRIMARY KEY(key, form)) STRICT, WITHOUT ROWID;
CREATE INDEX form_key_by_form ON form_key(form);
CREATE TABLE near(
    first INTEGER NOT NULL, second INTEGER NOT NULL, cosine REAL NOT NULL,
    PRIMARY KEY(first, second)) STRICT, WITHOUT ROWID;
CREATE INDEX near_by_second ON near(second);
CREATE TABLE decision(
    first INTEGER NOT NULL, second INTEGER NOT NULL, collection INTEGER NOT NULL, score REAL NOT NULL,
    outcome TEXT NOT NULL, contextual INTEGER NOT NULL, evidence TEXT NOT NULL, held TEXT NOT NULL,
    PRIMARY KEY(first, second)) STRICT, WITHOUT ROWID;
CREATE INDEX decision_by_second ON decision(second);
CREATE INDEX decision_by_score ON decision(score);
CREATE TABLE link(
    first TEXT NOT NULL, second TEXT NOT NULL, source TEXT NOT NULL, verdict TEXT NOT NULL,
    reason TEXT NOT NULL, documents TEXT NOT NULL, PRIMARY KEY(first, second, source)) STRICT, WITHOUT ROWID;
CREATE INDEX link_by_second ON link(second);
CREATE TABLE split(
    document TEXT NOT NULL, form TEXT NOT NULL, other TEXT NOT NULL,
    PRIMARY KEY(document, form)) STRICT, WITHOUT ROWID;
CREATE TABLE rule(
    collection TEXT NOT NULL, label TEXT NOT NULL, field TEXT NOT NULL, said TEXT NOT NULL,
    PRIMARY KEY(collection, label, field, said)) STRICT, WITHOUT ROWID;
CREATE TABLE setting(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
"""
