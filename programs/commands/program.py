"""`kag program show | diff | rollback`: what a program's prompts say, and its versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.errors import ProgramError, SavingError

if TYPE_CHECKING:
    from kag.program import Program

Name = Annotated[
    str, typer.Argument(help="A ready-made program, or a saved one (.json).", show_default=False)
]
File = Annotated[Path, typer.Argument(help="A saved program.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    group = console.group(app, "program", "Look at programs and their versions.")
    for command in (show, diff, rollback):
        group.command()(command)


def show(
    program: Name,
    model: console.Model = None,
    as_json: console.AsJson = False,
) -> None:
    """Show the modules of a program, its prompts, and its versions."""
    from programs._changes import prompts
    from programs._library import is_file

    opened = console.run(lambda: _opened(program, model))
    kept = _versions(Path(program)) if is_file(program) else []
    data = {
        "name": opened.name,
        "description": opened.description,
        "variables": prompts(opened),
        "versions": kept,
    }
    console.emit(data, None if as_json else _text(opened, data))


def diff(
    program: File,
    other: Annotated[
        Path | None, typer.Argument(help="Another saved program; the version before by default.")
    ] = None,
    as_json: console.AsJson = False,
) -> None:
    """Show what differs in the prompts of a program and of the version before it, or of another program."""
    from programs._changes import changes, prompts
    from programs._library import load

    first, second = (program, other) if other is not None else (_before(program), program)
    found = changes(prompts(load(first)), prompts(load(second)))
    data = {"before": str(first), "after": str(second), "changes": found}
    console.emit(data, None if as_json else found or "The prompts are the same.")


def rollback(
    program: File,
    to: Annotated[
        int | None, typer.Option(min=1, help="Number of the version.", show_default="the one before")
    ] = None,
    as_json: console.AsJson = False,
) -> None:
    """Put an earlier version in the place of a program's file; no version is lost."""
    from programs import _versions as kept

    version = kept.rollback(program, to)
    data = {"program": str(program), "version": version.number}
    console.emit(data, None if as_json else f"{program} is version {version.number} again.")


async def _opened(name: str, model: str | None) -> Program:
    from kag import settings
    from programs._library import opened

    chosen = settings.load({"model": model})
    return await opened(name, chosen.open_knowledge_base(), chosen.model or "none/none")


def _before(program: Path) -> Path:
    from programs._versions import current, versions

    if not program.is_file():
        raise ProgramError(f"There is no file {program}; name a program that `kag train` wrote.")
    now = current(program)
    earlier = [one for one in versions(program) if now is None or one.number < now.number]
    if not earlier:
        raise SavingError(
            f"{program} has no version before the present one; name another file to compare with."
        )
    return earlier[-1].path


def _versions(program: Path) -> list[dict[str, Any]]:
    from programs._versions import current, versions

    now = current(program)
    return [
        {"number": one.number, "file": str(one.path), "current": now is not None and one.number == now.number}
        for one in versions(program)
    ]


def _text(program: Program, data: dict[str, Any]) -> str:
    parts = [program.describe_modules()]
    for path, lines in data["variables"].items():
        parts.append("\n".join([f"{path}:", *(f"  {line}" for line in lines)]))
    if data["versions"]:
        listed = (f"{one['number']}{' (now)' if one['current'] else ''}" for one in data["versions"])
        parts.append(f"versions: {', '.join(listed)}")
    return "\n\n".join(parts)
