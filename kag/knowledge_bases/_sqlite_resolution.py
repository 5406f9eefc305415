"""Resolves the forms that a write touches: their keys, the pairs to compare, and the clusters that follow."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import apsw

from kag.knowledge_bases import _sqlite_links as links
from kag.knowledge_bases._resolution import Decided, decide, grouped, key_numbers
from kag.knowledge_bases._sqlite_connection import select
from kag.knowledge_bases._sqlite_document import DocumentStep
from kag.knowledge_bases._sqlite_forms import form_ids, form_rows, forms_at, members_of, with_neighbours
from kag.knowledge_bases._sqlite_merge import unstated
from kag.knowledge_bases._sqlite_near import forget_near, near_pairs
from kag.knowledge_bases._sqlite_regroup import Regroup
from kag.knowledge_bases._sqlite_rows import Place, as_json, shown_rows
from kag.knowledge_bases._sqlite_rules import Context
from kag.knowledge_bases.base import Move
from kag.resolution.base import BLOCK, Decision, Form, Link

Pair = tuple[int, int]  # rows of forms, where they stand in a decision in the order of their ids
_Row = tuple[float, str, int, str]  # score, outcome, whether it is contextual, evidence

_BOTH_ENDS = """
SELECT {columns} FROM json_each(?1) j CROSS JOIN decision d ON d.first = j.value {where}
UNION SELECT {columns} FROM json_each(?1) j CROSS JOIN decision d ON d.second = j.value {where}
"""
_PAIRS = """
WITH shared(form, key) AS MATERIALIZED (
    SELECT k.form, k.key FROM json_each(?1) j CROSS JOIN form_key k ON k.form = j.value
    WHERE (SELECT count(*) FROM (SELECT 1 FROM form_key x WHERE x.key = k.key LIMIT ?2)) BETWEEN 2 AND ?3)
SELECT DISTINCT min(s.form, k.form), max(s.form, k.form)
FROM shared s CROSS JOIN form_key k ON k.key = s.key WHERE k.form <> s.form
"""


@dataclass(slots=True)
class Touched:
    """The rows of forms that a transaction has touched."""

    fresh: set[int] = field(default_factory=set)
    reworded: set[int] = field(default_factory=set)
    around: set[int] = field(default_factory=set)
    doubtful: set[int] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)  # ids, which need not be forms

    def add(self, step: DocumentStep) -> None:
        """Adds what a document's step touched."""
        entities = step.entities
        self.fresh |= entities.fresh
        self.reworded |= entities.reworded
        self.doubtful |= entities.doubtful
        self.around |= step.touched()


