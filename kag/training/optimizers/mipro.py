"""MIPRO: proposes instructions and examples, and searches their combinations by Bayesian optimization.

Source: Opsahl-Ong et al., Optimizing Instructions and Demonstrations for Multi-Stage Language Model Programs,
arXiv 2406.11695. What differs: the summary of the data, which the paper writes first, is written by the same
call that writes an instruction, from samples drawn anew; and choices keep being added, written from the best
values so far, so that the search is not bound by its first proposals.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from random import Random
from typing import Any

from pydantic import Field

from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel
from kag.errors import TrainingError
from kag.graph.structure import leaves
from kag.module import Module
from kag.schema.values import Json
from kag.training.optimizers._arguments import checked_choice, checked_count, checked_number
from kag.training.optimizers._few_shot import FewShot
from kag.training.optimizers._rewriting import Rewriter, Task, rewritable, told
from kag.training.optimizers._standing import Standing, Standings, keys_of
from kag.training.optimizers._tpe import Point, suggest
from kag.training.optimizers.base import Optimizer, Search
from kag.training.records import Candidate, Outcome, Sample, digest

_TIPS = (
    "Be clear and brief.",
    "Be creative; leave the wording of the present value behind.",
    "Say step by step how to come to the answer.",
    "Name the mistakes that are easily made, and how to avoid them.",
    "Say exactly what form the answer has.",
    "Give the reader a role that fits the task.",
)
_PROPOSE = (
    "`samples` are inputs of the whole program with right answers, where these are known; `runs` are runs of "
    "the part. First say in `data_summary` what the data has in common: kind, topic, form of the answers, "
    "conventions that an outsider would not guess. Then think, and write a new value that would let the part "
    "do its job well. {tip}"
)
_SAMPLES, _RUNS = 5, 3
_COMBINED = 200
"""Choices of so many candidates, the best, are combined."""


class Grounds(DataModel):
    """What a model writes before a proposal."""

    data_summary: str = Field(description="What the data has in common")
    thinking: str = Field(description="What the part needs to be told")


class MIPRO(Optimizer):
    """Searches instructions and examples together.

    Use it for programs of several steps, or if both instructions and examples matter.

    Args:
        language_model: What writes instructions; a `LanguageModel` or its name.
        nb_candidates: The first steps, which each propose new values for all variables.
        proposal_rate: Share of the later steps that propose a new choice for one variable, 0 to 1; the others
            combine known ones.
        few_shot_learning: Search examples as well.
        nb_min_examples: Fewest examples.
        nb_max_examples: Most examples.
        sampling_temperature: How boldly sets of examples are tried of which little is known.
        temperature: Of the proposing model, at least 0.
        instructions: What proposals should mind, in your words.
        name: What logs call it.

    Raises:
        TrainingError: An argument cannot be used.

    Example:
        >>> program.compile(reward=ExactMatch(), optimizer=MIPRO(language_model=lm))
        >>> history = await program.fit(x, y, epochs=10)
    """

    def __init__(
        self,
        language_model: Any = None,
        nb_candidates: int = 10,
        proposal_rate: float = 0.5,
        few_shot_learning: bool = True,
        nb_min_examples: int = 0,
        nb_max_examples: int = 3,
        sampling_temperature: float = 0.3,
        temperature: float = 1.0,
        instructions: str | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name)
        self._rewriter = Rewriter("MIPRO", language_model, instructions, Grounds)
        self.nb_candidates = checked_count("nb_candidates", nb_candidates)
        self.proposal_rate = checked_number("proposal_rate", proposal_rate, least=0, most=1)
        self.few_shot_learning = checked_choice("few_shot_learning", few_shot_learning, (True, False))
        self.temperature = checked_number("temperature", temperature, least=0)
        self._few_shot = FewShot(nb_min_examples, nb_max_examples, sampling_temperature, 0.5)
        self._standings = Standings()

    def check(self, program: Module) -> None:
        """Raises a `TrainingError` if there is nothing that it can search."""
        if not self._parts(program.variable_paths(trainable_only=True)):
            raise TrainingError(
                f"{program!r} has no trainable variable with fields to rewrite or examples; MIPRO needs one."
            )

    async def propose(self, search: Search) -> Candidate:
        """New choices, or a combination of known ones."""
        parts = self._parts(search.variables)
        ranked = self._standings.of(search)
        if search.step < self.nb_candidates:
            candidate, runs = search.start, search.trials[0].outcomes
            for part in parts:
                candidate = await self._fresh(search, candidate, part, runs, keys_of(ranked))
            return candidate
        if search.random.random() >= self.proposal_rate:
            joined = combined(ranked, search.random)
            if joined is not None and not search.fits(joined):
                return joined
        best, part = search.best, search.random.choice(parts)
        return await self._fresh(search, best.candidate, part, best.outcomes, keys_of(ranked))

    def _parts(self, variables: Any) -> list[tuple[str, bool]]:
        """What can be searched: paths of variables, and whether it is their examples."""
        parts = [(path, False) for path in rewritable(variables)]
        if self.few_shot_learning:
            parts += [(p, True) for p, one in variables.items() if "examples" in one.schema.properties]
        return parts

    async def _fresh(
        self,
        search: Search,
        base: Candidate,
        part: tuple[str, bool],
        runs: Sequence[Outcome],
        known: Container[str],
    ) -> Candidate:
        """The base with a new choice."""
        path, of_examples = part
        if of_examples:
            examples = self._few_shot.propose(search, path)
            return base if examples is None else base.with_value(path, origin="examples", examples=examples)
        touched = [one for one in runs if one.touches(path)]
        shown = {
            "samples": [_shown(one) for one in _some(search.samples, _SAMPLES, search.random)],
            "runs": told(_some(touched, _RUNS, search.random), path),
        }
        words = _PROPOSE.format(tip=search.random.choice(_TIPS))
        task = Task("proposal", words, shown, self.temperature)
        return await self._rewriter.rewrite(search, base, path, task, known)


class _Space:
    """All values that were tried, part by part, and what was tried as points among them.

    Args:
        standings: Of at least one candidate.
    """

    def __init__(self, standings: Sequence[Standing]) -> None:
        paths = list(standings[0].candidate.values)
        self._parts = [(path, of_examples) for path in paths for of_examples in (False, True)]
        self._choices: list[dict[str, Json]] = [{} for _ in self._parts]
        self.points = {self._point(one.candidate): one.score for one in standings}
        self.counts = [len(choices) for choices in self._choices]

    def candidate(self, point: Point, parent: Candidate) -> Candidate:
        """The values at a point."""
        made = parent
        for (path, _), choices, place in zip(self._parts, self._choices, point, strict=True):
            made = made.with_value(path, **list(choices.values())[place])
        return Candidate(made.values, (parent.key,), "combination")

    def _point(self, candidate: Candidate) -> Point:
        """The place of each part's value among its choices, to which it is added if it is new."""
        point = []
        for (path, of_examples), choices in zip(self._parts, self._choices, strict=True):
            value = candidate.values[path]
            fields = {name: value[name] for name in value if (name == "examples") is of_examples}
            key = digest(fields)
            choices.setdefault(key, fields)
            point.append(list(choices).index(key))
        return tuple(point)


def combined(standings: Sequence[Standing], random: Random) -> Candidate | None:
    """Known choices in a combination that is promising; None if there is none.

    Args:
        standings: Of all candidates, best first.
        random: Source of chance.
    """
    space = _Space(standings[:_COMBINED])
    point = suggest(space.counts, list(space.points.items()), random)
    return None if point is None else space.candidate(point, standings[0].candidate)


def _shown(sample: Sample) -> Json:
    """A sample, as a model is shown it."""
    return {"inputs": _data(sample.inputs), "expected": _data(sample.target)}


def _data(structure: Any) -> list[Json]:
    return [leaf.data for leaf in leaves(structure) if isinstance(leaf, JsonDataModel)]


def _some(items: Sequence[Any], count: int, random: Random) -> list[Any]:
    return random.sample(list(items), min(count, len(items)))
