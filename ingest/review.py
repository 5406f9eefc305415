"""Has a language model decide the pairs of names that likeness leaves open; what it says can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kag.knowledge_bases.base import Store
from kag.language_models import phase
from kag.resolution.base import Decision, Form
from kag.resolution.questions import MOST, links, messages, schema

if TYPE_CHECKING:
    from ingest.extractors.llm import Model


@dataclass(frozen=True, slots=True)
class Review:
    """What became of the queue: `asked` pairs, of which so many are now one thing, or held apart.

    The model was unsure of the rest, which wait for a person (`kag entities duplicates`).
    """

    asked: int = 0
    same: int = 0
    different: int = 0


async def review(store: Store, model: Model, collections: Sequence[str]) -> Review:
    """Asks about every pair in the review queue once, and records the answers as links of source `model`.

    Args:
        store: Where the queue is.
        model: Answers in JSON; a few pairs a call.
        collections: Whose pairs are asked about; empty means all.

    Raises:
        LanguageModelError: The model cannot be used; what was decided before stays.
    """
    asked = same = different = 0
    last: Decision | None = None
    while queue := await store.decisions(collections, outcome="review", after=last, limit=MOST):
        last = queue[-1]
        forms = await _forms(store, queue)
        pairs = [(forms[d.first], forms[d.second]) for d in queue if d.first in forms and d.second in forms]
        if not pairs:
            continue
        with phase("resolution"):
            answer = await model(messages(pairs), schema(pairs))
        decided = links(pairs, answer)
        if decided:
            await store.set_links(decided)
        asked += len(pairs)
        same += sum(link.verdict == "same" for link in decided)
        different += sum(link.verdict == "different" for link in decided)
    return Review(asked, same, different)


async def _forms(store: Store, queue: Sequence[Decision]) -> dict[str, Form]:
    ids = sorted({i for decision in queue for i in (decision.first, decision.second)})
    return {form.id: form for forms in (await store.forms(ids)).values() for form in forms}
