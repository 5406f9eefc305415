"""`kag train`: better prompts from the reader's own questions, kept only if they prove better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from programs.commands._options import Concurrency, Limit, ProgramName, Questions, Rewards, open_program

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.program import Program
    from kag.settings import Settings
    from programs._questions import Row
    from programs._training import Plan, Trained

Out = Annotated[Path, typer.Option("--out", "-o", help="Where the better program goes.")]

_SAME = "The search found no better prompts than the present ones."
_FEW = 10  # held-out questions, below which a difference says little


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    questions: Questions,
    program: ProgramName = "answer",
    out: Out = Path("best.json"),
    reward: Rewards = None,
    optimizer: Annotated[
        str, typer.Option(help="What searches, such as RandomFewShot, GEPA, MIPRO or OMEGA.")
    ] = "RandomFewShot",
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the questions.")] = 4,
    batch_size: Annotated[int, typer.Option(min=1, help="Questions of a step of the search.")] = 8,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of the questions that decide at the end.")
    ] = 0.3,
    validation: Annotated[
        float, typer.Option(min=0.0, max=0.9, help="Share of the others by which the search chooses.")
    ] = 0.3,
    max_calls: Annotated[int | None, typer.Option(min=1, help="Model calls at most, in all.")] = None,
    max_cost: Annotated[float | None, typer.Option(min=0.0, help="USD at most, in all.")] = None,
    max_time: Annotated[float | None, typer.Option(min=0.0, help="Seconds of search at most.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all chance; the same seed searches the same.")] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Folder of a journal; a run that was killed goes on from it.")
    ] = None,
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
    """Train a program on questions; it replaces OUT only if it answers unseen questions better.

    Exit code 3 means that it did not, and that nothing was written.
    """
    from programs._library import load
    from programs._questions import read_questions, split

    flags = {
        "store": store,
        "collection": collection,
        "model": model,
        "api_base": api_base,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
        "jobs": jobs,
    }
    search = {
        "epochs": epochs,
        "batch_size": batch_size,
        "validation": validation,
        "seed": seed,
        "max_cost": max_cost,
        "max_calls": max_calls,
        "max_time": max_time,
        "run_dir": run_dir,
    }
    _check_out(out)
    parts = split(read_questions(questions), held_out)

    async def work(base: KnowledgeBase, settings: Settings) -> tuple[Trained, Program]:
        plan = _plan(base, settings, reward or (), optimizer, search)
        start = await open_program(program, base, settings, k=limit)
        rival = load(out, base, settings.open_language_model()) if out.is_file() else start
        return await _trained(start, rival, parts, plan, out)

    trained, best = console.with_store(flags, work)
    written = _written(trained, best, out)
    console.emit(_data(trained, written), None if as_json else _text(trained, written, out))
    raise typer.Exit(0 if trained.better else console.PARTIAL)


def _plan(
    base: KnowledgeBase, settings: Settings, reward: Sequence[str], optimizer: str, search: dict[str, Any]
) -> Plan:
    from programs._named import optimizer_of, reward_of
    from programs._training import Plan

    model = settings.open_language_model()
    return Plan(
        reward=reward_of(reward, model, base.embedding_model),
        optimizer=optimizer_of(optimizer, model, base.embedding_model),
        concurrency=settings.jobs,
        tell=console.note,
        **search,
    )


async def _trained(
    start: Program, rival: Program, parts: tuple[list[Row], list[Row]], plan: Plan, out: Path
) -> tuple[Trained, Program]:
    from programs._training import train as run

    start.to_json()  # what cannot be saved must not be paid for
    console.note(_begin(plan, len(parts[0]), len(parts[1]), out))
    return await run(start, rival, *parts, plan), start


def _check_out(out: Path) -> None:
    from kag.errors import ConfigurationError

    if out.suffix != ".json":
        raise ConfigurationError(f"--out is {out}; expected a file that ends in .json, such as best.json.")
    if not out.parent.is_dir():
        raise ConfigurationError(f"--out is {out}, but {out.parent} is not a folder; make it first.")
    try:
        with TemporaryFile(dir=out.parent):  # what cannot be written must not be paid for
            pass
    except OSError as error:
        raise ConfigurationError(
            f"--out is {out}, and {out.parent} cannot be written: {error.strerror}."
        ) from error


def _begin(plan: Plan, rows: int, held: int, out: Path) -> str:
    what = f"{out} (as it is)" if out.is_file() else "the program as it begins"
    lines = [
        f"{rows} questions to search with, {held} held out; {plan.optimizer.name} for {plan.epochs} epochs.",
        f"To beat: {what}.",
    ]
    if held < _FEW:
        lines.append(f"With {held} held-out questions a difference may be luck; {_FEW} or more say more.")
    return "\n".join(lines)


def _written(trained: Trained, best: Program, out: Path) -> dict[str, Any]:
    """Writes the plot, and the program if it is better; gives what was written."""
    from programs._versions import publish

    files: dict[str, Any] = {"program": None, "version": None, "plot": None}
    if trained.better:
        files |= {"program": out, "version": publish(out, best.to_json()).number}
    if any(trained.history.history.values()):
        from kag.plotting import plot_history

        files["plot"] = plot_history(trained.history.history, to_folder=out.parent, to_file=out.stem)
    return files


def _data(trained: Trained, written: dict[str, Any]) -> dict[str, Any]:
    from programs._training import summary

    return {**summary(trained), "written": written}


def _text(trained: Trained, written: dict[str, Any], out: Path) -> str:
    gain, error = trained.gain
    history = trained.history
    held = f"on {len(trained.old.judged)} held-out questions"
    cost = f", ${trained.cost:.4f}" if trained.cost else ""
    lines = [trained.diff or _SAME, ""]
    lines.append(f"reward {held}: {trained.old.mean:.3f} before, {trained.new.mean:.3f} after")
    if trained.better and gain < error:
        lines.append("That is less than its standard error, so it may be luck; more questions would tell.")
    took = f"{trained.calls} calls{cost}, {history.seconds:.0f} s, seed {history.params.get('seed')}"
    lines.append(f"{len(history.trials)} trials, {took}")
    lines += [f"stopped: {history.stop_reason}"] if history.stop_reason else []
    if history.failures:
        lines.append(f"{len(history.failures)} runs failed and count 0: {history.failures[0].error}")
    if trained.better:
        lines.append(f'Wrote {out} (version {written["version"]}). Next: kag ask --program {out} "..."')
    else:
        kept = f"{out} stays as it is" if out.is_file() else "nothing was written"
        lines.append(f"It is not better, so {kept}.")
    lines += [f"Plot: {written['plot']}"] if written["plot"] else []
    return "\n".join(lines)
