"""Communities: which passages form them, what is kept when the graph changes, and what they say."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from store_documents import document, everything

import kag
from kag.errors import SearchError
from kag.knowledge_bases.base import TextSearch
from kag.knowledge_bases.records import Chunk, DocumentChange
from kag.retrievers._community_documents import Built, build, communities, namespace, stored
from kag.retrievers._community_summary import Community
from kag.retrievers.community import CommunityRetriever
from kag.testing import FakeEmbeddingModel, ScriptedLanguageModel

ENGINES = (
    document(
        "ada.md",
        "[Ada Lovelace] described the [Analytical Engine] of [Charles Babbage] in her notes.",
        "The [Analytical Engine] read its programs from punched cards of [Charles Babbage].",
    ),
    document("babbage.md", "[Charles Babbage] showed the [Analytical Engine] to [Ada Lovelace] in London."),
)
BREAD = (
    document("bread.md", "A [Sourdough] starter needs [Rye Flour] and some days of patience."),
    document("rye.md", "Bakers feed [Rye Flour] to the [Sourdough] twice a day before they bake."),
)


class Query(kag.DataModel):
    query: str


def bare(change: DocumentChange) -> DocumentChange:
    """The same without vectors."""
    return replace(change, chunks=tuple(replace(chunk, embedding=None) for chunk in change.chunks))


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    async with kag.KnowledgeBase(uri=tmp_path / "store", resolution="off") as base:
        for change in (*ENGINES, *BREAD):
            await base.store.upsert(bare(change))
        yield base


async def built(base: kag.KnowledgeBase) -> list[Community]:
    return [community async for community in stored(base, members=True)]


async def texts(base: kag.KnowledgeBase, community: Community) -> list[str]:
    records = await base.store.get(community.group.passages)
    return sorted(record.text for record in records.values() if isinstance(record, Chunk))


async def test_passages_that_name_the_same_things_form_a_community(base: kag.KnowledgeBase) -> None:
    assert await build(base) == Built(communities=2, kept=0, written=2, removed=0)
    engines, bread = await built(base)
    assert await texts(base, engines) == sorted(c.text for change in ENGINES for c in change.chunks)
    assert await texts(base, bread) == sorted(c.text for change in BREAD for c in change.chunks)
    assert {"Analytical Engine", "Charles Babbage"} <= set(engines.entities)
    assert set(bread.entities) == {"Sourdough", "Rye Flour"}


async def test_building_again_changes_nothing(base: kag.KnowledgeBase) -> None:
    await build(base)
    before = await everything(base.store)
    assert await build(base) == Built(communities=2, kept=2, written=0, removed=0)
    assert await everything(base.store) == before


async def test_a_new_document_changes_only_the_community_that_it_is_tied_to(base: kag.KnowledgeBase) -> None:
    await build(base)
    engines, _ = await built(base)
    await base.store.upsert(
        bare(document("oven.md", "A hot oven turns [Sourdough] with [Rye Flour] to bread."))
    )
    assert await build(base) == Built(communities=2, kept=1, written=1, removed=1)
    after = await built(base)
    assert engines in after
    (bread,) = [community for community in after if community != engines]
    assert "A hot oven turns Sourdough with Rye Flour to bread." in await texts(base, bread)


async def test_a_deleted_document_goes_from_its_community(base: kag.KnowledgeBase) -> None:
    await build(base)
    await base.store.delete_document(ENGINES[1].document.id)
    assert await build(base) == Built(communities=2, kept=1, written=1, removed=1)
    assert ENGINES[1].chunks[0].id not in {i for c in await built(base) for i in c.group.passages}


async def test_communities_go_with_the_last_document(base: kag.KnowledgeBase) -> None:
    await build(base)
    await base.store.delete_collection("default")
    assert await build(base) == Built(communities=0, kept=0, written=0, removed=2)
    assert (await base.store.statistics()).collections == ()


async def test_no_search_of_passages_meets_a_community(base: kag.KnowledgeBase) -> None:
    await build(base)
    found = await base.store.text_search(TextSearch("Analytical Engine Babbage", 50, base.collections))
    assert {item.id for item in found} == {c.id for change in ENGINES for c in change.chunks}
    assert (await base.store.statistics(base.collections)).documents == 4


async def test_a_summary_without_a_model_quotes_its_passages(base: kag.KnowledgeBase) -> None:
    await build(base)
    for community in await built(base):
        assert community.written_by == ""
        assert community.statements
        for statement in community.statements:
            (source,) = statement.sources
            chunk = (await base.store.get([source.chunk_id]))[source.chunk_id]
            assert isinstance(chunk, Chunk)
            assert chunk.text[source.start : source.end] == source.quote == statement.text
            assert source.chunk_id in community.group.passages


def writer(quotes: dict[str, str]) -> ScriptedLanguageModel:
    """Says one true and one made-up sentence on each community, found by a word of the prompt."""

    def script(messages: list[Any], _: Any) -> Any:
        word = next(word for word in quotes if word in messages[-1]["content"])
        number = next(
            n
            for n in range(1, 9)
            if quotes[word] in messages[-1]["content"].partition(f"[{n}] ")[2].split("\n\n")[0]
        )
        said = [("It is so.", quotes[word]), ("It is not.", "words that nobody wrote in any passage here")]
        return {
            "name": f"About {word}",
            "sentences": [{"text": text, "passage": number, "quote": quote} for text, quote in said],
        }

    return ScriptedLanguageModel(script)


async def test_a_model_writes_the_summary_and_what_no_passage_says_is_dropped(
    base: kag.KnowledgeBase,
) -> None:
    await build(base)
    model = writer({"Babbage": "punched cards", "Sourdough": "days of patience"})
    assert (await build(base, model)).written == 2
    engines, bread = await built(base)
    assert (engines.name, engines.summary, engines.written_by) == ("About Babbage", "It is so.", model.model)
    (source,) = bread.statements[0].sources
    assert source.quote == "days of patience"
    assert (await build(base, model)).written == 0
    assert len(model.calls) == 2


async def test_a_model_that_only_invents_is_not_believed(base: kag.KnowledgeBase) -> None:
    invented = {"text": "It is not.", "passage": 1, "quote": "words that nobody wrote in any passage here"}
    model = ScriptedLanguageModel(lambda *_: {"name": "Lies", "sentences": [invented]})
    await build(base, model)
    for community in await built(base):
        assert "Lies" not in community.name
        assert community.written_by == ""
        assert all(source.quote for statement in community.statements for source in statement.sources)


async def test_a_question_about_everything_gives_the_largest_first(base: kag.KnowledgeBase) -> None:
    await build(base)
    found = await CommunityRetriever(base)(Query(query="What are the main topics of these documents?"))
    assert [item["passages"] for item in found.get("result")] == [3, 2]


async def test_a_question_finds_the_community_that_it_is_about(base: kag.KnowledgeBase) -> None:
    question = Query(query="How do bakers treat sourdough?")
    unstored = (await CommunityRetriever(base)(question)).get("result")
    await build(base)
    in_store = (await CommunityRetriever(base)(question)).get("result")
    for result in (unstored, in_store):
        assert "Sourdough" in result[0]["name"]
        assert {source["uri"] for source in result[0]["provenance"]} == {"bread.md", "rye.md"}


async def test_summaries_have_vectors_where_passages_have(tmp_path: Path) -> None:
    model = FakeEmbeddingModel()
    async with kag.KnowledgeBase(uri=tmp_path / "store", embedding_model=model) as base:
        await kag.UpdateKnowledge(knowledge_base=base)(kag.testing.sample_graph())
        await build(base)
        chunks = await base.store.page("chunk", (namespace("default"),))
        assert set(await base.store.embeddings([c.id for c in chunks])) == {c.id for c in chunks} != set()
        ranked = await CommunityRetriever(base).rank("Which city is the capital of Italy?")
        assert ranked[0][1] > 0


async def test_searching_without_stored_communities_writes_nothing(base: kag.KnowledgeBase) -> None:
    before = await everything(base.store)
    found, are_stored = await communities(base)
    assert (len(found), are_stored) == (2, False)
    assert await everything(base.store) == before


async def test_passages_that_share_nothing_stand_alone(tmp_path: Path) -> None:
    async with kag.KnowledgeBase(uri=tmp_path / "store") as base:
        for n in range(3):
            await base.store.upsert(
                bare(document(f"{n}.md", f"[Name Number {n}] stands alone in this text."))
            )
        model = ScriptedLanguageModel([])
        assert (await build(base, model)).communities == 3
        assert (await build(base, model)).written == 0
        result = (await CommunityRetriever(base)(Query(query="topics"))).get("result")
        assert [item["passages"] for item in result] == [1, 1, 1]
        assert model.calls == []


async def test_nothing_to_search_for_is_refused(base: kag.KnowledgeBase) -> None:
    with pytest.raises(SearchError, match="empty"):
        await CommunityRetriever(base)(Query(query=" "))


async def test_a_community_that_grows_is_not_broken_up(tmp_path: Path) -> None:
    """Ten groups, each a chain that would fall apart if it were divided by itself."""
    async with kag.KnowledgeBase(uri=tmp_path / "store", resolution="off") as base:
        for group in "ABCDEFGHIJ":
            said = (f"[Node {group}{n}] is beside [Node {group}{n + 1}] in this row." for n in range(9))
            for n, sentence in enumerate(said):
                await base.store.upsert(bare(document(f"{group}{n}.md", sentence)))
        before = (await build(base)).communities
        await base.store.upsert(bare(document("new.md", "[Node A4] is beside [Node A5] once more.")))
        assert await build(base) == Built(before, kept=before - 1, written=1, removed=1)
