"""What a knowledge base takes for an embedding model, and when it refuses to open."""

from pathlib import Path

import kag
from kag.embedding_models import EmbeddingModel
from kag.knowledge_bases.knowledge_base import KnowledgeBase


def test_a_model_may_be_named_by_a_string() -> None:
    base = KnowledgeBase(embedding_model="wordllama")
    assert isinstance(base.embedding_model, EmbeddingModel)


async def test_any_awaitable_that_gives_embeddings_is_a_model(tmp_path: Path) -> None:
    async def embed(texts: list[str]) -> dict[str, list[list[float]]]:
        return {"embeddings": [[3.0, 4.0] for _ in texts]}

    from ingest import Pipeline

    page = tmp_path / "page.md"
    page.write_text("# Page\n\nA page about Ada Lovelace.\n", encoding="utf-8")
    async with KnowledgeBase(uri=tmp_path / "store", embedding_model=embed) as base:
        await Pipeline(base).run(page)
        vector = await base.embed_query("who?")
    assert vector is not None
    assert [round(float(x), 6) for x in vector] == [0.6, 0.8]


async def test_recording_a_program_does_not_open_the_store(tmp_path: Path) -> None:
    class Question(kag.DataModel):
        text: str

    class Counting(kag.Module):
        """Counts what a store holds."""

        def __init__(self, base: KnowledgeBase) -> None:
            super().__init__()
            self.base = base

        async def call(self, inputs: kag.JsonDataModel, training: bool = False) -> kag.JsonDataModel:
            await self.base.store.statistics()
            return inputs

    folder = tmp_path / "store"
    await Counting(KnowledgeBase(uri=folder))(kag.Input(data_model=Question))
    assert not folder.exists()
