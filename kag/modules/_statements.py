"""What a program says of the world, as records that a knowledge base can write, with the vectors it gave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite

from kag.errors import DataModelError, ProgramError
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._typed import Fact, entity_of, fact_of, united
from kag.knowledge_bases.records import DocumentChange, Entity
from kag.modules._knowledge import EMBEDDING, EMBEDDING_MODEL, Parts
from kag.schema.values import Json


@dataclass(frozen=True, slots=True)
class Statements:
    """Entities and relations that are stated together.

    Args:
        entities: All by id, the ends of facts too; each with all that is said of it.
        facts: The relations.
        vectors: Entity id to vector, where one was given.
        rejected: What was left out, and why.
    """

    entities: Mapping[str, Entity]
    facts: tuple[Fact, ...]
    vectors: Mapping[str, Sequence[float]]
    rejected: tuple[str, ...]

    def digest(self) -> str:
        """A hash of all that is said, whatever the order."""
        entities = (
            (e.id, e.name, sorted(e.aliases), e.description, e.properties) for e in self.entities.values()
        )
        relations = ((r.id, r.description, r.properties) for r in (fact.relation for fact in self.facts))
        said = sorted(json.dumps(each, sort_keys=True) for each in (*entities, *relations))
        return hashlib.blake2b("\n".join(said).encode(), digest_size=12).hexdigest()

    def only(self, allowed: DocumentChange, reasons: Sequence[str]) -> Statements:
        """What is left of it when some is not allowed.

        Args:
            allowed: A change with what is.
            reasons: Why the rest is not.
        """
        entities, relations = {e.id for e in allowed.entities}, {r.id for r in allowed.relations}
        return Statements(
            {i: entity for i, entity in self.entities.items() if i in entities},
            tuple(fact for fact in self.facts if fact.relation.id in relations),
            {i: vector for i, vector in self.vectors.items() if i in entities},
            (*self.rejected, *reasons),
        )


def statements_of(parts: Parts, collection: str, ontology: Ontology) -> Statements:
    """Reads entities and relations as records.

    What has no name is rejected with the reason, and so is a property's second value that is not the first.

    Raises:
        ProgramError: An `embedding` is no list of finite numbers.
    """
    entities: list[Entity] = []
    facts: list[Fact] = []
    given: list[tuple[Entity, Json]] = []
    rejected: list[str] = []
    for part in parts.entities:
        try:
            entities.append(entity_of(_plain(part), collection=collection, ontology=ontology))
            given.append((entities[-1], part))
        except DataModelError as error:
            rejected.append(str(error))
    for part in parts.relations:
        try:
            facts.append(fact_of(_plain(part), collection=collection, ontology=ontology))
            given += [(facts[-1].subject, part["subj"]), (facts[-1].object, part["obj"])]
        except DataModelError as error:
            rejected.append(str(error))
    vectors = {entity.id: _vector(part) for entity, part in reversed(given) if part.get(EMBEDDING)}
    whole: dict[str, Entity] = {}
    for entity, _ in given:
        before = whole.setdefault(entity.id, entity)
        whole[entity.id] = united(before, entity)
        rejected += _contradictions(before, entity)
    facts = [replace(f, subject=whole[f.subject.id], object=whole[f.object.id]) for f in facts]
    return Statements(whole, tuple(facts), vectors, tuple(dict.fromkeys(rejected)))


def _plain(part: Json) -> Json:
    return {key: value for key, value in part.items() if key not in (EMBEDDING, EMBEDDING_MODEL)}


def _vector(part: Json) -> Sequence[float]:
    vector = part[EMBEDDING]
    if not isinstance(vector, list) or not all(type(x) in (int, float) and isfinite(x) for x in vector):
        raise ProgramError(
            f"The {EMBEDDING} of a {part['label']} must be a list of finite numbers; got {str(vector)[:80]}."
        )
    return vector


def _contradictions(first: Entity, second: Entity) -> list[str]:
    known, who = first.properties, f"{first.label} {first.name!r}"
    return [
        f"{who}: {key} is both {known[key]!r} and {value!r}; the first was kept"
        for key, value in second.properties.items()
        if known.get(key, value) != value
    ]
