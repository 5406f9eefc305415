"""Links between forms on a graph server, as people and models set them: what resolution is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kag.errors import StoreError, StoreNotFoundError
from kag.knowledge_bases._bolt import Transaction
from kag.knowledge_bases._values import clean
from kag.resolution.base import Link, LinkSource

LINKS = "MATCH (l:KagLink) RETURN l.first, l.second, l.verdict, l.source, l.reason, l.documents"
WRITE_LINKS = "UNWIND $rows AS row MERGE (l:KagLink {key: row.key}) SET l += row.fields"
DELETE_LINKS = "UNWIND $rows AS row MATCH (l:KagLink {key: row}) DELETE l"
COUNT_LINKS = "MATCH (m:KagMeta) OPTIONAL MATCH (l:KagLink) WITH m, count(l) AS n SET m.links = n RETURN n"
SCOPES_OF = "MATCH (f:KagForm) WHERE f.id IN $ids RETURN DISTINCT f.scope"
Pair = tuple[str, str]


class Links:
    """All links of a store; a pure value, with what they connect.

    Args:
        links: The links.
    """

    def __init__(self, links: Iterable[Link]) -> None:
        self.all = sorted(links, key=lambda link: (link.first, link.second, link.source))
        self._by_end: dict[str, list[Link]] = {}
        for link in self.all:
            for end in (link.first, link.second):
                self._by_end.setdefault(end, []).append(link)

    def closure(self, ids: Iterable[str]) -> set[str]:
        """The ids that `same` links connect to some ids, and these themselves."""
        found: set[str] = set()
        frontier = set(ids)
        while frontier:
            found |= frontier
            links = (link for i in frontier for link in self._by_end.get(i, ()) if link.verdict == "same")
            frontier = {end for link in links for end in (link.first, link.second)} - found
        return found

    def reaching(self, ids: Iterable[str]) -> list[Link]:
        """The links that name one of some ids, or one that `same` links connect to them."""
        if not self.all:
            return []
        found = {id(link): link for i in self.closure(ids) for link in self._by_end.get(i, ())}
        return list(found.values())

    def of(self, pair: Pair, source: LinkSource | None = None) -> list[Link]:
        """The links between two forms, of one source or of all."""
        known = (link for link in self._by_end.get(pair[0], ()) if {link.first, link.second} == set(pair))
        return [link for link in known if source in (None, link.source)]

    def pairs(self) -> list[str]:
        """All pairs that are linked, as decisions name them."""
        return sorted({pair_key(link.first, link.second) for link in self.all})

    def splits_of(self, document_id: str) -> dict[str, str]:
        """What a document says of another form than the name tells: form id to the other's id."""
        ranked = sorted(self.all, key=lambda link: (link.source == "user", link.second))
        return {link.first: link.second for link in ranked if document_id in link.document_ids}


def pair_key(first: str, second: str) -> str:
    """What a pair of forms is known by."""
    return f"{min(first, second)} {max(first, second)}"


async def read_links(tx: Transaction) -> Links:
    """Reads all links."""
    return Links(
        Link(first, second, verdict, source, reason, tuple(documents))
        for first, second, verdict, source, reason, documents in await tx.many(LINKS)
    )


async def write_links(tx: Transaction, links: Sequence[Link]) -> None:
    """Writes links, each in the place of what its source said of the two before.

    Raises:
        StoreError: One cannot be a link.
    """
    rows = {}
    for link in links:
        await _check(tx, link)
        first, second = link.first, link.second
        if not link.document_ids and first > second:
            first, second = second, first
        key = f"{pair_key(first, second)} {link.source}"
        rows[key] = {
            "first": first,
            "second": second,
            "verdict": link.verdict,
            "source": link.source,
            "reason": clean(link.reason),
            "documents": sorted({clean(i) for i in link.document_ids}),
        }
    await tx.each(WRITE_LINKS, [{"key": key, "fields": fields} for key, fields in rows.items()])
    await tx.rows(COUNT_LINKS)


async def erase_links(tx: Transaction, links: Iterable[Link]) -> None:
    """Takes links back."""
    await tx.each(DELETE_LINKS, [f"{pair_key(k.first, k.second)} {k.source}" for k in links])
    await tx.rows(COUNT_LINKS)


def require_links(known: Links, pairs: Iterable[Pair], source: LinkSource | None) -> None:
    """Refuses pairs that nothing links.

    Raises:
        StoreNotFoundError: Nothing links one of the pairs.
    """
    for pair in pairs:
        if not known.of(pair, source):
            raise StoreNotFoundError(
                f"Nothing links {pair[0]} and {pair[1]}; `kag entities show NAME` lists an entity's links. "
                "Nothing was changed."
            )


async def _check(tx: Transaction, link: Link) -> None:
    wrong = ""
    if link.first == link.second or not all(i.startswith("ent_") for i in (link.first, link.second)):
        wrong = "it needs the ids of two different entities"
    elif link.verdict not in ("same", "different") or link.source not in ("user", "model"):
        wrong = "its verdict must be 'same' or 'different', its source 'user' or 'model'"
    elif link.document_ids and link.verdict == "same":
        wrong = "only 'different' may be said of certain documents"
    elif len(await tx.many(SCOPES_OF, ids=[clean(link.first), clean(link.second)])) > 1:
        wrong = "the two are in different collections"
    if wrong:
        raise StoreError(f"{link.first} and {link.second} cannot be linked: {wrong}. Nothing was changed.")
