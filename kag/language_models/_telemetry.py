"""A span for each call, for those who use OpenTelemetry: attributes follow its conventions for generative AI.

OpenTelemetry is never imported here: where nobody has loaded it, nobody listens.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from kag.language_models.base import Tokens
from kag.language_models.usage import current_phase


@dataclass(slots=True)
class Tally:
    """What one call took, whatever other calls take meanwhile.

    Args:
        requests: Requests that were sent, with retries.
        prompt_tokens: Tokens of prompts.
        completion_tokens: Tokens of answers.
        cost: USD.
        cache_hit: Whether the answer came from the cache.
    """

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0
    cache_hit: bool = False

    def add(self, tokens: Tokens, cost: float) -> None:
        """Adds a request that has ended."""
        self.requests += 1
        self.prompt_tokens += tokens.prompt
        self.completion_tokens += tokens.completion
        self.cost += cost


def begin_span(model: str, tally: Tally) -> Callable[[bool], None]:
    """Begins a span; what it returns ends it once the call is counted, and takes whether it succeeded."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return _nothing
    provider, _, name = model.partition("/")
    begun = time.perf_counter()
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": name,
        "kag.phase": current_phase(),
    }
    span = trace.get_tracer("kag").start_span(f"chat {name}", attributes=attributes)

    def end(succeeded: bool) -> None:
        span.set_attribute("gen_ai.usage.input_tokens", tally.prompt_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", tally.completion_tokens)
        span.set_attribute("kag.requests", tally.requests)
        span.set_attribute("kag.cache_hit", tally.cache_hit)
        span.set_attribute("kag.cost", tally.cost)
        span.set_attribute("kag.latency", time.perf_counter() - begun)
        if not succeeded:
            span.set_attribute("error.type", type(sys.exc_info()[1]).__name__)
        span.end()

    return end


def _nothing(_: bool) -> None:
    """Nobody listens."""
