"""Answers a question in steps: search, see what is still missing, search for that, and answer from all of it.

For questions whose second search can only be written once the first one is read: "Who was the brother of the
man with whom ...?". After IRCoT (Trivedi et al., arXiv 2212.10509), with whole passages instead of thoughts.
"""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Any, Unpack

from pydantic import Field

from kag.data_models.common import Question
from kag.data_models.data_model import DataModel, schema_of
from kag.data_models.json_data_model import JsonDataModel
from kag.errors import ProgramError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.module import Module
from kag.modules._guarded import GuardedGenerator, numbered
from kag.modules._options import GeneratorOptions
from kag.modules.input import Input
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.retrievers.base import Mode
from kag.schema.values import Json, json_text
from programs._cited import AnswerFromPassages
from programs._passages import passages

PLANNING = (
    "You gather passages that answer a question. Say what the passages found so far do not tell yet. If they "
    "answer the question, set enough to true. Else write the next search: a short question about the one "
    "thing to find next, with the names that the passages gave for what the question only describes."
)


class NextSearch(DataModel):
    """What to look for next."""

    missing: str = Field(description="What is not known yet, in a few words", max_length=300)
    enough: bool = Field(description="Whether the passages answer the question")
    search: str = Field(description="The next search; empty if they do", max_length=200)


class Gathered(Question):
    """A question with the passages that several searches found."""

    searches: list[str] = Field(description="What was searched for, in order")
    result: list[dict[str, Any]] = Field(description="The passages, those of each search in turn")


@register_kag_serializable("programs")
class SearchInSteps(Module):
    """Searches for a question, then for what is missing, until that is enough.

    Args:
        knowledge_base: Where to search.
        language_model: What plans the next search.
        mode: How to search.
        k: Passages of each search.
        max_hops: Searches at most, the first included.
        max_passages: Passages at most in all.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.
        **options: Further options of the generator that plans.
    """

    def __init__(
        self,
        knowledge_base: KnowledgeBase,
        language_model: Any = None,
        *,
        mode: Mode = "graph",
        k: int = 5,
        max_hops: int = 3,
        max_passages: int = 10,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        if not isinstance(max_hops, int) or isinstance(max_hops, bool) or max_hops < 1:
            raise ProgramError(f"max_hops of {self!r} must be a whole number from 1 up; got {max_hops!r}.")
        options.setdefault("instructions", PLANNING)
        self.max_hops, self.max_passages = max_hops, max_passages
        self.retriever = passages(knowledge_base, mode, k=k, name="retriever")
        self.planner = _Planner(
            data_model=NextSearch,
            language_model=language_model,
            name="planner",
            description=description or "Plans what to search for next.",
            **options,
        )

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel:
        """The question, the searches, and what they found."""
        question: str = inputs.data["question"]
        searches, found = [question], [await self._found(question)]
        while len(searches) < self.max_hops and any(found):
            so_far = self._gathered(question, searches, found)
            plan = await self.planner(so_far)
            search = plan.data["search"].strip()
            if plan.data["enough"] or not search or search in searches:
                break
            searches.append(search)
            found.append(await self._found(search))
        return self._gathered(question, searches, found)

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> Any:
        """The question with what was gathered."""
        return Gathered

    async def _found(self, search: str) -> list[Json]:
        found: list[Json] = (await self.retriever(Question(question=search))).data["result"]
        return found

    def _gathered(self, question: str, searches: list[str], found: list[list[Json]]) -> JsonDataModel:
        """The passages of all searches, each once, the best of each search first."""
        in_turn = (one for one in chain.from_iterable(zip_longest(*found)) if one is not None)
        unique = list({one["id"]: one for one in in_turn}.values())[: self.max_passages]
        gathered = {"question": question, "searches": list(searches), "result": unique}
        return JsonDataModel.trusted(schema_of(Gathered), gathered)


class _Planner(GuardedGenerator):
    """Says what to search for next."""

    def material(self, data: Json) -> str:
        return numbered(data["result"])

    def request(self, data: Json) -> str:
        return f"Searches so far: {json_text(data['searches'])}\nQuestion: {data['question']}"

    def demonstrated(self, data: Json) -> Json:
        titles = [one["title"] for one in data["result"]]
        return {"passages": titles, "searches": data["searches"], "question": data["question"]}


async def multi_hop(
    knowledge_base: KnowledgeBase,
    language_model: Any,
    *,
    mode: Mode = "graph",
    k: int = 5,
    max_hops: int = 3,
    **options: Unpack[GeneratorOptions],
) -> Program:
    """Makes the program: from a `Question` to a `CitedAnswer`, as `programs.answer`, in several searches.

    Args:
        knowledge_base: Where the evidence comes from.
        language_model: A `LanguageModel`, or its name: what plans and what answers.
        mode: How evidence is searched.
        k: Passages of each search.
        max_hops: Searches at most.
        **options: Further options of the generator that answers.

    Example:
        >>> program = await multi_hop(KnowledgeBase(), "ollama/mistral", max_hops=4)
    """
    inputs = Input(data_model=Question)
    gathered = await SearchInSteps(
        knowledge_base, language_model, mode=mode, k=k, max_hops=max_hops, name="search"
    )(inputs)
    outputs = await AnswerFromPassages(language_model, name="answer", **options)(gathered)
    return Program(
        inputs=inputs,
        outputs=outputs,
        name="multi_hop_program",
        description="Answers a question from documents in several searches, each sentence with quotes.",
    )
