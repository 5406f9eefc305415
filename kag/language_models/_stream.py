"""A streamed answer: pieces of text or a growing value, and at the end the result as without streaming."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

import orjson

from kag.language_models._partial import PartialJson
from kag.language_models.base import Delta, Json, Reply, Tokens

_OPENINGS = ("<think>", "<thinking>", "<reasoning>", "<thought>")
_OPENING = re.compile(r"\s*<(think|thinking|reasoning|thought)>", re.IGNORECASE)
_GROWN = 0.02  # part of its length by which a value's text grows before it is read again


class Stream:
    """An answer that arrives in pieces; iterate over it once.

    It yields pieces of text, without thinking blocks; or, where the call had a schema, the partial JSON
    value each time that it has grown, the last one being complete and valid. Closing it early closes the
    connection.

    Args:
        deltas: What the transport gives.
        accept: Turns the whole reply into the result, or raises.
        structured: Whether the answer is JSON.
        ended: Called once, with whether the answer was accepted.

    Example:
        >>> async for piece in await lm(messages, streaming=True):  # doctest: +SKIP
        ...     print(piece, end="")
    """

    def __init__(
        self,
        deltas: AsyncGenerator[Delta, None],
        accept: Callable[[Reply], Any],
        *,
        structured: bool,
        ended: Callable[[bool], None],
    ) -> None:
        self.result: Any = None
        self._deltas = deltas
        self._accept = accept
        self._ended = ended
        self._reply = _Assembly()
        self._pieces = self._grow() if structured else self._texts()
        self._first: Delta | None = None

    async def open(self) -> None:
        """Waits for the first piece, so that a call that fails at once raises here."""
        self._first = await anext(self._deltas, None)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._pieces

    async def __anext__(self) -> Any:
        return await anext(self._pieces)

    async def aclose(self) -> None:
        """Ends the stream and closes its connection."""
        await self._pieces.aclose()
        await self._deltas.aclose()

    async def _each(self) -> AsyncGenerator[Delta, None]:
        """Yields the deltas, gathers them, and settles the result when they have ended."""
        accepted = False
        try:
            if self._first is not None:
                self._reply.add(self._first)
                yield self._first
            async for delta in self._deltas:
                self._reply.add(delta)
                yield delta
            self.result = self._accept(self._reply.reply())
            accepted = True
        finally:
            await self._deltas.aclose()
            self._ended(accepted)

    async def _texts(self) -> AsyncGenerator[str, None]:
        thinking = _ThinkingFilter()
        deltas = self._each()
        try:
            async for delta in deltas:
                if text := thinking.shown(delta.content):
                    yield text
            if rest := thinking.rest():
                yield rest
        finally:
            await deltas.aclose()

    async def _grow(self) -> AsyncGenerator[Any, None]:
        partial, thinking, last = PartialJson(), _ThinkingFilter(), None
        deltas, read = self._each(), 0
        try:
            async for delta in deltas:
                partial.feed(thinking.shown(delta.content))
                partial.feed("".join(_arguments(call) for call in delta.tool_calls))
                if partial.length - read <= _GROWN * read:
                    continue
                read, value = partial.length, partial.value()
                if value is not None and value != last:
                    last = value
                    yield value
            if self.result != last:
                yield self.result
        finally:
            await deltas.aclose()


class _Assembly:
    """Puts a reply together from its deltas."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, Json] = {}
        self._finish_reason = ""
        self._tokens = Tokens()

    def add(self, delta: Delta) -> None:
        self._content.append(delta.content)
        self._reasoning.append(delta.reasoning)
        self._finish_reason = delta.finish_reason or self._finish_reason
        self._tokens = delta.tokens or self._tokens
        for piece in delta.tool_calls:
            call = self._calls.setdefault(
                piece.get("index") or 0, {"id": None, "function": {"name": "", "arguments": ""}}
            )
            call["id"] = piece.get("id") or call["id"]
            function = piece.get("function") or {}
            call["function"]["name"] += function.get("name") or ""
            call["function"]["arguments"] += _arguments(piece)

    def reply(self) -> Reply:
        return Reply(
            content="".join(self._content),
            tool_calls=[self._calls[index] for index in sorted(self._calls)],
            reasoning="".join(self._reasoning),
            finish_reason=self._finish_reason or "broken",
            tokens=self._tokens,
        )


def _arguments(piece: Json) -> str:
    arguments = (piece.get("function") or {}).get("arguments") or ""
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()


class _ThinkingFilter:
    """Holds back the thinking blocks at the beginning of a streamed text."""

    def __init__(self) -> None:
        self._held = ""
        self._end = ""  # what ends the block that the text is in
        self._thought = False
        self._decided = False

    def shown(self, piece: str) -> str:
        """Returns what of the text may be shown now."""
        if self._decided:
            return piece
        self._held += piece
        while self._passes_a_tag():
            pass
        begin = self._held.lstrip()
        if self._end or not begin or any(opening.startswith(begin.lower()) for opening in _OPENINGS):
            return ""
        self._decided = True
        return begin if self._thought else self._held

    def _passes_a_tag(self) -> bool:
        """Drops what is held up to the next tag of a thinking block; tells whether there was one."""
        if not self._end:
            if opening := _OPENING.match(self._held):
                self._end, self._thought = f"</{opening[1]}>", True
                self._held = self._held[opening.end() :]
            return bool(opening)
        ending = re.search(re.escape(self._end), self._held, re.IGNORECASE)
        if ending:
            self._held, self._end = self._held[ending.end() :], ""
        else:
            self._held = self._held[-len(self._end) :]  # the tag may be half there
        return bool(ending)

    def rest(self) -> str:
        """Returns what was held back when the text has ended; thinking without an end is not shown."""
        if self._decided or self._end:
            return ""
        return self._held.lstrip() if self._thought else self._held
