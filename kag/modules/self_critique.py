"""SelfCritique: has a model criticise what it is given, and score it."""

from __future__ import annotations

from typing import Any, Unpack

from pydantic import Field

from kag.data_models.common import Score
from kag.data_models.data_model import DataModel, schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError, StructuredOutputError
from kag.module import Module
from kag.modules._options import GeneratorOptions
from kag.modules.generator import Generator
from kag.schema import Schema, concat

_INSTRUCTIONS = (
    "Criticise the given data: say what is right, what is wrong and what is missing. "
    "Then score it in agreement with your critique."
)


class Critique(DataModel):
    """What is good and bad about something."""

    critique: str = Field(description="The step by step critique")


class CritiqueWithReward(Critique):
    """A critique and how good the thing is."""

    reward: float = Field(ge=0, le=1, description="How good it is, from 0 to 1")


class SelfCritique(Module):
    """One call to a language model that gives a `critique` of the inputs and a `reward` from 0 to 1.

    Args:
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        return_reward: Ask for a score, and give it as `reward`.
        return_inputs: Give the inputs' properties before the critique.
        score_type: How the model scores: a data model class with one number, as an enum or with a minimum
            and a maximum; its scale is mapped to 0..1. `kag.Score` is in tenths, `Rating` from 1 to 5.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature`, ...

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> critique = await SelfCritique(language_model=lm)(Answer(answer="Paris"))
        >>> list(critique.keys())
        ['answer', 'critique', 'reward']
    """

    def __init__(
        self,
        language_model: Any = None,
        *,
        return_reward: bool = True,
        return_inputs: bool = True,
        score_type: Any = Score,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        self.return_reward = return_reward
        self.return_inputs = return_inputs
        score = schema_of(score_type)
        self._score, self._low, self._high = _scale(self, score)
        self.schema = schema_of(CritiqueWithReward if return_reward else Critique)
        asked = concat(schema_of(Critique), score).schema if return_reward else self.schema
        if options.get("instructions") is None:
            options["instructions"] = _INSTRUCTIONS
        self.generator = Generator(
            schema=asked.json,
            language_model=language_model,
            name="generator",
            description=description,
            **options,
        )

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The critique and the reward, after the inputs if they are returned.

        Raises:
            LanguageModelError: There is no answer, or none that fits.
        """
        answer: JsonDataModel = await self.generator(inputs)
        value = {"critique": answer.data["critique"]}
        if self.return_reward:
            value["reward"] = self._reward(answer.data[self._score])
        result = JsonDataModel.trusted(self.schema, value)
        if not self.return_inputs:
            return result
        joined = concat(inputs.schema, self.schema)
        return JsonDataModel.trusted(joined.schema, joined.value(inputs.data, value))

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with critique and reward, after the inputs' properties if they are returned."""
        await self.generator.compute_output_spec(inputs)  # refuses what is not one data model
        if not self.return_inputs:
            return SymbolicDataModel(schema=self.schema)
        given = inputs.known_schema
        return SymbolicDataModel(schema=None if given is None else concat(given, self.schema).schema)

    def _reward(self, score: Any) -> float:
        if (
            isinstance(score, bool)
            or not isinstance(score, int | float)
            or not self._low <= score <= self._high
        ):
            raise StructuredOutputError(
                f"{self!r}: the model scored {score!r}; expected a number from {self._low} to {self._high}.",
                model=str(getattr(self.generator.language_model, "model", "")),
            )
        return (score - self._low) / (self._high - self._low)


def _scale(module: Module, schema: Schema) -> tuple[str, float, float]:
    """Name, lowest and highest value of a score's only property."""
    names = list(schema.properties)
    if len(names) == 1:
        kind = schema.properties[names[0]]
        values = kind.get("enum") or [kind.get("minimum"), kind.get("maximum")]
        numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) == len(values) and min(numbers) < max(numbers):
            return names[0], min(numbers), max(numbers)
    raise ProgramError(
        f"score_type of {module!r} must be a data model class with one number, as an enum or with "
        f"a minimum and a maximum, such as kag.Score; got one with {', '.join(names) or 'no properties'}."
    )
