"""What a graph server's store is resolved by: thresholds, and what data models declare, kept in the store.

So a process that opens the store without data models, such as a server, merges as the one that wrote it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._cypher_links import Links, read_links
from kag.knowledge_bases._cypher_members import Policies
from kag.knowledge_bases._ontology import Ontology
from kag.knowledge_bases._resolution import settings_in, stamp
from kag.knowledge_bases.base import Resolution

CONTEXT = (
    "MATCH (m:KagMeta) OPTIONAL MATCH (r:KagRules {scope: $scope}) "
    "RETURN m.resolution, m.links, m.near, r.said"
)
STAMP = "MATCH (m:KagMeta) SET m.resolution = $stamp"
WRITE_RULES = "MERGE (r:KagRules {scope: $scope}) SET r.said = $said"


@dataclass(frozen=True, slots=True)
class Context:
    """What a collection is resolved by.

    Args:
        settings: Thresholds.
        stamp: What was written down of how the store was resolved; empty for one that was not.
        rules: What data models declare, as JSON.
        near: Whether any vectors of forms are known to be close.
        links: All links of the store.
        policies: Label or relation type to field to how its values merge.
        identities: Label to the field that is its key.
    """

    settings: Resolution
    stamp: str
    rules: str
    near: bool
    links: Links
    policies: Policies = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)

    def fits(self, wanted: Resolution | None, ontology: Ontology | None) -> bool:
        """Whether the store was resolved by these settings and declarations, by this version's rules."""
        declared = not ontology or rules_of(ontology) == self.rules
        return declared and self.stamp == stamp(wanted or self.settings)


async def context_of(tx: Transaction, scope: str) -> Context:
    """Reads what a collection is resolved by."""
    stamped, links, near, said = await tx.one(CONTEXT, scope=scope) or (None, 0, None, None)
    rules = said or rules_of(Ontology())
    declared = json.loads(rules)
    return Context(
        settings=settings_in(stamped) if stamped else Resolution(),
        stamp=stamped or "",
        rules=rules,
        near=bool(near),
        links=await read_links(tx) if links else Links(()),
        policies=declared["policies"],
        identities=declared["keys"],
    )


def rules_of(ontology: Ontology) -> str:
    """What data models declare that decides about merging."""
    entities = {label: rule.policies for label, rule in ontology.entities.items()}
    relations = {label: rule.policies for label, rule in ontology.relations.items()}
    return json.dumps(
        {
            "keys": {label: rule.key for label, rule in ontology.entities.items() if rule.key},
            "policies": {k: dict(fields) for k, fields in (entities | relations).items() if fields},
        },
        sort_keys=True,
    )
