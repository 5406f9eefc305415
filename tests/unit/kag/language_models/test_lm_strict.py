"""What of a schema is sent in OpenAI's strict dialect."""

from __future__ import annotations

from typing import Literal

import kag
from kag.language_models._strict import strict


class Book(kag.Entity):
    """A book."""

    label: Literal["Book"] = "Book"
    isbn: str = kag.Field(json_schema_extra={"key": True})
    pages: int = kag.Field(json_schema_extra={"merge": "max"})
    key: str = ""


def test_what_fields_declare_of_identity_and_merging_is_not_sent() -> None:
    schema = Book.model_json_schema()
    assert schema["properties"]["isbn"]["key"] is True
    sent = strict(schema)["properties"]
    assert "key" not in sent["isbn"]
    assert "merge" not in sent["pages"]


def test_a_field_that_is_called_key_is_sent() -> None:
    assert "key" in strict(Book.model_json_schema())["required"]
