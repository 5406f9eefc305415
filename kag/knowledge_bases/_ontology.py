"""What entity and relation models declare of the graph: labels, ends, identity, and how properties merge.

    class Book(kag.Entity):
        label: Literal["Book"]
        isbn: str = kag.Field(json_schema_extra={"key": True})
        title: str
        pages: int = kag.Field(json_schema_extra={"merge": "max"})

Two entities of one label are the same thing if the fields declared as the key are equal; without such a field
`name` tells, else `title`, else the first text field. What documents say of one property becomes one value by
the field's policy, whatever the order in which they came.

All of it is read from the schemas of the models, so a model out of a file declares what the class did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast, get_args

from kag.errors import ConfigurationError
from kag.knowledge_bases.records import DocumentChange, Entity, Relation

if TYPE_CHECKING:
    from kag.data_models.data_model import DataModel
    from kag.schema.values import Json

Policy = Literal["majority", "longest", "union", "max", "min"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
FREE_LABELS = frozenset(("Name", "Term", "Date"))  # of extraction without a model: allowed beside any models
FREE_TYPES = frozenset(("CO_OCCURS_WITH",))
_OWN_FIELDS = frozenset(("label", "embedding"))  # of an entity's model that are no properties


@dataclass(frozen=True, slots=True)
class EntityRule:
    """What a model declares of its entities.

    Args:
        key: The field that tells two entities of the label apart; empty if it is their name.
        name: The field that is shown as the name; empty if the model has no text field.
        policies: Field to how its values merge, for those that say so.
    """

    key: str = ""
    name: str = "name"
    policies: Mapping[str, Policy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RelationRule:
    """What a model declares of its relations.

    Args:
        ends: Allowed pairs of labels; an empty label allows any.
        policies: Field to how its values merge, for those that say so.
    """

    ends: frozenset[tuple[str, str]] = frozenset()
    policies: Mapping[str, Policy] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ontology:
    """What may stand in a graph; an empty side allows everything.

    Args:
        entities: Label to rule.
        relations: Relation type to rule.
    """

    entities: Mapping[str, EntityRule] = field(default_factory=dict)
    relations: Mapping[str, RelationRule] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.entities or self.relations)

    def rule(self, label: str) -> EntityRule:
        """The rule of a label; a label without one goes by its name."""
        return self.entities.get(label) or EntityRule()

    def admit(self, change: DocumentChange) -> tuple[DocumentChange, tuple[str, ...]]:
        """Leaves out what the models do not allow.

        Returns:
            The change without it, and a reason for each entity and relation that was left out.
        """
        if not self:
            return change, ()
        reasons = {e.id: reason for e in change.entities if (reason := self._against_entity(e))}
        labels = {e.id: e.label for e in change.entities}
        relations, rejected = [], list(reasons.values())
        for relation in change.relations:
            reason = self._against_relation(relation, labels, reasons)
            if reason:
                rejected.append(reason)
            else:
                relations.append(relation)
        if not rejected:
            return change, ()
        kept = replace(
            change,
            entities=tuple(e for e in change.entities if e.id not in reasons),
            mentions=tuple(m for m in change.mentions if m.entity_id not in reasons),
            relations=tuple(relations),
        )
        return kept, tuple(rejected)

    def _against_entity(self, entity: Entity) -> str:
        if not self.entities or entity.label in self.entities or entity.label in FREE_LABELS:
            return ""
        known = ", ".join(sorted(self.entities))
        return f"entity {entity.name!r}: its label {entity.label!r} is none of the entity models' ({known})"

    def _against_relation(
        self, relation: Relation, labels: Mapping[str, str], rejected: Mapping[str, str]
    ) -> str:
        what = f"relation {relation.type!r}"
        if relation.subject_id in rejected or relation.object_id in rejected:
            return f"{what}: one of its ends was left out"
        if not self.relations or relation.type in FREE_TYPES:
            return ""
        rule = self.relations.get(relation.type)
        if rule is None:
            known = ", ".join(sorted(self.relations))
            return f"{what}: its type is none of the relation models' ({known})"
        ends = (labels.get(relation.subject_id, ""), labels.get(relation.object_id, ""))
        if rule.ends and not any(_fits(pair, ends) for pair in rule.ends):
            allowed = ", ".join(f"{s or 'any'} to {o or 'any'}" for s, o in sorted(rule.ends))
            return f"{what}: it leads from {ends[0]!r} to {ends[1]!r}; its model allows {allowed}"
        return ""


def ontology_of(
    entity_models: Iterable[type[DataModel]] = (), relation_models: Iterable[type[DataModel]] = ()
) -> Ontology:
    """Reads what models declare.

    Args:
        entity_models: Classes with `label: Literal[...]`; a plain `label: str` stands for any label.
        relation_models: Classes with `subj`, `label` and `obj`.

    Raises:
        ConfigurationError: One is no data model or has no label; a field declares an unknown policy, or
            several fields are the key.
    """
    entities: dict[str, EntityRule] = {}
    relations: dict[str, RelationRule] = {}
    open_labels, open_types = False, False
    for model in entity_models:
        rule, labels = rule_of(model), _labels(model)
        open_labels |= not labels
        entities.update(dict.fromkeys(labels, rule))
    for model in relation_models:
        labels = _labels(model)
        open_types |= not labels
        for label in labels:
            relations[label] = _joined(relations.get(label), _relation_rule(model))
    return Ontology({} if open_labels else entities, {} if open_types else relations)


def rule_of(model: type[DataModel]) -> EntityRule:
    """What one entity model declares.

    Raises:
        ConfigurationError: A field declares an unknown policy, or several fields are the key.
    """
    fields = {name: kind for name, kind in _fields(model).items() if name not in _OWN_FIELDS}
    keys = [name for name, kind in fields.items() if kind.get("key") is True]
    if len(keys) > 1:
        raise ConfigurationError(f"{model.__name__} has several keys, {', '.join(keys)}; mark one field.")
    texts = [name for name, kind in fields.items() if _is_text(kind)]
    shown = next((name for name in ("name", "title", *texts) if name in texts), "")
    key = keys[0] if keys and keys[0] != shown else ""
    return EntityRule(key=key, name=shown, policies=_policies(model))


def _fields(model: type[DataModel]) -> Mapping[str, Json]:
    """The properties of a model's schema."""
    from kag.data_models.data_model import schema_of
    from kag.errors import DataModelError

    try:
        return schema_of(model).properties
    except (DataModelError, AttributeError) as error:
        raise ConfigurationError(
            f"{model!r} cannot be a model of the graph; expected a DataModel."
        ) from error


