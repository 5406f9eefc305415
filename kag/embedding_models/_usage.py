"""Usage: what an embedding model was asked, and what that took."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(slots=True)
class Usage:
    """Counters of an embedding model.

    Args:
        calls: Calls that ended, in vectors or an error.
        failures: Those that ended in an error.
        texts: Texts that were asked for; equal ones of one call count each.
        cache_hits: Distinct texts that were in the cache.
        requests: Batches that went to the model, without those that were repeated or halved.
        tokens: Tokens of all texts, where the provider counts them.
        cost: USD, where the provider tells it; a model that runs here costs nothing.
        latency: Seconds from call to vectors, summed over calls.

    Example:
        >>> em = EmbeddingModel("wordllama")
        >>> rows = await em.embed(["a cat", "a dog"])
        >>> em.usage.texts
        2
    """

    calls: int = 0
    failures: int = 0
    texts: int = 0
    cache_hits: int = 0
    requests: int = 0
    tokens: int = 0
    cost: float = 0.0
    latency: float = 0.0

    def add(self, **amounts: float) -> None:
        """Adds to counters.

        Args:
            amounts: Counter name to what is added.
        """
        for counter, amount in amounts.items():
            setattr(self, counter, getattr(self, counter) + amount)

    def spend(self, tokens: object, cost: object = None) -> None:
        """Adds what a provider says that a request took; what is no number counts as nothing."""
        if isinstance(tokens, int):
            self.tokens += tokens
        if isinstance(cost, int | float):
            self.cost += cost

    def get_json(self) -> dict[str, Any]:
        """Returns the counters as JSON."""
        return asdict(self)
