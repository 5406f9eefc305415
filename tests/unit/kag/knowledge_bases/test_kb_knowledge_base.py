"""The knowledge base: how it finds its store, when it opens it, and how it guards the vector space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from store_documents import SPACE, document, vector

import kag
from kag.errors import ConfigurationError, EmbeddingMismatchError, StoreNotFoundError
from kag.knowledge_bases.knowledge_base import KnowledgeBase


@dataclass
class Words:
    """An embedding model whose vectors depend on the words only."""

    name: str = SPACE.model
    dimensions: int = SPACE.dimensions

    async def load(self, prefer: str | None = None) -> None:
        """It is always ready."""

    async def embed(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([vector(text, self.dimensions) for text in texts])

    async def embed_query(self, text: str) -> np.ndarray:
        return vector(text, self.dimensions)


def test_making_one_touches_nothing(tmp_path: Path) -> None:
    kb = kag.KnowledgeBase(uri=tmp_path / "kb", embedding_model=Words())
    assert kb.store.uri == str(tmp_path / "kb")
    assert (kb.collection, kb.collections) == ("default", ("default",))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["{}/kb", "sqlite:///{}/kb.db"])
async def test_it_opens_at_its_first_use(tmp_path: Path, form: str) -> None:
    kb = KnowledgeBase(uri=form.format(tmp_path))
    await kb.store.upsert(document("/a.md", "[Ada] was here."), SPACE)
    assert (await kb.store.statistics()).documents == 1
    await kb.close()
    await kb.close()


async def test_a_block_opens_and_closes_it(tmp_path: Path) -> None:
    async with KnowledgeBase(uri=tmp_path) as kb:
        await kb.store.upsert(document("/a.md", "[Ada] was here."), SPACE)
    assert [p.name for p in tmp_path.iterdir()] == ["kag.db"]  # noqa: ASYNC240
    async with kb:
        assert (await kb.store.statistics()).documents == 1


async def test_a_missing_store_can_be_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError, match="kag ingest"):
        await KnowledgeBase(uri=tmp_path / "none").open(create=False)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


@pytest.mark.parametrize("uri", ["postgres://localhost", "ftp://localhost:21", "https://example.org"])
def test_a_uri_that_no_store_serves_is_refused(uri: str) -> None:
    scheme = uri.partition(":")[0]
    with pytest.raises(ConfigurationError, match=rf"No store serves {scheme}://.*sqlite://"):
        _ = KnowledgeBase(uri=uri).store


def test_only_cosine_is_known() -> None:
    with pytest.raises(ConfigurationError, match="'dot'"):
        KnowledgeBase(metric="dot")


@pytest.mark.parametrize("name", ["", "  "])
def test_a_collection_needs_a_name(name: str) -> None:
    with pytest.raises(ConfigurationError, match="collection"):
        KnowledgeBase(collection=name)


async def test_wiping_empties_this_collection_only(tmp_path: Path) -> None:
    async with KnowledgeBase(uri=tmp_path) as kb:
        await kb.store.upsert(document("/a.md", "[Ada].", collection="mine"), SPACE)
        await kb.store.upsert(document("/a.md", "[Ada].", collection="yours"), SPACE)
    async with KnowledgeBase(uri=tmp_path, collection="mine", wipe_on_start=True) as kb:
        assert (await kb.store.statistics()).collections == ("yours",)
        await kb.store.upsert(document("/b.md", "[Ada].", collection="mine"), SPACE)
        assert (await kb.store.statistics(["mine"])).documents == 1


async def test_a_query_is_embedded_by_the_model_of_the_store(tmp_path: Path) -> None:
    async with KnowledgeBase(uri=tmp_path, embedding_model=Words()) as kb:
        assert await kb.embed_query("anything") is None
        await kb.store.upsert(document("/a.md", "Words."), SPACE)
        assert await kb.embed_query("Words.") == pytest.approx(vector("Words."))


async def test_without_a_model_there_is_no_query_vector(tmp_path: Path) -> None:
    async with KnowledgeBase(uri=tmp_path) as kb:
        await kb.store.upsert(document("/a.md", "Words."), SPACE)
        assert await kb.embed_query("Words.") is None


@pytest.mark.parametrize("model", [Words("other/model"), Words(dimensions=5)])
async def test_a_query_of_another_model_is_refused_and_both_are_named(tmp_path: Path, model: Words) -> None:
    async with KnowledgeBase(uri=tmp_path, embedding_model=model) as kb:
        await kb.store.upsert(document("/a.md", "Words."), SPACE)
        with pytest.raises(EmbeddingMismatchError, match=rf"test/eight.*{model.name}.*reembed"):
            await kb.embed_query("Words.")


SECRET = "s3cret"


def test_a_servers_login_stands_in_no_text_that_is_made_of_it() -> None:
    given = KnowledgeBase(
        uri=f"neo4j+s://me:{SECRET}@example.org/graph?password={SECRET}", username="me", password=SECRET
    )
    assert given.get_config()["uri"] == "neo4j+s://example.org/graph"
    assert SECRET not in f"{given.get_config()} {given.store!r} {given.store.uri}"


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        (f"bolt://me:{SECRET}@", "names no server"),
        (f"bolt://me:{SECRET}@host:99999999", "URI"),
        (f"memgraph://:{SECRET}@host", "password without a user"),
        ("neo4j://me@host", "user without a password"),
    ],
)
def test_a_servers_uri_that_cannot_be_used_is_refused_without_its_secret(uri: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as raised:
        _ = KnowledgeBase(uri=uri).store
    assert SECRET not in str(raised.value)


def test_a_file_takes_no_login(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="password and username cannot be used") as raised:
        _ = KnowledgeBase(uri=tmp_path, username="me", password=SECRET).store
    assert SECRET not in str(raised.value)


def test_each_scheme_is_served_by_its_store() -> None:
    for scheme in ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc", "memgraph", "memgraph+s"):
        store = KnowledgeBase(uri=f"{scheme}://host:7687").store
        expected = "MemgraphStore" if scheme.startswith("memgraph") else "Neo4jStore"
        assert (type(store).__name__, store.query_language) == (expected, "cypher")
