"""`kag evaluate answers`: how well a program answers questions whose answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from kag import console
from programs.commands._options import Concurrency, Limit, ProgramName, Questions, Rewards, open_program

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings
    from programs._judging import Scores

_WORST = 3


def register(app: typer.Typer) -> None:
    """Adds the command to the group `kag evaluate`, which others may add to."""
    console.group(app, "evaluate", "Measure how good answers and retrieval are.").command()(answers)


def answers(
    questions: Questions,
    program: ProgramName = "answer",
    reward: Rewards = None,
    limit: Limit = None,
    jobs: Concurrency = None,
    store: console.Store = None,
    collection: console.Collection = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Ask a program all questions of a file and judge its answers."""
    from programs._questions import read_questions

    rows = read_questions(questions)
    flags = {
        "store": store,
        "collection": collection,
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
        "jobs": jobs,
    }

    async def work(base: KnowledgeBase, settings: Settings) -> Scores:
        from programs._judging import judge
        from programs._named import reward_of

        opened = await open_program(program, base, settings, k=limit)
        asked = settings.open_language_model() if settings.model is not None else None
        judged_by = reward_of(reward or (), asked, base.embedding_model)
        return await judge(opened, judged_by, rows, settings.jobs)

    scores = console.with_store(flags, work)
    console.emit(scores.as_data(), None if as_json else _text(scores))
    raise typer.Exit(console.PARTIAL if scores.failures else 0)


def _text(scores: Scores) -> str:
    cost = f", ${scores.cost:.4f}" if scores.cost else ""
    lines = [f"reward {scores.mean:.3f} on {len(scores.judged)} questions ({scores.calls} calls{cost})"]
    if scores.failures:
        lines.append(f"{len(scores.failures)} failed and count 0: {scores.failures[0].error}")
    worst = sorted(scores.judged, key=lambda one: one.reward)[:_WORST]
    for one in (one for one in worst if one.reward < 1):
        lines.append(f"  {one.reward:.2f}  line {one.row.line}: {_short(one.row.question)}")
        lines.append(f"        {_short(one.error or one.feedback or one.answer)}")
    return "\n".join(lines)


def _short(words: str) -> str:
    from kag.text import printable

    flat = printable(" ".join(words.split()))
    return flat if len(flat) <= 160 else f"{flat[:159]}…"
