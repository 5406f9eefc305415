"""Answers within a conversation: what the last message means is searched for, and answered with quotes."""

from __future__ import annotations

from typing import Any, Unpack

from pydantic import Field

from kag.data_models.chat import ChatMessages
from kag.data_models.common import Question
from kag.data_models.data_model import DataModel, schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.errors import ProgramError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.module import Module
from kag.modules._guarded import GuardedGenerator
from kag.modules._options import GeneratorOptions
from kag.modules.input import Input
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.retrievers.base import Mode
from kag.schema.values import Json
from programs._cited import AnswerFromPassages
from programs._passages import passages

REWRITING = (
    "Write the last message of the conversation as one question that can be understood without the rest: put "
    "names in the place of words such as he, it or there. Add nothing, and do not answer it. If it can be "
    "understood as it is, copy it."
)
_REMEMBERED = 12  # messages
_LONGEST = 2000  # characters of an earlier message


class StandaloneQuestion(DataModel):
    """The last message, as it is understood without the others."""

    question: str = Field(description="The question", max_length=500)


class Asked(ChatMessages, Question):
    """A conversation and what its last message asks."""


@register_kag_serializable("programs")
class QuestionOfConversation(Module):
    """Gives the end of a conversation, and what its last message asks; the first one is taken as it is.

    Args:
        language_model: What understands the last message.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options of the generator inside.
    """

    def __init__(
        self,
        language_model: Any = None,
        *,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        options.setdefault("instructions", REWRITING)
        self.rewriter = _Rewriter(
            data_model=StandaloneQuestion,
            language_model=language_model,
            name="rewriter",
            description=description or "Writes the last message of a conversation so that it stands alone.",
            **options,
        )

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The conversation's end with the question.

        Raises:
            ProgramError: The conversation does not end in a message of the user.
        """
        spoken = [one for one in inputs.data["messages"] if one["role"] in ("user", "assistant")]
        messages = [_short(one) for one in spoken[-_REMEMBERED:]]
        if not messages or messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
            raise ProgramError(f"{self!r}: a conversation must end in a message of the user with some words.")
        question = messages[-1]["content"]
        if len(messages) > 1:
            said = JsonDataModel(data_model=ChatMessages, json={"messages": messages})
            question = (await self.rewriter(said)).data["question"].strip() or question
        asked = {"messages": messages, "question": question}
        return JsonDataModel.trusted(schema_of(Asked), asked)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """The conversation and the question."""
        return Asked


class _Rewriter(GuardedGenerator):
    """Writes a question that stands alone."""

    tag = "conversation"

    def material(self, data: Json) -> str:
        return "\n".join(f"{one['role']}: {one['content']}" for one in data["messages"])

    def request(self, data: Json) -> str:
        return f"Last message: {data['messages'][-1]['content']}"


async def chat(
    knowledge_base: KnowledgeBase,
    language_model: Any,
    *,
    mode: Mode = "graph",
    k: int = 6,
    **options: Unpack[GeneratorOptions],
) -> Program:
    """Makes the program: from `ChatMessages` to a `CitedAnswer`, as `programs.answer`.

    Args:
        knowledge_base: Where the evidence comes from.
        language_model: A `LanguageModel`, or its name: what understands messages and what answers.
        mode: How evidence is searched.
        k: How many passages the model reads.
        **options: Further options of the generator that answers.

    Example:
        >>> program = await chat(KnowledgeBase(), "ollama/mistral")
        >>> said = ChatMessages(messages=[ChatMessage(role="user", content="Who found radium?")])
        >>> (await program(said)).get("answer")
        'Marie and Pierre Curie found it.'
    """
    inputs = Input(data_model=ChatMessages)
    asked = await QuestionOfConversation(language_model, name="question")(inputs)
    found = await passages(knowledge_base, mode, k=k, field="question")(asked)
    outputs = await AnswerFromPassages(language_model, name="answer", **options)(found)
    return Program(
        inputs=inputs,
        outputs=outputs,
        name="chat_program",
        description="Answers within a conversation from documents, each sentence with quotes.",
    )


def _short(message: Json) -> Json:
    """A message as plain text, cut where it is long."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return {"role": message["role"], "content": content[:_LONGEST]}
