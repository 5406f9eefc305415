"""`kag ask`: an answer with its citations; without a model, how to set one, and the evidence all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console, evidence
from kag.errors import LanguageModelError
from kag.retrievers.base import Evidence, Mode
from programs.commands._display import Shown, answer_text, listening
from programs.commands._options import Limit, ProgramName, open_program

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings

    Found = tuple[dict[str, Any] | None, Evidence, str]

Question = Annotated[str, typer.Argument(help="What you want to know.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ask)


def ask(
    question: Question,
    program: ProgramName = "answer",
    mode: Annotated[Mode, typer.Option("--mode", help="How to search.")] = "graph",
    limit: Limit = None,
    stream: Annotated[bool, typer.Option("--stream", help="Print sentences while they come.")] = False,
    store: console.Store = None,
    collection: console.Collection = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Answer a question from the documents, sentence by sentence with citations."""
    flags = {
        "store": store,
        "collection": collection,
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }
    shown = Shown() if stream and not as_json else None

    async def work(base: KnowledgeBase, settings: Settings) -> Found:
        return await answered(base, settings, question, program, mode, limit, shown)

    answer, found, problem = console.with_store(flags, work)
    if problem:
        console.note(problem)
    text = as_text(answer, found, shown)
    console.emit(as_data(answer, found, problem), None if as_json else text)
    raise typer.Exit(console.FAILED if problem else 0)


async def answered(
    base: KnowledgeBase,
    settings: Settings,
    question: str,
    program: str,
    mode: Mode,
    limit: int | None,
    shown: Shown | None = None,
) -> Found:
    """Answers, or gives the evidence and what stood in the way of an answer."""
    from kag.retrievers import searcher
    from kag.retrievers.base import Search
    from kag.settings import NO_MODEL
    from programs._evidence import evidence_of
    from programs._library import inputs_for, is_file, makers, needs_model

    search = Search(question, k=limit or 6)
    if settings.model is None and not is_file(program) and program in makers() and needs_model(program):
        return None, await searcher(base, mode).search(search), NO_MODEL
    opened = await open_program(program, base, settings, mode=mode, k=limit)
    try:
        with listening(shown):
            outputs = await opened(inputs_for(opened, question))
    except LanguageModelError as error:
        return None, await searcher(base, mode).search(search), f"error: {error}"
    answer = outputs.get_json()
    return answer, await evidence_of(base, question, mode, answer.get("result", [])), ""


def as_data(answer: dict[str, Any] | None, found: Evidence, problem: str) -> dict[str, Any]:
    """The answer, or the evidence alone, as JSON data."""
    if answer is None:
        return {"answer": None, "problem": problem, "evidence": evidence.as_data(found)}
    others = {name: value for name, value in answer.items() if name != "result"}
    return {**others, "evidence": evidence.as_data(found)}


def as_text(answer: dict[str, Any] | None, found: Evidence, shown: Shown | None = None) -> str:
    """The answer with numbered citations and their quotes, or the evidence alone, for a person."""
    if answer is None:
        return f"Evidence:\n\n{evidence.as_text(found)}"
    if "answer" not in answer:  # a program that does something else with the words
        return console.to_json(answer)
    if answer.get("insufficient"):
        return f"The documents do not answer this. What comes nearest:\n\n{evidence.as_text(found)}"
    return answer_text(answer, shown)
