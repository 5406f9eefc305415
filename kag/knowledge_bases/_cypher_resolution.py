"""Resolves the forms that a write touches on a graph server: keys, the pairs to compare, and the clusters.

What decides is shared by all stores (`_resolution`); here it is fetched and applied, in few round trips: a
write whose forms meet no others reads the decisions of its forms and the blocks of its keys, no more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_document import DocumentStep, Place
from kag.knowledge_bases._cypher_links import pair_key
from kag.knowledge_bases._cypher_members import Members, members_of
from kag.knowledge_bases._cypher_near import forget_near, near_pairs
from kag.knowledge_bases._cypher_regroup import Regroup
from kag.knowledge_bases._cypher_rules import Context
from kag.knowledge_bases._resolution import Decided, decide, grouped, key_numbers
from kag.knowledge_bases.base import Move
from kag.resolution.base import BLOCK, Decision, Form, Link

Pair = tuple[str, str]  # ids of forms, the smaller first
_Row = dict[str, Any]  # a decision's score, outcome, whether it is contextual, evidence, and why it is held

ADD_KEYS = (
    "UNWIND $rows AS row MERGE (k:KagKey {key: row.key}) ON CREATE SET k.size = 0, k.scope = $scope "
    "SET k.size = k.size + size(row.forms) WITH k, row UNWIND row.forms AS i "
    "MATCH (f:KagForm {id: i}) CREATE (k)-[:KEY]->(f)"
)
REMOVE_KEYS = (
    "UNWIND $rows AS row MATCH (k:KagKey {key: row.key}) SET k.size = k.size - size(row.forms) "
    "WITH k, row UNWIND row.forms AS i MATCH (f:KagForm {id: i})<-[r:KEY]-(k) DELETE r"
)
SIZES = "MATCH (k:KagKey) WHERE k.key IN $keys RETURN k.key, k.size"
DELETE_KEYS = "MATCH (k:KagKey) WHERE k.key IN $keys AND k.size = 0 DELETE k"
BLOCKS = "MATCH (k:KagKey)-[:KEY]->(f:KagForm) WHERE k.key IN $keys RETURN k.key, f.id"
CANDIDATES = (
    "MATCH (f:KagForm)<-[:KEY]-(k:KagKey) WHERE f.id IN $ids AND k.size > 1 AND k.size <= $most "
    "MATCH (k)-[:KEY]->(g:KagForm) WHERE g.id <> f.id RETURN DISTINCT f.id, g.id"
)
_DECISION = "d.first, d.second, d.score, d.outcome, d.contextual, d.evidence, d.held"
DECISIONS = (
    "CALL { MATCH (d:KagDecision) WHERE d.first IN $ids RETURN d "
    f"UNION MATCH (d:KagDecision) WHERE d.second IN $ids RETURN d }} RETURN {_DECISION}"
)
WRITE_DECISIONS = "UNWIND $rows AS row MERGE (d:KagDecision {pair: row.pair}) SET d += row.fields"
DELETE_DECISIONS = "UNWIND $rows AS row MATCH (d:KagDecision {pair: row}) DELETE d"
HOLD = "UNWIND $rows AS row MATCH (d:KagDecision {pair: row[0]}) SET d.held = row[1]"


@dataclass(slots=True)
class Touched:
    """The forms that a transaction has touched, by id.

    Args:
        fresh: Forms that were not there before.
        unkeyed: Forms whose keys are not written yet.
        reworded: Forms of which something else is said now.
        around: Forms that stand in other company now.
        doubtful: Forms that a document states no more.
        linked: Ids whose links differ; they need not be forms.
        before: What reworded forms were.
        stale: Entities and facts whose views must be made anew.
        unplaced: Claims that are not shown yet.
    """

    fresh: set[str] = field(default_factory=set)
    unkeyed: set[str] = field(default_factory=set)
    reworded: set[str] = field(default_factory=set)
    around: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)
    before: dict[str, Form] = field(default_factory=dict)
    stale: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))
    unplaced: set[str] = field(default_factory=set)

    def add(self, step: DocumentStep, members: Members) -> None:
        """Adds what a document's step touched."""
        self.fresh.update(step.entities.created)
        self.unkeyed.update(step.entities.created)
        self.reworded |= step.reworded_forms()
        self.around |= step.around()
        self.doubtful.update(i for i in step.old.entities if i not in step.new.entities)
        for i, form in step.before.items():
            if i not in self.fresh:
                self.before.setdefault(i, form)
        self.stale[0].update(step.stale[0])
        self.stale[1].update(step.stale[1])
        self.unplaced |= step.unplaced
        members.put(step.forms)


