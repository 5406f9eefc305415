"""MultiDecision: answers a question about the inputs with any number of some labels."""

from __future__ import annotations

from typing import Any, final

from kag.modules._deciding import Deciding, decision_schema
from kag.schema import Schema
from kag.schema.values import Json


@final
class MultiDecision(Deciding):
    """One call to a language model that chooses all labels that apply; gives `thinking` and `choices`.

    Arguments are those of `Decision`. A label that is named twice counts once; `choices` may be empty.

    Example:
        >>> decision = await MultiDecision(
        ...     question="What is it about?", labels=["politics", "sports"], language_model=lm
        ... )(Query(query="Who won the match?"))
        >>> decision.get("choices")
        ['sports']
    """

    def answer_schema(self) -> Schema:
        """Thinking and choices."""
        items = {"enum": list(self.labels), "type": "string"}
        return decision_schema(
            "MultiDecision",
            "choices",
            {"description": "All labels that apply", "items": items, "type": "array"},
        )

    def default_instructions(self) -> str:
        """Names the labels."""
        return f"Answer the question by choosing all of these labels that apply: {', '.join(self.labels)}."

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """The decision, with the reasons for it; no label twice.

        Raises:
            LanguageModelError: There is no answer, or none that fits.
        """
        decision = await super().call(inputs, training)
        once = self.chosen(decision.data)
        if len(once) == len(decision.data["choices"]):
            return decision
        return type(decision).trusted(self.schema, {**decision.data, "choices": once})

    def chosen(self, decision: Json) -> list[str]:
        """The labels, each once."""
        choices = decision.get("choices")
        if not isinstance(choices, list):
            self.refuse(choices)
        for choice in choices:
            if choice not in self.labels:
                self.refuse(choice)
        return list(dict.fromkeys(choices))
