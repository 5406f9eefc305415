"""A streamed answer: pieces of text or a growing value, and at the end the result as without streaming."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from kag.language_models._partial import PartialJson
from kag.language_models.base import Delta, Json, Reply, Tokens

_OPENING = ("<think>", "<thinking>")


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
        partial, last = PartialJson(), None
        deltas = self._each()
        try:
            async for delta in deltas:
                partial.feed(delta.content + "".join(_arguments(call) for call in delta.tool_calls))
                value = partial.value()
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
    return (piece.get("function") or {}).get("arguments") or ""


class _ThinkingFilter:
    """Holds back a thinking block at the beginning of a streamed text."""

    def __init__(self) -> None:
        self._held = ""
        self._decided = False

    def shown(self, piece: str) -> str:
        """Returns what of the text may be shown now."""
        if self._decided:
            return piece
        self._held += piece
        begin = self._held.lstrip()
        if begin.startswith(_OPENING):
            _, end, rest = begin.partition("</think" + begin[6 : begin.index(">") + 1])
            if not end:
                return ""
            self._held = rest.lstrip()
        elif not begin or any(opening.startswith(begin) for opening in _OPENING):
            return ""
        self._decided = True
        return self._held

    def rest(self) -> str:
        """Returns what was held back when the text has ended; thinking without an end is not shown."""
        return "" if self._decided or self._held.lstrip().startswith(_OPENING) else self._held
