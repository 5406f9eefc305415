"""`kag chat`: a conversation with the documents in the terminal, or line by line where input is piped."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from kag import console, settings
from kag.errors import KagError
from programs.commands._display import Shown, answer_text, listening
from programs.commands._options import Limit, ProgramName, open_program

if TYPE_CHECKING:
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.program import Program

_HELP = "Ask about your documents. /new begins anew, /quit or Ctrl-D ends."
_ABSTAINS = "The documents do not answer this."


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(chat)


def chat(
    program: ProgramName = "chat",
    limit: Limit = None,
    store: console.Store = None,
    collection: console.Collection = None,
    model: console.Model = None,
    api_base: console.ApiBase = None,
    embedding_model: console.EmbeddingModel = None,
    embedding_folder: console.EmbeddingFolder = None,
    as_json: console.AsJson = False,
) -> None:
    """Talk with the documents; what was said before is understood. With --json, an object a line."""
    chosen = settings.load(
        {
            "store": store,
            "collection": collection,
            "model": model,
            "api_base": api_base,
            "embedding_model": embedding_model,
            "embedding_folder": embedding_folder,
        }
    )
    base = chosen.open_knowledge_base()
    with asyncio.Runner() as runner:  # one loop for all turns, so that Ctrl-C ends a turn and not the store
        try:
            opened = runner.run(_opened(base, program, chosen, limit))
            failed = _Talk(runner, opened, as_json=as_json).run()
        finally:
            runner.run(base.close())
    raise typer.Exit(console.FAILED if failed else 0)


async def _opened(base: KnowledgeBase, program: str, chosen: settings.Settings, limit: int | None) -> Program:
    await base.open(create=False, read_only=True)
    return await open_program(program, base, chosen, k=limit)


class _Talk:
    """The turns of a conversation."""

    def __init__(self, runner: asyncio.Runner, program: Program, *, as_json: bool) -> None:
        self._runner = runner
        self._program = program
        self._as_json = as_json
        self._person = sys.stdin.isatty()
        self._messages: list[Any] = []

    def run(self) -> bool:
        """Answers line by line until the input ends; whether an answer failed."""
        failed = False
        reconfigure = getattr(sys.stdin, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")
        if self._person:
            console.note(_HELP)
        for line in self._lines():
            if line == "/quit":
                break
            if line == "/new":
                self._messages = []
            elif line:
                failed |= not self._turn(line)
        return failed and not self._person

    def _lines(self) -> Iterator[str]:
        while True:
            try:
                yield input("> " if self._person else "").strip()
            except (EOFError, KeyboardInterrupt):
                if self._person:
                    console.note("")
                return

    def _turn(self, question: str) -> bool:
        from kag.data_models.chat import ChatMessage

        shown = Shown() if self._person and not self._as_json else None
        try:
            answer = self._runner.run(self._asked(question, shown))
        except KagError as error:
            console.note(f"error: {error}")
            return False
        except KeyboardInterrupt:
            console.note("\nstopped")
            return True
        said = str(answer.get("answer") or _ABSTAINS)
        self._messages += [
            ChatMessage(role="user", content=question),
            ChatMessage(role="assistant", content=said),
        ]
        self._show(answer, shown)
        return True

    async def _asked(self, question: str, shown: Shown | None) -> dict[str, Any]:
        from programs._library import inputs_for

        with listening(shown):
            outputs = await self._program(inputs_for(self._program, question, tuple(self._messages)))
        if outputs is None:
            raise KagError(f"{self._program!r} gave no answer.")
        answer: dict[str, Any] = outputs.get_json()
        return answer

    def _show(self, answer: dict[str, Any], shown: Shown | None) -> None:
        if self._as_json:
            kept = {name: value for name, value in answer.items() if name != "result"}
            console.emit(None, json.dumps(kept, ensure_ascii=False))
        elif answer.get("insufficient"):
            console.emit(None, f"{_ABSTAINS}\n")
        else:
            console.emit(None, f"{answer_text(answer, shown)}\n")
        console.flush()
