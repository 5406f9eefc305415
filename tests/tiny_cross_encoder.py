"""Writes a real, tiny ONNX cross-encoder: a pair's score is the greatest weight of a word in it.

Like `tiny_onnx`, byte by byte, so that no test needs a download or the onnx package.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

from tiny_onnx import FLOAT, INT64, _field, _number, _text, _value
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

AXIS = _text(1, "axes") + _number(8, 1) + _number(20, 7)  # ReduceMax over the tokens


def write_tiny_cross_encoder(folder: Path, weights: Mapping[str, float]) -> Path:
    """Writes the model with its tokenizer.

    Args:
        folder: Where to; it is made.
        weights: Of each word; unknown words weigh 0.
    """
    folder.mkdir(parents=True, exist_ok=True)
    table = [0.0, *weights.values()]
    gather = _text(1, "table") + _text(1, "input_ids") + _text(2, "gathered") + _text(4, "Gather")
    reduce = _text(1, "gathered") + _text(2, "logits") + _text(4, "ReduceMax")
    reduce += _field(5, AXIS) + _field(5, _text(1, "keepdims") + _number(3, 0) + _number(20, 2))
    tensor = _number(1, len(table)) + _number(1, 1) + _number(2, FLOAT)
    tensor += _text(8, "table") + _field(9, struct.pack(f"<{len(table)}f", *table))
    graph = _field(1, gather) + _field(1, reduce) + _text(2, "tiny") + _field(5, tensor)
    graph += _field(11, _value("input_ids", INT64, ["batch", "tokens"]))
    graph += _field(12, _value("logits", FLOAT, ["batch", 1]))
    (folder / "model.onnx").write_bytes(_number(1, 8) + _field(7, graph) + _field(8, _number(2, 13)))
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, **{w: i for i, w in enumerate(weights, 1)}}, "[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 128, "pad_token": "[UNK]"}))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    return folder
