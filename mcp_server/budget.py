"""How many tokens an answer costs the client's model, and how lists are cut to cost no more than asked.

A host shows its model either the text content or the structured content, and does not say which. So what
counts is the dearer of the two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Protocol, Self, TypeVar

from mcp_server.untrusted import Fence

DEFAULT, LEAST, MOST = 3000, 600, 20_000  # what `max_tokens` may be; the least has room for any one item
_BLOB = re.compile(r"[A-Za-z0-9+=]{20,}")
_PIECE = re.compile(r"[A-Z]?[a-z]{1,6}|[A-Z]{1,2}|[0-9]{1,3}|\s{2,}|\n|[\"{}\[\]:,]{1,4}|[^\sA-Za-z0-9]")
_THREE_BYTES = re.compile(r"[\u0800-\u1fff\u3000-\uffff]")
_FOUR_BYTES = re.compile(r"[\U00010000-\U0010ffff]")
_MARGIN = 1.15
_FRAME = 130  # tokens: the names of an answer's fields, the cursor, the lines around its lists


def tokens(text: str) -> int:
    """Estimates a text's tokens from above, without a tokenizer.

    Counts pieces such as a tokenizer makes them: up to six letters, three digits, one mark. Long runs
    without a space (keys, base64) and letters that take three or four bytes count for more. It gives 1.1 to
    1.5 times the count of `cl100k_base` and `o200k_base` on prose and Markdown, and not less on any script
    that was tried.
    """
    blobs = sum(map(len, _BLOB.findall(text)))
    rest = _BLOB.sub(" ", text) if blobs else text
    count = len(_PIECE.findall(rest)) + 0.75 * blobs
    if not text.isascii():
        count += 0.4 * len(_THREE_BYTES.findall(text)) + 2 * len(_FOUR_BYTES.findall(text))
    return math.ceil(_MARGIN * count)


def within(text: str, most: int, *, end: bool = False) -> str:
    """Cuts a text so that it costs at most so many tokens; with `end` it keeps its end, not its beginning."""
    while len(text) > 1 and tokens(text) > most:
        keep = max(0, min(len(text) - 2, int(len(text) * 0.9 * most / tokens(text))))
        text = f"…{text[len(text) - keep :]}" if end else f"{text[:keep]}…"
    return text


class Costly(Protocol):
    """What a budget is spent on."""

    def render(self, fence: Fence) -> str:
        """The text form."""

    def cost(self, text: str) -> int:
        """Tokens, given the text form."""

    def smaller(self) -> Self:
        """A version that costs less, or itself when there is none."""


C = TypeVar("C", bound=Costly)


class Budget:
    """The tokens that one answer may cost, and whether they were enough.

    Args:
        limit: Tokens in all.
        fence: The fence that the answer will be rendered with, because its marks cost too.
    """

    def __init__(self, limit: int, fence: Fence) -> None:
        self.fence = fence
        self.cut = False
        self.left = limit - tokens(f"{fence.notice}\n{fence('')}") - _FRAME

    def take(self, items: Iterable[C], *, share: float = 1.0, first: bool = False) -> tuple[C, ...]:
        """Takes items from the front as long as they fit.

        Args:
            items: In the order of their worth.
            share: Of what is left, so much may be spent.
            first: At least one item is taken, made smaller where it must be, so that paging always gets on.
        """
        left = int(self.left * share)
        taken: list[C] = []
        for item in items:
            fitted = self._shrunk(item, left) if first and not taken else item
            self.cut = self.cut or fitted is not item
            spent = self._cost(fitted)
            if spent > left:
                self.cut = True
                break
            taken.append(fitted)
            left -= spent
            self.left -= spent
        return tuple(taken)

    def _shrunk(self, item: C, left: int) -> C:
        while self._cost(item) > left:
            before, item = item, item.smaller()
            if item == before:
                break
        return item

    def _cost(self, item: Costly) -> int:
        return item.cost(item.render(self.fence))
