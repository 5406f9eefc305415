"""Changes what resolution is told (links, thresholds, data models), and resolves what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw

from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_document import DocumentStep, held_by
from kag.knowledge_bases._sqlite_forms import members_of
from kag.knowledge_bases._sqlite_links import closure, erase_links, require_links, splits_of, write_link
from kag.knowledge_bases._sqlite_regroup import rebuild_all
from kag.knowledge_bases._sqlite_resolution import Resolver, Touched
from kag.knowledge_bases._sqlite_rows import Place, add_tally, as_json
from kag.knowledge_bases._sqlite_rules import (
    context_of,
    declare,
    declares,
    is_current,
    write_settings,
)
from kag.knowledge_bases.base import Move, Resolution
from kag.resolution.base import Link, LinkSource

_BATCH = 1000  # forms that are resolved at a time


def set_links(db: apsw.Connection, links: Sequence[Link]) -> tuple[Move, ...]:
    """Records links and resolves what they touch.

    Raises:
        StoreError: Something cannot be a link; nothing is recorded.
    """
    change = _Change(db, [(link.first, link.second) for link in links])
    for link in links:
        change.about_to_split(link.document_ids)
        write_link(db, link)
    return change.resolved()


def remove_links(
    db: apsw.Connection, pairs: Sequence[tuple[str, str]], source: LinkSource | None
) -> tuple[Move, ...]:
    """Takes links back and resolves what they touched.

    Raises:
        StoreNotFoundError: Nothing links one of the pairs; nothing is taken back.
    """
    require_links(db, pairs, source)
    change = _Change(db, pairs)
    for pair in pairs:
        erase_links(db, pair, source)
    return change.resolved()


class _Change:
    """A change of links: what was before it, and what must be resolved after it.

    Args:
        db: The writing connection, in a transaction.
        pairs: The forms whose links change.
    """

    def __init__(self, db: apsw.Connection, pairs: Sequence[tuple[str, str]]) -> None:
        self.db = db
        self.linked = closure(db, {end for pair in pairs for end in pair})
        self._splits: dict[str, dict[str, str]] = {}
        for pair in pairs:
            self.about_to_split(_split_by(db, pair))

    def about_to_split(self, documents: Iterable[str]) -> None:
        """Keeps under which forms documents stand, before that changes."""
        for document in documents:
            self._splits.setdefault(document, splits_of(self.db, document))

    def resolved(self) -> tuple[Move, ...]:
        """Brings the documents and the entities up to date."""
        self.linked |= closure(self.db, self.linked)
        places = {row: Place(0, row) for row in self._collections()}
        touched = {row: Touched(linked=self.linked) for row in places}
        found = select(
            self.db,
            "SELECT d.rid, d.id, d.collection FROM json_each(?) j CROSS JOIN document d ON d.id = j.value",
            (as_json(sorted(self._splits)),),
        )
        for row, document, collection in found:
            place = places.setdefault(collection, Place(0, collection))
            step = self._resplit(Place(row, collection, place.tally), document)
            touched.setdefault(collection, Touched(linked=self.linked)).add(step)
        moves: list[Move] = []
        for collection, place in places.items():
            resolver = Resolver(self.db, place, context_of(self.db, collection), touched[collection])
            resolver.run()
            add_tally(self.db, place)
            moves += resolver.moves
        return tuple(moves)

    def _collections(self) -> set[int]:
        packed = as_json(self.linked)
        sql = "SELECT DISTINCT t.collection FROM json_each(?1) j CROSS JOIN {} t ON t.id = j.value"
        union = " UNION ".join(sql.format(table) for table in ("entity", "form"))
        return {row for (row,) in select(self.db, union, (packed,))}

    def _resplit(self, place: Place, document: str) -> DocumentStep:
        """Says under which forms a document's statements stand from now on."""
        held = held_by(self.db, place.document)
        original = held.renamed({other: form for form, other in self._splits[document].items()})
        new = original.renamed(splits_of(self.db, document))
        step = DocumentStep(self.db, place, held, new, context_of(self.db, place.collection).policies)
        step.run()
        return step


def prepare(
    db: apsw.Connection, wanted: Resolution | None, collection: str, ontology: Ontology | None
) -> None:
    """Resolves anew what was resolved by other thresholds, rules or declarations.

    Args:
        db: The writing connection, in a transaction.
        wanted: Thresholds; None leaves them as they are in the store.
        collection: The namespace that the data models are of.
        ontology: What they declare; None leaves it as it is in the store.
    """
    declared = not ontology or declares(db, collection, ontology)
    if is_current(db, wanted) and declared:
        return
    write_settings(db, wanted)
    if ontology and not declared:
        declare(db, collection, ontology)
    for (row,) in select(db, "SELECT rid FROM collection"):
        _anew(db, row)


def is_prepared(
    db: apsw.Connection, wanted: Resolution | None, collection: str, ontology: Ontology | None
) -> bool:
    """Whether `prepare` has nothing to do."""
    return is_current(db, wanted) and (not ontology or declares(db, collection, ontology))


def _anew(db: apsw.Connection, collection: int) -> None:
    """Resolves a whole collection as if all of its forms were new."""
    place = Place(0, collection)
    context = context_of(db, collection)
    entities = [row for (row,) in select(db, "SELECT rid FROM entity WHERE collection = ?", (collection,))]
    forms = sorted({row for members in members_of(db, entities).values() for row in members})
    db.execute("DELETE FROM decision WHERE collection = ?", (collection,))
    db.execute("DELETE FROM form_key WHERE form IN (SELECT value FROM json_each(?))", (as_json(forms),))
    for start in range(0, len(forms), _BATCH):
        Resolver(db, place, context, Touched(reworded=set(forms[start : start + _BATCH]))).run()
    rebuild_all(db, place, context.policies)
    add_tally(db, place)


def _split_by(db: apsw.Connection, pair: tuple[str, str]) -> set[str]:
    """The documents that a link between two forms splits."""
    sql = "SELECT document FROM split WHERE (form = ?1 AND other = ?2) OR (form = ?2 AND other = ?1)"
    return {document for (document,) in select(db, sql, pair)}
