"""EntityRetriever, TripletRetriever and KnowledgeRetriever: what a model may write, and what it finds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest

import kag
from kag.errors import DataModelError, ProgramError, StructuredOutputError
from kag.testing import City, Country, FakeEmbeddingModel, IsCapitalOf, ScriptedLanguageModel, sample_graph


class Query(kag.DataModel):
    query: str


class Film(kag.Entity):
    """A motion picture."""

    label: Literal["Film"] = "Film"
    name: str
    score: float
    id: str = ""
    description: str = ""


class Directed(kag.Relation):
    label: Literal["Directed"] = "Directed"
    year: int


class Anything(kag.Entity):
    name: str


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(
        uri=tmp_path / "kb",
        entity_models=[City, Country, Film],
        relation_models=[IsCapitalOf, Directed],
        embedding_model=FakeEmbeddingModel(),
    ) as base:
        await kag.UpdateKnowledge(base)(sample_graph())
        yield base


def writes(**answer: str) -> ScriptedLanguageModel:
    return ScriptedLanguageModel([answer])


def triplet(subject: str, relation: str, other: str, like: str = "?", to: str = "?") -> ScriptedLanguageModel:
    return writes(
        thinking="",
        subject_label=subject,
        subject_similarity_search=like,
        relation_label=relation,
        object_label=other,
        object_similarity_search=to,
    )


async def names(found: Any) -> list[str]:
    return [item["name"] for item in found.get("result")]


async def test_the_model_may_write_labels_of_the_models_only(base: kag.KnowledgeBase) -> None:
    lm = writes(entity_label="City", similarity_search="Paris")
    await kag.EntityRetriever(base, lm)(Query(query="?"))
    (call,) = lm.calls
    assert call.schema is not None
    assert call.schema["properties"]["entity_label"]["enum"] == ["City", "Country", "Film"]
    assert call.options["temperature"] == 0.0
    assert "Film: A motion picture." in call.messages[0]["content"]
    with pytest.raises(StructuredOutputError, match="Planet"):
        await kag.EntityRetriever(base, writes(entity_label="Planet", similarity_search="x"))(
            Query(query="?")
        )


async def test_given_models_go_before_those_of_the_knowledge_base(base: kag.KnowledgeBase) -> None:
    lm = writes(entity_label="City", similarity_search="Rome")
    found = await kag.EntityRetriever(base, lm, entity_models=[City])(Query(query="?"))
    assert lm.calls[0].schema is not None
    assert lm.calls[0].schema["properties"]["entity_label"]["enum"] == ["City"]
    assert await names(found) == ["Rome"]


async def test_without_models_all_types_are_searched(tmp_path: Path) -> None:
    async with kag.KnowledgeBase(uri=tmp_path / "kb") as free:
        await kag.UpdateKnowledge(free)(sample_graph())
        found = await kag.EntityRetriever(free, writes(entity_label="*", similarity_search="france"))(
            Query(query="?")
        )
    assert [(item["label"], item["name"], item["score"]) for item in found.get("result")] == [
        ("Country", "France", 1.0)
    ]


async def test_only_entities_of_the_type_are_found(base: kag.KnowledgeBase) -> None:
    found = await kag.EntityRetriever(
        base, writes(entity_label="Country", similarity_search="Paris"), threshold=0.0
    )(Query(query="?"))
    assert set(await names(found)) <= {"France", "Italy", "Spain"}
    assert all(item["label"] == "Country" for item in found.get("result"))


@pytest.mark.parametrize("embedded", [True, False])
async def test_an_exact_name_scores_one_with_vectors_or_without(tmp_path: Path, embedded: bool) -> None:
    em = FakeEmbeddingModel() if embedded else None
    async with kag.KnowledgeBase(uri=tmp_path / "kb", entity_models=[City], embedding_model=em) as base:
        await kag.UpdateKnowledge(base)(
            kag.Entities(entities=[City(name="San José"), City(name="San Juan"), City(name="Oslo")])
        )
        found = await kag.EntityRetriever(base, writes(entity_label="City", similarity_search="san jose"))(
            Query(query="?")
        )
    scores = {item["name"]: item["score"] for item in found.get("result")}
    assert scores["San José"] == 1.0
    assert 0.5 <= scores.get("San Juan", 0.5) < 1.0
    assert "Oslo" not in scores


async def test_words_of_the_description_are_found_too(base: kag.KnowledgeBase) -> None:
    await kag.UpdateKnowledge(base)(
        Film(name="Metropolis", score=8.3, description="A city of workers below the ground")
    )
    found = await kag.EntityRetriever(
        base, writes(entity_label="Film", similarity_search="workers under the ground")
    )(Query(query="?"))
    assert await names(found) == ["Metropolis"]


async def test_properties_never_hide_the_score_and_the_id(base: kag.KnowledgeBase) -> None:
    await kag.UpdateKnowledge(base)(Film(name="Metropolis", score=8.3, id="tt0017136"))
    (film,) = (
        await kag.EntityRetriever(base, writes(entity_label="Film", similarity_search="Metropolis"))(
            Query(query="?")
        )
    ).get("result")
    assert (film["score"], film["score_1"]) == (1.0, 8.3)
    assert film["id"].startswith("ent_")
    assert film["id_1"] == "tt0017136"


async def test_a_triplet_with_an_unknown_end_finds_the_other(base: kag.KnowledgeBase) -> None:
    lm = triplet("City", "IsCapitalOf", "?", like="Rome")
    found = await kag.TripletRetriever(base, lm)(Query(query="Whose capital is Rome?"))
    (fact,) = found.get("result")
    assert (fact["subj"]["name"], fact["label"], fact["obj"]["name"]) == ("Rome", "IsCapitalOf", "Italy")
    assert fact["score"] == 1.0
    assert fact["provenance"][0]["quote"]
    assert "thinking" not in found.keys()  # noqa: SIM118  the data model's own method
    assert lm.calls[0].schema is not None
    properties = lm.calls[0].schema["properties"]
    assert properties["object_label"]["enum"] == ["City", "Country", "Film", "?"]
    assert properties["relation_label"]["enum"] == ["IsCapitalOf", "Directed", "?"]


@pytest.mark.parametrize(
    ("lm", "expected"),
    [
        (triplet("?", "?", "?", to="Spain"), [("Madrid", "Spain")]),
        (triplet("?", "?", "?", like="Madrid", to="Spain"), [("Madrid", "Spain")]),
        (triplet("?", "?", "?", like="Madrid", to="France"), []),
        (triplet("Country", "?", "?", like="Madrid"), []),
        (triplet("?", "Directed", "?", like="Madrid"), []),
        (triplet("?", "?", "City", like="Madrid"), []),
        (triplet("?", "?", "?", like="Atlantis"), []),
    ],
)
async def test_all_that_is_known_must_hold(
    base: kag.KnowledgeBase, lm: ScriptedLanguageModel, expected: list[tuple[str, str]]
) -> None:
    found = await kag.TripletRetriever(base, lm)(Query(query="?"))
    assert [(f["subj"]["name"], f["obj"]["name"]) for f in found.get("result")] == expected


async def test_nothing_known_gives_some_facts_of_the_type(base: kag.KnowledgeBase) -> None:
    found = await kag.TripletRetriever(base, triplet("?", "IsCapitalOf", "?"), k=2)(Query(query="?"))
    assert len(found.get("result")) == 2


async def test_the_knowledge_retriever_writes_stars(base: kag.KnowledgeBase) -> None:
    lm = triplet("*", "*", "*", like="Paris", to="*")
    retriever = kag.KnowledgeRetriever(base, lm)
    assert retriever.threshold == 0.8
    found = await retriever(Query(query="?"))
    assert [f["obj"]["name"] for f in found.get("result")] == ["France"]
    with pytest.raises(StructuredOutputError):
        await kag.KnowledgeRetriever(base, triplet("?", "*", "*"))(Query(query="?"))


async def test_a_relation_has_its_own_properties_beside_the_ends(base: kag.KnowledgeBase) -> None:
    lang = Directed(subj=City(name="Vienna"), obj=Film(name="M", score=8.0), year=1931)
    report = await kag.UpdateKnowledge(base)(lang)
    assert report.get("rejected") == []
    found = await kag.TripletRetriever(base, triplet("?", "Directed", "Film", to="M"))(Query(query="?"))
    (fact,) = found.get("result")
    assert fact["year"] == 1931
    assert fact["obj"]["score"] == 8.0


def test_models_that_say_no_label_are_refused(base: kag.KnowledgeBase) -> None:
    lm = ScriptedLanguageModel()
    with pytest.raises(DataModelError, match='label: Literal\\["Anything"\\]'):
        kag.EntityRetriever(base, lm, entity_models=[Anything])
    with pytest.raises(ProgramError, match="list of data model classes"):
        kag.EntityRetriever(base, lm, entity_models=["City"])  # type: ignore[list-item]
    with pytest.raises(ProgramError, match="language_model"):
        kag.EntityRetriever(base)


async def test_own_instructions_and_examples_reach_the_model(base: kag.KnowledgeBase) -> None:
    lm = writes(entity_label="City", similarity_search="Rome")
    retriever = kag.EntityRetriever(
        base,
        lm,
        instructions="Only old towns.",
        examples=[({"query": "a"}, {"entity_label": "City", "similarity_search": "b"})],
        temperature=0.7,
    )
    await retriever(Query(query="?"))
    assert "Only old towns." in lm.calls[0].messages[0]["content"]
    assert '"similarity_search":"b"' in lm.calls[0].messages[0]["content"]
    assert lm.calls[0].options["temperature"] == 0.7


async def test_the_model_is_told_where_relations_lead(base: kag.KnowledgeBase) -> None:
    lm = triplet("?", "IsCapitalOf", "?", like="Rome")
    await kag.TripletRetriever(base, lm)(Query(query="?"))
    told = lm.calls[0].messages[0]["content"]
    assert "- IsCapitalOf (from City to Country): " in told
    assert "- Directed (from any to any)" in told


async def test_the_likeliest_end_is_not_crowded_out_by_facts_that_are_said_more_often(
    base: kag.KnowledgeBase,
) -> None:
    crowd = [IsCapitalOf(subj=City(name="Rome Town"), obj=Country(name=f"Land {i}")) for i in range(250)]
    for source in ("one", "two"):
        await kag.UpdateKnowledge(base, source=source)(kag.Relations(relations=crowd))
    found = await kag.TripletRetriever(base, triplet("City", "?", "?", like="Rome"), k=3)(Query(query="?"))
    first, *others = found.get("result")
    assert (first["subj"]["name"], first["obj"]["name"], first["score"]) == ("Rome", "Italy", 1.0)
    assert {fact["subj"]["name"] for fact in others} == {"Rome Town"}
