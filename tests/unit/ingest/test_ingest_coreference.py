"""Names of one document that mean the same thing become one entity, across its chunks and extractors."""

from __future__ import annotations

from ingest.extractors._assembly import Assembly
from ingest.extractors.local import Extractor
from kag.knowledge_bases.records import Chunk, Document, chunk_id, document_id, entity_id


def a_document(*passages: str, title: str = "notes.txt") -> tuple[Document, list[Chunk]]:
    id_, text = document_id("c", "/d/notes.txt"), "\n\n".join(passages)
    chunks = []
    for order, passage in enumerate(passages):
        start = text.index(passage)
        place = (start, start + len(passage))
        chunks.append(Chunk(chunk_id(id_, passage), id_, "c", order, passage, *place))
    return Document(id_, "c", "/d/notes.txt", title, "text/plain", "0", text, "2026-01-01T00:00:00Z"), chunks


async def test_a_surname_in_a_later_chunk_is_the_person_named_in_full_in_an_earlier_one() -> None:
    document, chunks = a_document(
        "Marie Curie was born in Warsaw.", "In 1898 Curie found radium, said Curie."
    )
    for order in (chunks, chunks[::-1]):
        extraction = await Extractor().extract(document, order)
        curie = entity_id("c", "Name", "Marie Curie")
        said = {(m.chunk_id, m.start) for m in extraction.mentions if m.entity_id == curie}
        assert {(chunks[0].id, 0), (chunks[1].id, 8), (chunks[1].id, 33)} <= said
        assert not [entity for entity in extraction.entities if entity.name == "Curie"]


def test_merged_names_keep_every_alias_mention_and_fact_once() -> None:
    _, (chunk,) = a_document("Marie Curie led ICR. Curie led the International Committee on Radium.")
    assembly = Assembly("c")
    full = assembly.entity("Marie Curie", "Person", description="A chemist.")
    short = assembly.entity("Curie", "Person", aliases=("Mme Curie",), description="A physicist too.")
    long = assembly.entity("International Committee on Radium", "Organization")
    acronym = assembly.entity("ICR", "Organization")
    for key, start, end in ((full, 0, 11), (acronym, 16, 19), (short, 21, 26), (long, 35, 68)):
        assembly.mention(chunk, key, start, end)
    assembly.relation(full, "LEADS", acronym, chunk, (0, 20))
    assembly.relation(short, "LEADS", long, chunk, (21, 69))
    assembly.relation(short, "KNOWS", full, chunk, (0, 20))
    extraction = assembly.build()
    people = {entity.name: entity for entity in extraction.entities}
    assert people.keys() == {"Marie Curie", "International Committee on Radium"}
    assert set(people["Marie Curie"].aliases) == {"Curie", "Mme Curie"}
    assert people["Marie Curie"].description == "A physicist too."
    assert people["International Committee on Radium"].aliases == ("ICR",)
    assert len(extraction.mentions) == 4
    (fact,) = extraction.relations
    assert fact.type == "LEADS", "what relates a thing to itself is dropped"
    assert [support.start for support in fact.support] == [0, 21]


def test_building_twice_gives_the_same() -> None:
    _, (chunk,) = a_document("Marie Curie met Curie.")
    assembly = Assembly("c")
    for name, start in (("Marie Curie", 0), ("Curie", 16)):
        assembly.mention(chunk, assembly.entity(name, "Person"), start, start + len(name))
    assert assembly.build() == assembly.build()
