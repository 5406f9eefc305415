"""Shows an ingestion: progress on stderr while it runs, then a short, honest report."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ingest.report import Progress, Report, Result
from kag import console
from kag.text import printable


@contextmanager
def progress(*, failures: bool) -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere.

    Args:
        failures: Also a line on stderr for each document that failed, where the report is data for a program.
    """
    with counter("documents") as advance:
        done = 0

        def show(result: Result, total: int) -> None:
            nonlocal done
            done += 1
            if failures and result.state == "failed":
                console.note(_failure(result))
            advance(done, total)

        yield show


def _failure(result: Result) -> str:
    """One line; most reasons name the file themselves."""
    named = result.reason if result.uri in result.reason else f"{result.uri}: {result.reason}"
    return printable(f"failed: {named}")


@contextmanager
def counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar that counts things on a terminal's stderr; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def exit_code(report: Report) -> int:
    """0 when all went through, 3 when some did, 1 when nothing did."""
    if report.complete:
        return 0
    counts = report.counts()
    return console.PARTIAL if counts["stored"] or counts["unchanged"] else console.FAILED


def as_data(report: Report) -> dict[str, Any]:
    """The report as JSON data."""
    return {
        **report.counts(),
        "extractor": report.extractor,
        "embedding_model": report.embedding_model,
        "seconds": round(report.seconds, 3),
        "merged": sum(len(r.written.moves) for r in report.results if r.written),
        "review": report.review,
        "not_covered_by_embeddings": report.foreign,
        "documents": report.results,
    }


def as_text(report: Report) -> str:
    """The report for a person."""
    counts = report.counts()
    states = ", ".join(f"{counts[s]} {s}" for s in ("stored", "unchanged", "skipped", "failed") if counts[s])
    lines = [
        f"{states or 'nothing'} in {report.seconds:.1f} s",
        f"written: {counts['chunks']} passages, {counts['entities']} entities and {counts['relations']} "
        "relations (per document; shared ones are one in the graph)",
        f"extractor: {report.extractor}; embeddings: {report.embedding_model or 'none'}",
    ]
    lines += _resolution(report)
    lines += [
        f"warning: {n} documents are in {language!r}, which {report.embedding_model} was not made for; words "
        "find them, meaning may not. Use a multilingual model (--embedding-model), then `kag reembed`."
        for language, n in sorted(report.foreign.items())
    ]
    if counts["dropped_quotes"]:
        lines.append(f"dropped: {counts['dropped_quotes']} statements whose quote is not in the text")
    lines += [_failure(r) for r in report.failures]
    lines += [f"skipped: {n} × {reason}" for reason, n in _skipped(report).most_common()]
    lines += [
        f"partly failed: {r.uri}: {len(r.failed_chunks)} passages: {r.failed_chunks[0][1]}"
        for r in _partly(report)
    ]
    return "\n".join(lines)


def _resolution(report: Report) -> list[str]:
    """What became of names that may mean the same thing."""
    written = [r.written for r in report.results if r.written]
    merged, queued = sum(len(w.moves) for w in written), sum(w.entities_queued for w in written)
    lines = []
    if merged or queued:
        lines.append(
            f"names: {merged} became another form of a known entity, {queued} pairs are in doubt "
            "(`kag entities duplicates` shows them)"
        )
    if report.review and report.review.asked:
        asked = report.review
        lines.append(
            f"model: of {asked.asked} pairs in doubt {asked.same} are one, {asked.different} are not"
        )
    return lines


def _skipped(report: Report) -> Counter[str]:
    return Counter(printable(r.reason) for r in report.results if r.state == "skipped")


def _partly(report: Report) -> list[Result]:
    return [r for r in report.results if r.state == "stored" and r.failed_chunks]
