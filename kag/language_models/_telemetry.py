"""A span for each call, for those who use OpenTelemetry: attributes follow its conventions for generative AI.

OpenTelemetry is never imported here: where nobody has loaded it, nobody listens.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from kag.language_models.usage import Usage, current_phase


class _Counted(Protocol):
    model: str
    usage: Usage


def begin_span(model: _Counted) -> Callable[[bool], None]:
    """Begins a span; what it returns ends it once usage is counted, and takes whether the call succeeded."""
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return _nothing
    provider, _, name = model.model.partition("/")
    usage = model.usage
    before = (usage.prompt_tokens, usage.completion_tokens, usage.requests, usage.cache_hits)
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": name,
        "kag.phase": current_phase(),
    }
    span = trace.get_tracer("kag").start_span(f"chat {name}", attributes=attributes)

    def end(succeeded: bool) -> None:
        span.set_attribute("gen_ai.usage.input_tokens", usage.prompt_tokens - before[0])
        span.set_attribute("gen_ai.usage.output_tokens", usage.completion_tokens - before[1])
        span.set_attribute("kag.requests", usage.requests - before[2])
        span.set_attribute("kag.cache_hit", usage.cache_hits > before[3])
        span.set_attribute("kag.cost", usage.last_cost)
        if not succeeded:
            span.set_attribute("error.type", type(sys.exc_info()[1]).__name__)
        span.end()

    return end


def _nothing(_: bool) -> None:
    """Nobody listens."""
