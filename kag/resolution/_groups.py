"""The names of a document in groups that grow, and never come to hold a contradiction."""

from __future__ import annotations

from collections.abc import Sequence

from kag.resolution._likeness import given_fit, given_names, last_name
from kag.resolution._names import Name, parse
from kag.resolution._rules import conflict
from kag.resolution._types import kind

VALUES = frozenset(("time", "number"))
PERSON, PLACE, ORGANISATION = "person", "place", "organisation"


class Groups:
    """Disjoint sets of numbered names.

    Args:
        names: The names.
        labels: Their types.
    """

    def __init__(self, names: Sequence[str], labels: Sequence[str]) -> None:
        self.names: list[Name] = [parse(name) for name in names]
        self.kinds: list[str] = [kind(label) for label in labels]
        self.of: list[int] = list(range(len(names)))
        self.members: list[list[int]] = [[i] for i in self.of]

    def comparable(self, first: int, second: int) -> bool:
        """Whether two names may be of one type, and are no values."""
        left, right = self.kinds[first], self.kinds[second]
        return (left == right or not left or not right) and left not in VALUES and right not in VALUES

    def join(self, first: int, second: int) -> None:
        """Joins the groups of two names, unless their types or names contradict each other."""
        left, right = sorted((self.of[first], self.of[second]))
        if left == right or not self._compatible(self.members[left], self.members[right]):
            return
        for member in self.members[right]:
            self.of[member] = left
        self.members[left] += self.members[right]
        self.members[right] = []

    def _compatible(self, left: Sequence[int], right: Sequence[int]) -> bool:
        kinds = {self.kinds[i] for i in (*left, *right)} - {""}
        return len(kinds) < 2 and not any(self._contradict(a, b) for a in left for b in right)

    def _contradict(self, first: int, second: int) -> bool:
        one, other = self.names[first], self.names[second]
        if not set(one.content) & set(other.content):
            return False
        if PERSON not in (self.kinds[first], self.kinds[second]):
            return bool(conflict(one, other))
        if one.generation and other.generation and one.generation != other.generation:
            return True
        left, right = given_names(one), given_names(other)
        if not left or not right:
            return False
        if last_name(one) == last_name(other) and not given_fit(left, right):
            return True
        return bool(conflict(one, other))
