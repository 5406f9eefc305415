"""The options that modules with a generator inside pass on to it, in one typed place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict


class GeneratorOptions(TypedDict, total=False):
    """Options of the generator inside; see `kag.modules.generator.Generator` for what each means."""

    prompt_template: str | None
    prompt_variables: Mapping[str, Any] | None
    examples: Sequence[Any] | None
    instructions: str | Sequence[str] | None
    seed_instructions: Sequence[str] | None
    temperature: float | None
    max_tokens: int | None
    top_p: float | None
    top_k: int | None
    reasoning_effort: str | None
    use_inputs_schema: bool
    use_outputs_schema: bool
