"""What `Decision` and `MultiDecision` share: a question about the inputs, answered with given labels only."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NoReturn, Unpack

from kag.data_models.common import Question
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.operations import CONCAT, operand
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError, StructuredOutputError
from kag.module import Module
from kag.modules._options import GeneratorOptions
from kag.modules.generator import Generator
from kag.schema import Schema
from kag.schema.values import Json


class Deciding(Module, ABC):
    """A module that answers a question about its inputs with one or several of some labels."""

    def __init__(
        self,
        question: str,
        labels: Sequence[str],
        language_model: Any = None,
        *,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        if not isinstance(question, str) or not question.strip():
            raise ProgramError(f"question of {self!r} must be a non-empty string; got {question!r}.")
        self.question = question
        self.labels = checked_labels(self, labels)
        self.schema = self.answer_schema()
        if options.get("instructions") is None:
            options["instructions"] = self.default_instructions()
        self.generator = Generator(
            schema=self.schema.json,
            language_model=language_model,
            name="generator",
            description=description or question,
            **options,
        )
        self._question = Question(question=question).to_json_data_model()

    @abstractmethod
    def answer_schema(self) -> Schema:
        """The schema of the decision, in which no other label fits."""

    @abstractmethod
    def default_instructions(self) -> str:
        """What the model is told if the author says nothing."""

    @abstractmethod
    def chosen(self, decision: Json) -> list[str]:
        """The labels that a decision names.

        Raises:
            StructuredOutputError: One of them is not among the labels.
        """

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The decision, with the reasons for it.

        Raises:
            LanguageModelError: There is no answer, or none that fits.
        """
        decision: JsonDataModel = await self.generator(CONCAT(inputs, self._question))
        self.chosen(decision.data)
        return decision

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with the decision's schema."""
        operand(inputs)  # refuses what is not one data model
        return SymbolicDataModel(schema=self.schema)

    def refuse(self, choice: object) -> NoReturn:
        """Raises: the model chose something else."""
        raise StructuredOutputError(
            f"{self!r}: the model chose {str(choice)[:100]!r}; expected one of: {', '.join(self.labels)}.",
            model=str(getattr(self.generator.language_model, "model", "")),
        )


def checked_labels(module: Module, labels: Any) -> tuple[str, ...]:
    """Labels as a tuple.

    Raises:
        ProgramError: They are not different, non-empty strings.
    """
    listed = list(labels) if isinstance(labels, list | tuple) else []
    if not listed or not all(isinstance(label, str) and label.strip() for label in listed):
        raise ProgramError(f"labels of {module!r} must be a list of non-empty strings; got {labels!r}.")
    if len(set(listed)) < len(listed):
        raise ProgramError(f"labels of {module!r} must differ from each other; got {labels!r}.")
    return tuple(listed)


def decision_schema(title: str, key: str, kind: Json) -> Schema:
    """The schema of a decision: reasons first, then what is chosen."""
    thinking = {"description": "Your step by step thinking", "title": "Thinking", "type": "string"}
    return Schema.of(
        {
            "additionalProperties": False,
            "properties": {"thinking": thinking, key: {**kind, "title": key.title()}},
            "required": ["thinking", key],
            "title": title,
            "type": "object",
        },
        trusted=True,
    )
