"""Joins forms by decisions and links, always the same way, whatever order they are given in.

Links come first, then merges by falling score. A cluster never holds two forms that a link keeps apart, whose
types exclude each other or whose names contradict each other; a name that could mean several things
(`J. Smith` beside `John Smith` and `James Smith`) joins none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from kag.resolution._names import parse
from kag.resolution._rules import SHORT_FORM, contradict
from kag.resolution._types import kind
from kag.resolution.base import Clusters, Decision, Form, Link

Pair = tuple[str, str]


def cluster(forms: Iterable[Form], decisions: Iterable[Decision], links: Iterable[Link] = ()) -> Clusters:
    """Joins forms into clusters, each led by one of its forms.

    The result for two sets of forms that no decision to merge or review and no link joins is the results for
    each, so a store needs to look only at the connected pieces that a change touches.

    Args:
        forms: The forms; equal ids count once.
        decisions: Of `compare`; those that keep apart may be left out.
        links: Of users and models. They may name ids that are no form: a = b and b = c join a and c even
            when no document speaks of b any more.
    """
    known = {form.id: form for form in forms}
    verdicts = _verdicts(links)
    joined = _Joined(known)
    for source in ("user", "model"):
        joined.separate(pair for pair, link in verdicts.items() if _is(link, source, "different"))
        for pair in sorted(pair for pair, link in verdicts.items() if _is(link, source, "same")):
            joined.join(pair, linked=True)
    pairs = {_pair(d): d for d in decisions}
    decided = [d for pair, d in pairs.items() if known.keys() >= set(pair) and pair not in verdicts]
    review = _merge(joined, decided, {pair for pair, link in verdicts.items() if link.verdict == "same"})
    review += [d for d in decided if d.outcome == "review" and not joined.together(_pair(d))]
    leading = {}
    for group in joined.groups():
        head = leader(known[id_] for id_ in group).id
        leading.update(dict.fromkeys(group, head))
    return Clusters(dict(sorted(leading.items())), tuple(sorted(review, key=_rank)))


def leader(forms: Iterable[Form]) -> Form:
    """The form that leads a cluster: with a type, no acronym, the fullest name, the smallest id."""
    return min(forms, key=_leads)


def _leads(form: Form) -> tuple[bool, tuple[bool, int, int], str]:
    return not kind(form.label), parse(form.name).fullness, form.id


def _verdicts(links: Iterable[Link]) -> Mapping[Pair, Link]:
    """The link that counts for each pair: a user's before a model's, `different` before `same`."""
    found: dict[Pair, Link] = {}
    for link in sorted(links, key=lambda k: (k.source == "user", k.verdict == "different")):
        if link.first != link.second:
            found[min(link.first, link.second), max(link.first, link.second)] = link
    return found


def _is(link: Link, source: str, verdict: str) -> bool:
    return link.source == source and link.verdict == verdict


def _pair(decision: Decision) -> Pair:
    return decision.first, decision.second


def _rank(decision: Decision) -> tuple[float, str, str]:
    return -decision.score, decision.first, decision.second


def _merge(joined: _Joined, decided: list[Decision], linked: set[Pair]) -> list[Decision]:
    """Makes the merges that nothing speaks against, best first, and gives back the others."""
    ambiguous = _ambiguous(decided, linked)
    held = []
    for decision in sorted((d for d in decided if d.outcome == "merge"), key=_rank):
        reason = ambiguous.get(_pair(decision)) or joined.join(_pair(decision))
        if reason:
            held.append(_held(decision, reason))
    return [decision for decision in held if not joined.together(_pair(decision))]


def _ambiguous(decided: Sequence[Decision], linked: set[Pair]) -> dict[Pair, str]:
    """The merges of forms that could mean, or are linked to, several others which do not merge themselves."""
    certain = [d for d in decided if d.outcome == "merge"]
    direct = {_pair(decision) for decision in certain} | linked
    partners: defaultdict[str, set[str]] = defaultdict(set)
    for decision in (*certain, *(d for d in decided if d.outcome == "review" and _same_name(d))):
        short = decision.evidence.get(SHORT_FORM)
        if isinstance(short, str):
            partners[short].add(decision.second if short == decision.first else decision.first)
    for first, second in linked:
        for short, other in ((first, second), (second, first)):
            if short in partners:
                partners[short].add(other)
    return {
        (min(short, other), max(short, other)): "it could mean several"
        for short, others in partners.items()
        if any(pair not in direct for pair in combinations(sorted(others), 2))
        for other in others
    }


def _same_name(decision: Decision) -> bool:
    return str(decision.evidence.get("rule", "")).startswith("same")


def _held(decision: Decision, reason: str) -> Decision:
    return replace(decision, outcome="review", evidence={**decision.evidence, "held": reason})


class _Joined:
    """Disjoint sets of ids that know what must not meet."""

    def __init__(self, forms: Mapping[str, Form]) -> None:
        self._forms = forms
        self._group: dict[str, set[str]] = {id_: {id_} for id_ in forms}
        self._apart: defaultdict[str, set[str]] = defaultdict(set)

    def separate(self, pairs: Iterable[Pair]) -> None:
        """Keeps the ends of pairs apart from now on."""
        for first, second in pairs:
            self._apart[first].add(second)
            self._apart[second].add(first)

    def together(self, pair: Pair) -> bool:
        """Whether both ends are in one cluster."""
        return pair[1] in self._members(pair[0])

    def groups(self) -> list[set[str]]:
        """The clusters of forms, without ids that are none."""
        groups = {id(group): group for group in self._group.values()}
        return [members for group in groups.values() if (members := group & self._forms.keys())]

    def join(self, pair: Pair, *, linked: bool = False) -> str:
        """Joins the clusters of two ids; or says why not."""
        first, second = (self._members(id_) for id_ in pair)
        if first is second:
            return ""
        reason = self._barred(first, second, linked)
        if not reason:
            first |= second
            self._group.update(dict.fromkeys(second, first))
        return reason

    def _members(self, id_: str) -> set[str]:
        return self._group.setdefault(id_, {id_})

    def _barred(self, first: set[str], second: set[str], linked: bool) -> str:
        if any(self._apart[id_] & second for id_ in first if id_ in self._apart):
            return "a link keeps them apart"
        if linked:
            return ""
        pairs = ((a, b) for a in sorted(first) for b in sorted(second))
        return next((reason for pair in pairs if (reason := self._bar(*pair))), "")

    def _bar(self, first: str, second: str) -> str:
        """Why two forms cannot be in one cluster."""
        if second in self._apart.get(first, ()):
            return "a link keeps them apart"
        one, other = self._forms.get(first), self._forms.get(second)
        return contradict(one, other) if one and other else ""
