"""One call to one model: from the first request to an answer that can be trusted, or to a clear error.

It picks the form of structured output, sends within limits and budget, waits and repeats where that may
help, asks again where an answer breaks its schema, and learns what a server refuses.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from kag.errors import (
    ContentFilteredError,
    ContextLengthError,
    LanguageModelError,
    ProviderError,
    RateLimitError,
    StructuredOutputError,
)
from kag.http import is_loopback
from kag.language_models._errors import InvalidAnswerError, RefusedFieldError, UnreachableError, retriable
from kag.language_models._messages import to_message, with_instruction
from kag.language_models._prices import Budget, Price
from kag.language_models._providers import Mode, Provider
from kag.language_models._retry import Retry
from kag.language_models._structured import MACHINE_READ, AnswerSchema, Form
from kag.language_models._telemetry import Tally
from kag.language_models.base import Delta, Endpoint, Json, Reply, Request, Tokens, Transport
from kag.language_models.limits import Entry, Limiter
from kag.language_models.usage import Usage

_log = logging.getLogger("kag.language_models")
_FILTERED = ("content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii")
_RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_OPTIONAL = {
    "temperature", "top_p", "top_k", "seed", "stop", "presence_penalty", "frequency_penalty",
    "reasoning_effort", "stream_options",
}  # fmt: skip
_QUICKLY = 0.2
_PLAIN = Form("prompt", {})
_NONE: frozenset[str] = frozenset()
_NOTHING = Delta()
_Error = TypeVar("_Error", bound=LanguageModelError)


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked.

    Args:
        messages: In the wire form.
        fields: Fields of the body that the caller chose.
        timeout: Seconds for one request.
        schema: What the answer must fit, if anything.
        tally: Counts what the call takes.
    """

    messages: list[Json]
    fields: Json
    timeout: float
    schema: AnswerSchema | None = None
    tally: Tally = field(default_factory=Tally)

    def again(self, error: InvalidAnswerError) -> Call:
        """Returns the call with the invalid answer and what is wrong with it."""
        said = [{"role": "assistant", "content": error.raw}] if error.raw.strip() else []
        ask = (
            f"That answer is not valid: {error.reason or error}. Answer again, with only the corrected JSON."
        )
        return replace(self, messages=[*self.messages, *said, {"role": "user", "content": ask}])


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held back for a request: tokens and where they are counted, and money."""

    tokens: int = 0
    money: float = 0.0
    entry: Entry | None = None


@dataclass(slots=True)
class _Progress:
    """Where a call stands."""

    original: Call
    call: Call
    form: Form = _PLAIN
    sent: int = 0
    failures: int = 0
    switches: int = 0


@dataclass(slots=True)
class _Learned:
    """What a server has refused: modes, also for one schema; fields with what stands in for them; bounds."""

    modes: set[tuple[Mode, bytes]] = field(default_factory=set)
    fields: dict[str, str | None] = field(default_factory=dict)
    bounds: dict[bytes, frozenset[str]] = field(default_factory=dict)  # under b"" for every schema

    def refused_bounds(self, schema: AnswerSchema) -> frozenset[str]:
        return self.bounds.get(b"", _NONE) | self.bounds.get(schema.text, _NONE) if self.bounds else _NONE


class Exchange:
    """Answers calls to one model at one endpoint.

    Args:
        endpoint: Where the model is.
        facts: What is known about its provider.
        transport: How requests travel.
        retry: When they are repeated.
        limiter: What holds them back.
        usage: What counts them.
        price: What they cost; None where it is not known.
        budget: What they may cost, if anything bounds it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        facts: Provider,
        transport: Transport,
        *,
        retry: Retry,
        limiter: Limiter,
        usage: Usage,
        price: Price | None,
        budget: Budget | None,
    ) -> None:
        self.endpoint = endpoint
        self.facts = facts
        self._transport = transport
        self._retry = retry
        self._limiter = limiter
        self._usage = usage
        self._price = price
        self._budget = budget
        self._learned = _Learned()

    async def ask(self, call: Call) -> Any:
        """Returns the validated value where there is a schema, else the message.

        Raises:
            LanguageModelError: No answer, or none that fits, after all repetitions.
        """
        progress = _Progress(call, call)
        while True:
            request = self._request(progress)
            try:
                return self.accepted(await self._send(request, progress), call)
            except LanguageModelError as error:
                await self._recover(error, progress)

    async def stream(self, call: Call) -> AsyncGenerator[Delta, None]:
        """Yields the answer as it grows; repeats only what fails before the first piece.

        Raises:
            LanguageModelError: As for `ask`; after the first piece it is raised where it happens.
        """
        if self.facts.stream_usage:
            call = replace(call, fields={**call.fields, "stream_options": {"include_usage": True}})
        progress = _Progress(call, call)
        while True:
            request, begun = self._request(progress), False
            try:
                async for delta in self._stream(request, progress):
                    begun = begun or delta != _NOTHING
                    if begun:
                        yield delta
                return
            except LanguageModelError as error:
                if begun:
                    error.attempts = progress.sent
                    raise
                await self._recover(error, progress)

    async def try_mode(self, call: Call, mode: Mode) -> Any:
        """Asks once, for structured output in one mode only, and learns nothing but refused bounds.

        Raises:
            LanguageModelError: The server refuses the mode, or its answer does not fit the schema.
        """
        while True:
            schema = call.schema
            form = schema.form(mode, self._learned.refused_bounds(schema)) if schema else None
            progress = _Progress(call, call, form or _PLAIN)
            try:
                return self.accepted(await self._send(self._built(call, progress.form), progress), call)
            except RefusedFieldError as error:
                if schema is None or not self._learns_bounds(error, schema, mode):
                    raise

    def _request(self, progress: _Progress) -> Request:
        if progress.call.schema is not None:
            progress.form = self._form(progress.call.schema)
        return self._built(progress.call, progress.form)

    def _built(self, call: Call, form: Form) -> Request:
        fields: Json = dict(call.fields)
        messages = call.messages
        if call.schema is not None:
            fields = _merged(self.facts.fields, fields, form.fields)
            if form.instruction:
                messages = with_instruction(messages, form.instruction)
        if self._budget and self._price and self._price.completion and not _longest(fields):
            # what is held back for an answer must be all that it can take
            fields[self.facts.renames.get("max_tokens", "max_tokens")] = self._price.answer_tokens
        for name, other in self._learned.fields.items():
            if name in fields:
                value = fields.pop(name)
                if other:
                    fields[other] = value
        return Request(messages, fields, call.timeout)

    def _form(self, schema: AnswerSchema) -> Form:
        refused, bounds = self._learned.modes, self._learned.refused_bounds(schema)
        for mode in self.facts.modes:
            if (mode, b"") in refused or (mode, schema.text) in refused:
                continue
            if form := schema.form(mode, bounds):
                return form
        return schema.form("prompt") or _PLAIN

    async def _send(self, request: Request, progress: _Progress) -> Reply:
        held = await self._enter(request)
        tokens: Tokens | None = None
        unknown = True
        progress.sent += 1
        try:
            reply = await self._transport.send(request)
            tokens = reply.tokens
            return reply
        except LanguageModelError as error:
            unknown = _may_have_cost(error)
            raise
        finally:
            self._leave(tokens, held, progress.call.tally, unknown=unknown and tokens is None)

    async def _stream(self, request: Request, progress: _Progress) -> AsyncGenerator[Delta, None]:
        held = await self._enter(request)
        tokens: Tokens | None = None
        unknown = True
        progress.sent += 1
        begun, size = time.perf_counter(), 0
        pieces = self._transport.stream(request)
        try:
            async for delta in pieces:
                if not size and (delta.content or delta.reasoning or delta.tool_calls):
                    self._usage.add(streams=1, first_token=time.perf_counter() - begun)
                size += len(delta.content) + len(delta.reasoning) + len(str(delta.tool_calls or ""))
                tokens = delta.tokens or tokens
                yield delta
            unknown = False
        except LanguageModelError as error:
            unknown = _may_have_cost(error) or size > 0
            raise
        finally:
            unknown = unknown and tokens is None
            if size and tokens is None:  # the server does not count, or the stream was closed early
                tokens = Tokens(_prompt_tokens(request), size // 4 + 1)
            try:
                await pieces.aclose()
            finally:
                self._leave(tokens, held, progress.call.tally, unknown=unknown)

    async def _enter(self, request: Request) -> _Held:
        """Waits for a slot and holds money back; gives the estimates that `_leave` settles."""
        estimate, held = 0, 0.0
        if self._budget or self._limiter.counts_tokens:
            longest = _longest(request.fields)
            estimate = _prompt_tokens(request)
            if self._budget and self._price:
                held = self._price.most(estimate, longest)
                await self._budget.hold(held, self.endpoint)
            estimate += longest or 0
        try:
            entry = await self._limiter.acquire(estimate)
        except BaseException:
            self._settle(held, 0.0)
            raise
        return _Held(estimate, held, entry)

    def _leave(self, tokens: Tokens | None, held: _Held, tally: Tally, *, unknown: bool) -> None:
        """Counts what a request took; where that is unknown, it is all that was held back for it."""
        used = tokens or Tokens()
        cost = self._price.of(used) if self._price else used.cost or 0.0
        if unknown:
            cost = max(cost, held.money)
        unpriced = tokens is not None and self._price is None and used.cost is None
        self._settle(held.money, cost)
        unused = 0 if unknown else held.tokens - used.prompt - used.completion
        self._limiter.release(ok=tokens is not None, unused=unused, entry=held.entry)
        self._usage.last_cost = cost
        tally.add(used, cost)
        self._usage.add(
            requests=1,
            prompt_tokens=used.prompt,
            completion_tokens=used.completion,
            cached_tokens=used.cached,
            cost=cost,
            unpriced=int(unpriced),
        )

    def _settle(self, held: float, cost: float) -> None:
        if self._budget:
            self._budget.settle(held, cost)

    def accepted(self, reply: Reply, call: Call) -> Any:
        """Returns what the caller gets, or raises what is wrong with the answer."""
        self._check_ending(reply)
        if call.schema is not None:
            try:
                return call.schema.read(reply, self.endpoint)
            except InvalidAnswerError as error:
                if reply.finish_reason == "length":
                    raise self._cut_off(reply) from error
                raise
        message = to_message(reply)
        if not (message["content"] or reply.tool_calls):
            if reply.finish_reason == "length":
                raise self._cut_off(reply)
            raise self._error(ProviderError, "the answer is empty", reply, status=200)
        if reply.finish_reason == "length":
            self._usage.add(truncated=1)
        return message

    def _check_ending(self, reply: Reply) -> None:
        """Raises ContentFilteredError where the provider or the model withheld the answer."""
        if reply.refusal:
            raise self._error(ContentFilteredError, f"the model refused: {reply.refusal[:300]}", reply)
        if reply.finish_reason.lower() in _FILTERED:
            raise self._error(ContentFilteredError, f"the answer was withheld ({reply.finish_reason})", reply)

    def _cut_off(self, reply: Reply) -> ContextLengthError:
        what = f"the answer was cut off after {reply.tokens.completion} tokens"
        return self._error(ContextLengthError, f"{what}; raise max_tokens= or shorten the prompt", reply)

    def _error(self, kind: type[_Error], what: str, reply: Reply, **more: Any) -> _Error:
        return kind(
            f"{self.endpoint.model}: {what}.",
            provider=self.endpoint.provider,
            model=self.endpoint.model,
            request_id=reply.request_id,
            **more,
        )

    async def _recover(self, error: LanguageModelError, progress: _Progress) -> None:
        """Prepares the next request, or raises the error where another one cannot help."""
        if isinstance(error, RefusedFieldError) and self._learns(error, progress):
            return
        progress.failures += 1
        wait = 0.0
        if isinstance(error, RateLimitError):
            short = (error.retry_after or 0.0) <= self._retry.longest
            self._limiter.slow_down(error.retry_after if short else None)
        if isinstance(error, InvalidAnswerError):
            progress.call = progress.original.again(error)
        elif retriable(error):
            wait = self._retry.seconds(progress.failures, error.retry_after)
        else:
            raise _final(error, progress)
        if isinstance(error, UnreachableError) and error.refused and is_loopback(self.endpoint.api_base):
            wait = min(wait, _QUICKLY)  # nothing listens on this machine: it may just be starting
            if progress.failures > 1:
                raise _final(error, progress)
        if progress.failures > self._retry.times or wait > self._retry.longest:
            raise _final(error, progress)
        _log.debug(
            "%s: attempt %d failed, next in %.2f s: %s", self.endpoint.model, progress.sent, wait, error
        )
        await asyncio.sleep(wait)

    def _learns(self, error: RefusedFieldError, progress: _Progress) -> bool:
        """Notes what the server refused; tells whether there is another form to try."""
        progress.switches += 1
        if progress.switches > 8:
            return False
        if error.field in _OPTIONAL | _RENAMED.keys() and error.field not in self._learned.fields:
            other = self._learned.fields[error.field] = _RENAMED.get(error.field)
            instead = f"sent as {other!r}" if other else "left out"
            _log.warning(
                "%s does not take %r; it is %s from now on.", self.endpoint.model, error.field, instead
            )
            return True
        schema, mode = progress.call.schema, progress.form.mode
        if schema is None or mode == "prompt":
            return False
        if self._learns_bounds(error, schema, mode):
            return True
        self._learned.bounds.pop(schema.text, None)  # it was not the bounds that this mode could not take
        self._learned.modes.add((mode, schema.text if error.one_schema else b""))
        _log.info("%s does not take structured output as %s.", self.endpoint.model, mode)
        return self._form(schema).mode != mode

    def _learns_bounds(self, error: RefusedFieldError, schema: AnswerSchema, mode: Mode) -> bool:
        """Notes which bounds of a schema the server cannot hold; tells whether there were any."""
        sent = schema.bounds - self._learned.refused_bounds(schema) if mode in MACHINE_READ else _NONE
        bounds, everywhere = error.refused_bounds(sent)
        if not bounds:
            return False
        key = b"" if everywhere else schema.text
        self._learned.bounds[key] = self._learned.bounds.get(key, _NONE) | bounds
        names = ", ".join(sorted(bounds))
        _log.info("%s cannot hold answers to %s; they are only checked.", self.endpoint.model, names)
        return True


def _final(error: LanguageModelError, progress: _Progress) -> LanguageModelError:
    """Returns the error that the caller sees: with the number of requests."""
    error.attempts = progress.sent
    if isinstance(error, InvalidAnswerError):
        public = StructuredOutputError(
            f"{error} ({progress.sent} requests)",
            provider=error.provider,
            model=error.model,
            attempts=progress.sent,
            request_id=error.request_id,
        )
        public.raw = error.raw
        public.__cause__ = error
        return public
    return error


def _merged(*parts: Mapping[str, Any]) -> Json:
    """Returns the fields of all parts; objects under one name are merged, later parts winning."""
    merged: Json = {}
    for part in parts:
        for name, value in part.items():
            both = isinstance(value, dict) and isinstance(merged.get(name), dict)
            merged[name] = {**merged[name], **value} if both else value
    return merged


def _prompt_tokens(request: Request) -> int:
    """Estimates the tokens of a request from its size, rather too high than too low."""
    parts = [part for message in request.messages for part in message.values() if part]
    parts += [part for part in request.fields.values() if isinstance(part, dict | list)]
    size = sum(len(str(part).encode(errors="replace")) for part in parts)
    return (size + 12 * len(request.messages)) // 3 + 1


def _longest(fields: Mapping[str, Any]) -> int:
    """Returns the most tokens that the answer may have; 0 where nothing bounds it."""
    return fields.get("max_tokens") or fields.get("max_completion_tokens") or 0


def _may_have_cost(error: LanguageModelError) -> bool:
    """Tells whether the provider may charge for a request that failed: nobody knows how it ended there."""
    if isinstance(error, UnreachableError):
        return not error.unsent
    return error.status in (None, 408, 504, 524)
