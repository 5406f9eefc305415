"""CosineSimilarity: how near the meaning of an answer is to that of the right one."""

from __future__ import annotations

from typing import Any, ClassVar

from kag.embedding_models import get
from kag.errors import TrainingError
from kag.training._texts import data_of, leaves, shorten
from kag.training.rewards.base import Judgement, Reward


class CosineSimilarity(Reward):
    """The mean cosine of the vectors of the answer's values and of the right ones, field by field.

    A negative cosine counts 0, and so does a value that only one of the two has.

    Args:
        embedding_model: An `EmbeddingModel`, or its name.
        name: What logs call it.
        in_mask: Names of the fields to compare, None for all.
        out_mask: Names of fields to leave out, None for none.

    Example:
        >>> program.compile(reward=CosineSimilarity(embedding_model=em, in_mask=["answer"]))
    """

    needs_target: ClassVar[bool] = True

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

    async def call(self, y_true: Any, y_pred: Any) -> Judgement:  # type: ignore[override]  # no further values
        """Compares field by field."""
        expected, given = dict(leaves(data_of(y_true))), dict(leaves(data_of(y_pred)))
        paths = list(dict.fromkeys([*expected, *given]))
        if not paths:
            return Judgement(1.0)
        shared = [path for path in paths if path in expected and path in given]
        differing = [path for path in shared if expected[path] != given[path]]
        cosines = dict.fromkeys(shared, 1.0)
        if differing:
            rows = await self.embedding_model.embed(
                [t[p] or " " for p in differing for t in (expected, given)]
            )
            for number, path in enumerate(differing):
                cosines[path] = max(0.0, float(rows[2 * number] @ rows[2 * number + 1]))
        score = sum(cosines.values()) / len(paths)
        worst = min(paths, key=lambda path: cosines.get(path, 0.0))
        if cosines.get(worst, 0.0) > 0.999:
            return Judgement(score)
        right = shorten(expected.get(worst, "nothing"))
        return Judgement(
            score,
            f'{worst}: expected something like "{right}"; got "{shorten(given.get(worst, "nothing"))}".',
        )
