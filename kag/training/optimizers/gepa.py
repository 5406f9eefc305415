"""GEPA: reflects on feedback, and keeps every candidate that is the best at some sample.

Source: Agrawal et al., GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning,
arXiv 2507.19457. What differs: a child is not compared on a minibatch before it is scored on held-out
samples; the trainer runs these a few at a time, and only as long as the child keeps up with the best.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from kag.module import Module
from kag.training.optimizers._arguments import checked_choice, checked_count, checked_number
from kag.training.optimizers._rewriting import (
    Rewriter,
    Task,
    checked_rewritable,
    rewritable,
    told,
)
from kag.training.optimizers._standing import Standing, Standings, keys_of
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate, Outcome

_MERGES = 0.5
"""Share of the steps that merge, if there is something to merge."""
_REFLECT = (
    "`runs` are runs of the part with the present `value`, each with its reward from 0 to 1 and, where there "
    "is any, feedback on it. First think: what went wrong in each run, why, and which knowledge or strategy "
    "would have helped, also on inputs like these? Then write the whole new value, with all of that in it."
)


class GEPA(Optimizer):
    """Rewrites instructions from feedback; parents are drawn from a Pareto front over samples.

    Use it if the reward says why (`Judgement(reward, feedback)`, `LMAsJudge`) and there are few samples, or
    few calls, to learn from.

    Args:
        language_model: What reflects, best a strong one; a `LanguageModel` or its name.
        reflection_size: Samples of a batch that a reflection sees.
        temperature: Of the reflecting model, at least 0.
        merging: Join candidates that improved different variables.
        instructions: What reflections should mind, in your words.
        name: What logs call it.

    Raises:
        TrainingError: An argument cannot be used.

    Example:
        >>> program.compile(reward=LMAsJudge(language_model=lm), optimizer=GEPA(language_model=lm))
        >>> history = await program.fit(x, y, epochs=10)
    """

    def __init__(
        self,
        language_model: Any = None,
        reflection_size: int = 3,
        temperature: float = 1.0,
        merging: bool = True,
        instructions: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._rewriter = Rewriter("GEPA", language_model, instructions)
        self.reflection_size = checked_count("reflection_size", reflection_size)
        self.temperature = checked_number("temperature", temperature, least=0)
        self.merging = checked_choice("merging", merging, (True, False))
        self._standings = Standings()

    def check(self, program: Module) -> None:
        """Raises a `TrainingError` if no variable has a field that a model can write."""
        checked_rewritable("GEPA", program)

    async def propose(self, search: Search) -> Candidate:
        """A child by reflection, or two candidates merged."""
        ranked = self._standings.of(search)
        front = pareto_front(ranked)
        if self.merging and len(search.variables) > 1 and search.random.random() < _MERGES:
            merged = merge(search, ranked, list(front))
            if merged is not None:
                return merged
        parent = search.random.choices(list(front), list(front.values()))[0]
        return await self._reflection(search, parent, keys_of(ranked))

    async def _reflection(self, search: Search, parent: Standing, known: frozenset[str]) -> Candidate:
        """A new value of the variable whose turn it is."""
        outcomes = await self._runs(search, parent)
        paths = rewritable(search.variables)
        turn = search.step % len(paths)
        ordered = [*paths[turn:], *paths[:turn]]
        path = next((one for one in ordered if any(run.touches(one) for run in outcomes)), ordered[0])
        runs = [one for one in outcomes if one.touches(path)]
        task = Task("reflection", _REFLECT, {"runs": told(runs, path)}, self.temperature)
        return await self._rewriter.rewrite(search, parent.candidate, path, task, known)

    async def _runs(self, search: Search, parent: Standing) -> list[Outcome]:
        """The parent on a part of the batch; if that has nothing to teach, what it failed at before."""
        size = min(self.reflection_size, len(search.batch))
        runs = await search.run(parent.candidate, search.random.sample(list(search.batch), size))
        failed = [one for one in parent.outcomes.values() if one.reward < 1]
        if failed and all(one.reward >= 1 for one in runs):
            return search.random.sample(failed, min(size, len(failed)))
        return runs


def pareto_front(ranked: Sequence[Standing]) -> dict[Standing, int]:
    """Candidates that are the best at some held-out sample, with how many these are.

    A candidate is left out if, at each of its samples, one that stays is as good (the paper's algorithm 2).

    Args:
        ranked: All candidates, best first.
    """
    best: dict[str, float] = {}
    for one in ranked:
        for key, reward in one.validation.items():
            best[key] = max(reward, best.get(key, 0.0))
    fronts = {one: {key for key, reward in one.validation.items() if reward == best[key]} for one in ranked}
    covered: dict[str, int] = dict.fromkeys(best, 0)
    for keys in fronts.values():
        for key in keys:
            covered[key] += 1
    for one in sorted(ranked, key=lambda one: (one.complete, one.score)):
        if all(covered[key] > 1 for key in fronts[one]):
            for key in fronts.pop(one):
                covered[key] -= 1
    return {one: len(keys) for one, keys in fronts.items() if keys}


def merge(search: Search, ranked: Sequence[Standing], front: Sequence[Standing]) -> Candidate | None:
    """Two candidates of the front as one, if each improved other variables of an ancestor of both.

    Source: section 3.3 of the paper. None if there are no such two which were not merged before.
    """
    known = {one.candidate.key: one for one in ranked}
    pairs = list(combinations(front, 2))
    search.random.shuffle(pairs)
    for first, second in pairs[:50]:
        shared = _ancestors(known, first) & _ancestors(known, second)
        for ancestor in sorted((known[key] for key in shared), key=lambda one: -one.score):
            made = _merged(ancestor, first, second)
            if made is not None and made.key not in known:
                return made
    return None


def _ancestors(known: Mapping[str, Standing], one: Standing) -> set[str]:
    """Keys of all candidates that it comes from."""
    found: set[str] = set()
    ahead = [*one.candidate.parents]
    while ahead:
        key = ahead.pop()
        if key in known and key not in found:
            found.add(key)
            ahead += known[key].candidate.parents
    return found


def _merged(ancestor: Standing, first: Standing, second: Standing) -> Candidate | None:
    """The values that each of the two changed; of those that both did, the better one's."""
    old, one, other = (standing.candidate.values for standing in (ancestor, first, second))
    changed = {path for path in old if one[path] != old[path]}
    also = {path for path in old if other[path] != old[path]}
    if min(first.score, second.score) <= ancestor.score or not changed - also or not also - changed:
        return None
    better = one if first.score >= second.score else other
    values = {
        path: better[path] if path in changed & also else one[path] if path in changed else other[path]
        for path in old
    }
    return Candidate(values, (first.candidate.key, second.candidate.key), "merge")
