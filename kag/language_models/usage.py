"""Usage: tokens, cost, latency and failures of a model, in total and for each phase of the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

_phase: ContextVar[str] = ContextVar("kag_phase", default="inference")
_meters: ContextVar[tuple[Usage, ...]] = ContextVar("kag_meters", default=())


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Counts the calls within it under a name, such as `reward` or `ingest`; outside they are `inference`.

    Example:
        >>> with phase("reward"):
        ...     current_phase()
        'reward'
    """
    token = _phase.set(name)
    try:
        yield
    finally:
        _phase.reset(token)


@contextmanager
def metered(meter: Usage) -> Iterator[Usage]:
    """Counts the calls within it, of whatever language model, in one more place; meters may be nested.

    Example:
        >>> with metered(Usage()) as meter:
        ...     await program(Query(query="What is the capital of France?"))
        >>> meter.calls
        1
    """
    token = _meters.set((*_meters.get(), meter))
    try:
        yield meter
    finally:
        _meters.reset(token)


def current_phase() -> str:
    """Returns the phase that a call made now counts under."""
    return _phase.get()


@dataclass(slots=True)
class Usage:
    """Counters of a model.

    Args:
        calls: Calls that ended, in an answer or an error.
        requests: Requests that were sent, with retries.
        failures: Calls that ended in an error.
        cache_hits: Calls that were answered from the cache.
        prompt_tokens: Tokens of prompts.
        completion_tokens: Tokens of answers.
        cached_tokens: Tokens of prompts that the provider had in its own cache.
        cost: USD.
        last_cost: USD of the last request that ended.
        unpriced: Requests to a hosted model whose price is not known; they count as free.
        truncated: Text answers that were cut off by `max_tokens`.
        latency: Seconds from call to answer, summed over calls.
        first_token: Seconds to the first piece, summed over streams.
        streams: Calls that streamed.
        phases: The same for each phase.
    """

    calls: int = 0
    requests: int = 0
    failures: int = 0
    cache_hits: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    last_cost: float = 0.0
    unpriced: int = 0
    truncated: int = 0
    latency: float = 0.0
    first_token: float = 0.0
    streams: int = 0
    phases: dict[str, Usage] = field(default_factory=dict, repr=False)

    def add(self, **amounts: float) -> None:
        """Adds to counters: here, in the current phase, and in the meters around the call.

        Args:
            amounts: Counter name to what is added.
        """
        for usage in (self, *_meters.get()):
            usage.count(amounts)

    def count(self, amounts: Mapping[str, float]) -> None:
        """Adds to counters, here and in the current phase only."""
        name = _phase.get()
        part = self.phases.get(name)
        if part is None:
            part = self.phases[name] = Usage()
        for counter, amount in amounts.items():
            setattr(self, counter, getattr(self, counter) + amount)
            setattr(part, counter, getattr(part, counter) + amount)

    @property
    def total_tokens(self) -> int:
        """Tokens of prompts and answers."""
        return self.prompt_tokens + self.completion_tokens

    def get_json(self) -> dict[str, Any]:
        """Returns the counters as JSON, with those of the phases under `phases`."""
        counters = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "phases"}
        return counters | (
            {"phases": {name: part.get_json() for name, part in self.phases.items()}} if self.phases else {}
        )
