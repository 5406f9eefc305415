"""The forms and claims of a graph server's store, as one transaction reads and changes them.

A form is a node `KagForm`: what documents contribute under one name. It is an `Entity` too where it leads a
cluster; else `IN` leads from it to the entity that shows it. Likewise with what documents say of a relation
between two forms, the node `KagClaim`, and the `Fact` that shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._cypher_standing import Standing, standing_of, view_of
from kag.knowledge_bases._ontology import Policy
from kag.resolution.base import Form

MOST_CHUNKS = 64  # a form that more chunks mention has too many neighbours for them to say anything
NEIGHBOURS_OF_FORMS = (
    "MATCH (e:Entity) WHERE e.id IN $shown MATCH (e)<-[m:MENTIONS|TITLE]-(c:Chunk) "
    "WITH DISTINCT coalesce(m.form, e.id) AS form, c WHERE form IN $forms "
    "MATCH (c)-[n:MENTIONS|TITLE]->(o:Entity) RETURN DISTINCT form, coalesce(n.form, o.id)"
)
MEMBERS_OF = "MATCH (e:Entity) WHERE e.id IN $ids OPTIONAL MATCH (f)-[:IN]->(e) RETURN e.id, f.id"
Policies = Mapping[str, Mapping[str, Policy]]
Ends = tuple[str, str, str]  # subject, type and object


@dataclass(slots=True)
class FormState:
    """A form as the store holds it.

    Args:
        scope: Its collection's key.
        label: Its label.
        shown: The id of the entity that shows it.
        several: Whether that entity shows other forms too.
        standing: What is said under it.
    """

    scope: str
    label: str
    shown: str
    several: bool
    standing: Standing


@dataclass(slots=True)
class ClaimState:
    """A claim as the store holds it.

    Args:
        ends: The forms that it joins, and its type.
        shown: The id of the fact that shows it; empty where both ends are one entity.
        several: Whether that fact shows other claims too.
        standing: What is said of it; no sources for a fact that only shows others.
    """

    ends: Ends
    shown: str
    several: bool
    standing: Standing


async def form_states(tx: Transaction, ids: Iterable[str]) -> dict[str, FormState]:
    """Reads forms by id; unknown ids are left out."""
    ids = list(ids)
    found = await tx.many(statements.FORMS, ids=ids) if ids else []
    return {
        i: FormState(scope, label, shown, bool(several), standing_of(*standing))
        for i, scope, label, shown, several, *standing in found
    }


async def claim_states(tx: Transaction, ids: Iterable[str]) -> dict[str, ClaimState]:
    """Reads claims by id; unknown ids are left out."""
    ids = list(ids)
    found = await tx.many(statements.CLAIMS, ids=ids) if ids else []
    return {
        i: ClaimState((subject, type_, object_), shown, bool(several), standing_of(*standing))
        for i, _, subject, type_, object_, shown, several, *standing in found
    }


async def members_of(tx: Transaction, entities: Iterable[str]) -> dict[str, list[str]]:
    """The ids of the forms of each entity, the leading one first; what is no entity is left out."""
    members: dict[str, list[str]] = {}
    ids = list(entities)
    for entity, form in sorted(await tx.many(MEMBERS_OF, ids=ids) if ids else [], key=str):
        members.setdefault(entity, [entity])
        if form is not None:
            members[entity].append(form)
    return members


def form_of(i: str, collection: str, label: str, standing: Standing, policies: Policies) -> Form:
    """A form to be compared, without neighbours."""
    view = view_of(standing, policies=policies.get(label))
    properties = json.loads(view.properties)
    return Form(
        i, collection, label, view.name, tuple(view.aliases), view.description, properties, degree=view.count
    )


class Members:
    """The forms of a collection, each read once in a transaction.

    Args:
        tx: The transaction; it holds the collection's lock.
        collection: The collection's name.
        scope: Its key.
        policies: How properties merge.
    """

    def __init__(self, tx: Transaction, collection: str, scope: str, policies: Policies) -> None:
        self.tx, self.collection, self.scope, self.policies = tx, collection, scope, policies
        self.states: dict[str, FormState] = {}
        self._forms: dict[str, Form] = {}

    def put(self, states: Mapping[str, FormState]) -> None:
        """Takes forms as they are now."""
        self.states.update(states)
        for i in states:
            self._forms.pop(i, None)

    async def fetch(self, ids: Iterable[str]) -> set[str]:
        """Reads forms that are not known yet; which of the ids are forms of the collection."""
        ids = set(ids)
        missing = ids - self.states.keys()
        if missing:
            found = await form_states(self.tx, missing)
            self.states.update((i, state) for i, state in found.items() if state.scope == self.scope)
        return ids & self.states.keys()

    async def forms(self, ids: Iterable[str]) -> dict[str, Form]:
        """Forms by their ids; unknown ids are left out."""
        found = {}
        for i in await self.fetch(ids):
            if i not in self._forms:
                state = self.states[i]
                self._forms[i] = form_of(i, self.collection, state.label, state.standing, self.policies)
            found[i] = self._forms[i]
        return found

    async def with_neighbours(self, forms: Mapping[str, Form]) -> dict[str, Form]:
        """Adds the ids of the forms that stand in the same chunks; forms in very many chunks get none."""
        few = [i for i, form in forms.items() if form.degree <= MOST_CHUNKS]
        shown = list({self.states[i].shown for i in few})
        around: dict[str, set[str]] = {}
        for form, other in await self.tx.many(NEIGHBOURS_OF_FORMS, shown=shown, forms=few):
            around.setdefault(form, set()).add(other)
        return {i: replace(form, neighbours=frozenset(around.get(i, ())) - {i}) for i, form in forms.items()}
