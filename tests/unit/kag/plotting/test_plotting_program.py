from __future__ import annotations

import struct
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kag.data_models.data_model import DataModel
from kag.errors import ProgramError
from kag.modules.branch import Branch
from kag.modules.chain_of_thought import ChainOfThought
from kag.modules.generator import Generator
from kag.modules.identity import Identity
from kag.modules.input import Input
from kag.plotting import plot_program
from kag.plotting.fonts import Ruler, style
from kag.plotting.layers import lay_out
from kag.plotting.program_boxes import Boxes, Shown, boxes_of, type_text
from kag.plotting.program_shapes import Measuring
from kag.program import Program
from kag.sequential import Sequential
from kag.testing import ScriptedLanguageModel

ALL = Shown(module_names=True, schemas=True, trainable=True)


class Query(DataModel):
    query: str


class Answer(DataModel):
    answer: str


async def one_generator(**options: Any) -> Program:
    inputs = Input(data_model=Query, name="question")
    outputs = await Generator(Answer, ScriptedLanguageModel(), name="writer", **options)(inputs)
    return Program(inputs=inputs, outputs=outputs, name="qa", description="Answers questions")


async def branching() -> Program:
    lm = ScriptedLanguageModel()
    inputs = Input(data_model=Query, name="question")
    easy, hard = await Branch(
        question="How difficult is the query?",
        labels=["easy", "difficult"],
        branches=[Generator(Answer, lm, name="quick"), ChainOfThought(Answer, lm, name="slow")],
        language_model=lm,
        return_decision=False,
        name="way",
    )(inputs)
    return Program(inputs=inputs, outputs=easy | hard, name="branching")


def edges(boxes: Boxes) -> set[tuple[str, str]]:
    return {(boxes.boxes[source].title, boxes.boxes[target].title) for source, target in boxes.edges}


def png_size(path: Path) -> tuple[int, int]:
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", head[16:24])
    return width, height


async def test_a_program_is_drawn_as_png_and_svg_named_after_it(tmp_path: Path) -> None:
    plot = plot_program(await one_generator(), tmp_path / "new", show_schemas=True)
    assert plot == (tmp_path / "new" / "qa.png", tmp_path / "new" / "qa.svg")
    width, height = png_size(plot.png)
    assert width > 300
    assert height > width
    root = ElementTree.parse(plot.svg).getroot()
    assert root.tag.endswith("svg")
    assert len(list(root.iter("{http://www.w3.org/2000/svg}path"))) > 10


async def test_a_file_name_can_be_chosen_and_stays_in_the_folder(tmp_path: Path) -> None:
    plot = plot_program(await one_generator(), tmp_path, to_file="../a b/ü")
    assert plot.png.parent == tmp_path
    assert plot.png.exists()


async def test_a_graph_shows_inputs_modules_and_outputs_with_their_schemas() -> None:
    boxes = boxes_of(await one_generator(), ALL)
    assert edges(boxes) == {("question", "writer"), ("writer", "output")}
    writer = boxes.boxes[1]
    assert (writer.subtitle, writer.rows, writer.trainable) == ("Generator", [("answer", "str")], True)
    assert boxes.boxes[0].rows == [("query", "str")]


async def test_what_is_not_wanted_is_not_shown() -> None:
    boxes = boxes_of(await one_generator(), Shown(module_names=False, schemas=False, trainable=False))
    writer = boxes.boxes[1]
    assert (writer.title, writer.subtitle, writer.rows, writer.trainable) == ("Generator", "", [], None)


async def test_frozen_modules_are_marked_and_modules_without_variables_are_not() -> None:
    frozen = boxes_of(await one_generator(trainable=False), ALL).boxes[1]
    assert frozen.trainable is False
    inputs = Input(data_model=Query)
    plain = boxes_of(Program(inputs=inputs, outputs=await Identity()(inputs)), ALL).boxes[1]
    assert plain.trainable is None


async def test_branches_stand_side_by_side_below_their_decision() -> None:
    boxes = boxes_of(await branching(), ALL)
    assert edges(boxes) == {
        ("question", "way"),
        ("way", "quick"),
        ("way", "slow"),
        ("quick", "|"),
        ("slow", "|"),
        ("|", "output"),
    }
    titles = [box.title for box in boxes.boxes]
    quick, slow, way = (titles.index(name) for name in ("quick", "slow", "way"))
    assert (boxes.boxes[quick].tab, boxes.boxes[slow].tab) == ("easy", "difficult")
    assert boxes.boxes[way].note == "How difficult is the query?"
    centres = lay_out([(1.0, 0.5)] * len(titles), boxes.edges).centres
    assert centres[quick][1] == centres[slow][1] > centres[way][1]
    assert centres[quick][0] < centres[slow][0]


async def test_a_chain_of_one_operator_is_one_sign_and_exclusive_or_is_not() -> None:
    inputs = [Input(data_model=Query) for _ in range(3)]
    a, b, c = inputs
    merged = boxes_of(Program(inputs=inputs, outputs=a & b & c), ALL)
    assert [box.title for box in merged.boxes if box.kind == "operator"] == ["&"]
    assert sum(target == 3 for _, target in merged.edges) == 3
    exclusive = boxes_of(Program(inputs=inputs, outputs=a ^ b ^ c), ALL)
    assert [box.title for box in exclusive.boxes if box.kind == "operator"] == ["^", "^"]


