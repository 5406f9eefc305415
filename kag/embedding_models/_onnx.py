"""Runs an ONNX text model from a folder: tokens in, one vector a text out.

Each text runs alone, several at a time in threads of one core each. That takes a third of the CPU of padded
batches, and a text's vector does not depend on its neighbours, as it otherwise would in 8-bit models.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kag.embedding_models._catalogue import Pooling
from kag.errors import EmbeddingModelError, MissingDependencyError

if TYPE_CHECKING:
    import onnxruntime  # type: ignore[import-untyped]  # it ships no types
    from tokenizers import Tokenizer

    from kag.embedding_models.base import Vectors

_NAMES = ("model.onnx", "model_optimized.onnx", "model_quantized.onnx")
_DEFAULT_TOKENS = 512


class Encoder:
    """An ONNX model and its tokenizer, loaded; safe to use from several threads.

    Args:
        folder: Holds the tokenizer, and the model or its `onnx` folder.
        file: The model's path in the folder; found where None.
        pooling: How token vectors become one; read from the folder where None.
        threads: Texts that are worked on at once; the number of cores by default.

    Raises:
        EmbeddingModelError: A file is missing or damaged, or the model is not one for texts.
    """

    def __init__(
        self,
        folder: Path,
        file: str | None = None,
        *,
        pooling: Pooling | None = None,
        threads: int | None = None,
    ) -> None:
        self.folder = folder
        self._session = _session(folder / file if file else model_file(folder))
        self._tokenizer = _tokenizer(folder)
        self._threads = threads or os.cpu_count() or 1
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._output = _output(self._session, pooling)
        self._pooling: Pooling = pooling or _pooling(folder)
        self._check()
        self.dimensions = int(self._run("dimensions").shape[-1])

    def encode(self, texts: list[str]) -> Vectors:
        """Embeds texts; rows `(len(texts), dimensions)`."""
        if len(texts) == 1 or self._threads == 1:
            return np.stack([self._run(text) for text in texts])
        with ThreadPoolExecutor(self._threads, "kag-onnx") as pool:
            return np.stack(list(pool.map(self._run, texts)))

    def _run(self, text: str) -> Vectors:
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        feed["position_ids"] = np.arange(ids.shape[1], dtype=np.int64)[None, :]
        given = {name: feed[name] for name in self._inputs}
        output = self._session.run([self._output], given)[0]
        return np.asarray(_pooled(output[0], self._pooling), dtype=np.float32)

    def _check(self) -> None:
        unknown = self._inputs - {"input_ids", "attention_mask", "token_type_ids", "position_ids"}
        if unknown or "input_ids" not in self._inputs:
            raise EmbeddingModelError(
                f"The model in {self.folder} wants the inputs {sorted(self._inputs)}; expected a text "
                "encoder with input_ids and attention_mask. Give a folder with a sentence-embedding model."
            )


def model_file(folder: Path) -> Path:
    """Finds the ONNX file of a folder: by its usual names, else the only one there is.

    Raises:
        EmbeddingModelError: There is no folder, no ONNX file, or several and none with a usual name.
    """
    if not folder.is_dir():
        raise EmbeddingModelError(
            f"{folder} is not a folder; expected one with an ONNX model and its tokenizer.json."
        )
    for place in (folder, folder / "onnx"):
        for name in _NAMES:
            if (place / name).is_file():
                return place / name
    found = sorted(folder.glob("*.onnx"))
    if len(found) != 1:
        held = f"{len(found)} of other names" if found else "none"
        raise EmbeddingModelError(
            f"{folder} holds {held}; expected one ONNX file named {' or '.join(_NAMES)}, with tokenizer.json."
        )
    return found[0]


def _session(path: Path) -> onnxruntime.InferenceSession:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("ONNX models need onnxruntime: pip install fastembed") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises classes that share no base
        raise EmbeddingModelError(
            f"{path} cannot be loaded as an ONNX model ({error}); fetch it again."
        ) from error


def _tokenizer(folder: Path) -> Tokenizer:
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file():
        raise EmbeddingModelError(f"{folder} has no tokenizer.json; it belongs beside the ONNX file.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise EmbeddingModelError(f"{path} is not a tokenizer ({error}); fetch it again.") from error
    settings = _json(folder / "tokenizer_config.json")
    limits = [settings.get("model_max_length"), settings.get("max_length")]
    longest = min((n for n in limits if isinstance(n, int) and 0 < n < 10**6), default=_DEFAULT_TOKENS)
    tokenizer.enable_truncation(max_length=longest)
    tokenizer.no_padding()
    return tokenizer


def _output(session: onnxruntime.InferenceSession, pooling: Pooling | None) -> str:
    names = [node.name for node in session.get_outputs()]
    return "sentence_embedding" if pooling is None and "sentence_embedding" in names else names[0]


def _pooling(folder: Path) -> Pooling:
    """Reads how a sentence-transformers folder pools; the mean is what most do."""
    settings = _json(folder / "1_Pooling" / "config.json")
    if settings.get("pooling_mode_cls_token"):
        return "cls"
    return "last" if settings.get("pooling_mode_lasttoken") else "mean"


def _pooled(tokens: Vectors, pooling: Pooling) -> Any:
    """Makes one vector of token vectors `(tokens, dimensions)`; a model may have done so itself."""
    if tokens.ndim == 1:
        return tokens
    if pooling == "mean":
        return tokens.mean(axis=0, dtype=np.float64)
    return tokens[0] if pooling == "cls" else tokens[-1]


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EmbeddingModelError(f"{path} is not readable JSON ({error}); fetch it again.") from error
    return value if isinstance(value, dict) else {}
