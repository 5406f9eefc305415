"""The small model that needs no download: word vectors of a language model, averaged (WordLlama).

Its weights come inside the wordllama package. They are read directly (16 MB, one mean), which takes half the
CPU of importing that package and gives the same vectors; a test compares. It knows words rather than
sentences: enough to search with, and ten thousand texts a second, but behind a sentence model in quality.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kag.embedding_models._local import LocalBackend
from kag.embedding_models.base import Backend, Options
from kag.errors import EmbeddingModelError, MissingDependencyError

if TYPE_CHECKING:
    from kag.embedding_models.base import Vectors

_CONFIGURATION = "l2_supercat"
_LENGTHS = (64, 128, 256)  # trained so that the first part of a vector is a vector too


def accepts(options: Options) -> bool:
    """Claims its own name only."""
    return options.prefix() == "wordllama" and options.folder is None and options.api_base is None


def build(options: Options) -> Backend:
    """Loads the weights from the installed package.

    Raises:
        EmbeddingModelError: The name or the number of dimensions is not one it has, or a file is missing.
        MissingDependencyError: The package is not installed.
    """
    dimensions = _dimensions(options)
    encode = _encoder(_package(), dimensions)
    return LocalBackend(f"wordllama/{_CONFIGURATION}_{dimensions}", dimensions, encode, texts=256)


def _dimensions(options: Options) -> int:
    """Reads the wanted length from `dimensions=` or from a recorded name."""
    wanted = {f"{_CONFIGURATION}_{n}": n for n in _LENGTHS}
    name = options.name_after("wordllama")
    if name not in ("wordllama", _CONFIGURATION, *wanted):
        raise EmbeddingModelError(
            f"There is no model wordllama/{name}; there is wordllama/{_CONFIGURATION}_256."
        )
    length = options.dimensions or wanted.get(name, _LENGTHS[-1])
    if length not in _LENGTHS or length != wanted.get(name, length):
        raise EmbeddingModelError(
            f"{options.model} cannot make vectors of {length} dimensions; it can make {_LENGTHS}."
        )
    return length


def _package() -> Path:
    found = importlib.util.find_spec("wordllama")
    if found is None or found.origin is None:
        raise MissingDependencyError("The model wordllama needs its package: pip install wordllama")
    return Path(found.origin).parent


def _encoder(package: Path, dimensions: int) -> Callable[[list[str]], Vectors]:
    import numpy as np
    from safetensors import SafetensorError, safe_open
    from tokenizers import Tokenizer

    weights = package / "weights" / f"{_CONFIGURATION}_{_LENGTHS[-1]}.safetensors"
    words = package / "tokenizers" / f"{_CONFIGURATION}_tokenizer_config.json"
    if not (weights.is_file() and words.is_file()):
        raise EmbeddingModelError(
            f"{package} does not hold {weights.name} and {words.name}; reinstall wordllama (0.4)."
        )
    try:
        with safe_open(weights, framework="np") as file:
            matrix = np.ascontiguousarray(file.get_tensor("embedding.weight")[:, :dimensions])
    except SafetensorError as error:
        raise EmbeddingModelError(f"{weights} is damaged ({error}); reinstall wordllama.") from error
    tokenizer = Tokenizer.from_file(str(words))
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def encode(texts: list[str]) -> Vectors:
        tokens = [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        return np.stack([mean(ids) for ids in tokens])

    def mean(ids: list[int]) -> Vectors:
        if not ids:
            return np.zeros(dimensions, dtype=np.float32)
        return np.asarray(matrix[np.minimum(ids, len(matrix) - 1)].mean(axis=0, dtype=np.float32))

    return encode
