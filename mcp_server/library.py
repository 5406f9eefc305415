"""The knowledge base as the server holds it: opened when it is there, made at the first ingestion."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from kag.errors import StoreNotFoundError

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.settings import Settings


class Library:
    """Opens the knowledge base of some settings once, as late as possible.

    Args:
        settings: Where it is, and with which models.
        read_only: Never write, so that a store in a read-only folder will do.
    """

    def __init__(self, settings: Settings, *, read_only: bool = False) -> None:
        self.settings = settings
        self.read_only = read_only
        self._open: dict[str, KnowledgeBase] = {}
        self._lock = anyio.Lock()

    async def reader(self) -> KnowledgeBase:
        """Gives the open knowledge base; another process may have made it since the server started.

        Raises:
            StoreNotFoundError: There is none yet.
        """
        try:
            return await self._opened(self.settings.collection, create=False)
        except StoreNotFoundError as error:
            raise StoreNotFoundError(
                f"Nothing has been ingested yet: there is no knowledge base at {self.settings.store}. "
                "Call ingest with files or folders first (or run `kag ingest PATH`)."
            ) from error

    async def writer(self, collection: str) -> KnowledgeBase:
        """Gives the knowledge base for writing to a collection, and makes it where there is none."""
        return await self._opened(collection, create=True)

    async def close(self) -> None:
        """Closes what was opened."""
        async with self._lock:
            while self._open:
                await self._open.popitem()[1].close()

    async def _opened(self, collection: str, *, create: bool) -> KnowledgeBase:
        async with self._lock:
            if collection not in self._open:
                base = replace(self.settings, collection=collection).open_knowledge_base()
                for other in self._open.values():
                    base.embedding_model = other.embedding_model  # one model in memory serves all collections
                await base.open(create=create, read_only=self.read_only)
                self._open[collection] = base
            return self._open[collection]
