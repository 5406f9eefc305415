"""Answers a question from the graph: retrieve, answer in sentences with quotes, check each quote, or abstain.

A citation counts only if its quote stands in the passage that it names; a sentence without such a citation is
not part of the answer.
"""

from __future__ import annotations

from typing import Any, Unpack

from kag.data_models.common import Question
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.modules.input import Input
from kag.program import Program
from kag.retrievers.base import Mode
from programs._cited import AnswerFromPassages
from programs._passages import passages


async def answer(
    knowledge_base: KnowledgeBase,
    language_model: Any,
    *,
    mode: Mode = "graph",
    k: int = 6,
    **options: Unpack[GeneratorOptions],
) -> Program:
    """Makes the program: from a `Question` to `answer`, `sentences` with `citations`, and `result`.

    Use it for questions that one search finds the passages of. If the passages do not answer the question it
    abstains: `insufficient` is true and `answer` empty.

    Args:
        knowledge_base: Where the evidence comes from.
        language_model: A `LanguageModel`, or its name: what writes the answer.
        mode: How evidence is searched: `graph`, `hybrid`, `vector` or `keyword`.
        k: How many passages the model reads.
        **options: Further options of the generator, such as `instructions`, `examples` or `temperature`.

    Example:
        >>> program = await answer(KnowledgeBase(), "ollama/mistral")
        >>> (await program(Question(question="Who was the brother of Pierre Curie?"))).get("answer")
        'Jacques Curie was his brother.'
    """
    inputs = Input(data_model=Question)
    found = await passages(knowledge_base, mode, k=k)(inputs)
    outputs = await AnswerFromPassages(language_model, name="answer", **options)(found)
    return Program(
        inputs=inputs,
        outputs=outputs,
        name="answer_program",
        description="Answers a question from documents, each sentence with quotes.",
    )
