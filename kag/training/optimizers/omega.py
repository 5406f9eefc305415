"""OMEGA: evolves instructions by a model's mutations and crossovers, and keeps a population that is diverse.

A candidate survives if it is among the fittest, or unlike everything that is fitter: Dominated Novelty Search
(Bahlous-Boldi et al., arXiv 2502.00593). Mutations are written by a language model with chain of thought, as
in AlphaEvolve (arXiv 2506.13131).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any, Literal
from warnings import warn

from kag.errors import TrainingError
from kag.module import Module
from kag.training.optimizers._arguments import checked_choice, checked_count, checked_number
from kag.training.optimizers._few_shot import FewShot
from kag.training.optimizers._novelty import Distances, dominated_novelty
from kag.training.optimizers._rewriting import (
    Rewriter,
    Task,
    checked_rewritable,
    present,
    rewritable,
    told,
)
from kag.training.optimizers._standing import Standing, Standings, keys_of, weakest
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate, Outcome

_MANY = 20
"""Populations above this cost many embeddings."""
_RIVALS = 4
"""So many times the population, the best by score, compete for a place in it."""
_BAD, _GOOD = 3, 1
_MUTATE = (
    "Write a new value of the part that would have done better on `bad`, and no worse on `good`. First "
    "think: what do the bad ones have in common, and which single change of the value would help? Then write "
    "the whole new value."
)
_CROSS = (
    "Two values of the part are shown: `value`, with what came of it, and `other_value`, which does well in "
    "its own way. First think: what does each of them do better? Then write one new value of about the same "
    "length that has the strengths of both."
)


class OMEGA(Optimizer):
    """Evolves what a model can write: instructions, plans, code; with few-shot learning, examples as well.

    Use it if examples alone are not enough, and there are calls to spend: each step takes one more call.

    Args:
        language_model: What writes mutations and crossovers; a `LanguageModel` or its name.
        embedding_model: What tells how unlike candidates are; an `EmbeddingModel` or its name.
        k_nearest_fitter: Novelty is the mean distance to so many of the nearest fitter candidates.
        population_size: Candidates that may become parents.
        mutation_temperature: Of the model, above 0.
        crossover_temperature: Of the model, above 0.
        selection_temperature: How much parents are drawn at random, above 0: a parent at the top of the
            population's scores is exp(1 / temperature) times as likely as one at the bottom.
        merging_rate: Each finished epoch adds so much to the probability of a crossover.
        algorithm: `dns` keeps fit and unlike candidates, `ga` the fittest.
        selection: How parents are drawn: `softmax` by score, `best`, `random`.
        few_shot_learning: Half of the steps try other examples in the place of other instructions.
        nb_min_examples: Fewest examples, with few-shot learning.
        nb_max_examples: Most examples.
        sampling_temperature: How boldly sets of examples are tried of which little is known.
        instructions: What mutations should mind, in your words.
        name: What logs call it.

    Raises:
        TrainingError: An argument cannot be used.

    Example:
        >>> optimizer = OMEGA(language_model=lm, embedding_model=em)
        >>> program.compile(reward=ExactMatch(), optimizer=optimizer)
        >>> history = await program.fit(x, y, epochs=10)
    """

    def __init__(
        self,
        language_model: Any = None,
        embedding_model: Any = None,
        k_nearest_fitter: int = 5,
        population_size: int = 10,
        mutation_temperature: float = 0.3,
        crossover_temperature: float = 0.3,
        selection_temperature: float = 0.3,
        merging_rate: float = 0.02,
        algorithm: Literal["dns", "ga"] = "dns",
        selection: Literal["softmax", "best", "random"] = "softmax",
        few_shot_learning: bool = False,
        nb_min_examples: int = 1,
        nb_max_examples: int = 3,
        sampling_temperature: float = 0.3,
        instructions: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        if embedding_model is None:
            raise TrainingError("OMEGA needs embedding_model=<an EmbeddingModel or its name>; got None.")
        self._rewriter = Rewriter("OMEGA", language_model, instructions)
        self._distances = Distances(embedding_model)
        self.k_nearest_fitter = checked_count("k_nearest_fitter", k_nearest_fitter)
        self.population_size = checked_count("population_size", population_size)
        self.mutation_temperature = checked_number("mutation_temperature", mutation_temperature, above=0)
        self.crossover_temperature = checked_number("crossover_temperature", crossover_temperature, above=0)
        self.selection_temperature = checked_number("selection_temperature", selection_temperature, above=0)
        self.merging_rate = checked_number("merging_rate", merging_rate, least=0, most=1)
        self.algorithm = checked_choice("algorithm", algorithm, ("dns", "ga"))
        self.selection = checked_choice("selection", selection, ("softmax", "best", "random"))
        self.few_shot_learning = checked_choice("few_shot_learning", few_shot_learning, (True, False))
        self._few_shot = FewShot(nb_min_examples, nb_max_examples, sampling_temperature, 0.5)
        self._standings = Standings()
        if population_size > _MANY:
            warn(
                f"population_size={population_size}: above {_MANY}, telling candidates apart takes many "
                "embeddings.",
                stacklevel=2,
            )

    def check(self, program: Module) -> None:
        """Raises a `TrainingError` if no variable has a field that a model can write."""
        checked_rewritable("OMEGA", program)

    async def propose(self, search: Search) -> Candidate:
        """A child of one member of the population, or of two."""
        ranked = self._standings.of(search)
        population = await self._population(search, ranked)
        parent = self._drawn(population, search.random)
        outcomes = list(parent.outcomes.values()) or await search.run(parent.candidate, search.batch)
        path = weakest(outcomes, rewritable(search.variables), search.random)
        if self.few_shot_learning and search.random.random() < 1 / 2:
            examples = self._few_shot.propose(search, path) if _has_examples(search, path) else None
            if examples is not None:
                return parent.candidate.with_value(path, origin="examples", examples=examples)
        others = [one.candidate for one in population if one is not parent]
        shown = _evidence(outcomes, path, search.random)
        known = keys_of(ranked)
        if not others or search.random.random() >= self.merging_rate * search.epoch:
            task = Task("mutation", _MUTATE, shown, self.mutation_temperature)
            return await self._rewriter.rewrite(search, parent.candidate, path, task, known)
        other = self._drawn([one for one in population if one is not parent], search.random).candidate
        shown["other_value"] = present(search, other, path)
        task = Task("crossover", _CROSS, shown, self.crossover_temperature)
        made = await self._rewriter.rewrite(search, parent.candidate, path, task, known)
        return Candidate(made.values, (parent.candidate.key, other.key), "crossover")

    async def _population(self, search: Search, ranked: Sequence[Standing]) -> Sequence[Standing]:
        """The survivors, best first."""
        if self.algorithm == "ga" or len(ranked) <= self.population_size:
            return ranked[: self.population_size]
        rivals = ranked[: _RIVALS * self.population_size]
        distances = await self._distances.between(search, [one.candidate for one in rivals])
        worth = dominated_novelty([one.score for one in rivals], distances, self.k_nearest_fitter)
        kept = sorted(range(len(rivals)), key=lambda place: (-worth[place], place))[: self.population_size]
        return [rivals[place] for place in sorted(kept)]

    def _drawn(self, population: Sequence[Standing], random: Random) -> Standing:
        """A parent."""
        if self.selection == "best":
            return population[0]
        if self.selection == "random":
            return random.choice(population)
        best, worst = population[0].score, population[-1].score
        scale = self.selection_temperature * (best - worst or 1.0)
        return random.choices(population, [math.exp((one.score - best) / scale) for one in population])[0]


def _has_examples(search: Search, path: str) -> bool:
    return "examples" in search.variables[path].schema.properties


def _evidence(outcomes: Sequence[Outcome], path: str, random: Random) -> dict[str, Any]:
    """Some samples that went well, and some that did not."""
    touched = [one for one in outcomes if one.touches(path)]
    random.shuffle(touched)
    ranked = sorted(touched, key=lambda one: one.reward)
    bad = [one for one in ranked if one.reward < 1][:_BAD]
    good = [one for one in reversed(ranked) if one not in bad][:_GOOD]
    return {"bad": told(bad, path), "good": told(good, path)}
