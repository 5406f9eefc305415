"""Decision: answers a question about the inputs with exactly one of some labels."""

from __future__ import annotations

from typing import final

from kag.modules._deciding import Deciding, decision_schema
from kag.schema import Schema
from kag.schema.values import Json


@final
class Decision(Deciding):
    """One call to a language model that chooses a label; gives `thinking` and `choice`.

    The labels are an enum in the schema that the model must follow, and the answer is checked against them.

    Args:
        question: What is to be decided about the inputs; it is added to them.
        labels: The possible answers: different, non-empty strings.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        name: Unique within a program.
        description: What it is for, in words; the question by default.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature`, ...

    Raises:
        ProgramError: An argument cannot be used.

    Example:
        >>> decision = await Decision(
        ...     question="How difficult is the query?", labels=["easy", "difficult"], language_model=lm
        ... )(Query(query="1 + 1?"))
        >>> decision.get("choice")
        'easy'
    """

    def answer_schema(self) -> Schema:
        """Thinking and choice."""
        kind = {"description": "The chosen label", "enum": list(self.labels), "type": "string"}
        return decision_schema("Decision", "choice", kind)

    def default_instructions(self) -> str:
        """Names the labels."""
        return f"Answer the question by choosing exactly one of these labels: {', '.join(self.labels)}."

    def chosen(self, decision: Json) -> list[str]:
        """The label, as a list."""
        choice = decision.get("choice")
        if choice not in self.labels:
            self.refuse(choice)
        return [choice]