async def test_a_sign_whose_result_is_used_twice_stays() -> None:
    inputs = [Input(data_model=Query) for _ in range(3)]
    a, b, c = inputs
    both = a & b
    boxes = boxes_of(Program(inputs=inputs, outputs=[both & c, both]), ALL)
    assert [box.title for box in boxes.boxes if box.kind == "operator"] == ["&", "&"]


async def test_a_program_without_a_graph_shows_what_it_contains(tmp_path: Path) -> None:
    class Mine(Program):
        def __init__(self) -> None:
            super().__init__(name="mine")
            self.parts = [Generator(Answer, ScriptedLanguageModel(), name="writer"), Identity(name="same")]

    boxes = boxes_of(Mine(), ALL)
    assert boxes.inside
    assert edges(boxes) == {("mine", "writer"), ("mine", "same")}
    assert png_size(plot_program(Mine(), tmp_path).png)
    unbuilt = Sequential([Identity(name="one")], name="chain")
    assert edges(boxes_of(unbuilt, ALL)) == {("chain", "one")}


async def test_a_notebook_gets_the_drawing_as_svg() -> None:
    html = (await one_generator())._repr_html_()
    assert html.startswith("<div")
    assert ElementTree.fromstring(html).find("{http://www.w3.org/2000/svg}svg") is not None


async def test_strange_names_are_drawn_without_a_warning(tmp_path: Path) -> None:
    inputs = Input(
        schema={"type": "object", "properties": {"$x^2$": {}, "名前": {}, "a" * 300: {}, "\x00": {}}}
    )
    outputs = await Identity(name="$\\frac{ " + "w" * 200)(inputs)
    program = Program(inputs=inputs, outputs=outputs, name="🎉 " + "n" * 300, description="x" * 5000)
    plot = plot_program(program, tmp_path, to_file="strange", show_schemas=True)
    width, _ = png_size(plot.png)
    assert width < 3000


async def test_a_long_program_is_still_a_picture(tmp_path: Path) -> None:
    symbol: Any = Input(data_model=Query)
    inputs = symbol
    for number in range(300):
        symbol = await Identity(name=f"step_{number}")(symbol)
    _, height = png_size(plot_program(Program(inputs=inputs, outputs=symbol), tmp_path, to_file="long").png)
    assert height < 33_000


@pytest.mark.parametrize("wrong", [None, "qa", Identity(name="same"), Program])
def test_what_is_no_program_is_refused(wrong: Any, tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="plot_program draws programs"):
        plot_program(wrong, tmp_path)


async def test_a_folder_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProgramError, match="choose another to_folder"):
        plot_program(await one_generator(), tmp_path / "file")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ({"type": "string"}, "str"),
        ({"enum": ["a", "b"]}, "a | b"),
        ({"const": "x"}, "x"),
        ({"type": "array", "items": {"$ref": "#/$defs/City"}}, "list[City]"),
        ({"type": "array"}, "list"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "int | None"),
        ({"type": ["number", "boolean"]}, "float | bool"),
        ({"type": "object"}, "dict"),
        ({}, "any"),
    ],
)
def test_types_are_shown_as_python_writes_them(kind: dict[str, Any], text: str) -> None:
    assert type_text(kind) == text


async def test_every_text_fits_into_its_box() -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(dpi=100)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for box in boxes_of(await branching(), ALL).boxes:
        shape = Measuring(box, Ruler(), 2).shape
        for text in shape.texts:
            look = {"fontsize": text.points, "fontweight": text.weight, **style()}
            wide = figure.text(0, 0, text.text, **look).get_window_extent(renderer).width / 100
            left = text.x - {"left": 0, "center": wide / 2, "right": wide}[text.align]
            assert left >= 0
            assert left + wide <= shape.width + 1e-6
            assert 0 < text.y < shape.height


SIZES = st.tuples(st.floats(0.2, 4), st.floats(0.2, 3))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    sizes = draw(st.lists(SIZES, min_size=1, max_size=14))
    pairs = [(a, b) for b in range(len(sizes)) for a in range(b)]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True, max_size=24)) if pairs else []
    return sizes, chosen


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_no_box_covers_another_and_no_edge_runs_through_a_box(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    sizes, lines = graph
    layout = lay_out(sizes, lines)
    boxes = [
        (x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        for (x, y), (w, h) in zip(layout.centres, sizes, strict=True)
    ]
    for number, (left, top, right, bottom) in enumerate(boxes):
        assert left >= -1e-6
        assert right <= layout.width + 1e-6
        assert top >= -1e-6
        assert bottom <= layout.height + 1e-6
        for l2, t2, r2, b2 in boxes[number + 1 :]:
            assert right <= l2 + 1e-6 or r2 <= left + 1e-6 or bottom <= t2 + 1e-6 or b2 <= top + 1e-6
    for (source, target), route in zip(lines, layout.routes, strict=True):
        assert route[0] == pytest.approx((layout.centres[source][0], boxes[source][3]))
        assert route[-1][1] == pytest.approx(boxes[target][1])
        assert boxes[target][0] <= route[-1][0] <= boxes[target][2]
        assert all(above[1] <= below[1] + 1e-9 for above, below in pairwise(route))
        for (x, y1), (x2, y2) in zip(route[::2], route[1::2], strict=True):
            assert x == pytest.approx(x2)
            for number, (left, top, right, bottom) in enumerate(boxes):
                if number not in (source, target):
                    assert not (left < x < right and y1 < bottom - 1e-6 and y2 > top + 1e-6)


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_equal_graphs_get_equal_layouts(
    graph: tuple[list[tuple[float, float]], list[tuple[int, int]]],
) -> None:
    assert lay_out(*graph) == lay_out(*graph)
