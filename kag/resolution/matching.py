"""Compares forms across the documents of a collection: which to compare, and what the comparison says.

Candidates share a key (blocking: Christen, "A survey of indexing techniques for scalable record linkage and
deduplication", TKDE 2012); a pair is then scored by rules, the surest first. The rules are cautious: equal
surnames, shared words and likeness of letters alone never merge.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations

from kag.resolution._likeness import initials, skeleton
from kag.resolution._names import Name, parse
from kag.resolution._rules import Match, match
from kag.resolution.base import BLOCK, LOWER, UPPER, Decision, Form, Outcome

_MOST_ALIASES = 24


def keys(form: Form) -> frozenset[str]:
    """Gives the keys under which a form meets those that it is compared to.

    A function of its name and aliases only, so a store may keep the keys.

    Example:
        >>> sorted(keys(Form("ent_1", "default", "Person", "Dr. Marie Curie")))
        ['g:marie:k', 'i:m:curie', 's:kr mr', 'w:curie marie']
    """
    name = parse(form.name)
    found = _name_keys(name)
    for alias in form.aliases[:_MOST_ALIASES]:
        found.update(_alias_keys(parse(alias)))
    return frozenset(found)


def _name_keys(name: Name) -> set[str]:
    found = _alias_keys(name)
    words = name.words
    if len(words) > 1:
        found.add(f"i:{words[0][0]}:{words[-1]}")
        found.add(f"g:{words[0]}:{skeleton(words[-1])[:1]}")
        found.update(f"a:{letters}" for letters in initials(words))
    if len(name.key) > 4:
        found.add("s:" + " ".join(sorted(map(skeleton, words))))
    return found


def _alias_keys(name: Name) -> set[str]:
    """A name's words in any order, and its letters if it is an acronym."""
    found = {"w:" + " ".join(sorted(name.content))}
    head, comma, _ = name.text.partition(",")
    if comma:
        found.add("w:" + " ".join(sorted(parse(head).content)))
    if len(name.short) > 1:
        found.add(f"a:{name.short}")
    return found


def candidates(forms: Iterable[Form]) -> set[tuple[str, str]]:
    """Gives the pairs of forms that are to be compared: they share a key that at most BLOCK forms have.

    Args:
        forms: Of one collection or several; forms of two collections never meet.

    Returns:
        Pairs of ids, the smaller first.
    """
    blocks: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for form in forms:
        for key in keys(form):
            blocks[form.collection, key].append(form.id)
    return {
        pair for block in blocks.values() if len(block) <= BLOCK for pair in combinations(sorted(block), 2)
    }


def compare(first: Form, second: Form, *, cosine: float | None = None) -> Decision:
    """Compares two forms; the order in which they are given does not matter.

    Args:
        first: A form.
        second: Another one of the same collection.
        cosine: Of their vectors, -1 to 1, where there are any.

    Returns:
        The decision, with the rule that gave the score and what added to it.
    """
    if first.id > second.id:
        first, second = second, first
    found = match(first, second)
    score, evidence = _with_context(found, first, second, cosine)
    return Decision(first.id, second.id, score, _outcome(score), evidence)


def _with_context(
    found: Match, first: Form, second: Form, cosine: float | None
) -> tuple[float, dict[str, str | int | float | bool]]:
    """Adds what neighbours and vectors say; it moves doubtful pairs, not those that rules keep apart."""
    evidence: dict[str, str | int | float | bool] = {"rule": found.rule, **found.evidence}
    score = found.score
    if not LOWER <= found.score < UPPER:
        return score, evidence
    together = first.id in second.neighbours or second.id in first.neighbours
    shared = 0 if together else len(first.neighbours & second.neighbours)
    if shared:
        evidence["shared_neighbours"] = shared
        score += 0.03 * min(shared, 6)
    if cosine is not None:
        evidence["cosine"] = round(cosine, 3)
        score += 0.05 * (cosine >= 0.9)
    return min(round(score, 4), found.most), evidence


def _outcome(score: float) -> Outcome:
    if score >= UPPER:
        return "merge"
    return "review" if score >= LOWER else "apart"
