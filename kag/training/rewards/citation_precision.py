"""CitationPrecision: whether the answer's citations are true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kag import text
from kag.data_models.json_data_model import JsonDataModel
from kag.training._texts import data_of, field_of, leaves, shorten
from kag.training.rewards.base import Judgement, Reward


class CitationPrecision(Reward):
    """The share of citations whose quote stands in the source that they name.

    A citation is an object with the field `quote`, anywhere in the answer. If it also names its source (by
    `passage`, a number from 1, or by `chunk_id` or `id`), the quote must stand in that one. A quote that
    differs in case, white space or punctuation only still stands there. An answer without citations gets 0.

    Args:
        sources: The field of the prediction, or else of the inputs, with the sources.
        name: What logs call it.
        in_mask: Names of the fields to look at, None for all.
        out_mask: Names of fields to leave out, None for none.

    Source: citation precision of ALCE (Gao et al., arXiv 2305.14627), decided by the quotes themselves.

    Example:
        >>> program.compile(reward=CitationPrecision(sources="result"))
    """

    def __init__(
        self,
        sources: str = "result",
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        self.sources = sources

    async def call(self, y_true: Any, y_pred: Any, inputs: Any = None) -> Judgement:  # type: ignore[override]
        """Looks each quote up."""
        given = field_of(y_pred, self.sources)
        if given is None and isinstance(inputs, JsonDataModel):
            given = field_of(inputs, self.sources)
        sources = given if isinstance(given, list) else [given]
        answer = {key: value for key, value in data_of(y_pred).items() if key != self.sources}
        cited = list(_citations(answer))
        if not cited:
            return Judgement(0.0, "There are no citations.")
        wrong = [one for one in cited if not _stands(one, sources)]
        listed = "; ".join(f'"{shorten(str(one["quote"]), 80)}"' for one in wrong[:5])
        feedback = f"These quotes do not stand in the source that they name: {listed}." if wrong else ""
        return Judgement(1 - len(wrong) / len(cited), feedback)


def _citations(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "quote" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _citations(item)


def _stands(citation: dict[str, Any], sources: list[Any]) -> bool:
    quote = str(citation["quote"])
    return bool(quote.strip()) and any(
        text.find_quote(leaf, quote) for source in _named(citation, sources) for _, leaf in leaves(source)
    )


def _named(citation: dict[str, Any], sources: list[Any]) -> list[Any]:
    """The sources that a citation may mean."""
    number = citation.get("passage")
    if isinstance(number, int):
        return sources[number - 1 : number] if number >= 1 else []
    wanted = citation.get("chunk_id") or citation.get("id")
    if wanted is None:
        return sources
    return [s for s in sources if isinstance(s, dict) and wanted in (s.get("chunk_id"), s.get("id"))]
