"""Every statement that is Memgraph's own, to the letter, so that a review against its manual is quick."""

from __future__ import annotations

import pytest

from kag.errors import StoreError
from kag.knowledge_bases import _memgraph_dialect as memgraph
from kag.knowledge_bases.base import Space

SPACE = Space("test/eight", 8)
PROPERTY = "embedding_bb56f37b2aeb22b0"


def dialect(version: tuple[int, int] = (3, 12)) -> memgraph.MemgraphDialect:
    made = memgraph.MemgraphDialect()
    made.version = version
    return made


def test_the_server_is_asked_for_its_version_mode_and_indexes() -> None:
    assert (memgraph.VERSION, memgraph.STORAGE) == ("SHOW VERSION", "SHOW STORAGE INFO")
    assert (memgraph.INDEXES, memgraph.VECTOR_INDEXES) == ("SHOW INDEX INFO", "SHOW VECTOR INDEX INFO")


def test_ids_are_unique_and_indexed() -> None:
    assert memgraph.schema() == [
        "CREATE CONSTRAINT ON (n:Document) ASSERT n.id IS UNIQUE",
        "CREATE CONSTRAINT ON (n:Chunk) ASSERT n.id IS UNIQUE",
        "CREATE CONSTRAINT ON (n:Entity) ASSERT n.id IS UNIQUE",
        "CREATE CONSTRAINT ON (n:Fact) ASSERT n.id IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagForm) ASSERT n.id IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagClaim) ASSERT n.id IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagKey) ASSERT n.key IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagDecision) ASSERT n.pair IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagNear) ASSERT n.pair IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagLink) ASSERT n.key IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagRules) ASSERT n.scope IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagMeta) ASSERT n.key IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagCollection) ASSERT n.scope IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagSpace) ASSERT n.key IS UNIQUE",
        "CREATE CONSTRAINT ON (n:KagJob) ASSERT n.id IS UNIQUE",
        "CREATE INDEX ON :Document(id)",
        "CREATE INDEX ON :Chunk(id)",
        "CREATE INDEX ON :Entity(id)",
        "CREATE INDEX ON :Fact(id)",
        "CREATE INDEX ON :KagForm(id)",
        "CREATE INDEX ON :KagClaim(id)",
        "CREATE INDEX ON :KagKey(key)",
        "CREATE INDEX ON :KagDecision(pair)",
        "CREATE INDEX ON :KagNear(pair)",
        "CREATE INDEX ON :KagLink(key)",
        "CREATE INDEX ON :KagRules(scope)",
        "CREATE INDEX ON :KagMeta(key)",
        "CREATE INDEX ON :KagCollection(scope)",
        "CREATE INDEX ON :KagSpace(key)",
        "CREATE INDEX ON :KagJob(id)",
        "CREATE INDEX ON :Document",
        "CREATE INDEX ON :Chunk",
        "CREATE INDEX ON :Entity",
        "CREATE INDEX ON :Fact",
        "CREATE INDEX ON :KagForm",
        "CREATE INDEX ON :KagClaim",
        "CREATE INDEX ON :KagKey",
        "CREATE INDEX ON :KagDecision",
        "CREATE INDEX ON :KagNear",
        "CREATE INDEX ON :KagLink",
        "CREATE INDEX ON :KagRules",
        "CREATE INDEX ON :KagMeta",
        "CREATE INDEX ON :KagCollection",
        "CREATE INDEX ON :KagSpace",
        "CREATE INDEX ON :KagJob",
        "CREATE INDEX ON :Document(scope)",
        "CREATE INDEX ON :Chunk(scope, id)",
        "CREATE INDEX ON :Entity(scope, id)",
        "CREATE INDEX ON :Fact(scope, id)",
        "CREATE INDEX ON :Fact(subject_id)",
        "CREATE INDEX ON :Fact(object_id)",
        "CREATE INDEX ON :KagForm(scope, id)",
        "CREATE INDEX ON :KagClaim(scope, id)",
        "CREATE INDEX ON :KagClaim(subject_id)",
        "CREATE INDEX ON :KagClaim(object_id)",
        "CREATE INDEX ON :KagKey(scope)",
        "CREATE INDEX ON :KagDecision(scope)",
        "CREATE INDEX ON :KagDecision(first)",
        "CREATE INDEX ON :KagDecision(second)",
        "CREATE INDEX ON :KagNear(scope)",
        "CREATE INDEX ON :KagNear(first)",
        "CREATE INDEX ON :KagNear(second)",
    ]


def test_texts_are_indexed_by_their_terms_and_keys() -> None:
    assert memgraph.text_indexes() == {
        "kag_chunk_text": "CREATE TEXT INDEX kag_chunk_text ON :Chunk(terms, context_terms, keys)",
        "kag_entity_text": (
            "CREATE TEXT INDEX kag_entity_text ON :Entity(name_terms, alias_terms, description_terms, keys)"
        ),
    }


def test_a_vector_index_has_the_dimensions_the_room_and_cosine() -> None:
    assert memgraph.create_vector_index("Chunk", SPACE, 4096) == (
        f"CREATE VECTOR INDEX kag_chunk_{PROPERTY} ON :Chunk({PROPERTY}) "
        'WITH CONFIG {"dimension": 8, "capacity": 4096, "metric": "cos"}'
    )


