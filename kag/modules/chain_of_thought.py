"""ChainOfThought: a generator that thinks before it answers.

Wei et al.: Chain-of-Thought Prompting Elicits Reasoning in Large Language Models (arXiv 2201.11903).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from kag.data_models.common import Thinking
from kag.data_models.data_model import schema_of
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError
from kag.module import Module
from kag.modules._options import GeneratorOptions
from kag.modules.generator import Generator
from kag.schema import Schema, concat


class ChainOfThought(Module):
    """One call to a language model that writes down its `thinking`, then the output.

    Use it where the answer takes several steps and the model does not reason by itself.

    Args:
        data_model: The output's data model class. If it has a `thinking` of its own, that one comes first.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        schema: In place of the data model: a JSON schema.
        return_inputs: Give the inputs' properties before the output's.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature`, ...

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> answer = await ChainOfThought(data_model=Answer, language_model=lm)(Query(query="1 + 1?"))
        >>> list(answer.keys())
        ['thinking', 'answer']
    """

    def __init__(
        self,
        data_model: Any = None,
        language_model: Any = None,
        *,
        schema: Mapping[str, Any] | None = None,
        return_inputs: bool = False,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        declared = SymbolicDataModel(data_model, schema).known_schema
        if declared is None:
            raise ProgramError(
                f"{self!r} needs data_model=<a data model class> or schema=<a JSON schema> of its answer."
            )
        self.generator = Generator(
            schema=_thoughtful(declared).json,
            language_model=language_model,
            return_inputs=return_inputs,
            name="generator",
            description=description,
            **options,
        )

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The thinking and the output.

        Raises:
            LanguageModelError: There is no answer, or none that fits the schema.
        """
        return await self.generator(inputs)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with `thinking` and the output's schema, after the inputs' if they are returned."""
        return await self.generator.compute_output_spec(inputs)


def _thoughtful(schema: Schema) -> Schema:
    """The schema with `thinking` in front."""
    if "thinking" not in schema.properties:
        return concat(schema_of(Thinking), schema).schema
    changed = schema.copy()
    thinking = changed["properties"].pop("thinking")
    changed["properties"] = {"thinking": thinking, **changed["properties"]}
    changed["required"] = sorted(
        {*changed.get("required", ()), "thinking"}, key=list(changed["properties"]).index
    )
    return Schema.of(changed, trusted=True)
