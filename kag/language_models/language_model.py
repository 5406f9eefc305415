"""`LanguageModel`: any provider's chat model, with typed output, retries, limits, cost and clear errors.

A model is named `provider/name`. Servers that speak the OpenAI chat API are reached directly; the others
through litellm, which is imported at the first such call.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from kag import discover
from kag.errors import BudgetExceeded, ConfigurationError, LanguageModelError
from kag.graph.recording import refuse_while_recording
from kag.http import without_user
from kag.language_models._exchange import Call, Exchange
from kag.language_models._messages import to_tool_choice, to_tools, to_wire
from kag.language_models._prices import Budget, Price, known_price, price_from
from kag.language_models._providers import endpoint, facts, split
from kag.language_models._retry import Retry, retry_from
from kag.language_models._stream import Stream
from kag.language_models._structured import AnswerSchema, prepare
from kag.language_models._telemetry import Tally, begin_span
from kag.language_models.base import Json
from kag.language_models.cache import ResponseCache
from kag.language_models.limits import Limiter, Limits
from kag.language_models.usage import Usage

if TYPE_CHECKING:
    from kag.language_models.base import Endpoint, Transport

_CHOICES = (
    "temperature", "max_tokens", "top_p", "top_k", "stop", "seed", "reasoning_effort", "presence_penalty",
    "frequency_penalty",
)  # fmt: skip
_OPTIONS = {*_CHOICES, "tools", "tool_choice", "extra_body", "timeout", "cache"}
_log = logging.getLogger("kag.language_models")
_PACKAGE = "kag.language_models"
_OFF = ("disable", "none")


class LanguageModel:
    """A chat model of any provider.

    Build it once and share it: its limits, budget, cache and usage hold for all that use it. It is safe to
    call many times at once and from several event loops. Nothing is read or sent before the first call.

    Args:
        model: `provider/name`, such as `openai/gpt-4o-mini`, `ollama/mistral` or
            `openrouter/meta-llama/llama-3.1-8b-instruct`.
        api_base: URL of the server, for local servers and gateways; with or without `/v1`.
        api_key: The secret; without it the provider's usual environment variable is read at the first call.
        timeout: Seconds for one request.
        retry: How often a failed request is repeated, or a `Retry`.
        fallback: Model or models to ask in turn when this one fails.
        temperature: 0 for the likeliest answer; None for the provider's default. A call may set its own.
        max_tokens: Most tokens of an answer; None for the provider's default. A call may set its own.
        top_p: Share of probability that is sampled from. A call may set its own.
        seed: For providers that can repeat a sampling. A call may set its own.
        reasoning_effort: `minimal` to `xhigh`, for models that reason. A call may set its own.
        cache: True, a file or a `ResponseCache` to keep answers in. Calls whose temperature is above 0 are
            not cached unless they say `cache=True`.
        limits: Concurrency, requests and tokens per minute.
        provider: OpenRouter's routing, such as `{"only": ["DeepInfra"]}`.
        price: USD for a million tokens of prompt and of answer, where the list price is not known or not
            yours.
        extra_body: Further fields of the request, sent as they are.
        max_cost: USD that this object may spend; the call that could pass it raises `BudgetExceeded` and is
            not sent.
        transport: `direct` or `litellm`; None chooses by provider.

    Raises:
        ConfigurationError: An argument cannot be used.

    Example:
        >>> lm = LanguageModel("ollama/mistral")
        >>> lm.model
        'ollama/mistral'
        >>> await lm([{"role": "user", "content": "Hello"}])  # doctest: +SKIP
        {'role': 'assistant', 'content': 'Hello! How can I help?'}
    """

    def __init__(
        self,
        model: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        timeout: float = 600.0,
        retry: Retry | int = 5,
        fallback: LanguageModel | str | Sequence[LanguageModel | str] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
        reasoning_effort: str | None = None,
        cache: ResponseCache | str | Path | bool | None = None,
        limits: Limits | None = None,
        provider: Mapping[str, Any] | None = None,
        price: Price | tuple[float, float] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        max_cost: float | None = None,
        transport: str | None = None,
    ) -> None:
        split(model)
        self.model = model
        self.api_base = without_user(api_base, "LanguageModel")
        self.timeout = _positive("timeout", timeout)
        self.retry = retry_from(retry)
        self.fallback = [get(one) for one in _several(fallback)]
        self.limits = limits or Limits()
        self.provider = dict(provider) if provider else None
        self.price = price_from(price)
        self.extra_body = _extra(extra_body) or None
        self.max_cost = None if max_cost is None else _positive("max_cost", max_cost)
        self.transport = _transport_name(transport)
        self.cache = _cache_from(cache)
        self.usage = Usage()
        self.options: Json = {
            "temperature": temperature,
            "max_tokens": max_tokens,
            "top_p": top_p,
            "seed": seed,
            "reasoning_effort": reasoning_effort,
        }
        self._api_key = api_key
        self._limiter = Limiter(self.limits)
        self._exchange: Exchange | None = None

    async def __call__(
        self,
        messages: object,
        schema: Mapping[str, Any] | None = None,
        streaming: bool = False,
        **options: Any,
    ) -> Any:
        """Asks the model.

        Args:
            messages: A list of dicts with `role` and `content`, or a data model with `messages`.
            schema: JSON schema that the answer must fit.
            streaming: Whether to return a `Stream` instead of the whole answer.
            options: What holds for this call only: temperature, max_tokens, top_p, top_k, stop, seed,
                reasoning_effort, presence_penalty, frequency_penalty, tools, tool_choice, extra_body,
                timeout, cache. None means "as the model".

        Returns:
            With a schema: the value, valid for it. Without: the message, a dict with `role` and `content`,
            and where the model gave them `tool_calls` (each `{"id", "name", "arguments"}`) and
            `reasoning_content`.

        Raises:
            LanguageModelError: No answer, or none that can be trusted, from this model and its fallbacks.
            ConfigurationError: An option is unknown, or a message is none.
        """
        refuse_while_recording("A language model", LanguageModelError)
        if unknown := options.keys() - _OPTIONS:
            raise ConfigurationError(
                f"Unknown option {', '.join(sorted(unknown))}; a call takes {', '.join(sorted(_OPTIONS))}."
            )
        ask = self._open_stream if streaming else self._ask
        try:
            return await ask(messages, schema, options)
        except BudgetExceeded:
            raise
        except LanguageModelError as error:
            failure = error
        for other in self.fallback:
            try:
                return await other(messages, schema, streaming, **options)
            except LanguageModelError as error:
                error.add_note(f"Before it: {failure}")
                failure = error
        raise failure

    async def _ask(
        self, messages: object, schema: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> Any:
        tally, succeeded = Tally(), False
        ended = self._begin(tally)
        try:
            exchange = self._opened()
            call = replace(self._call(exchange, messages, schema, options), tally=tally)
            answer = await self._cached(exchange, call, options)
            succeeded = True
            return answer
        finally:
            ended(succeeded)

    def _begin(self, tally: Tally) -> Callable[[bool], None]:
        """Begins to count a call; what it returns ends that, and takes whether the call succeeded."""
        begun, end_span = time.perf_counter(), begin_span(self.model, tally)

        def ended(succeeded: bool) -> None:
            self.usage.add(calls=1, failures=int(not succeeded), latency=time.perf_counter() - begun)
            end_span(succeeded)

        return ended

    async def _cached(self, exchange: Exchange, call: Call, options: Mapping[str, Any]) -> Any:
        """Answers from the cache, or asks and keeps the answer."""
        key = self._cache_key(exchange, call, options)
        if key is None or self.cache is None:
            return await exchange.ask(call)
        if (kept := await self.cache.get(key)) is not None:
            self.usage.last_cost = 0.0
            self.usage.add(cache_hits=1)
            call.tally.cache_hit = True
            return kept
        answer = await exchange.ask(call)
        try:
            await self.cache.put(key, answer, model=self.model)
        except ConfigurationError as error:  # the answer is paid for: a full disk must not lose it
            _log.warning("An answer could not be kept: %s", error)
        return answer

    async def _open_stream(
        self, messages: object, schema: Mapping[str, Any] | None, options: Mapping[str, Any]
    ) -> Stream:
        exchange = self._opened()
        call = self._call(exchange, messages, schema, options)
        ended = self._begin(call.tally)
        stream = Stream(
            exchange.stream(call),
            lambda reply: exchange.accepted(reply, call),
            structured=schema is not None,
            ended=ended,
        )
        try:
            await stream.open()
        except BaseException:
            ended(False)
            raise
        return stream

    def _opened(self) -> Exchange:
        """Returns the exchange; made at the first call, when the environment is read."""
        if self._exchange is None:
            known = facts(self.model, self.api_base)
            name = self.transport or known.transport
            where = endpoint(self.model, self.api_base, self._api_key, name)
            price = self.price or known_price(where)
            if self.max_cost is not None and price is None:
                raise ConfigurationError(
                    f"{self.model}: max_cost= needs a price, and the list price of this model is not known; "
                    "pass price=(USD for a million prompt tokens, USD for a million answer tokens)."
                )
            self._exchange = Exchange(
                where,
                known,
                _transport(name, where),
                retry=self.retry,
                limiter=self._limiter,
                usage=self.usage,
                price=price,
                budget=None if self.max_cost is None else Budget(self.max_cost),
            )
        return self._exchange

    def _call(
        self,
        exchange: Exchange,
        messages: object,
        schema: Mapping[str, Any] | None,
        options: Mapping[str, Any],
    ) -> Call:
        known = exchange.facts
        direct = (self.transport or known.transport) == "direct"
        renames = known.renames if direct else {}
        wire = to_wire(messages, dialect=known.dialect, keep_thinking=not direct)
        fields: Json = {}
        for name in _CHOICES:
            value = options.get(name)
            if value is None and (value := self.options.get(name)) is None:
                continue
            if name == "reasoning_effort" and value in _OFF:
                continue
            if name == "max_tokens" and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise ConfigurationError(f"max_tokens must be a whole number of at least 1; got {value!r}.")
            fields[renames.get(name, name)] = value
        if tools := options.get("tools"):
            if schema is not None:
                raise ConfigurationError(
                    "A call takes tools= or a schema, not both: ask for the schema in a second call."
                )
            fields["tools"] = to_tools(tools)
            if choice := options.get("tool_choice"):
                fields["tool_choice"] = to_tool_choice(choice)
        if self.provider:
            fields["provider"] = self.provider
        fields |= {**(self.extra_body or {}), **_extra(options.get("extra_body"))}
        prepared: AnswerSchema | None = None if schema is None else prepare(schema)
        timeout = options.get("timeout")
        return Call(
            wire, fields, self.timeout if timeout is None else _positive("timeout", timeout), prepared
        )

    def _cache_key(self, exchange: Exchange, call: Call, options: Mapping[str, Any]) -> bytes | None:
        """Returns the key of a call in the cache, or None where it is not to be cached."""
        wanted = options.get("cache")
        if self.cache is None or wanted is False or (call.fields.get("temperature") and not wanted):
            return None
        where = exchange.endpoint
        schema = call.schema.text.decode() if call.schema else None
        return self.cache.key(where.model, where.api_base, self.transport, call.messages, call.fields, schema)

    @property
    def last_call_cost(self) -> float:
        """USD of the last request; 0 for a local server and for an answer from the cache."""
        return self.usage.last_cost

    @property
    def cumulated_cost(self) -> float:
        """USD that this object has spent."""
        return self.usage.cost

    def __repr__(self) -> str:
        """Shows the model and where it is."""
        where = f", api_base={self.api_base!r}" if self.api_base else ""
        return f"LanguageModel({self.model!r}{where})"

    def get_config(self) -> Json:
        """Returns what `from_config` builds an equal model of; the key is not in it."""
        return {
            "model": self.model,
            "api_base": self.api_base,
            "timeout": self.timeout,
            "retry": asdict(self.retry),
            "fallback": [other.get_config() for other in self.fallback],
            **self.options,
            "cache": str(self.cache.path) if self.cache else None,
            "limits": asdict(self.limits),
            "provider": self.provider,
            "price": asdict(self.price) if self.price else None,
            "extra_body": self.extra_body,
            "max_cost": self.max_cost,
            "transport": self.transport,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Builds a model of what `get_config` returned; its key comes from the environment.

        Raises:
            ConfigurationError: The configuration has a field that a model does not take.
        """
        values = dict(config)
        try:
            values["fallback"] = [cls.from_config(other) for other in values.get("fallback") or ()]
            values["retry"] = Retry(**values["retry"]) if values.get("retry") else Retry()
            values["limits"] = Limits(**values["limits"]) if values.get("limits") else None
            values["price"] = Price(**values["price"]) if values.get("price") else None
            return cls(**values)
        except TypeError as error:
            raise ConfigurationError(f"This is no configuration of a language model: {error}.") from error


