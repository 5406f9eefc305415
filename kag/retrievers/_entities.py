"""Finds the entities that some words mean, with how like they are: by name, by vector, and by words.

The likeness is in 0..1 and means the same in every store: 1 for a name or an alias, else the cosine of the
vectors where there are any, else the share of words in common, whichever is more.
"""

from __future__ import annotations

import asyncio

from kag import text
from kag.knowledge_bases.base import TextSearch, VectorSearch
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.knowledge_bases.records import Entity
from kag.retrievers import _question as question

Likely = tuple[Entity, float]

_POOL = 20  # candidates from each side, at least
_SAID = 0.9  # what words of the description are worth beside those of a name


async def find_entities(
    base: KnowledgeBase, words: str, *, label: str | None = None, k: int, threshold: float
) -> list[Likely]:
    """Finds the entities that are most like some words, best first, ties by id.

    Args:
        base: Where to look; in its own collection only.
        words: A name, or a short description.
        label: Only entities with this label.
        k: At most so many.
        threshold: Least likeness.
    """
    named, near, matching = await asyncio.gather(
        base.store.lookup(base.collections, [words]),
        _near(base, words, label, k),
        _matching(base, words, label, k),
    )
    exact = {entity.id: entity for same in named.values() for entity in same}
    ids = [i for i in dict.fromkeys([*near, *matching]) if i not in exact]
    fetched = {i: r for i, r in (await base.store.get(ids)).items() if isinstance(r, Entity)}
    likeness = {
        i: max(near.get(i, 0.0), _in_common(words, entity) if i in matching else 0.0)
        for i, entity in fetched.items()
    }
    likeness |= dict.fromkeys(exact, 1.0)
    found = [
        (entity, likeness[i])
        for i, entity in {**fetched, **exact}.items()
        if label in (None, entity.label) and likeness[i] >= threshold
    ]
    return sorted(found, key=lambda item: (-item[1], item[0].id))[:k]


async def link(base: KnowledgeBase, asked: str, *, k: int, threshold: float) -> list[list[Likely]]:
    """Finds the entities that a question names, in the order in which it does.

    Args:
        base: Where to look.
        asked: The question.
        k: At most so many entities for one name.
        threshold: Least likeness where the question names none, so that the whole of it is looked up.

    Returns:
        A group for each name: all entities of that name or alias. A name within a longer one does not count.
    """
    names = question.names_in(asked)
    known = await base.store.lookup(base.collections, names)
    words = [word.strip(question.PUNCTUATION) for word in asked.split()]
    groups: dict[int, list[Likely]] = {}
    free = set(range(len(words)))  # words that no longer name has taken
    for name in (name for name in names if known.get(name)):  # longest first
        parts = name.split()
        places = (range(i, i + len(parts)) for i in range(len(words)) if words[i : i + len(parts)] == parts)
        place = next((place for place in places if free.issuperset(place)), None)
        if place is not None:
            free.difference_update(place)
            best = sorted(known[name], key=lambda e: (-e.degree, e.id))[:k]
            groups[place.start] = [(entity, 1.0) for entity in best]
    if groups:
        return [groups[start] for start in sorted(groups)]
    found = await find_entities(base, asked, k=k, threshold=threshold)
    return [found] if found else []


async def _near(base: KnowledgeBase, words: str, label: str | None, k: int) -> dict[str, float]:
    vector = await base.embed_query(words)
    if vector is None:
        return {}
    search = VectorSearch(vector, max(k, _POOL), base.collections, target="entity", label=label)
    return {item.id: item.score for item in await base.store.vector_search(search)}


async def _matching(base: KnowledgeBase, words: str, label: str | None, k: int) -> set[str]:
    search = TextSearch(words, max(k, _POOL), base.collections, target="entity", label=label)
    return {item.id for item in await base.store.text_search(search)}


def _in_common(words: str, entity: Entity) -> float:
    """The share of words that a name has in common with the search, or that a description covers."""
    asked = set(text.words(words)) - question.COMMON or set(text.words(words))
    if not asked:
        return 0.0
    forms = [set(text.words(form)) for form in (entity.name, *entity.aliases)]
    by_name = max((2 * len(asked & form) / (len(asked) + len(form)) for form in forms), default=0.0)
    values = (str(value) for value in entity.properties.values())
    said = set(text.words(" ".join((entity.label, entity.description, *values)))).union(*forms)
    return max(by_name, _SAID * len(asked & said) / len(asked))
