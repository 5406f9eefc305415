"""What is built from arguments and can be saved: rewards, metrics, optimizers and callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Self

from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operators import as_mask
from kag.data_models.session import snake_case
from kag.errors import DataModelError, TrainingError
from kag.schema import in_mask as keep
from kag.schema import out_mask as remove


class Configured:
    """Remembers the arguments of its constructor, so that it can be saved and made again.

    Args:
        name: What logs call it; by default the class's name in snake case.
    """

    name: str
    _config: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Notes the constructor's arguments, from which `get_config` answers."""
        made = super().__new__(cls)
        try:
            bound = inspect.signature(cls.__init__).bind(made, *args, **kwargs)
        except TypeError as error:
            known = [name for name in inspect.signature(cls.__init__).parameters if name != "self"]
            raise TrainingError(
                f"{cls.__name__}: {error}; its arguments are {', '.join(known) or 'none'}."
            ) from None
        made._config = dict(list(bound.arguments.items())[1:])
        return made

    def __init__(self, name: str | None = None) -> None:
        self.name = name or snake_case(type(self).__name__)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as they were given; saving turns live values into JSON."""
        return dict(self._config)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """One like that which gave this configuration."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"


class Masked(Configured):
    """What looks at some fields of true and predicted values only.

    Args:
        name: What logs call it.
        in_mask: Names of the fields to look at, None for all. Names of nested fields must be listed too.
        out_mask: Names of fields to leave out, None for none.
    """

    def __init__(
        self, name: str | None = None, in_mask: list[str] | None = None, out_mask: list[str] | None = None
    ) -> None:
        super().__init__(name)
        try:
            self.in_mask, self.out_mask = as_mask(in_mask), as_mask(out_mask)
        except DataModelError as error:
            raise TrainingError(f"{self.name}: a mask must be a list of field names: {error}") from None

    def masked(self, value: JsonDataModel | None) -> JsonDataModel | None:
        """The fields of a value that count; None stays None."""
        if value is None:
            return None
        if self.in_mask is not None:
            kept = keep(value.schema, self.in_mask)
            value = JsonDataModel.trusted(kept.schema, kept.value(value.data))
        if self.out_mask is not None:
            rest = remove(value.schema, self.out_mask)
            value = JsonDataModel.trusted(rest.schema, rest.value(value.data))
        return value

    def masked_answer(self, value: JsonDataModel | None) -> JsonDataModel | None:
        """The same of a program's answer, of which something must be left.

        Raises:
            TrainingError: The answer has none of the fields that are looked at.
        """
        kept = self.masked(value)
        if (
            value is not None
            and kept is not None
            and value.data
            and not (kept.data or kept.schema.properties)
        ):
            mask = f"in_mask={list(self.in_mask or ())}, out_mask={list(self.out_mask or ())}"
            raise TrainingError(
                f"{self.name}: {mask} leaves nothing of the answer, which has {', '.join(value.data)}; name "
                "fields that it has."
            )
        return kept
