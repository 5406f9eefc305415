"""Extraction by a language model: one call a passage, typed entities and relations, every quote checked.

What the local extractor finds by structure (titles, headings, names with their spans) is added too, because
mentions are what graph retrieval walks on; a name that both find is one entity, with the label of the model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Protocol

from ingest.extractors._answer import Checked, check
from ingest.extractors._assembly import Assembly
from ingest.extractors._structure import add_structure
from ingest.extractors.base import Extraction
from kag.errors import (
    AuthenticationError,
    BudgetExceeded,
    ConfigurationError,
    LanguageModelError,
    ProviderError,
)
from kag.knowledge_bases.records import Chunk, Document
from kag.language_models import phase
from kag.modules.extract import Extract


class Model(Protocol):
    """What is asked of a model: messages and a JSON schema in, a JSON object out."""

    def __call__(
        self, messages: list[dict[str, str]], schema: dict[str, Any]
    ) -> Awaitable[Mapping[str, Any]]:
        """Answers with an object that fits the schema."""


class Extractor:
    """Finds typed entities and relations with a language model, and keeps only what the text says.

    Args:
        language_model: Answers in JSON; see `Model`.
        entity_labels: The only labels that entities may have, such as `("Person", "Place")`; any where empty.
        relation_types: The only types that relations may have, such as `("BORN_IN",)`; any where empty.
        max_concurrency: Passages of one document that are asked for at once; the model limits the whole.
        module: What asks the model, such as one that was trained; by default one of the arguments above.
    """

    name = "llm"

    def __init__(
        self,
        language_model: Model,
        *,
        entity_labels: Sequence[str] = (),
        relation_types: Sequence[str] = (),
        max_concurrency: int = 8,
        module: Extract | None = None,
    ) -> None:
        if max_concurrency < 1:
            raise ConfigurationError(f"max_concurrency is {max_concurrency}; expected 1 or more.")
        self.module = module or Extract(
            language_model, entity_labels=list(entity_labels), relation_types=list(relation_types)
        )
        self.language_model = self.module.reader.language_model
        self.entity_labels = tuple(self.module.entity_labels)
        self.relation_types = tuple(self.module.relation_types)
        self.max_concurrency = max_concurrency

    async def extract(self, document: Document, chunks: Sequence[Chunk]) -> Extraction:
        """Extracts what the chunks of one document state.

        A passage whose call fails is named in `failed_chunks` with the reason, and the others go on; names,
        titles and headings are there for it all the same.

        Args:
            document: The document.
            chunks: Its chunks, or some of them.

        Raises:
            LanguageModelError: No call can succeed: the key is wrong, there is no such model or no server, or
                the budget is used up.
        """
        limit = asyncio.Semaphore(self.max_concurrency)
        asked = [chunk for chunk in chunks if chunk.text.strip()]
        with phase("ingest"):  # tasks keep the phase that they are made in
            calls = [asyncio.create_task(self._ask(document, chunk, limit)) for chunk in asked]
        try:
            assembly = await asyncio.to_thread(_structure, document, tuple(chunks))
            answers = await asyncio.gather(*calls)
        finally:
            for call in calls:
                call.cancel()
        return _merged(assembly, asked, answers)

    async def _ask(self, document: Document, chunk: Chunk, limit: asyncio.Semaphore) -> Checked | str:
        """What the model says of a passage, checked; or why it says nothing."""
        place = " > ".join([document.title, *chunk.headings])
        async with limit:
            try:
                answer = await self.module.ask(place, chunk.text)
            except LanguageModelError as error:
                if _condemns_all(error):
                    raise
                return f"{type(error).__name__}: {error}"
        if not isinstance(answer, Mapping):
            return f"the model answered with {type(answer).__name__}; expected a JSON object."
        return await asyncio.to_thread(check, answer, chunk.text, self.entity_labels, self.relation_types)


def _condemns_all(error: LanguageModelError) -> bool:
    """Whether the next passage would fail in the same way: a wrong key, no model, no server, no money."""
    unreachable = isinstance(error, ProviderError) and error.status in (None, 404)
    return unreachable or isinstance(error, AuthenticationError | BudgetExceeded)


def _structure(document: Document, chunks: tuple[Chunk, ...]) -> Assembly:
    assembly = Assembly(document.collection)
    add_structure(assembly, document, chunks, facts=False)
    return assembly


def _merged(assembly: Assembly, chunks: Sequence[Chunk], answers: Sequence[Checked | str]) -> Extraction:
    """Adds the answers in the order of the chunks, so that the result does not depend on which came first."""
    dropped, failed = 0, []
    for chunk, answer in zip(chunks, answers, strict=True):
        if isinstance(answer, str):
            failed.append((chunk.id, answer))
            continue
        dropped += answer.dropped
        keys = {}
        for key, entity in answer.entities.items():
            keys[key] = assembly.entity(entity.name, entity.label, description=entity.description)
            for start, end in entity.spans:
                assembly.mention(chunk, keys[key], start, end)
        for fact in answer.relations:
            ends = keys[fact.subject], keys[fact.object]
            assembly.relation(ends[0], fact.type, ends[1], chunk, fact.span, fact.description)
    return assembly.build(dropped_quotes=dropped, failed_chunks=tuple(failed))