class Resolver:
    """Brings the shown entities up to date with the forms, at the end of a transaction.

    Args:
        db: The writing connection.
        place: The collection; its tally gets the counts that change.
        context: What the collection is resolved by.
        touched: The forms to look at.

    Attributes:
        moves: What is shown elsewhere now.
        queued: How many pairs wait for a review that did not before.
        removed: How many entities went because no document states them.
    """

    def __init__(self, db: apsw.Connection, place: Place, context: Context, touched: Touched) -> None:
        self.db, self.place, self.context, self.touched = db, place, context, touched
        self.moves: tuple[Move, ...] = ()
        self.queued = self.removed = 0
        self._gone: set[int] = set()
        self._seeds: set[int] = set()
        self._forms: dict[int, Form] = {}
        self._cosines: dict[Pair, float] = {}

    def run(self) -> None:
        """Does all of it."""
        touched = self.touched
        doubtful = shown_rows(self.db, touched.doubtful)
        gone = self._gone = unstated(self.db, "entity", doubtful)
        forget_near(self.db, gone)
        lost = form_ids(self.db, gone)
        worded = (touched.fresh | touched.reworded) - gone
        self._seeds = set(worded)
        for members in members_of(self.db, {doubtful[row] for row in gone}).values():
            self._seeds.update(members)
        if self.context.settings.automatic:
            self._compare(worded, touched.around - worded - gone, gone)
        if touched.linked or lost:
            near = links.closure(self.db, {*touched.linked, *lost.values()})
            self._seeds.update(self._rows_of(near))
        self._regroup(self._seeds - gone, gone)

    def _compare(self, worded: set[int], around: set[int], gone: set[int]) -> None:
        """Brings keys and decisions up to date."""
        grown, shrunk = self._rekey(worded, gone)
        valid = self._candidates(worded) | shrunk
        context = self._standing(around, "WHERE d.contextual") - grown
        context = {pair for pair in context if worded.isdisjoint(pair) and gone.isdisjoint(pair)}
        doubtful = {pair for pair in grown if worded.isdisjoint(pair) and gone.isdisjoint(pair)}
        self._cosines.update(near_pairs(self.db, {row for pair in context for row in pair[:1]}))
        valid |= context | (doubtful & self._candidates({first for first, _ in doubtful}))
        stored = self._stored(worded | gone | {row for pair in grown | shrunk | context for row in pair[:1]})
        found = self._decided(valid)
        self._write(stored, found, worded | gone, valid | grown)

    def _forms_at(self, rows: Iterable[int]) -> dict[int, Form]:
        """Fetches forms, each once."""
        rows = set(rows)
        missing = rows - self._forms.keys()
        if missing:
            self._forms.update(forms_at(self.db, missing, self.context.policies))
        return {row: self._forms[row] for row in rows if row in self._forms}

    def _rekey(self, worded: set[int], gone: set[int]) -> tuple[set[Pair], set[Pair]]:
        """Writes the keys that differ; returns the pairs of blocks that became too large, or small enough."""
        forms = self._forms_at(worded)
        new = {(key, row) for row, form in forms.items() for key in key_numbers(form)}
        sql = "SELECT k.key, k.form FROM json_each(?) j CROSS JOIN form_key k ON k.form = j.value"
        old = set(select(self.db, sql, (as_json((worded | gone) - self.touched.fresh),)))
        added, removed = new - old, old - new
        self.db.executemany("DELETE FROM form_key WHERE key = ? AND form = ?", sorted(removed))
        self.db.executemany("INSERT INTO form_key VALUES (?, ?)", sorted(added))
        change = Counter(key for key, _ in added)
        change.subtract(Counter(key for key, _ in removed))
        return self._crossed({key: n for key, n in change.items() if n})

    def _crossed(self, change: Mapping[int, int]) -> tuple[set[Pair], set[Pair]]:
        """Pairs of the blocks whose size passed the limit, up or down."""
        most = BLOCK + max((*change.values(), 0)) + 1
        found = select(
            self.db,
            "SELECT j.value, (SELECT count(*) FROM (SELECT 1 FROM form_key k WHERE k.key = j.value LIMIT ?)) "
            "FROM json_each(?) j",
            (most, as_json(change)),
        )
        grown: set[Pair] = set()
        shrunk: set[Pair] = set()
        for key, size in found:
            before = size - change[key]
            if (size > BLOCK) == (before > BLOCK):
                continue
            rows = {row for (row,) in select(self.db, "SELECT form FROM form_key WHERE key = ?", (key,))}
            if size > BLOCK:
                grown |= {pair for pair in self._standing(rows, "") if rows.issuperset(pair)}
            else:
                shrunk |= set(combinations(sorted(rows), 2))
        return grown, shrunk

    def _candidates(self, rows: Iterable[int]) -> set[Pair]:
        """The pairs of forms that share a key of a block that is small enough, or whose vectors are close."""
        found = near_pairs(self.db, rows)
        self._cosines.update(found)
        return found.keys() | set(select(self.db, _PAIRS, (as_json(rows), BLOCK + 1, BLOCK)))

    def _standing(self, rows: Iterable[int], where: str) -> set[Pair]:
        """The pairs that were decided before."""
        sql = _BOTH_ENDS.format(columns="d.first, d.second", where=where)
        return {(min(pair), max(pair)) for pair in select(self.db, sql, (as_json(rows),))}

    def _decided(self, pairs: set[Pair]) -> dict[Pair, Decided]:
        """Compares pairs, those again with neighbours where these count; pairs in the order of their ids."""
        forms = self._forms_at({row for pair in pairs for row in pair})
        ordered = [pair if forms[pair[0]].id < forms[pair[1]].id else pair[::-1] for pair in pairs]
        found = {pair: self._compared(forms, pair) for pair in ordered}
        contextual = [pair for pair, decided in found.items() if decided.contextual]
        if contextual:
            near = with_neighbours(self.db, {row: forms[row] for pair in contextual for row in pair})
            found.update((pair, self._compared(near, pair)) for pair in contextual)
        return {pair: decided for pair, decided in found.items() if decided.counts()}

    def _compared(self, forms: Mapping[int, Form], pair: Pair) -> Decided:
        context, cosine = self.context, self._cosines.get((min(pair), max(pair)))
        return decide(forms[pair[0]], forms[pair[1]], context.settings, context.identities, cosine)

    def _write(
        self, stored: Mapping[Pair, _Row], found: Mapping[Pair, Decided], whole: set[int], pairs: set[Pair]
    ) -> None:
        """Writes the decisions that differ, and notes the forms whose clusters may differ.

        Args:
            stored: What was decided before.
            found: What is decided now.
            whole: Forms of which `found` has all decisions.
            pairs: Pairs of other forms of which `found` has the decision, if there is one.
        """
        rows = []
        for pair, decided in found.items():
            said = decided.decision
            evidence = json.dumps(said.evidence, ensure_ascii=False, sort_keys=True)
            row = (said.score, said.outcome, int(decided.contextual), evidence)
            if row != stored.get(pair):
                rows.append((*pair, self.place.collection, *row))
                self._note(pair, stored.get(pair), row)
        known = (pair for pair in stored if pair not in found)
        lost = [p for p in known if not whole.isdisjoint(p) or (min(p), max(p)) in pairs]
        for pair in lost:
            self._note(pair, stored[pair], None)
        self.db.executemany("DELETE FROM decision WHERE first = ? AND second = ?", lost)
        self.db.executemany(
            "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, '') ON CONFLICT DO UPDATE SET "
            "score = excluded.score, outcome = excluded.outcome, contextual = excluded.contextual, "
            "evidence = excluded.evidence, held = ''",
            rows,
        )

    def _note(self, pair: Pair, before: _Row | None, after: _Row | None) -> None:
        """Keeps in mind what a changed decision may change."""
        if any(row and row[1] != "apart" for row in (before, after)):
            self._seeds.update(pair)
        if after and after[1] == "review" and not (before and before[1] == "review"):
            self.queued += 1

    def _stored(self, rows: Iterable[int]) -> dict[Pair, _Row]:
        columns = "d.first, d.second, d.score, d.outcome, d.contextual, d.evidence"
        found = select(self.db, _BOTH_ENDS.format(columns=columns, where=""), (as_json(rows),))
        return {(first, second): (s, o, c, e) for first, second, s, o, c, e in found}

    def _rows_of(self, ids: Iterable[str]) -> set[int]:
        """The rows of the collection's forms among some ids, without those that go."""
        ids = set(ids)
        found = form_rows(self.db, ids, self.place.collection).values() if ids else ()
        return set(found) - self._gone

    def _regroup(self, seeds: set[int], gone: set[int]) -> None:
        """Clusters what is connected to the seeds, and moves what is shown elsewhere from now on."""
        rows, decisions, known, held = self._connected(seeds)
        now = shown_rows(self.db, rows)
        joined = {row for pair in decisions for row in pair}
        joined |= self._rows_of(end for link in known for end in (link.first, link.second))
        forms = self._forms_at(row for row in rows if row in joined or now[row] != row)
        by_id = {form.id: row for row, form in forms.items()}
        clusters = grouped(forms.values(), decisions.values(), known, self.context.identities)
        self._hold(decisions, held, clusters.review)
        leading = {by_id[i]: by_id[head] for i, head in clusters.leading.items()}
        moves = {row: head for row, head in leading.items() if now[row] != head}
        if not moves and not gone:
            return
        ids = form_ids(self.db, {*moves, *moves.values(), *now.values()})
        self.moves = tuple(
            Move(ids[row], "" if row in self.touched.fresh else ids[now[row]], ids[head])
            for row, head in sorted(moves.items(), key=lambda move: ids[move[0]])
        )
        regroup = Regroup(self.db, self.place, self.context.policies, moves, gone)
        regroup.run()
        self.removed = regroup.removed

    def _connected(
        self, seeds: set[int]
    ) -> tuple[set[int], dict[Pair, Decision], list[Link], dict[Pair, str]]:
        """The forms that decisions and links connect to the seeds, these, and why merges were held back."""
        held: dict[Pair, str] = {}
        rows: set[int] = set()
        frontier = set(seeds)
        decisions: dict[Pair, Decision] = {}
        known: dict[tuple[str, str, str], Link] = {}
        while frontier:
            rows |= frontier
            columns = "d.first, d.second, d.score, d.outcome, d.evidence, d.held"
            sql = _BOTH_ENDS.format(columns=columns, where="WHERE d.outcome <> 'apart'")
            found = select(self.db, sql, (as_json(frontier),))
            ids = form_ids(
                self.db, {row for first, second, *_ in found for row in (first, second)} | frontier
            )
            for first, second, score, outcome, evidence, why in found:
                said = json.loads(evidence)
                decisions[first, second] = Decision(ids[first], ids[second], score, outcome, said)
                if why:
                    held[first, second] = why
            reached = links.reaching(self.db, {ids[row] for row in frontier if row in ids})
            known.update(((link.first, link.second, link.source), link) for link in reached)
            ends = {end for link in reached if link.verdict == "same" for end in (link.first, link.second)}
            frontier = {row for pair in decisions for row in pair} | self._rows_of(ends)
            frontier -= rows
        return rows, decisions, list(known.values()), held

    def _hold(
        self, decisions: Mapping[Pair, Decision], before: Mapping[Pair, str], review: Iterable[Decision]
    ) -> None:
        """Notes which merges are held back, and why."""
        reasons = {(d.first, d.second): str(d.evidence["held"]) for d in review if "held" in d.evidence}
        held = {pair: reasons.get((d.first, d.second), "") for pair, d in decisions.items()}
        changes = [(why, *pair) for pair, why in held.items() if why != before.get(pair, "")]
        self.queued += sum(1 for why, *pair in changes if why and (pair[0], pair[1]) not in before)
        self.db.executemany("UPDATE decision SET held = ? WHERE first = ? AND second = ?", changes)


def resolved(db: apsw.Connection, place: Place, context: Context, steps: Iterable[DocumentStep]) -> Resolver:
    """Resolves what the steps of documents have touched."""
    touched = Touched()
    for step in steps:
        touched.add(step)
    resolver = Resolver(db, place, context, touched)
    resolver.run()
    return resolver
