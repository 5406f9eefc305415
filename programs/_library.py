"""The ready-made programs by name, and saved ones by file, each for the knowledge base at hand."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from kag import discover
from kag.data_models.chat import ChatMessage, ChatMessages
from kag.data_models.common import Question
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.session import Session
from kag.errors import ProgramError
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.program import Program
from kag.retrievers._text import text_property

Maker = Callable[..., Awaitable[Program]]
_PACKAGE = "programs"


@lru_cache(maxsize=1)
def makers() -> dict[str, Maker]:
    """The functions that make the ready-made programs: in a file `NAME.py`, the function `NAME`."""
    found: dict[str, Maker] = {}
    for name in discover.names(_PACKAGE):
        maker = getattr(discover.load(_PACKAGE, name), name, None)
        if inspect.iscoroutinefunction(maker):
            found[name] = maker
    return found


async def make(
    name: str, knowledge_base: KnowledgeBase, language_model: Any = None, **options: Any
) -> Program:
    """Makes a ready-made program.

    Args:
        name: One of `makers()`, such as `answer`.
        knowledge_base: Where the evidence comes from.
        language_model: What it asks; some programs do without.
        **options: What that program takes beside, such as `k=8`.

    Raises:
        ProgramError: There is no such program, or it does not take an option.

    Example:
        >>> program = await make("answer", KnowledgeBase(), "ollama/mistral", k=8, temperature=0)
    """
    maker = makers().get(name)
    if maker is None:
        raise ProgramError(
            f"There is no program {name!r}; there are {', '.join(makers())}. A saved program is named by its "
            "file, which ends in .json."
        )
    known = [*taken(name), *GeneratorOptions.__annotations__]
    if unknown := [option for option in options if option not in known]:
        raise ProgramError(
            f"The program {name!r} takes no {', '.join(unknown)}; it takes {', '.join(known)}."
        )
    with Session():
        return await maker(knowledge_base, language_model, **options)


def taken(name: str) -> list[str]:
    """What a ready-made program takes beside its knowledge base, model, and the options of a generator."""
    maker = makers().get(name)
    parameters = list(inspect.signature(maker).parameters.values())[2:] if maker is not None else []
    return [one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD]


def needs_model(name: str) -> bool:
    """Whether a ready-made program can do nothing without a language model."""
    maker = makers().get(name)
    return maker is None or (
        inspect.signature(maker).parameters["language_model"].default is inspect.Parameter.empty
    )


def load(
    path: str | Path, knowledge_base: KnowledgeBase | None = None, language_model: Any = None
) -> Program:
    """Loads a saved program for a knowledge base, such as one that was trained.

    Args:
        path: A file of `Program.save` or of `kag train`.
        knowledge_base: What it is to search, in the place of the one that it was saved with.
        language_model: What it is to ask, likewise.

    Raises:
        SavingError: The file cannot be read or trusted.

    Example:
        >>> program = load("best.json", KnowledgeBase("my-graph"))
        >>> (await program(Question(question="..."))).get("answer")
    """
    makers()  # registers the classes that the ready-made programs are made of
    program = Program.load(path)
    for _, module in program.walk():
        for name, given in (("knowledge_base", knowledge_base), ("language_model", language_model)):
            if given is not None and getattr(module, name, None) is not None:
                setattr(module, name, given)
    return program


async def opened(
    name: str, knowledge_base: KnowledgeBase, language_model: Any = None, **options: Any
) -> Program:
    """A program by name, or by file where the name ends in .json.

    Raises:
        ProgramError: There is none.
    """
    if is_file(name):
        return load(name, knowledge_base, language_model)
    return await make(name, knowledge_base, language_model, **options)


def is_file(name: str) -> bool:
    """Whether a program's name means a file."""
    return name.endswith(".json")


def inputs_for(program: Program, question: str, before: tuple[ChatMessage, ...] = ()) -> JsonDataModel:
    """What a program is given for a question: the question itself, or a conversation that ends in it.

    Args:
        program: Any program whose inputs have `question`, `messages`, or one text.
        question: What is asked.
        before: The conversation so far, for programs that look at it.

    Raises:
        ProgramError: It takes something else.
    """
    schema = getattr(program.inputs, "known_schema", None)
    if schema is None or "question" in schema.properties:
        return Question(question=question).to_json_data_model()
    if "messages" in schema.properties:
        said = ChatMessages(messages=[*before, ChatMessage(role="user", content=question)])
        return said.to_json_data_model()
    return JsonDataModel(schema=schema.json, json={text_property(program, schema, None): question})
