"""The programs that ask a model more than once: searching in steps, and conversations."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import kag
from ingest import Pipeline
from kag.errors import ProgramError
from kag.testing import ScriptedLanguageModel
from programs.chat import chat
from programs.multi_hop import multi_hop

PAGES = {
    "marie": "# Marie Curie\n\nMarie Curie discovered polonium together with her husband Pierre Curie.\n",
    "pierre": "# Pierre Curie\n\nHe taught at the ESPCI in Paris. His brother was Jacques.\n",
    "tea": "# Tea\n\nTea grows in Assam. It is drunk in the afternoon.\n",
}


@pytest.fixture
async def base(tmp_path: Path) -> AsyncIterator[kag.KnowledgeBase]:
    for name, page in PAGES.items():
        (tmp_path / f"{name}.md").write_text(page, encoding="utf-8")
    async with kag.KnowledgeBase(uri=tmp_path / "store") as base:
        await Pipeline(base).run(tmp_path)
        yield base


def said(*words: str) -> kag.ChatMessages:
    roles = ("user", "assistant")
    return kag.ChatMessages(
        messages=[kag.ChatMessage(role=roles[n % 2], content=word) for n, word in enumerate(words)]
    )


def stated(text: str, passage: int, quote: str) -> dict[str, Any]:
    sentence = {"text": text, "citations": [{"passage": passage, "quote": quote}]}
    return {"sentences": [sentence], "insufficient": False}


def next_search(search: str) -> dict[str, Any]:
    return {"missing": "his brother", "enough": not search, "search": search}


NOTHING = {"sentences": [], "insufficient": True}


async def test_a_second_search_finds_what_only_the_first_one_names(base: kag.KnowledgeBase) -> None:
    model = ScriptedLanguageModel(
        [next_search("brother of Pierre"), next_search(""), stated("Jacques.", 2, "His brother was Jacques.")]
    )
    program = await multi_hop(base, model, mode="keyword", k=1)
    found = await program(kag.Question(question="Who discovered polonium with his brother's wife?"))
    assert found.get("answer") == "Jacques."
    assert [one["title"] for one in found.get("result")] == ["Marie Curie", "Pierre Curie"]


async def test_it_searches_at_most_so_often_and_never_the_same_twice(base: kag.KnowledgeBase) -> None:
    asked = ScriptedLanguageModel(
        lambda messages, schema: (
            next_search(f"tea {len(asked.calls)}") if "search" in schema["properties"] else NOTHING
        )
    )
    await (await multi_hop(base, asked, max_hops=4))(kag.Question(question="polonium?"))
    assert len(asked.calls) == 3 + 1
    again = ScriptedLanguageModel([next_search("polonium?"), NOTHING])
    await (await multi_hop(base, again, max_hops=4))(kag.Question(question="polonium?"))
    assert len(again.calls) == 2


@pytest.mark.parametrize("hops", [0, True, "3"])
async def test_a_number_of_searches_that_cannot_be_is_refused(base: kag.KnowledgeBase, hops: Any) -> None:
    with pytest.raises(ProgramError, match="max_hops"):
        await multi_hop(base, ScriptedLanguageModel([]), max_hops=hops)


async def test_the_first_message_is_searched_for_as_it_is(base: kag.KnowledgeBase) -> None:
    model = ScriptedLanguageModel([stated("In Assam.", 1, "Tea grows in Assam.")])
    found = await (await chat(base, model))(said("Where does tea grow?"))
    assert found.get("answer") == "In Assam."
    assert len(model.calls) == 1


async def test_a_later_message_is_understood_by_what_was_said_before(base: kag.KnowledgeBase) -> None:
    model = ScriptedLanguageModel(
        [{"question": "Who was the brother of Pierre Curie?"}, stated("Jacques.", 1, "brother was Jacques")]
    )
    program = await chat(base, model, mode="keyword")
    found = await program(said("Who was Pierre Curie?", "A physicist.", "And his brother?"))
    assert found.get("answer") == "Jacques."
    rewriting, answering = (call.messages for call in model.calls)
    assert "assistant: A physicist." in rewriting[-1]["content"]
    assert [one["role"] for one in answering] == ["system", "user", "assistant", "user"]
    assert answering[-1]["content"].endswith("Question: Who was the brother of Pierre Curie?")


async def test_a_long_conversation_is_remembered_in_part(base: kag.KnowledgeBase) -> None:
    model = ScriptedLanguageModel([{"question": "tea"}, NOTHING])
    await (await chat(base, model))(said(*(f"word-{n} {'x' * 5000}" for n in range(41))))
    answering = model.calls[1].messages
    assert len(answering) == 1 + 12
    assert max(len(one["content"]) for one in answering[1:-1]) <= 2000


@pytest.mark.parametrize("words", [(), ("Hello", "Hi"), (" ",)])
async def test_a_conversation_that_asks_nothing_is_refused(
    base: kag.KnowledgeBase, words: tuple[str, ...]
) -> None:
    with pytest.raises(ProgramError, match="must end in a message of the user"):
        await (await chat(base, ScriptedLanguageModel([])))(said(*words))
