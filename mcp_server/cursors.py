"""Cursors: where the next page begins, signed so that a client can only hand back what it was given."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from kag.errors import ToolError

_OFFSET, _QUESTION, _SIGNATURE = (
    4,
    8,
    18,
)  # bytes, a multiple of three together, so that base64 has one form only
_LENGTH = _OFFSET + _QUESTION + _SIGNATURE


class Cursors:
    """Signs and reads cursors.

    Args:
        key: Secret of at least 16 bytes, which servers that answer for each other share. Without one a random
            key is made, and cursors are good for this process only.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def sign(self, question: str, offset: int) -> str:
        """Makes the cursor of a page.

        Args:
            question: What was asked: the tool and every argument that shapes the list.
            offset: How many items come before the page.
        """
        payload = offset.to_bytes(_OFFSET, "big") + self._digest(question)
        return base64.urlsafe_b64encode(payload + self._signature(payload)).decode()

    def read(self, question: str, cursor: str | None) -> int:
        """Tells how many items come before a cursor's page; none without a cursor.

        Raises:
            ToolError: This server did not sign the cursor, or signed it for another question.
        """
        if cursor is None:
            return 0
        try:
            raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        except ValueError:
            raw = b""
        payload, signature = raw[:-_SIGNATURE], raw[-_SIGNATURE:]
        if len(raw) != _LENGTH or not hmac.compare_digest(signature, self._signature(payload)):
            raise ToolError(
                "The cursor is not one that this server gave, or it is from before a restart. Pass "
                "next_cursor exactly as it was returned, or leave cursor out to start at the first page."
            )
        if payload[_OFFSET:] != self._digest(question):
            raise ToolError(
                "The cursor belongs to another question. Repeat the arguments of the call that returned it "
                "(limit and max_tokens may differ), or leave cursor out to start at the first page."
            )
        return int.from_bytes(payload[:_OFFSET], "big")

    def _digest(self, question: str) -> bytes:
        return hashlib.blake2b(question.encode("utf-8", "surrogatepass"), digest_size=_QUESTION).digest()

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE]
