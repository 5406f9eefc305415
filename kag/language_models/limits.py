"""Limits: how many requests a model gets at once and in a minute, and a slow-down when its provider says 429.

One limiter belongs to one model object and is shared by all programs that use it. Concurrency falls by half
when the provider refuses, and grows back by one for each full round of successes.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from kag.errors import ConfigurationError

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a model may be asked.

    Args:
        concurrency: Requests in flight at once, 1 or more.
        requests_per_minute: Requests begun within any 60 seconds; None for no limit.
        tokens_per_minute: Tokens, of prompts and answers, within any 60 seconds; None for no limit.
    """

    concurrency: int = 64
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def __post_init__(self) -> None:
        for name in ("concurrency", "requests_per_minute", "tokens_per_minute"):
            value = getattr(self, name)
            if value is None and name != "concurrency":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigurationError(
                    f"Limits: {name} must be a whole number of at least 1; got {value!r}."
                )


@dataclass(slots=True)
class Entry:
    """An amount in a window: when it was counted, and how much it is."""

    begun: float
    size: int


class Window:
    """Amounts within the last 60 seconds, against a limit.

    Args:
        limit: The most that may be in the window.
        span: Seconds that it covers.
    """

    def __init__(self, limit: int, span: float = _MINUTE) -> None:
        self.limit = limit
        self._span = span
        self._entries: deque[Entry] = deque()
        self._sum = 0

    def delay(self, now: float, amount: int) -> float:
        """Returns the seconds until an amount fits; one beyond the limit fits in an empty window."""
        self._forget(now)
        excess = self._sum + amount - self.limit
        if excess <= 0 or not self._entries:
            return 0.0
        for entry in self._entries:
            excess -= entry.size
            if excess <= 0:
                return entry.begun + self._span - now
        return self._entries[-1].begun + self._span - now

    def add(self, now: float, amount: int) -> Entry:
        """Counts an amount; `correct` takes what this returns."""
        entry = Entry(now, amount)
        self._entries.append(entry)
        self._sum += amount
        return entry

    def correct(self, now: float, entry: Entry, unused: int) -> None:
        """Lowers an amount that was estimated too high; a negative `unused` raises it."""
        self._forget(now)
        if entry.begun + self._span > now:
            entry.size -= unused
            self._sum -= unused

    def _forget(self, now: float) -> None:
        while self._entries and self._entries[0].begun + self._span <= now:
            self._sum -= self._entries.popleft().size


class _Gate:
    """Slots for requests in flight, in one event loop; first come, first served."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.allowed = float(slots)
        self.active = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self) -> None:
        if self.active < int(self.allowed) and not self._waiting:
            self.active += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn  # whoever wakes us has counted us in
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        self.active -= 1
        self._admit()

    def grow(self) -> None:
        self.allowed = min(self.slots, self.allowed + 1.0 / self.allowed)
        self._admit()

    def shrink(self) -> None:
        self.allowed = max(1.0, self.allowed / 2)

    def _admit(self) -> None:
        while self._waiting and self.active < int(self.allowed):
            turn = self._waiting.popleft()
            if not turn.done():
                self.active += 1
                turn.set_result(None)


class Limiter:
    """Holds requests back until they are within the limits.

    Args:
        limits: What is allowed.
        clock: Returns seconds; only differences matter.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits = limits
        self._clock = clock
        self._gates: WeakKeyDictionary[asyncio.AbstractEventLoop, _Gate] = WeakKeyDictionary()
        self._requests = Window(limits.requests_per_minute) if limits.requests_per_minute else None
        self._tokens = Window(limits.tokens_per_minute) if limits.tokens_per_minute else None
        self._paused_until = 0.0
        self._shrunk_at = 0.0
        self._lock = threading.Lock()

    @property
    def counts_tokens(self) -> bool:
        """True where the number of tokens matters."""
        return self._tokens is not None

    @property
    def allowed(self) -> int:
        """Requests that may be in flight at once now, in the running event loop."""
        return int(self._gate().allowed)

    def _gate(self) -> _Gate:
        loop = asyncio.get_running_loop()
        gate = self._gates.get(loop)
        if gate is None:
            gate = self._gates[loop] = _Gate(self.limits.concurrency)
        return gate

    async def acquire(self, tokens: int = 0) -> Entry | None:
        """Waits for a slot, and until the minute has room; `release` must follow.

        Args:
            tokens: Estimate of what the request will use.

        Returns:
            Where the tokens are counted, if they are; `release` takes it.
        """
        gate = self._gate()
        await gate.enter()
        try:
            while isinstance(turn := self._turn(tokens), float):  # noqa: ASYNC110  how long is known
                await asyncio.sleep(turn)
        except BaseException:
            gate.leave()
            raise
        return turn

    def _turn(self, tokens: int) -> float | Entry | None:
        """Returns the seconds to wait; or counts the request, which may go, and returns its tokens' entry."""
        if not (self._paused_until or self._requests or self._tokens):
            return None
        with self._lock:
            now = self._clock()
            wait = self._paused_until - now
            if self._requests:
                wait = max(wait, self._requests.delay(now, 1))
            if self._tokens:
                wait = max(wait, self._tokens.delay(now, tokens))
            if wait > 0:
                return wait
            if self._requests:
                self._requests.add(now, 1)
            return self._tokens.add(now, tokens) if self._tokens else None

    def release(self, *, ok: bool, unused: int = 0, entry: Entry | None = None) -> None:
        """Gives the slot back.

        Args:
            ok: Whether the provider answered; lets the allowed concurrency grow back.
            unused: Tokens of the estimate that were not used; negative where it was too low.
            entry: What `acquire` returned.
        """
        gate = self._gate()
        if self._tokens and entry and unused:
            with self._lock:
                self._tokens.correct(self._clock(), entry, unused)
        if ok and gate.allowed < gate.slots:
            gate.grow()
        gate.leave()

    def slow_down(self, seconds: float | None) -> None:
        """Halves the allowed concurrency, at most once a second, and begins nothing for `seconds`."""
        now = self._clock()
        if now - self._shrunk_at >= 1.0:
            self._shrunk_at = now
            self._gate().shrink()
        if seconds:
            self._paused_until = max(self._paused_until, now + seconds)
