"""Embedding models behind one contract, one file a provider.

Importing this loads no numerical library and no model; `EmbeddingModel` reaches for them when it is first
used.
"""

from __future__ import annotations

from kag.embedding_models._model import EmbeddingModel, get

__all__ = ["EmbeddingModel", "get"]