class Resolver:
    """Brings the shown entities up to date with the forms, at the end of a transaction.

    Args:
        tx: The transaction; it holds the collection's lock.
        dialect: The kind of server.
        place: The collection.
        context: What it is resolved by.
        members: Its forms.
        touched: The forms to look at.

    Attributes:
        moves: What is shown elsewhere now.
        queued: How many pairs wait for a review that did not before.
        removed: How many entities went because no document states them.
        tally: How the counts of the collection change.
    """

    def __init__(
        self,
        tx: Transaction,
        dialect: Dialect,
        place: Place,
        context: Context,
        members: Members,
        touched: Touched,
    ) -> None:
        self.tx, self.dialect, self.place, self.context = tx, dialect, place, context
        self.members, self.touched = members, touched
        self.moves: tuple[Move, ...] = ()
        self.queued = self.removed = 0
        self.tally: Counter[tuple[str, str]] = Counter()
        self._gone: set[str] = set()
        self._seeds: set[str] = set()
        self._alone: set[str] = set()
        self._cosines: dict[Pair, float] = {}

    async def run(self) -> None:
        """Does all of it."""
        touched, states = self.touched, self.members.states
        await self.members.fetch(touched.doubtful)
        gone = self._gone = {i for i in touched.doubtful if i in states and not states[i].standing.sources}
        worded = (touched.fresh | touched.reworded) - gone
        self._seeds = set(worded)
        led = {states[i].shown for i in gone if states[i].several or states[i].shown != i}
        for group in (await members_of(self.tx, led)).values() if led else ():
            self._seeds.update(group)
        if gone and self.context.near:
            await forget_near(self.tx, gone)
        if self.context.settings.automatic:
            await self._compare(worded, touched.around - worded - gone)
        else:
            self._alone = set(worded)
        if touched.linked or gone:
            near = self.context.links.closure({*touched.linked, *gone})
            if self.context.links.all or touched.linked:
                self._seeds |= await self.members.fetch(near)
        await self._regroup(self._seeds - gone)

    async def _compare(self, worded: set[str], around: set[str]) -> None:
        """Brings keys and decisions up to date."""
        gone = self._gone
        whole = worded | gone
        grown_keys, shrunk_keys = await self._rekey(worded)
        blocks = await self._blocks({*grown_keys, *shrunk_keys})
        stored = await self._stored((whole - self.touched.fresh) | around)
        grown: set[Pair] = set()
        for ids in (blocks[key] for key in grown_keys if key in blocks):
            stored.update(await self._stored(ids))
            grown |= {pair for pair in stored if ids.issuperset(pair)}
        shrunk = {p for key in shrunk_keys if key in blocks for p in combinations(sorted(blocks[key]), 2)}
        stored.update(await self._stored({i for pair in shrunk for i in pair} - whole))
        valid = await self._candidates(worded) | shrunk
        context = {p for p, row in stored.items() if row["contextual"] and not around.isdisjoint(p)} - grown
        context = {p for p in context if whole.isdisjoint(p)}
        doubtful = {p for p in grown if whole.isdisjoint(p)}
        if context and self.context.near:
            self._cosines.update(await near_pairs(self.tx, {pair[0] for pair in context}))
        valid |= context | (doubtful & await self._candidates({first for first, _ in doubtful}))
        found = await self._decided(valid)
        await self._write(stored, found, whole, valid | grown)
        met = {i for pair, d in found.items() if d.decision.outcome != "apart" for i in pair}
        met |= {i for pair, row in stored.items() if row["outcome"] != "apart" for i in pair}
        self._alone = worded - met

    async def _rekey(self, worded: set[str]) -> tuple[list[int], list[int]]:
        """Writes the keys that differ; the blocks that became too large, and those small enough again."""
        forms = await self.members.forms(worded)
        added: dict[int, list[str]] = {}
        removed: dict[int, list[str]] = {}
        for i in worded | self._gone:
            form, before = forms.get(i), self.touched.before.get(i)
            new = key_numbers(form) if form else frozenset()
            if i in self.touched.unkeyed:
                old: frozenset[int] = frozenset()
            else:
                old = key_numbers(before) if before else new
            for key in new - old:
                added.setdefault(key, []).append(i)
            for key in old - new:
                removed.setdefault(key, []).append(i)
        rows = [{"key": key, "forms": sorted(ids)} for key, ids in sorted(removed.items())]
        await self.tx.each(REMOVE_KEYS, rows)
        rows = [{"key": key, "forms": sorted(ids)} for key, ids in sorted(added.items())]
        await self.tx.each(ADD_KEYS, rows, scope=self.place.scope)
        change = {key: len(added.get(key, ())) - len(removed.get(key, ())) for key in {*added, *removed}}
        sizes = await self.tx.many(SIZES, keys=list(change)) if change else []
        if any(not size for _, size in sizes):
            await self.tx.rows(DELETE_KEYS, keys=[key for key, size in sizes if not size])
        grown = [key for key, size in sizes if size > BLOCK >= size - change[key]]
        return grown, [key for key, size in sizes if size <= BLOCK < size - change[key]]

    async def _blocks(self, keys: set[int]) -> dict[int, set[str]]:
        """The forms that have some keys."""
        found: dict[int, set[str]] = {}
        for key, form in await self.tx.many(BLOCKS, keys=list(keys)) if keys else ():
            found.setdefault(key, set()).add(form)
        return found

    async def _candidates(self, ids: set[str]) -> set[Pair]:
        """The pairs of forms that share a key of a block that is small enough, or whose vectors are close."""
        if not ids:
            return set()
        found = await self.tx.many(CANDIDATES, ids=list(ids), most=BLOCK)
        pairs = {(min(pair), max(pair)) for pair in found}
        if self.context.near:
            near = await near_pairs(self.tx, ids)
            self._cosines.update(near)
            pairs |= near.keys()
        return pairs

    async def _stored(self, ids: Iterable[str]) -> dict[Pair, _Row]:
        """The decisions that name one of some forms."""
        ids = list(ids)
        found = await self.tx.many(DECISIONS, ids=ids) if ids else []
        names = ("score", "outcome", "contextual", "evidence", "held")
        return {(first, second): dict(zip(names, row, strict=True)) for first, second, *row in found}

    async def _decided(self, pairs: set[Pair]) -> dict[Pair, Decided]:
        """Compares pairs, those again with neighbours where these count."""
        forms = await self.members.forms(i for pair in pairs for i in pair)
        pairs = {pair for pair in pairs if forms.keys() >= set(pair)}
        found = {pair: self._compared(forms, pair) for pair in pairs}
        contextual = [pair for pair, decided in found.items() if decided.contextual]
        if contextual:
            near = await self.members.with_neighbours({i: forms[i] for pair in contextual for i in pair})
            found.update((pair, self._compared(near, pair)) for pair in contextual)
        return {pair: decided for pair, decided in found.items() if decided.counts()}

    def _compared(self, forms: Mapping[str, Form], pair: Pair) -> Decided:
        context, cosine = self.context, self._cosines.get(pair)
        return decide(forms[pair[0]], forms[pair[1]], context.settings, context.identities, cosine)

    async def _write(
        self, stored: Mapping[Pair, _Row], found: Mapping[Pair, Decided], whole: set[str], pairs: set[Pair]
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
            fields = {"score": float(said.score), "outcome": said.outcome, "evidence": evidence}
            fields["contextual"] = decided.contextual
            before = stored.get(pair)
            if before is None or any(before[key] != value for key, value in fields.items()):
                ends = {"first": pair[0], "second": pair[1], "scope": self.place.scope, "held": ""}
                rows.append({"pair": pair_key(*pair), "fields": {**ends, **fields}})
                self._note(pair, before, fields)
        lost = [
            pair for pair in stored if pair not in found and (not whole.isdisjoint(pair) or pair in pairs)
        ]
        for pair in lost:
            self._note(pair, stored[pair], None)
        await self.tx.each(DELETE_DECISIONS, [pair_key(*pair) for pair in lost])
        await self.tx.each(WRITE_DECISIONS, rows)

    def _note(self, pair: Pair, before: _Row | None, after: _Row | None) -> None:
        """Keeps in mind what a changed decision may change."""
        if any(row and row["outcome"] != "apart" for row in (before, after)):
            self._seeds.update(pair)
        if after and after["outcome"] == "review" and not (before and before["outcome"] == "review"):
            self.queued += 1

    async def _regroup(self, seeds: set[str]) -> None:
        """Clusters what is connected to the seeds, and moves what is shown elsewhere from now on."""
        await self.members.fetch(seeds)
        states, gone = self.members.states, self._gone
        seeds = {i for i in seeds if i in states and not self._is_settled(i)}
        decisions, known, held = await self._connected(seeds)
        joined = {i for pair in decisions for i in pair} | {i for k in known for i in (k.first, k.second)}
        rows = {i for i in seeds | joined if i in states and i not in gone}
        rows |= {i for i in self._reached if i in states and i not in gone}
        forms = await self.members.forms(i for i in rows if i in joined or states[i].shown != i)
        clusters = grouped(forms.values(), decisions.values(), known, self.context.identities)
        await self._hold(decisions, held, clusters.review)
        moves = {i: head for i, head in clusters.leading.items() if states[i].shown != head}
        self.moves = tuple(
            Move(i, "" if i in self.touched.fresh else states[i].shown, head)
            for i, head in sorted(moves.items())
        )
        touched = self.touched
        if moves or gone or touched.unplaced or any(touched.stale):
            regroup = Regroup(self.tx, self.dialect, self.place, self.members, moves, gone)
            await regroup.run(touched.stale, touched.unplaced)
            self.removed, self.tally = regroup.removed, regroup.tally

    def _is_settled(self, i: str) -> bool:
        """Whether a form is an entity of its own and nothing connects it to others."""
        state = self.members.states[i]
        alone = i in self._alone and state.shown == i and not state.several
        return alone and not self.context.links.reaching([i])

    async def _connected(self, seeds: set[str]) -> tuple[dict[Pair, Decision], list[Link], dict[Pair, str]]:
        """What decisions and links connect to the seeds, and why merges were held back."""
        held: dict[Pair, str] = {}
        decisions: dict[Pair, Decision] = {}
        known: dict[int, Link] = {}
        self._reached: set[str] = set()
        frontier = set(seeds)
        while frontier:
            self._reached |= frontier
            for pair, row in (await self._stored(frontier)).items():
                if row["outcome"] != "apart":
                    decisions[pair] = Decision(
                        *pair, row["score"], row["outcome"], json.loads(row["evidence"])
                    )
                    if row["held"]:
                        held[pair] = row["held"]
            links = self.context.links.reaching(frontier)
            known.update((id(link), link) for link in links)
            ends = {end for link in links for end in (link.first, link.second)}
            same = {end for link in links if link.verdict == "same" for end in (link.first, link.second)}
            await self.members.fetch({i for pair in decisions for i in pair} | ends)
            frontier = {i for pair in decisions for i in pair} | same
            frontier = {i for i in frontier if i in self.members.states and i not in self._gone}
            frontier -= self._reached
        return decisions, list(known.values()), held

    async def _hold(
        self, decisions: Mapping[Pair, Decision], before: Mapping[Pair, str], review: Iterable[Decision]
    ) -> None:
        """Notes which merges are held back, and why."""
        reasons = {(d.first, d.second): str(d.evidence["held"]) for d in review if "held" in d.evidence}
        changes = []
        for pair in decisions:
            why = reasons.get(pair, "")
            if why != before.get(pair, ""):
                changes.append([pair_key(*pair), why])
                self.queued += bool(why) and pair not in before
        await self.tx.each(HOLD, changes)


async def resolved(
    tx: Transaction,
    dialect: Dialect,
    place: Place,
    context: Context,
    steps: Iterable[DocumentStep],
    linked: Iterable[str] = (),
) -> Resolver:
    """Resolves what the steps of documents, or links, have touched; counts are left to the caller."""
    members = Members(tx, place.collection, place.scope, context.policies)
    touched = Touched(linked=set(linked))
    for step in steps:
        touched.add(step, members)
    resolver = Resolver(tx, dialect, place, context, members, touched)
    await resolver.run()
    return resolver
