"""Rewards and optimizers by the names that a command line gives them, with what they need."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from kag.errors import TrainingError
from kag.training import optimizers, rewards
from kag.training.optimizers.base import Optimizer
from kag.training.rewards.base import Reward
from kag.training.rewards.composable_reward import ComposableReward

DEFAULT_REWARD = "TokenF1"


def reward_of(names: Sequence[str], language_model: Any, embedding_model: Any) -> Reward:
    """One reward of the named ones, each perhaps with a weight: `TokenF1`, `citation_precision=0.5`.

    Those that compare look at the field `answer`; those that check sources look at all.

    Raises:
        TrainingError: There is no such reward, a weight is none, or a model that it needs is missing.
    """
    models = {"language_model": language_model, "embedding_model": embedding_model}
    parts = [_weighted(name) for name in names or (DEFAULT_REWARD,)]
    made = [(_made(rewards, Reward, name, models, "--reward"), weight) for name, weight in parts]
    if len(made) == 1:
        only: Reward = made[0][0]
        return only
    return ComposableReward([one for one, _ in made], weights=[weight for _, weight in made])


def optimizer_of(name: str, language_model: Any, embedding_model: Any) -> Optimizer:
    """The optimizer of a name, such as `random_few_shot` or `GEPA`.

    Raises:
        TrainingError: There is none, or a model that it needs is missing.
    """
    models = {"language_model": language_model, "embedding_model": embedding_model}
    made: Optimizer = _made(optimizers, Optimizer, name, models, "--optimizer")
    return made


def _weighted(name: str) -> tuple[str, float]:
    name, _, weight = name.partition("=")
    try:
        return name.strip(), float(weight or 1)
    except ValueError:
        raise TrainingError(
            f"--reward {name}={weight}: the weight must be a number, such as {name}=0.5."
        ) from None


def _made(package: Any, base: type, name: str, models: dict[str, Any], flag: str) -> Any:
    kind = _class(package, base, name, flag)
    taken = inspect.signature(kind.__init__).parameters
    given = {key: model for key, model in models.items() if key in taken}
    if "sources" in taken:  # they compare words; asking a model about each sentence is for Python
        given.pop("language_model", None)
    elif "in_mask" in taken:
        given["in_mask"] = ["answer"]
    missing = [
        one.name
        for one in taken.values()
        if one.default is inspect.Parameter.empty and one.name not in (*given, "self")
    ]
    if missing:
        raise TrainingError(
            f"{flag} {name} needs {', '.join(missing)}, which a command line cannot give; "
            "use it from Python: program.compile(...), program.fit(...)."
        )
    return kind(**given)


def _class(package: Any, base: type, name: str, flag: str) -> Any:
    known = [one for one in dir(package) if isinstance(getattr(package, one), type)]
    wanted = _plain(name)
    for one in known:
        kind = getattr(package, one)
        if _plain(one) == wanted and issubclass(kind, base) and kind is not base:
            return kind
    fitting = [one for one in known if issubclass(getattr(package, one), base)]
    there = ", ".join(one for one in fitting if getattr(package, one) is not base)
    raise TrainingError(f"{flag} {name}: there is no such one; there are {there}.")


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()
