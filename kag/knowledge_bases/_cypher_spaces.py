"""The vector spaces of a graph server's store: which one is searched, and the vectors in them.

Each space has a property of its own on chunks and entities, with its own vector indexes. So the vectors of a
new model grow beside those of the current one, and switching is one small write.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kag.errors import EmbeddingMismatchError
from kag.knowledge_bases import _cypher_statements as statements
from kag.knowledge_bases._bolt import Bolt, Transaction
from kag.knowledge_bases._contribution import vectors_of
from kag.knowledge_bases._cypher_dialect import Dialect
from kag.knowledge_bases._cypher_rows import embedding_property
from kag.knowledge_bases._cypher_tally import token
from kag.knowledge_bases._values import clean
from kag.knowledge_bases.base import Space

if TYPE_CHECKING:
    from kag.knowledge_bases.records import Vector

LABELS = {"chk": "Chunk", "ent": "KagForm"}  # of the nodes that have vectors, by the prefix of their ids
_BATCH = 200
_CLEARED_AT_ONCE = 2000


async def current_space(tx: Transaction) -> Space | None:
    """The space that is searched."""
    found = await tx.rows(statements.SPACES)
    return next((Space(model, dimensions) for model, dimensions, current in found if current), None)


async def claim_space(tx: Transaction, space: Space, lock: str) -> None:
    """Makes sure that vectors of a space may be added to those of the store.

    The first space is recorded; one that holds no vectors any more gives way.

    Raises:
        EmbeddingMismatchError: The store holds vectors of another space.
    """
    if await require_room(tx, space) != space:
        await tx.rows(statements.LOCK_META, token=lock)
        await _make_current(tx, space)


async def require_room(tx: Transaction, space: Space) -> Space | None:
    """Makes sure that the store holds no vectors of another space; the space that is searched now.

    Raises:
        EmbeddingMismatchError: It does.
    """
    current = await current_space(tx)
    if current is not None and current != space and await _holds_vectors(tx, current):
        raise _mismatch(current, space)
    return current


async def _make_current(tx: Transaction, space: Space) -> None:
    key = embedding_property(space)
    await record_space(tx, space)
    await tx.rows(statements.SWITCH_SPACE, key=key)


async def record_space(tx: Transaction, space: Space) -> None:
    """Makes the store know a space, which is searched only when the store switches to it."""
    key = embedding_property(space)
    await tx.rows(statements.CREATE_SPACE, key=key, model=clean(space.model), dimensions=space.dimensions)


async def write_vectors(
    tx: Transaction, dialect: Dialect, space: Space, vectors: Mapping[str, bytes]
) -> None:
    """Writes vectors of chunks and entities by id; ids that are gone are left out."""
    import numpy as np

    by_label: dict[str, list[dict[str, Any]]] = {}
    for i, data in vectors.items():
        if (label := LABELS.get(i[:3])) is not None:
            row = {"id": clean(i), "vector": np.frombuffer(data, dtype="<f4").tolist()}
            by_label.setdefault(label, []).append(row)
    for label, rows in by_label.items():
        statement, parameters = dialect.set_vectors(label, embedding_property(space))
        await tx.each(statement, rows, batch=_BATCH, **parameters)


async def embeddings(tx: Transaction, ids: Sequence[str]) -> dict[str, Vector]:
    """Fetches the vectors of chunks and entities in the current space; others are left out."""
    import numpy as np

    space = await current_space(tx)
    found: dict[str, Vector] = {}
    for prefix, label in LABELS.items() if space else ():
        wanted = [clean(i) for i in ids if i.startswith(f"{prefix}_")]
        if wanted and space:
            statement = statements.VECTORS.format(target=label, property=embedding_property(space))
            rows = await tx.many(statement, ids=wanted)
            found.update((i, np.asarray(vector, dtype=np.float32)) for i, vector in rows)
    return found


async def set_embeddings(
    bolt: Bolt,
    dialect: Dialect,
    space: Space,
    vectors: Mapping[str, Vector],
    final: bool,
    resolve: Callable[[Transaction, list[str] | None], Awaitable[None]],
) -> None:
    """Writes vectors of a space; with `final` that space is searched from now on, and the others go.

    Args:
        bolt: The connection.
        dialect: The kind of server.
        space: The vectors' space.
        vectors: Chunk or entity id to unit vector.
        final: Whether to switch to the space.
        resolve: Compares the forms of some ids by the vectors that are searched; of all, for None.

    Raises:
        EmbeddingMismatchError: `final`, but some chunk has no vector in the space.
    """
    data = vectors_of(vectors, space)
    await dialect.index_vectors(bolt, space)

    async def work(tx: Transaction) -> None:
        lock = token()
        await tx.rows(statements.LOCK_META, token=lock)
        await tx.rows(statements.LOCK_COLLECTIONS, token=lock)
        await record_space(tx, space)
        await write_vectors(tx, dialect, space, data)
        if final:
            await _require_all_embedded(tx, space)
            await _make_current(tx, space)
            await resolve(tx, None)
        elif await current_space(tx) == space:
            await resolve(tx, [clean(i) for i in data if i.startswith("ent_")])

    await bolt.write(work)
    if final:
        await forget_other_spaces(bolt, dialect)


async def forget_other_spaces(bolt: Bolt, dialect: Dialect) -> None:
    """Takes away the vectors and indexes of spaces that are not searched; safe to repeat after a crash."""
    known = await bolt.read(lambda tx: tx.rows(statements.SPACES))
    for model, dimensions, current in known:
        if current:
            continue
        space = Space(model, dimensions)
        await dialect.drop_vector_indexes(bolt, space)
        for label in LABELS.values():
            await _clear(bolt, label, embedding_property(space))
        await bolt.write(_deletion(embedding_property(space)))


def _deletion(key: str) -> Callable[[Transaction], Awaitable[object]]:
    return lambda tx: tx.rows(statements.DELETE_SPACE, key=key)


async def _clear(bolt: Bolt, label: str, property_: str) -> None:
    statement = statements.CLEAR_VECTORS.format(target=label, property=property_)
    while (await bolt.write(lambda tx: tx.one(statement, limit=_CLEARED_AT_ONCE)) or [0])[0]:
        pass


async def _holds_vectors(tx: Transaction, space: Space) -> bool:
    for label in LABELS.values():
        statement = statements.HAS_VECTORS.format(target=label, property=embedding_property(space))
        if await tx.one(statement):
            return True
    return False


async def _require_all_embedded(tx: Transaction, space: Space) -> None:
    found = await tx.one(statements.COUNT_UNEMBEDDED.format(property=embedding_property(space)))
    total, missing = found or (0, 0)
    if missing:
        raise EmbeddingMismatchError(
            f"{missing} of {total} chunks have no vector of {space.model} yet; embed them, then switch "
            "(`kag reembed` goes on where it stopped). The store keeps its old vectors."
        )


def _mismatch(store: Space, given: Space) -> EmbeddingMismatchError:
    """Makes the error for vectors of another space than the store's."""
    return EmbeddingMismatchError(
        f"The store holds vectors of {store.model} ({store.dimensions} dimensions), not of {given.model} "
        f"({given.dimensions}); open it with {store.model}, or run `kag reembed` to change to {given.model}."
    )
