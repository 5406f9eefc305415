"""Finds the entities and forms that a user names on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kag.errors import SearchError, StoreNotFoundError
from kag.text import normalise

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.knowledge_bases.records import Entity
    from kag.resolution.base import Form


async def the_entities(base: KnowledgeBase, name: str) -> list[Entity]:
    """Finds the entities of a name, alias or id; homonyms all come.

    Raises:
        StoreNotFoundError: There is none; the message names the nearest.
    """
    from kag.knowledge_bases.base import TextSearch
    from kag.knowledge_bases.records import Entity

    by_id = (await base.store.get([name])).get(name)
    if isinstance(by_id, Entity) and by_id.collection == base.collection:
        return [by_id]
    found = (await base.store.lookup((base.collection,), [name])).get(name)
    if found:
        return found
    near = await base.store.text_search(TextSearch(name, 5, (base.collection,), target="entity"))
    records = (await base.store.get([item.id for item in near])).values()
    names = ", ".join(r.name for r in records if isinstance(r, Entity))
    hint = f" Nearest: {names}." if names else ""
    raise StoreNotFoundError(f"No entity {name!r} in collection {base.collection!r}.{hint}")


async def the_entity(base: KnowledgeBase, name: str) -> Entity:
    """The one entity that a name means.

    Raises:
        StoreNotFoundError: There is none.
        SearchError: There are several; the message lists their ids.
    """
    found = await the_entities(base, name)
    if len(found) > 1:
        listed = "".join(f"\n  {e.id}  {e.name} [{e.label}], in {e.degree} passages" for e in found)
        raise SearchError(f"{len(found)} entities are called {name!r}; name one by its id:{listed}")
    return found[0]


async def form_named(base: KnowledgeBase, name: str) -> str:
    """The id of the form that a name means: of an entity's forms the one that is called so.

    An id is taken as it is, since links may outlive their forms.
    """
    if name.startswith("ent_") and len(name) == len("ent_") + 24:
        return name
    entity = await the_entity(base, name)
    forms = (await base.store.forms([entity.id]))[entity.id]
    return one_of(forms, name) if _called(forms, name) else entity.id


def _called(forms: Sequence[Form], name: str) -> list[Form]:
    exact = [form for form in forms if name in (form.id, form.name)]
    return exact or [form for form in forms if normalise(form.name) == normalise(name)]


def one_of(forms: Sequence[Form], name: str) -> str:
    """The id of the one form that a name means.

    Raises:
        SearchError: There is none, or there are several; the message lists them.
    """
    found = _called(forms, name)
    if len(found) != 1:
        what = "several forms" if found else "no form"
        raise SearchError(f"{name!r} is {what} of the entity; name one by its id: {listed(found or forms)}.")
    return found[0].id


def listed(forms: Sequence[Form]) -> str:
    """Forms with their ids, on one line."""
    return "; ".join(f"{form.id} {form.name!r} [{form.label}]" for form in forms)
