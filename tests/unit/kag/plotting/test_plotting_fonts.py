"""Names in other scripts are drawn with whatever font of the system has their letters."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from kag.plotting.fonts import drawable, style

# In a process of its own, since matplotlib's fonts belong to the whole process.
DRAW = """
import asyncio, sys, warnings
warnings.simplefilter("error")
from pathlib import Path
from matplotlib.font_manager import fontManager
from kag.data_models.data_model import DataModel
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.plotting import plot_program
from kag.plotting.fonts import drawable
from kag.program import Program

for file in sys.argv[2:]:
    fontManager.addfont(file)

class Query(DataModel):
    query: str

async def main():
    inputs = Input(data_model=Query, name="名前")
    program = Program(inputs=inputs, outputs=await Identity(name="前")(inputs), name="qa", description="名")
    plot_program(program, sys.argv[1])

asyncio.run(main())
print(drawable("a 名前 \U000f0001\U000f0000", longest=20))
"""


def draw(folder: Path, *fonts: Path) -> tuple[str, bytes]:
    """What a process with some more fonts prints and draws."""
    command = [sys.executable, "-c", DRAW, str(folder), *map(str, fonts)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), (folder / "qa.svg").read_bytes()


def font(path: Path, family: str, letters: str) -> Path:
    """A font whose letters are squares of different sizes."""
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    for number, letter in enumerate(letters, start=1):
        pen, size = TTGlyphPen(None), 150 * number
        pen.moveTo((0, 0))
        for corner in ((0, size), (size, size), (size, 0)):
            pen.lineTo(corner)
        pen.closePath()
        glyphs[f"u{ord(letter):X}"] = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(list(glyphs))
    builder.setupCharacterMap({ord(letter): f"u{ord(letter):X}" for letter in letters})
    builder.setupGlyf(glyphs)
    builder.setupHorizontalMetrics(dict.fromkeys(glyphs, (1000, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": family, "styleName": "Regular"})
    builder.setupOS2(sTypoAscender=800, sTypoDescender=-200, usWinAscent=800, usWinDescent=200)
    builder.setupPost()
    builder.save(path)
    return path


def test_letters_that_only_another_font_of_the_system_has_are_drawn_with_it(tmp_path: Path) -> None:
    gothic = font(tmp_path / "a.ttf", "Zz Test Gothic", "名前")
    serif = font(tmp_path / "b.ttf", "Aa Test Serif", "名前")
    text, drawn = draw(tmp_path / "with", serif, gothic)
    assert text == "a 名前 □□"
    _, plain = draw(tmp_path / "without")
    assert drawn != plain


def test_a_damaged_font_is_passed_over(tmp_path: Path) -> None:
    good = font(tmp_path / "a.ttf", "Zz Test Gothic", "名前")
    gone = font(tmp_path / "b.ttf", "Yy Test Gothic", "名前")
    code = DRAW.replace("class Query", f"Path({str(gone)!r}).write_bytes(b'damaged')\n\nclass Query")
    command = [sys.executable, "-c", code, str(tmp_path / "out"), str(gone), str(good)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "a 名前 □□\n"


def test_letters_that_no_font_has_are_boxes() -> None:
    assert drawable("a\U000f0000b", longest=9) == "a□b"
    assert style("a□b")["fontfamily"] == style()["fontfamily"]