def _labels(model: type[DataModel]) -> tuple[str, ...]:
    """The labels that a model allows; none if it allows any text."""
    from kag.data_models.knowledge import allowed_labels

    if "label" not in _fields(model):
        raise ConfigurationError(
            f'{model.__name__} has no label; declare it, such as label: Literal["{model.__name__}"].'
        )
    return allowed_labels(model)


def _relation_rule(model: type[DataModel]) -> RelationRule:
    from kag.data_models.knowledge import allowed_labels

    sides = [allowed_labels(model, side) or ("",) for side in ("subj", "obj")]
    ends = frozenset((s, o) for s in sides[0] for o in sides[1])
    return RelationRule(ends=ends, policies=_policies(model))


def _joined(first: RelationRule | None, second: RelationRule) -> RelationRule:
    """Several models may share a relation type, each with its own ends."""
    if first is None:
        return second
    return RelationRule(first.ends | second.ends, {**first.policies, **second.policies})


def _policies(model: type[DataModel]) -> dict[str, Policy]:
    found: dict[str, Policy] = {}
    for name, kind in _fields(model).items():
        policy = kind.get("merge")
        if policy is None:
            continue
        if policy not in POLICIES:
            raise ConfigurationError(
                f"{model.__name__}.{name} merges by {policy!r}; expected one of: {', '.join(POLICIES)}."
            )
        found[name] = cast("Policy", policy)
    return found


def _is_text(kind: Json) -> bool:
    """Whether a property may hold text; dates and the like, which have a format, are none."""
    if "anyOf" in kind:
        return any(_is_text(one) for one in kind["anyOf"])
    if "const" in kind or "enum" in kind:
        return all(isinstance(one, str) for one in kind.get("enum", [kind.get("const")]))
    return kind.get("type") == "string" and "format" not in kind


def _fits(allowed: tuple[str, str], ends: tuple[str, str]) -> bool:
    """Whether ends are allowed; what extraction without a model found may be anything."""
    return all(a in ("", e) or e in FREE_LABELS for a, e in zip(allowed, ends, strict=True))
