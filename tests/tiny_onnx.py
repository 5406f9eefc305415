"""Writes a real, tiny ONNX text encoder: a table of word vectors and a tokenizer that knows its words.

The ONNX file is written byte by byte in the protobuf format, so that no test needs a download or the onnx
package.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

FLOAT, INT64 = 1, 7


def write_tiny_model(
    folder: Path, words: Mapping[str, Sequence[float]], *, file: str = "model.onnx", tokens: int = 128
) -> Path:
    """Writes a model whose token vectors are those of `words`; unknown words have the vector of zeros.

    Args:
        folder: Where to; it is made.
        words: Vector of each word, all of one length.
        file: Path of the ONNX file in the folder.
        tokens: Longest text, in tokens.
    """
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    table = [[0.0] * len(next(iter(words.values()))), *words.values()]
    (folder / file).write_bytes(_model(table))
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, **{w: i for i, w in enumerate(words, 1)}}, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"model_max_length": tokens, "pad_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def _model(table: Sequence[Sequence[float]]) -> bytes:
    """ModelProto: one Gather of rows of the table by token id."""
    gather = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state") + _text(4, "Gather")
    numbers = struct.pack(f"<{len(table) * len(table[0])}f", *(x for row in table for x in row))
    weights = _number(1, len(table)) + _number(1, len(table[0])) + _number(2, FLOAT)
    weights += _text(8, "table") + _field(9, numbers)
    graph = _field(1, gather) + _text(2, "tiny") + _field(5, weights)
    for name in ("input_ids", "attention_mask"):
        graph += _field(11, _value(name, INT64, ["batch", "tokens"]))
    graph += _field(12, _value("last_hidden_state", FLOAT, ["batch", "tokens", len(table[0])]))
    return _number(1, 8) + _field(7, graph) + _field(8, _number(2, 13))


def _value(name: str, kind: int, shape: Sequence[str | int]) -> bytes:
    """ValueInfoProto of a tensor."""
    sizes = (_field(1, _text(2, n) if isinstance(n, str) else _number(1, n)) for n in shape)
    tensor = _number(1, kind) + _field(2, b"".join(sizes))
    return _text(1, name) + _field(2, _field(1, tensor))


def _field(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _field(number, value.encode())


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
