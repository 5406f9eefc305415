from __future__ import annotations

import os
import stat
from pathlib import Path

from kag.data_models.data_model import DataModel
from kag.modules.generator import Generator
from kag.modules.input import Input
from kag.program import Program
from kag.testing import ScriptedLanguageModel


class Query(DataModel):
    query: str


async def program(instructions: str = "Go.") -> Program:
    inputs = Input(data_model=Query)
    generator = Generator(Query, ScriptedLanguageModel(), instructions=instructions, name="g")
    return Program(inputs=inputs, outputs=await generator(inputs), name="p")


async def test_a_new_file_has_usual_rights_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    before = os.umask(0o027)
    try:
        (await program()).save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o600)
    (await program("Other.")).save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "Other." in path.read_text()


async def test_a_link_stays_a_link_to_the_new_content(tmp_path: Path) -> None:
    target, link = tmp_path / "deep" / "p.json", tmp_path / "link.json"
    (await program()).save(target)
    link.symlink_to(target)
    (await program("Other.")).save(link)
    assert link.is_symlink()
    assert "Other." in target.read_text()


async def test_nothing_but_the_file_is_left(tmp_path: Path) -> None:
    (await program()).save(str(tmp_path / "p.json"))
    (await program()).save_variables(tmp_path / "v.json")
    assert sorted(os.listdir(tmp_path)) == ["p.json", "v.json"]


async def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    (await program("Old.")).save(path)
    with path.open() as reading:
        (await program("New.")).save(path)
        assert "Old." in reading.read()
    assert Program.load(path).variables[0]["instructions"] == "New."


async def test_any_text_survives_also_halves_of_surrogate_pairs(tmp_path: Path) -> None:
    text = "Ünï ☂ \U0001f600 \x00 \u2028 \ud83d"
    (await program(text)).save(tmp_path / "p.json")
    assert Program.load(tmp_path / "p.json").variables[0]["instructions"] == text
