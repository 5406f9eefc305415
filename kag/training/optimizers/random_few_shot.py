"""RandomFewShot: searches sets of examples among good predictions and right answers.

Examples are bootstrapped as in DSPy (arXiv 2310.03714, section 4): what a module did in a run that was well
rewarded may be shown to it, and so may the right answer.
"""

from __future__ import annotations

from warnings import warn

from kag.errors import TrainingError
from kag.module import Module
from kag.training.optimizers._few_shot import FewShot
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate


class RandomFewShot(Optimizer):
    """Tries sets of examples; it needs no model of its own and leaves instructions alone.

    Args:
        few_shot_learning: False keeps the examples that are there, so that nothing is searched.
        nb_min_examples: Fewest examples in a prompt, once there are as many.
        nb_max_examples: Most examples in a prompt.
        sampling_temperature: How boldly sets are tried of which little is known, above 0.
        min_reward: A prediction becomes an example if its answer had at least this reward, 0 to 1.
        name: What logs call it.

    Example:
        >>> program.compile(reward=ExactMatch(), optimizer=RandomFewShot(nb_max_examples=4))
        >>> history = await program.fit(x, y, epochs=5)
    """

    def __init__(
        self,
        few_shot_learning: bool = True,
        nb_min_examples: int = 1,
        nb_max_examples: int = 3,
        sampling_temperature: float = 0.3,
        min_reward: float = 0.5,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if not isinstance(few_shot_learning, bool):
            raise TrainingError(f"few_shot_learning must be True or False; got {few_shot_learning!r}.")
        self.few_shot_learning = few_shot_learning
        self._few_shot = FewShot(nb_min_examples, nb_max_examples, sampling_temperature, min_reward)

    def check(self, program: Module) -> None:
        """Raises a `TrainingError` if no variable has examples; warns if they are to be kept."""
        if not self.few_shot_learning:
            warn(
                "RandomFewShot(few_shot_learning=False) keeps the current examples, so this fit only scores "
                "the program; leave the argument out to search.",
                stacklevel=2,
            )
        if not any("examples" in variable.schema.properties for variable in program.trainable_variables):
            raise TrainingError(
                f"{program!r} has no trainable variable with examples; RandomFewShot needs one."
            )

    async def propose(self, search: Search) -> Candidate:
        """New sets of examples for some of the variables; the others keep those of the best."""
        candidate = search.best.candidate
        paths = [path for path, one in search.variables.items() if "examples" in one.schema.properties]
        chosen = [path for path in paths if search.random.random() < 1 / 2] if self.few_shot_learning else []
        if self.few_shot_learning and not chosen:
            chosen = [search.random.choice(paths)]
        for path in chosen:
            examples = self._few_shot.propose(search, path)
            if examples is not None:
                candidate = candidate.with_value(path, origin="examples", examples=examples)
        return candidate
