"""Asks a language model live what it can do, for `kag doctor`: which forms of output work, and how fast.

It sends one short question, then five tiny schemas in each mode of structured output that the table of
providers offers for the model: some dozens of small requests, which a hosted model charges for.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field

from kag.errors import ConfigurationError, ContentFilteredError, ContextLengthError, LanguageModelError
from kag.http import shorten
from kag.language_models._errors import RefusedFieldError, retriable
from kag.language_models._exchange import Call, Exchange
from kag.language_models._providers import Mode
from kag.language_models._told import context_length
from kag.language_models.base import Json
from kag.language_models.language_model import LanguageModel

_ANSWER_SECONDS = 60.0
_LONGEST_WAIT = 15.0
_MOST_TOKENS = 256
_TEXT = "Marie Curie discovered radium in Paris in 1898."


def _object(**properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_WORD = {"type": "string", "maxLength": 20}
_ENTITY = _object(name=_WORD, label={"type": "string", "enum": ["Person", "Place", "Thing"]})
SCHEMAS: dict[str, Json] = {
    "a word": _object(answer=_WORD),
    "a number in bounds": _object(score={"type": "integer", "minimum": 1, "maximum": 5}),
    "one of a few": _object(label={"type": "string", "enum": ["Person", "Place", "Thing"]}),
    "a list": _object(names={"type": "array", "items": _WORD, "maxItems": 3}),
    "nested": {
        **_object(entities={"type": "array", "items": {"$ref": "#/$defs/Entity"}, "maxItems": 2}),
        "$defs": {"Entity": _ENTITY},
    },
}


@dataclass(slots=True)
class ModeResult:
    """How structured output went in one mode.

    Args:
        mode: Which, such as `json_schema`.
        asked: Schemas that were asked for.
        valid: Answers that fitted theirs.
        seconds: For all of them.
        reason: Why the first failure failed, or empty.
    """

    mode: str
    asked: int = 0
    valid: int = 0
    seconds: float = 0.0
    reason: str = ""


@dataclass(slots=True)
class ModelResult:
    """What a language model can do.

    Args:
        model: Its name.
        reachable: Whether it answered at all.
        error: Why not, or empty.
        api_base: Where it is; empty where litellm knows.
        local: Whether it costs nothing because it runs on an own machine.
        context_length: Tokens that a prompt and its answer may have, where the server tells.
        tokens_per_second: Of a short answer, prompt included.
        modes: Structured output, best mode first.
        requests: How many were sent.
        cost: USD of all of them.
        priced: Whether the cost is known.
    """

    model: str
    reachable: bool = False
    error: str = ""
    api_base: str = ""
    local: bool = False
    context_length: int | None = None
    tokens_per_second: float | None = None
    modes: list[ModeResult] = field(default_factory=list)
    requests: int = 0
    cost: float = 0.0
    priced: bool = True

    @property
    def works(self) -> bool:
        """Whether it answers, in the shape of every schema in at least one mode."""
        return self.reachable and any(mode.valid == mode.asked for mode in self.modes)


async def probe(lm: LanguageModel) -> ModelResult:
    """Asks a model live what it can do; failures are part of the result.

    Args:
        lm: The model; its usage counts what this sends.
    """
    result = ModelResult(lm.model)
    try:
        exchange = lm._opened()
        result.api_base, result.local = exchange.endpoint.api_base, exchange.endpoint.local
        result.tokens_per_second = await _speed(lm)
        result.reachable = True
    except (LanguageModelError, ConfigurationError) as error:
        result.error = str(error)
    else:
        result.context_length = await context_length(exchange.endpoint)
        result.modes = [await _mode(lm, exchange, mode) for mode in exchange.facts.modes]
    result.requests, result.cost, result.priced = lm.usage.requests, lm.usage.cost, not lm.usage.unpriced
    return result


async def _speed(lm: LanguageModel) -> float | None:
    """Asks for a short text; None where the server does not count tokens."""
    begun, before = time.perf_counter(), lm.usage.completion_tokens
    ask = [{"role": "user", "content": f"Say the same in other words, in one sentence: {_TEXT}"}]
    with suppress(ContextLengthError, ContentFilteredError):  # it thinks for long, or is shy: it is there
        await lm(ask, max_tokens=_MOST_TOKENS, cache=False)
    tokens = lm.usage.completion_tokens - before
    return round(tokens / (time.perf_counter() - begun), 1) if tokens else None


async def _mode(lm: LanguageModel, exchange: Exchange, mode: Mode) -> ModeResult:
    result = ModeResult(mode, asked=len(SCHEMAS))
    begun = time.perf_counter()
    for what, schema in SCHEMAS.items():
        ask = [{"role": "user", "content": f"Answer about this text: {_TEXT}"}]
        call = lm._call(exchange, ask, schema, {"max_tokens": _MOST_TOKENS, "timeout": _ANSWER_SECONDS})
        try:
            await _tried(exchange, call, mode)
            result.valid += 1
        except RefusedFieldError as error:
            result.reason = shorten(str(error), 200)
            break
        except LanguageModelError as error:
            result.reason = result.reason or shorten(f"{what}: {error}", 200)
    result.seconds = round(time.perf_counter() - begun, 2)
    return result


async def _tried(exchange: Exchange, call: Call, mode: Mode) -> None:
    """Asks once, and once more after a while where the server had too much to do."""
    try:
        await exchange.try_mode(call, mode)
    except LanguageModelError as error:
        if not retriable(error):
            raise
        await asyncio.sleep(min(error.retry_after or 1.0, _LONGEST_WAIT))
        await exchange.try_mode(call, mode)
