"""Pure functions over JSON schemas and values: join, unite, mask, factorize, prefix, compare, check."""

from __future__ import annotations

from kag.schema.affix import prefix, suffix
from kag.schema.concat import concat
from kag.schema.contains import contains
from kag.schema.derived import Derived
from kag.schema.document import Schema
from kag.schema.factorize import factorize
from kag.schema.masks import in_mask, out_mask
from kag.schema.union import exclusive, side_by_side, union
from kag.schema.values import copy_json

__all__ = [
    "Derived",
    "Schema",
    "concat",
    "contains",
    "copy_json",
    "exclusive",
    "factorize",
    "in_mask",
    "out_mask",
    "prefix",
    "side_by_side",
    "suffix",
    "union",
]
