"""Extraction without a model: names, terms, dates, titles and plain facts, in about a millisecond a chunk.

Its mentions are what graph retrieval walks on. It does not know people from places, so its labels are `Name`,
`Term` and `Date`. The rules are for English; other languages with capitals give names, but fewer facts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ingest.extractors._assembly import Assembly
from ingest.extractors._structure import add_structure
from ingest.extractors.base import Extraction
from kag.knowledge_bases.records import Chunk, Document


class Extractor:
    """Finds entities, mentions and relations by rules and the document's own counts, without a model."""

    name = "local"

    async def extract(self, document: Document, chunks: Sequence[Chunk]) -> Extraction:
        """Extracts what the chunks of one document state.

        The result depends on this document only, not on what was read before.

        Args:
            document: The document; its text gives the counts that tell names from other words.
            chunks: Its chunks, or some of them.

        Example:
            >>> extraction = await Extractor().extract(document, chunks)
            >>> [entity.name for entity in extraction.entities]
            ['Marie Curie', 'Warsaw']
        """
        return await asyncio.to_thread(_extract, document, tuple(chunks))


def _extract(document: Document, chunks: tuple[Chunk, ...]) -> Extraction:
    assembly = Assembly(document.collection)
    add_structure(assembly, document, chunks)
    return assembly.build()
