"""Changes what resolution is told on a graph server: links, thresholds, models; and resolves the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Bolt, Transaction
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_document import DocumentStep, Place, held_by
from kag.knowledge_bases._cypher_links import (
    SCOPES_OF,
    Links,
    Pair,
    erase_links,
    read_links,
    require_links,
    write_links,
)
from kag.knowledge_bases._cypher_members import Members
from kag.knowledge_bases._cypher_near import near_of, renew_near
from kag.knowledge_bases._cypher_regroup import rebuild_all
from kag.knowledge_bases._cypher_resolution import Resolver, Touched, resolved
from kag.knowledge_bases._cypher_rows import embedding_property
from kag.knowledge_bases._cypher_rules import STAMP, WRITE_RULES, Context, context_of, rules_of
from kag.knowledge_bases._cypher_tally import add_tally, token
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._resolution import stamp
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Move, Resolution, Space
from kag.resolution.base import Link, LinkSource

_BATCH = 1000  # forms that are resolved at a time
_CLEARED = 5000

PLACES = "MATCH (k:KagCollection) WHERE k.scope IN $scopes RETURN k.scope, k.name"
EMBEDDED = (
    "MATCH (f:KagForm) WHERE f.scope = $scope AND ($ids IS NULL OR f.id IN $ids) "
    "AND f.{property} IS NOT NULL RETURN f.id"
)
DOCUMENTS = "MATCH (d:Document) WHERE d.id IN $ids RETURN d.id, d.scope"
FORGET = {
    label: f"MATCH (n:{label}) WHERE n.scope = $scope WITH n LIMIT $limit DETACH DELETE n RETURN count(n)"
    for label in ("KagDecision", "KagKey")
}
FORMS_PAGE = (
    "MATCH (f:KagForm) WHERE f.scope = $scope AND f.id > $after RETURN f.id ORDER BY f.id LIMIT $limit"
)


async def set_links(tx: Transaction, dialect: Dialect, links: Sequence[Link]) -> tuple[Move, ...]:
    """Records links and resolves what they touch.

    Raises:
        StoreError: Something cannot be a link; nothing is recorded.
    """
    change = await _Change.begin(tx, dialect, [(link.first, link.second) for link in links])
    change.documents |= {clean(i) for link in links for i in link.document_ids}
    await write_links(tx, links)
    return await change.resolved()


async def remove_links(
    tx: Transaction, dialect: Dialect, pairs: Sequence[Pair], source: LinkSource | None
) -> tuple[Move, ...]:
    """Takes links back and resolves what they touched.

    Raises:
        StoreNotFoundError: Nothing links one of the pairs; nothing is taken back.
    """
    change = await _Change.begin(tx, dialect, pairs)
    require_links(change.known, pairs, source)
    await erase_links(tx, [link for pair in pairs for link in change.known.of(pair, source)])
    return await change.resolved()


class _Change:
    """A change of links: what was before it, and what must be resolved after it.

    Args:
        tx: The transaction.
        dialect: The kind of server.
        known: The links before.
        pairs: The forms whose links change.
    """

    def __init__(self, tx: Transaction, dialect: Dialect, known: Links, pairs: Sequence[Pair]) -> None:
        self.tx, self.dialect, self.known = tx, dialect, known
        self.linked = known.closure(end for pair in pairs for end in pair)
        self.documents = {i for pair in pairs for link in known.of(pair) for i in link.document_ids}

    @classmethod
    async def begin(cls, tx: Transaction, dialect: Dialect, pairs: Sequence[Pair]) -> _Change:
        """Waits for all writers, and keeps what the links were."""
        lock = token()
        await tx.rows(statements.LOCK_META, token=lock)
        await tx.rows(statements.LOCK_COLLECTIONS, token=lock)
        return cls(tx, dialect, await read_links(tx), pairs)

    async def resolved(self) -> tuple[Move, ...]:
        """Brings the documents and the entities up to date."""
        now = await read_links(self.tx)
        self.linked |= now.closure(self.linked)
        scopes = {scope for (scope,) in await self.tx.many(SCOPES_OF, ids=list(self.linked))}
        documents = await self.tx.many(DOCUMENTS, ids=sorted(self.documents))
        scopes.update(scope for _, scope in documents)
        moves: list[Move] = []
        for scope, name in sorted(await self.tx.many(PLACES, scopes=list(scopes))):
            context = await context_of(self.tx, scope)
            steps = [
                await self._resplit(Place(i, name, scope), context)
                for i, where in sorted(documents)
                if where == scope
            ]
            resolver = await resolved(
                self.tx, self.dialect, Place("", name, scope), context, steps, self.linked
            )
            for step in steps:
                resolver.tally.update(step.tally())
            await add_tally(self.tx, scope, resolver.tally)
            moves += resolver.moves
        return tuple(moves)

    async def _resplit(self, place: Place, context: Context) -> DocumentStep:
        """Says under which forms a document's statements stand from now on."""
        held = await held_by(self.tx, place.document_id)
        before, now = (k.splits_of(place.document_id) for k in (self.known, context.links))
        new = held.renamed({other: form for form, other in before.items()}).renamed(now)
        step = DocumentStep(self.tx, self.dialect, place, held, new, context.policies)
        await step.run()
        return step


