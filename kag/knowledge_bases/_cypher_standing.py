"""What all documents together say of an entity or a relation, as votes, and the view that these give.

Pure values: a write takes a document's old sources back and adds its new ones, in any order. The merging
rules are those of `_values`, so every store shows the same graph.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from kag.knowledge_bases._contribution import EntitySource, RelationSource
from kag.knowledge_bases._ontology import Policy
from kag.knowledge_bases._values import longest, most_voted, properties_from, property_votes

Source = EntitySource | RelationSource


@dataclass(slots=True)
class Standing:
    """What all documents say under one form of an entity, or of one relation between two forms.

    Args:
        description: The longest that a source gives.
        count: Chunks that mention the entity, or pieces of support of the relation.
        sources: Documents that say something of it; it goes with the last.
        names: Form of the name to how many show it, and how many list it as an alias; empty for relations.
        votes: Property to value (as JSON) to how many give it.
    """

    description: str = ""
    count: int = 0
    sources: int = 0
    names: dict[str, list[int]] = field(default_factory=dict)
    votes: dict[str, dict[str, int]] = field(default_factory=dict)

    def copy(self) -> Standing:
        """The same, to be changed by itself."""
        names = {name: list(votes) for name, votes in self.names.items()}
        votes = {key: dict(values) for key, values in self.votes.items()}
        return Standing(self.description, self.count, self.sources, names, votes)

    def take(self, source: Source, vote: int) -> None:
        """Counts a source, or takes it back with a vote of -1; the description is set by `described`."""
        self.sources += vote
        if isinstance(source, EntitySource):
            self._vote(source.name, 0, vote)
            for alias in source.aliases:
                self._vote(alias, 1, vote)
        for key, value in property_votes(source.properties):
            values = self.votes.setdefault(key, {})
            values[value] = values.get(value, 0) + vote
            if not values[value]:
                del values[value]
            if not values:
                del self.votes[key]

    def _vote(self, name: str, column: int, vote: int) -> None:
        votes = self.names.setdefault(name, [0, 0])
        votes[column] += vote
        if votes == [0, 0]:
            del self.names[name]

    @property
    def name(self) -> str:
        """The name that most sources show; empty for relations."""
        return most_voted({form: shown for form, (shown, _) in self.names.items()}) if self.names else ""

    def stored(self) -> dict[str, object]:
        """What a store keeps; `standing_of` reads it."""
        return {
            "said": self.description,
            "count": self.count,
            "sources": self.sources,
            "names": json.dumps(self.names, ensure_ascii=False, sort_keys=True),
            "votes": json.dumps(self.votes, ensure_ascii=False, sort_keys=True),
        }


def standing_of(description: str, count: int, sources: int, names: str, votes: str) -> Standing:
    """Reads what a store keeps."""
    return Standing(description, count, sources, json.loads(names), json.loads(votes))


@dataclass(frozen=True, slots=True)
class View:
    """An entity or a relation as it is shown.

    Args:
        name: Of an entity.
        aliases: Its other names, in order.
        description: The longest.
        properties: One value of each, as JSON.
        count: Chunks that mention the entity, or pieces of support of the relation.
    """

    name: str
    aliases: list[str]
    description: str
    properties: str
    count: int


def view_of(
    leading: Standing,
    others: Sequence[Standing] = (),
    count: int | None = None,
    policies: Mapping[str, Policy] | None = None,
) -> View:
    """Merges what is said under several forms into what is shown.

    Args:
        leading: What is said under the form that gives the name.
        others: What is said under the others.
        count: Of the whole, where there are others.
        policies: Property to how its values merge, where that is not by majority.
    """
    name, every = leading.name, (leading, *others)
    votes: dict[str, Counter[str]] = {}
    for standing in every:
        for key, values in standing.votes.items():
            votes.setdefault(key, Counter()).update(values)
    return View(
        name=name,
        aliases=sorted({form for standing in every for form in standing.names} - {name}),
        description=longest(standing.description for standing in every),
        properties=properties_from(votes, policies),
        count=leading.count if count is None else count,
    )


class Step:
    """The step from what a document said of entities (or of relations) to what it says from now on.

    Args:
        old: Its sources before, by id.
        new: Its sources from now on, by id.
        counts: How the mentions or the support of each id change.
        known: What the store holds of all these ids; those that it lacks are created.
    """

    def __init__(
        self,
        old: Mapping[str, Source],
        new: Mapping[str, Source],
        counts: Counter[str],
        known: Mapping[str, Standing],
    ) -> None:
        self.old, self.new = old, new
        self.before = known
        self.after = {i: known[i].copy() if i in known else Standing() for i in {**old, **new}}
        self.lost = [i for i, source in old.items() if new.get(i) != source]
        self.gained = [i for i, source in new.items() if old.get(i) != source]
        for i in self.lost:
            self.after[i].take(old[i], -1)
        for i in self.gained:
            self.after[i].take(new[i], 1)
        for i, n in counts.items():
            self.after[i].count += n
        self.created = [i for i in new if i not in known]
        self.removed = [i for i in old if not self.after[i].sources]
        grown = {*self.gained, *(i for i, n in counts.items() if n > 0)}
        self.merged = len(grown.intersection(known))

    def orphaned(self) -> list[str]:
        """Ids whose description may have gone with this document's: all that is said of them must be read."""
        return [i for i in self.lost if self.after[i].sources and self._longest_went(i)]

    def describe(self, others: Mapping[str, Iterable[str]]) -> None:
        """Sets the descriptions.

        Args:
            others: What all other documents say now, of the ids that `orphaned` names.
        """
        for i in {*self.lost, *self.gained}:
            said = self.new[i].description if i in self.new else ""
            rest = longest(others[i]) if i in others else self.after[i].description
            self.after[i].description = longest((rest, said))

    def kept(self) -> list[str]:
        """Ids that were there and stay."""
        gone = set(self.removed)
        return [i for i in self.before if i in self.after and i not in gone]

    def _longest_went(self, i: str) -> bool:
        before = self.before[i].description
        said_now = self.new[i].description if i in self.new else None
        return bool(before) and self.old[i].description == before and said_now != before
