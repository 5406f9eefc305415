"""`kag ask`: an answer with its citations; without a model, how to set one, and the evidence all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console, evidence
from kag.errors import LanguageModelError
from kag.retrievers.base import Evidence, Mode

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings
    from programs.answer import Answer, Citation

Question = Annotated[str, typer.Argument(help="What you want to know.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", "-k", min=1, max=50, help="Passages that are read.")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(ask)


def ask(
    question: Question,
    mode: Annotated[Mode, typer.Option("--mode", help="How to search.")] = "graph",
    limit: Limit = 6,
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

    async def work(base: KnowledgeBase, settings: Settings) -> tuple[Answer | Evidence, str]:
        return await answered(base, settings, question, mode, limit)

    found, problem = console.with_store(flags, work)
    if problem:
        console.note(problem)
    console.emit(as_data(found, problem), None if as_json else as_text(found))
    raise typer.Exit(console.FAILED if problem else 0)


async def answered(
    base: KnowledgeBase, settings: Settings, question: str, mode: Mode, limit: int
) -> tuple[Answer | Evidence, str]:
    """Answers, or gives the evidence and what stood in the way of an answer."""
    from kag.retrievers import searcher
    from kag.retrievers.base import Search
    from kag.settings import NO_MODEL
    from programs.answer import Answerer

    if settings.model is None:
        return await searcher(base, mode).search(Search(question, k=limit)), NO_MODEL
    answerer = Answerer(base, settings.open_language_model(), mode=mode, k=limit)
    try:
        return await answerer.ask(question), ""
    except LanguageModelError as error:
        return await searcher(base, mode).search(Search(question, k=limit)), f"error: {error}"


def as_data(found: Answer | Evidence, problem: str) -> dict[str, Any]:
    """The answer, or the evidence alone, as JSON data."""
    if isinstance(found, Evidence):
        return {"answer": None, "problem": problem, "evidence": evidence.as_data(found)}
    return {
        "answer": found.text,
        "insufficient": found.insufficient,
        "sentences": found.sentences,
        "dropped": found.dropped,
        "evidence": evidence.as_data(found.evidence),
    }


def as_text(found: Answer | Evidence) -> str:
    """The answer with numbered citations and their quotes, or the evidence alone, for a person."""
    if isinstance(found, Evidence):
        return f"Evidence:\n\n{evidence.as_text(found)}"
    if found.insufficient:
        return f"The documents do not answer this. What comes nearest:\n\n{evidence.as_text(found.evidence)}"
    lines: list[str] = []
    sources: list[str] = []
    for sentence in found.sentences:
        numbers = []
        for citation in sentence.citations:
            sources.append(_source(len(sources) + 1, citation))
            numbers.append(f"[{len(sources)}]")
        lines.append(f"{sentence.text} {''.join(numbers)}")
    return "\n".join([*lines, "", *sources])


def _source(number: int, citation: Citation) -> str:
    page = f", page {citation.page}" if citation.page else ""
    place = f"{citation.uri}{page}, characters {citation.start}–{citation.end}"
    return f"[{number}] {citation.title} ({place}): “{' '.join(citation.quote.split())}”"