async def prepare(
    bolt: Bolt,
    dialect: Dialect,
    scope: str,
    wanted: Resolution | None,
    ontology: Ontology | None,
) -> None:
    """Resolves anew what was resolved by other thresholds, rules or declarations, batch by batch.

    What is cut off is done again at the next write: the thresholds are written down at the end.

    Args:
        bolt: The connection.
        dialect: The kind of server.
        scope: The key of the collection that the data models are of.
        wanted: Thresholds; None leaves them as they are in the store.
        ontology: What data models declare; None leaves it as it is in the store.
    """
    context = await bolt.read(lambda tx: context_of(tx, scope))
    if context.fits(wanted, ontology):
        return
    settings = wanted or context.settings
    places = await bolt.read(lambda tx: tx.rows(statements.COLLECTIONS))
    if ontology and rules_of(ontology) != context.rules:
        said = rules_of(ontology)
        await bolt.write(lambda tx: tx.rows(WRITE_RULES, scope=scope, said=said))
    everything = context.stamp != stamp(settings)
    for key, name, _ in places:
        if everything or key == scope:
            await _anew(bolt, dialect, Place("", name, key), settings)
    await bolt.write(lambda tx: tx.rows(STAMP, stamp=stamp(settings)))


async def _anew(bolt: Bolt, dialect: Dialect, place: Place, settings: Resolution) -> None:
    """Resolves a whole collection as if all of its forms were new."""
    for statement in FORGET.values():
        forget = partial(_forget, statement=statement, scope=place.scope)
        while await bolt.write(forget):
            pass
    after: str | None = ""
    while after is not None:
        batch = partial(_resolve_batch, dialect=dialect, place=place, settings=settings, after=after)
        after = await bolt.write(batch)


async def _forget(tx: Transaction, statement: str, scope: str) -> bool:
    """Deletes some of what was decided; whether there may be more."""
    return await tx.one(statement, scope=scope, limit=_CLEARED) == [_CLEARED]


async def _resolve_batch(
    tx: Transaction, dialect: Dialect, place: Place, settings: Resolution, after: str
) -> str | None:
    """Resolves the forms after an id, or makes all views anew where there are none; the last id."""
    await tx.rows(statements.LOCK_COLLECTION, scope=place.scope, token=token())
    context = replace(await context_of(tx, place.scope), settings=settings)
    members = Members(tx, place.collection, place.scope, context.policies)
    page = [i for (i,) in await tx.rows(FORMS_PAGE, scope=place.scope, after=after, limit=_BATCH)]
    if not page:
        await rebuild_all(tx, dialect, place, members)
        return None
    touched = Touched(reworded=set(page), unkeyed=set(page))
    await members.fetch(page)
    resolver = Resolver(tx, dialect, place, context, members, touched)
    await resolver.run()
    await add_tally(tx, place.scope, resolver.tally)
    return str(page[-1])


async def resolve_near(tx: Transaction, dialect: Dialect, space: Space, ids: Iterable[str] | None) -> None:
    """Compares the forms whose vectors are new with those that are close to them; None for all forms."""
    found = await tx.rows(statements.COLLECTIONS)
    property_ = embedding_property(space)
    wanted = None if ids is None else sorted(ids)
    if wanted == []:
        return
    for scope, name, _ in found:
        context = await context_of(tx, scope)
        forms = {i for (i,) in await tx.many(EMBEDDED.format(property=property_), scope=scope, ids=wanted)}
        if wanted is None:
            forms |= {i for pair in await near_of(tx, scope) for i in pair}
        if not forms or not context.settings.automatic:
            continue
        await renew_near(tx, scope, space, forms)
        context = replace(context, near=True)
        members = Members(tx, name, scope, context.policies)
        await members.fetch(forms)
        touched = Touched(reworded=forms & members.states.keys())
        resolver = Resolver(tx, dialect, Place("", name, scope), context, members, touched)
        await resolver.run()
        await add_tally(tx, scope, resolver.tally)
