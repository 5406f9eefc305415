"""`kag evaluate retrieval`: how much of what questions need a search finds; also a gate in CI."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kag import console
from kag.errors import ConfigurationError

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.retrievers.base import Mode, Searcher
    from kag.settings import Settings

Tables = dict[str, dict[str, float]]
_MODES = ("graph", "hybrid", "vector", "keyword", "auto")
_DEFAULT_K = (2, 5, 10)


def register(app: typer.Typer) -> None:
    """Adds the command to the group `kag evaluate`, which others may add to."""
    console.group(app, "evaluate", "Measure how good answers and retrieval are.").command()(retrieval)


def retrieval(
    questions: Annotated[
        Path, typer.Argument(help='JSON lines: {"question": ..., "gold": [...]}.', show_default=False)
    ],
    mode: Annotated[
        list[str] | None,
        typer.Option("--mode", help="How to search; may be repeated.", show_default="all"),
    ] = None,
    k: Annotated[
        list[int] | None,
        typer.Option(
            "--k", "-k", min=1, max=200, help="How deep to look; may be repeated.", show_default="2 5 10"
        ),
    ] = None,
    reranker: Annotated[
        str | None,
        typer.Option(help="Order passages anew: a folder with an ONNX cross-encoder, or a model's name."),
    ] = None,
    min_recall: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Fail (exit 1) if a mode's recall at the largest k is less."),
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the recall as a picture (.png).")] = None,
    store: console.Store = None,
    collection: console.Collection = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Search for all questions of a file, and say how much of their passages was found."""
    depths = sorted(set(k or _DEFAULT_K))
    chosen = list(dict.fromkeys(mode or _MODES))
    if unknown := [name for name in chosen if name not in _MODES]:
        raise ConfigurationError(f"--mode is {unknown[0]!r}; expected one of {', '.join(_MODES)}.")
    flags = {
        "store": store,
        "collection": collection,
        "embedding_model": embedding_model,
        "embedding_folder": embedding_folder,
    }

    async def work(base: KnowledgeBase, _: Settings) -> tuple[Tables, int]:
        return await _evaluated(
            base, questions, {mode: _searcher(base, mode, reranker) for mode in chosen}, depths
        )

    tables, asked = console.with_store(flags, work)
    if plot is not None:
        from kag.plotting.retrieval import plot_recall

        plot_recall(tables, plot)
        console.note(f"drawn: {plot}")
    data = {"questions": asked, "k": depths, "modes": tables, "min_recall": min_recall}
    console.emit(data, None if as_json else _text(tables, asked, depths))
    low = [name for name, table in tables.items() if table[f"recall@{depths[-1]}"] < (min_recall or 0.0)]
    if low:
        console.note(f"error: recall@{depths[-1]} of {', '.join(low)} is less than {min_recall:g}.")
    raise typer.Exit(console.FAILED if low else 0)


async def _evaluated(
    base: KnowledgeBase, path: Path, searchers: Mapping[str, Searcher], ks: Sequence[int]
) -> tuple[Tables, int]:
    from kag.retrievers._evaluation import read_questions, run, scores

    questions = await read_questions(base, path)
    await run(next(iter(searchers.values())), questions, ks[-1])  # so that none pays for what is read first
    tables = {mode: scores(await run(each, questions, ks[-1]), ks) for mode, each in searchers.items()}
    return tables, len(questions)


def _searcher(base: KnowledgeBase, mode: str, reranker: str | None) -> Searcher:
    from kag.retrievers import searcher
    from kag.retrievers._reranker import Reranked, Reranker
    from kag.retrievers.auto import AutoRetriever

    found: Searcher = AutoRetriever(base) if mode == "auto" else searcher(base, cast("Mode", mode))
    if reranker is None:
        return found
    model = Reranker(folder=reranker) if Path(reranker).is_dir() else Reranker(reranker)
    return Reranked(found, model)


def _text(tables: Mapping[str, Mapping[str, float]], asked: int, ks: Sequence[int]) -> str:
    """The scores as a table, recall and the like x 100."""
    columns = [f"{name}@{k}" for name in ("recall", "all", "ndcg") for k in ks] + ["mrr"]
    width = max(len(mode) for mode in tables)
    head = " ".join(f"{name:>9}" for name in columns)
    lines = [f"{asked} questions", f"{'':{width}} {head}    ms (p95)"]
    for mode, table in tables.items():
        shown = " ".join(f"{100 * table[name]:9.1f}" for name in columns)
        lines.append(f"{mode:{width}} {shown} {table['median_ms']:5.0f} ({table['p95_ms']:.0f})")
    return "\n".join(lines)
