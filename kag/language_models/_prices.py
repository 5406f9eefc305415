"""Prices of hosted models, from the table in litellm's package, and a budget that is never passed."""

from __future__ import annotations

import asyncio
import importlib.util
import math
import sys
from collections import deque
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson

from kag.errors import BudgetExceeded, ConfigurationError
from kag.language_models.base import Endpoint, Tokens

_TABLE = "model_prices_and_context_window_backup.json"
_MILLION = 1_000_000
_ANSWER_TOKENS = 4096  # reserved for an answer whose length nobody bounds


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in USD for a million tokens.

    Args:
        prompt: For the prompt.
        completion: For the answer.
        cached: For tokens of the prompt that the provider had in its own cache; None means as `prompt`.
        longest: Most tokens that an answer can have, where known.
        listed: True for a list price: what the provider itself says a request has cost goes before it.
    """

    prompt: float
    completion: float
    cached: float | None = None
    longest: int | None = None
    listed: bool = False

    def of(self, tokens: Tokens) -> float:
        """Returns the cost of a request."""
        if self.listed and tokens.cost is not None:
            return tokens.cost
        cached = tokens.cached if self.cached is not None else 0
        prompt = (tokens.prompt - cached) * self.prompt + cached * (self.cached or 0.0)
        return (prompt + tokens.completion * self.completion) / _MILLION

    def most(self, prompt_tokens: int, max_tokens: int | None) -> float:
        """Returns what a request can cost at most."""
        answer = max_tokens or self.answer_tokens
        return (prompt_tokens * self.prompt + answer * self.completion) / _MILLION

    @property
    def answer_tokens(self) -> int:
        """Tokens that an answer gets where the call does not bound it."""
        return self.longest or _ANSWER_TOKENS


FREE = Price(0.0, 0.0)


def price_from(value: Price | tuple[float, float] | list[float] | None) -> Price | None:
    """Reads a price as a user may give it: a `Price`, or USD for a million tokens of prompt and of answer.

    Raises:
        ConfigurationError: It is neither.
    """
    if value is None:
        return None
    if isinstance(value, Price):
        numbers = [value.prompt, value.completion, *(() if value.cached is None else (value.cached,))]
    else:
        numbers = list(value) if isinstance(value, tuple | list) and len(value) == 2 else []
    if not numbers or not all(map(_is_amount, numbers)):
        raise ConfigurationError(
            "price= is a Price, or two numbers: USD for a million tokens of the prompt and of the answer, "
            f"such as (0.15, 0.60); got {value!r}."
        )
    return value if isinstance(value, Price) else Price(float(numbers[0]), float(numbers[1]))


def _is_amount(number: Any) -> bool:
    usable = isinstance(number, int | float) and not isinstance(number, bool)
    return usable and math.isfinite(number) and number >= 0


def known_price(endpoint: Endpoint) -> Price | None:
    """Returns the list price of a model, or None where it is not known; what is local is free."""
    if endpoint.local:
        return FREE
    names = (f"{endpoint.provider}/{endpoint.name}", endpoint.name)
    registered = getattr(
        sys.modules.get("litellm"), "model_cost", None
    )  # what a user registered with litellm
    for name in names:
        entry = registered.get(name) if isinstance(registered, dict) else None
        if entry and (name == names[0] or entry.get("litellm_provider") == endpoint.provider):
            return _price(entry)
    table = _table()
    return table.get(names[0]) or table.get(f"{endpoint.provider}\n{endpoint.name}")


@lru_cache(maxsize=1)
def _table() -> dict[str, Price]:
    """Reads the table; models are filed under their provider too, so that names do not cross providers."""
    spec = importlib.util.find_spec("litellm")
    folders = spec.submodule_search_locations if spec else None
    if not folders or not (path := Path(folders[0]) / _TABLE).exists():
        return {}
    prices = {}
    for name, entry in orjson.loads(path.read_bytes()).items():
        if entry.get("mode") in ("chat", "completion", "responses") and (price := _price(entry)):
            prices[name] = price
            prices[f"{entry.get('litellm_provider')}\n{name}"] = price
    return prices


def _price(entry: dict[str, Any]) -> Price | None:
    prompt, completion = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if prompt is None or completion is None:
        return None
    cached, longest = entry.get("cache_read_input_token_cost"), entry.get("max_output_tokens")
    return Price(
        prompt=prompt * _MILLION,
        completion=completion * _MILLION,
        cached=None if cached is None else cached * _MILLION,
        longest=longest if isinstance(longest, int) else None,
        listed=True,
    )


class Budget:
    """Money that may be spent; what requests in flight could cost is held back from it.

    Args:
        most: USD.
    """

    def __init__(self, most: float) -> None:
        self.most = most
        self.spent = 0.0
        self._held = 0.0
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    async def hold(self, amount: float, endpoint: Endpoint) -> None:
        """Holds an amount back; waits where only requests in flight stand in the way. `settle` must follow.

        Raises:
            BudgetExceeded: It would pass the budget.
        """
        while self.spent + self._held + amount > self.most:
            if self.spent + amount > self.most or not self._held:
                raise BudgetExceeded(
                    f"{endpoint.model}: not sent, as it could cost ${amount:.6f} and "
                    f"${max(0.0, self.most - self.spent):.6f} of max_cost=${self.most:g} are left. "
                    "Raise max_cost=, or lower max_tokens=.",
                    provider=endpoint.provider,
                    model=endpoint.model,
                )
            loop = asyncio.get_running_loop()
            turn = loop.create_future()
            self._waiting.append((loop, turn))
            await turn
        self._held += amount

    def settle(self, held: float, cost: float) -> None:
        """Replaces what was held back by what it did cost."""
        self._held = max(0.0, self._held - held)
        self.spent += cost
        while self._waiting:
            loop, turn = self._waiting.popleft()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_wake, turn)


def _wake(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_result(None)
