"""CosineSimilarity: how near the meaning of answers is to that of the right ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kag.embedding_models import get
from kag.errors import TrainingError
from kag.training._texts import data_of, whole_text
from kag.training.metrics.base import Metric


class CosineSimilarity(Metric):
    """The mean cosine of the vectors of the answer's text and of the right one; below 0 counts 0.

    Args:
        embedding_model: An `EmbeddingModel`, or its name.
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=reward, metrics=[CosineSimilarity(embedding_model=em, in_mask=["answer"])])
    """

    def __init__(
        self,
        embedding_model: Any = None,
        name: str | None = None,
        in_mask: list[str] | None = None,
        out_mask: list[str] | None = None,
    ) -> None:
        super().__init__(name, in_mask, out_mask)
        if embedding_model is None:
            raise TrainingError(
                f"{type(self).__name__} needs embedding_model=<an EmbeddingModel or its name>; got None."
            )
        self.embedding_model = get(embedding_model)

    async def measure(self, y_true: Any, y_pred: Any) -> float:  # type: ignore[override]  # no run
        """The cosine of one sample."""
        texts = [whole_text(data_of(y_true)), whole_text(data_of(y_pred))]
        if texts[0] == texts[1]:
            return 1.0
        if not all(one.strip() for one in texts):
            return 0.0
        first, second = await self.embedding_model.embed(texts)
        return max(0.0, float(first @ second))

    def summarise(self, measured: Sequence[float]) -> float:
        """The mean."""
        return float(sum(measured) / len(measured))