def test_entities_are_created_label_by_label_with_the_label_quoted() -> None:
    rows = [{"shown": "Person", "fields": {"id": "1"}}, {"shown": "a `b", "fields": {"id": "2"}}]
    assert list(dialect().create_entities(rows)) == [
        ("UNWIND $rows AS row CREATE (e:KagForm:Entity:`Person`) SET e += row.fields", rows[:1]),
        ("UNWIND $rows AS row CREATE (e:KagForm:Entity:`a ``b`) SET e += row.fields", rows[1:]),
    ]


def test_forms_are_shown_and_hidden_label_by_label_with_the_label_quoted() -> None:
    rows = [{"id": "1", "shown": "a `b"}]
    match = "UNWIND $rows AS row MATCH (f:KagForm {id: row.id}) "
    assert list(dialect().show_entities(rows)) == [(f"{match}SET f:Entity:`a ``b`", rows)]
    assert list(dialect().hide_entities(rows)) == [(f"{match}REMOVE f:Entity:`a ``b`", rows)]


def test_relations_are_created_type_by_type_with_the_type_quoted() -> None:
    row = {
        "id": "r",
        "shown": "`]->() DELETE",
        "subject": "1",
        "object": "2",
        "edge": {"id": "r"},
        "fields": {},
    }
    assert list(dialect().create_facts([row])) == [
        (
            "UNWIND $rows AS row MATCH (s:Entity {id: row.subject}) MATCH (o:Entity {id: row.object}) "
            "CREATE (s)-[r:```]->() DELETE`]->(o) SET r = row.edge "
            "MERGE (f:KagClaim {id: row.id}) SET f:Fact SET f += row.fields",
            [row],
        )
    ]


def test_names_that_cannot_be_quoted_safely_are_refused() -> None:
    with pytest.raises(StoreError, match="label"):
        list(dialect().create_entities([{"shown": "a\nb", "fields": {}}]))


def test_vectors_are_set_by_id() -> None:
    assert dialect().set_vectors("Chunk", PROPERTY) == (
        f"UNWIND $rows AS row MATCH (n:Chunk {{id: row.id}}) SET n.{PROPERTY} = row.vector",
        {},
    )


def test_few_vectors_are_scored_one_by_one() -> None:
    assert dialect().exact("chunk", PROPERTY, "n.scope IN $scopes") == (
        f"MATCH (n:Chunk) WHERE n.scope IN $scopes WITH n, n AS v WHERE v.{PROPERTY} IS NOT NULL "
        f"RETURN n.id AS id, max(vector_search.cosine_similarity(v.{PROPERTY}, $vector)) AS score "
        "ORDER BY score DESC, id LIMIT $k"
    )


def test_many_vectors_are_searched_in_the_index_and_only_what_is_visible_is_kept() -> None:
    assert dialect().nearest("entity", SPACE, 60, "n.label = $label") == (
        "CALL vector_search.search($index, $fetch, $vector) YIELD node, similarity "
        "WITH node AS n, similarity AS score OPTIONAL MATCH (n)-[:IN]->(h:Entity) "
        "WITH coalesce(h, n) AS e, n AS v, score WITH e AS n, v, score "
        f"WHERE v.{PROPERTY} IS NOT NULL AND n.label = $label "
        "RETURN n.id AS id, max(score) AS score ORDER BY score DESC, id LIMIT $k",
        {"index": f"kag_kagform_{PROPERTY}", "fetch": 60},
    )


def test_a_text_search_names_its_fields_terms_and_keys() -> None:
    statement, parameters = dialect().matching("chunk", ["brass", "engin"], [["c1", "c2"], ["l3"]], "")
    assert statement == (
        "CALL text_search.search($index, $query, {limit: $k}) YIELD node, score "
        "WITH node AS n, score RETURN n.id AS id, score ORDER BY score DESC, id LIMIT $k"
    )
    assert parameters == {
        "index": "kag_chunk_text",
        "query": (
            "(data.keys:c1^0.001 OR data.keys:c2^0.001) AND (data.keys:l3^0.001) AND "
            "(data.terms:brass^1.0 OR data.terms:engin^1.0 OR "
            "data.context_terms:brass^3.0 OR data.context_terms:engin^3.0)"
        ),
    }


def test_a_text_search_that_is_filtered_asks_for_more() -> None:
    statement, parameters = dialect().matching("entity", ["ada"], [], "n.id IN $within")
    assert statement == (
        "CALL text_search.search($index, $query, {limit: $most}) YIELD node, score "
        "WITH node AS n, score WHERE n.id IN $within "
        "RETURN n.id AS id, score ORDER BY score DESC, id LIMIT $k"
    )
    assert parameters == {
        "index": "kag_entity_text",
        "query": "(data.name_terms:ada^4.0 OR data.alias_terms:ada^3.0 OR data.description_terms:ada^1.0)",
        "most": 100_000,
    }


def test_versions_before_3_11_take_the_limit_by_itself() -> None:
    statement, _ = dialect((3, 10)).matching("chunk", ["brass"], [], "")
    assert statement.startswith("CALL text_search.search($index, $query, $k) YIELD node, score ")


def test_names_are_looked_up_by_their_keys() -> None:
    assert dialect().named(["n1", "n2"]) == (
        "CALL text_search.search($index, $query, {limit: $most}) YIELD node RETURN node.id",
        {"index": "kag_entity_text", "query": "data.keys:n1 OR data.keys:n2", "most": 100_000},
    )
