"""What the judges share: the true and the given answer side by side as one value."""

from __future__ import annotations

from typing import Any

from kag.data_models.json_data_model import JsonDataModel
from kag.schema import concat, prefix


def side_by_side(y_true: JsonDataModel | None, y_pred: JsonDataModel, inputs: Any = None) -> JsonDataModel:
    """The inputs, if any, the right answer with `gold_` before its fields, and the given answer, as one."""
    parts: list[JsonDataModel] = [inputs] if isinstance(inputs, JsonDataModel) else []
    if y_true is not None:
        gold = prefix(y_true.schema, "gold")
        parts.append(JsonDataModel.trusted(gold.schema, gold.value(y_true.data)))
    parts.append(y_pred)
    whole = parts[0]
    for part in parts[1:]:
        joined = concat(whole.schema, part.schema)
        whole = JsonDataModel.trusted(joined.schema, joined.value(whole.data, part.data))
    return whole