def get(model: LanguageModel | str) -> LanguageModel:
    """Returns a language model: a `provider/name` becomes one, a model stays what it is.

    Raises:
        ConfigurationError: It is neither, or the name is not of that form.

    Example:
        >>> get("ollama/mistral").model
        'ollama/mistral'
    """
    if isinstance(model, str):
        return LanguageModel(model)
    if callable(model):
        return model
    raise ConfigurationError(
        f"A language model is a LanguageModel or a name such as 'ollama/mistral'; got {type(model).__name__}."
    )


def _several(
    fallback: LanguageModel | str | Sequence[LanguageModel | str] | None,
) -> Sequence[LanguageModel | str]:
    if fallback is None:
        return ()
    return fallback if isinstance(fallback, list | tuple) else (fallback,)


def _positive(name: str, value: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not math.isfinite(value) or value <= 0:
        raise ConfigurationError(f"LanguageModel: {name} must be a number above 0; got {value!r}.")
    return value


def _extra(fields: Mapping[str, Any] | None) -> Json:
    if fields is not None and not isinstance(fields, Mapping):
        raise ConfigurationError(f"extra_body= is a dict of further fields; got {type(fields).__name__}.")
    return dict(fields or {})


def _transport_name(name: str | None) -> str | None:
    if name is not None and name not in discover.names(_PACKAGE):
        raise ConfigurationError(f"LanguageModel: transport is 'direct', 'litellm' or None; got {name!r}.")
    return name


def _transport(name: str, where: Endpoint) -> Transport:
    module = discover.load(_PACKAGE, name)
    found: Callable[[Endpoint], Transport] | None = getattr(module, "Transport", None)
    if found is None:
        raise ConfigurationError(f"{where.model}: {name!r} is no transport; take 'direct' or 'litellm'.")
    return found(where)


def _cache_from(cache: ResponseCache | str | Path | bool | None) -> ResponseCache | None:
    if cache is None or cache is False:
        return None
    if cache is True:
        return ResponseCache()
    return cache if isinstance(cache, ResponseCache) else ResponseCache(cache)
