"""The graph as a picture and as a page, through `plot_graph`."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from kag.errors import ConfigurationError
from kag.knowledge_bases.records import Entity, Relation, Scalar, Subgraph, Support, entity_id, relation_id
from kag.plotting import Source, plot_graph

ROOT = Path(__file__).resolve().parents[4]
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "<img src=x onerror=alert(1)>",
    "' onmouseover=alert(1) \"",
    "line\u2028separator\u2029paragraph",
    "\u202eright to left override",
    "costs $5 or $\\unknown{ $",
    "$\\nonsense{$",
    "_begins with an underscore",
    "nul\x00and bell\x07",
    "lone surrogate \ud800",
    "{{DATA}} {{TITLE}} %s {0}",
    "   ",
    "x" * 300,
    "שלום עולם",
    "مرحبا بالعالم",
    "😀👩‍👩‍👧",
    "漢字テスト",
    "नमस्ते",
]


def entity(name: str, label: str = "Person", **more: Any) -> Entity:
    return Entity(entity_id("main", label, name), "main", label, name, **more)


def relation(
    a: Entity, type_: str, b: Entity, *quotes: tuple[str, str], description: str = "", **properties: Scalar
) -> Relation:
    support = tuple(Support(chunk, quote, 0, len(quote)) for chunk, quote in quotes)
    return Relation(
        relation_id(a.id, type_, b.id), "main", type_, a.id, b.id, description, properties, support
    )


def wheel(spokes: int) -> Subgraph:
    """A hub named `hub`, and so many entities that all hang on it."""
    hub = entity("hub", "Place")
    rim = [entity(f"spoke {i}") for i in range(spokes)]
    return Subgraph((hub, *rim), tuple(relation(one, "LIVES_IN", hub, ("chunk", "q")) for one in rim))


def curies() -> Subgraph:
    marie = entity("Marie Curie", aliases=("Maria Skłodowska",), degree=7, properties={"born": 1867})
    pierre, polonium = entity("Pierre Curie"), entity("polonium", "Element", description="A metal.")
    return Subgraph(
        (marie, pierre, polonium),
        (
            relation(
                marie, "DISCOVERED", polonium, ("c1", "They announced it."), description="in ore", year=1898
            ),
            relation(pierre, "DISCOVERED", polonium, ("c1", "They announced it."), ("c2", "Both found it.")),
            relation(marie, "CO_OCCURS_WITH", pierre, ("c3", "Marie and Pierre Curie")),
        ),
    )


def embedded(page: Path) -> Mapping[str, Any]:
    """The data that a page's script reads, as a browser would find it."""
    nodes = LexborHTMLParser(page.read_text("utf-8")).css('script[type="application/json"]')
    assert len(nodes) == 1
    data: Mapping[str, Any] = json.loads(nodes[0].text(deep=True))
    return data


def colours(picture: Path) -> dict[tuple[int, int, int], int]:
    with Image.open(picture) as image:
        found = image.convert("RGB").getcolors(maxcolors=1 << 24)
    return {colour: number for number, colour in found or []}


async def test_a_picture_shows_dots_in_the_colours_of_their_labels_on_white(tmp_path: Path) -> None:
    plot = await plot_graph(curies(), to_file=tmp_path / "graph.png", title="The Curies")
    seen = colours(plot.path)
    person, element = seen[0x00, 0x72, 0xB2], seen[0xD5, 0x5E, 0x00]
    assert person > element > 300
    assert max(seen, key=lambda colour: seen[colour]) == (255, 255, 255)
    assert (plot.entities, plot.relations, plot.entities_left_out, plot.relations_left_out) == (3, 3, 0, 0)
    with Image.open(plot.path) as image:
        assert image.width >= 1000
        assert image.height >= 600
        assert image.info["Title"] == "The Curies"


async def test_a_page_holds_everything_that_is_known_of_what_it_draws(tmp_path: Path) -> None:
    sources = {
        "c1": Source("Polonium", "https://example.org/polonium"),
        "c2": Source("A book", "/b.pdf", page=3),
    }
    plot = await plot_graph(curies(), to_file=tmp_path / "graph.html", sources=sources)
    data = embedded(plot.path)
    shown = {one["name"]: one for one in data["entities"]}
    assert set(shown) == {"Marie Curie", "Pierre Curie", "polonium"}
    assert shown["Marie Curie"]["aliases"] == ["Maria Skłodowska"]
    assert shown["Marie Curie"]["properties"] == {"born": 1867}
    assert (shown["Marie Curie"]["mentions"], shown["Marie Curie"]["degree"]) == (7, 2)
    assert shown["polonium"]["description"] == "A metal."
    facts = {
        (data["entities"][one["subject"]]["name"], one["type"], data["entities"][one["object"]]["name"]): (
            [(quote, data["sources"][source] if source >= 0 else None) for quote, source in one["quotes"]],
            one["description"],
            one["properties"],
        )
        for one in data["relations"]
    }
    announced = ("They announced it.", ["Polonium", "https://example.org/polonium", None])
    assert facts == {
        ("Marie Curie", "DISCOVERED", "polonium"): ([announced], "in ore", {"year": 1898}),
        ("Pierre Curie", "DISCOVERED", "polonium"): (
            [announced, ("Both found it.", ["A book", "/b.pdf", 3])],
            "",
            {},
        ),
        ("Marie Curie", "CO_OCCURS_WITH", "Pierre Curie"): ([("Marie and Pierre Curie", None)], "", {}),
    }


async def test_names_from_documents_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    entities = [entity(name, label=name, aliases=(name,), description=name) for name in HOSTILE]
    relations = [
        relation(a, name, b, (name, name), description=name, weight=float("inf"))
        for a, b, name in zip(entities, [*entities[1:], entities[0]], HOSTILE, strict=True)
    ]
    sources = {name: Source(name, "javascript:alert(1)") for name in HOSTILE}
    plot = await plot_graph(
        Subgraph(tuple(entities), tuple(relations)),
        to_file=tmp_path / "graph.html",
        title="</title><script>alert(1)</script>{{DATA}}\ud800",
        sources=sources,
    )
    text = plot.path.read_text("utf-8")
    page = LexborHTMLParser(text)
    assert len(page.css("script")) == 2
    assert not page.css("img, [onmouseover], [onerror], [src]")
    assert page.css_first("title").text().startswith("</title><script>alert(1)</script>{{DATA}}")
    raw = text.split('id="graph-data">', 1)[1].split("</script>", 1)[0]
    assert raw.isascii()
    assert not set(raw) & set("<>&")
    data = embedded(plot.path)
    assert sorted(one["name"] for one in data["entities"]) == sorted(HOSTILE)
    assert sorted(one["label"] for one in data["entities"]) == sorted(HOSTILE)
    assert sorted(one["type"] for one in data["relations"]) == sorted(HOSTILE)
    assert sorted(title for title, _, _ in data["sources"]) == sorted(HOSTILE)
    assert data["relations"][0]["properties"] == {"weight": "inf"}


async def test_a_picture_takes_names_that_no_font_can_show(tmp_path: Path) -> None:
    entities = [entity(name, label=name) for name in HOSTILE]
    relations = [
        relation(entities[0], name, one, ("c", name)) for one, name in zip(entities, HOSTILE, strict=True)
    ]
    plot = await plot_graph(
        Subgraph(tuple(entities), tuple(relations)), to_file=tmp_path / "graph.png", title="$x^ \ud800 漢字\n"
    )
    assert plot.entities == len(HOSTILE)
    assert colours(plot.path)[0x00, 0x72, 0xB2] > 100


async def test_the_page_allows_its_own_script_and_nothing_else(tmp_path: Path) -> None:
    plot = await plot_graph(curies(), to_file=tmp_path / "graph.html")
    text = plot.path.read_text("utf-8")
    page = LexborHTMLParser(text)
    policy = page.css_first('meta[http-equiv="Content-Security-Policy"]').attributes["content"] or ""
    for tag in ("script", "style"):
        content = re.search(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert content
        digest = base64.b64encode(hashlib.sha256(content[1].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not page.css("link, iframe, [src], [href], [style]")
    assert not re.search(r"@import|url\(|fetch\(|XMLHttpRequest|innerHTML|eval\(", text)


async def test_the_same_graph_is_drawn_the_same_way_and_another_seed_differs(tmp_path: Path) -> None:
    for suffix in ("png", "html"):
        files = [tmp_path / f"{name}.{suffix}" for name in ("first", "second", "other")]
        for file, seed in zip(files, (0, 0, 1), strict=True):
            await plot_graph(wheel(9), to_file=file, seed=seed)
        first, second, other = (file.read_bytes() for file in files)
        assert first == second
        assert first != other


def test_the_layout_does_not_depend_on_how_a_process_hashes_strings(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from kag.knowledge_bases.records import Entity, Relation, Subgraph, Support
from kag.plotting import plot_graph
names = [f"entity {i}" for i in range(30)]
chunks = [Support(f"c{k % 11}", "", 0, 0) for k in range(30)]
relations = [
    Relation(f"{i} {j}", "main", "T", names[i], names[j], support=tuple(chunks[i:j]))
    for i in range(30) for j in range(i + 1, 30, 7)
]
graph = Subgraph(tuple(Entity(n, "main", "L", n) for n in names), tuple(relations))
asyncio.run(plot_graph(graph, to_file=sys.argv[1]))
"""
    pages = [tmp_path / f"{seed}.html" for seed in (1, 2, 3)]
    for seed, page in enumerate(pages):
        environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
        subprocess.run(
            [sys.executable, "-c", code, str(page)], env=environment, cwd=ROOT, check=True, timeout=120
        )
    assert len({page.read_bytes() for page in pages}) == 1


async def test_the_order_of_the_input_does_not_matter(tmp_path: Path) -> None:
    graph = curies()
    mirrored = Subgraph(graph.entities[::-1], graph.relations[::-1])
    one = await plot_graph(graph, to_file=tmp_path / "one.html")
    other = await plot_graph(mirrored, to_file=tmp_path / "other.html")
    assert embedded(one.path) == embedded(other.path)


@pytest.mark.parametrize("suffix", ["png", "html"])
async def test_a_graph_without_entities_is_drawn_as_such(tmp_path: Path, suffix: str) -> None:
    plot = await plot_graph(Subgraph(), to_file=tmp_path / f"graph.{suffix}")
    assert (plot.entities, plot.relations) == (0, 0)
    assert plot.path.stat().st_size > 1000


@pytest.mark.parametrize("suffix", ["png", "html"])
async def test_a_single_entity_is_drawn(tmp_path: Path, suffix: str) -> None:
    plot = await plot_graph(Subgraph((entity("alone"),)), to_file=tmp_path / f"graph.{suffix}")
    assert (plot.entities, plot.relations) == (1, 0)


async def test_of_a_large_graph_the_best_connected_entities_are_drawn(tmp_path: Path) -> None:
    stars = [wheel(4000), Subgraph(tuple(entity(f"lone {i}") for i in range(1000)))]
    graph = Subgraph(tuple(e for star in stars for e in star.entities), stars[0].relations)
    picture = await plot_graph(graph, to_file=tmp_path / "graph.png")
    page = await plot_graph(graph, to_file=tmp_path / "graph.html")
    assert (picture.entities, picture.entities_left_out) == (80, 4921)
    assert (picture.relations, picture.relations_left_out) == (79, 3921)
    assert (page.entities, page.entities_left_out) == (400, 4601)
    data = embedded(page.path)
    assert data["entities"][0]["name"] == "hub"
    assert all(one["degree"] for one in data["entities"])
    assert data["left_out"] == [4601, 3601, False]


async def test_no_entity_is_drawn_as_lonely_when_it_has_neighbours(tmp_path: Path) -> None:
    pairs = [(entity(f"left {i}"), entity(f"right {i}")) for i in range(50)]
    graph = Subgraph(
        tuple(one for pair in pairs for one in pair),
        tuple(
            relation(a, "KNOWS", b, *[(f"{a.name} {n}", "q") for n in range(i + 1)])
            for i, (a, b) in enumerate(pairs)
        ),
    )
    plot = await plot_graph(graph, to_file=tmp_path / "graph.html", limit=11)
    data = embedded(plot.path)
    assert plot.relations == 5
    assert len({place for one in data["relations"] for place in (one["subject"], one["object"])}) == 10
    assert {one["name"] for one in data["entities"]} >= {"left 49", "right 49", "left 45", "right 45"}


async def test_a_long_list_in_one_passage_counts_less_than_several_passages(tmp_path: Path) -> None:
    listed = [entity(f"listed {i}") for i in range(8)]
    marie, pierre = entity("Marie"), entity("Pierre")
    graph = Subgraph(
        (*listed, marie, pierre),
        (
            *(relation(a, "CO_OCCURS_WITH", b, ("table row", "q")) for a, b in combinations(listed, 2)),
            relation(marie, "CO_OCCURS_WITH", pierre, ("c1", "q"), ("c2", "q")),
        ),
    )
    plot = await plot_graph(graph, to_file=tmp_path / "graph.html", limit=2)
    assert {one["name"] for one in embedded(plot.path)["entities"]} == {"Marie", "Pierre"}


async def test_relations_that_cannot_be_drawn_are_counted_as_left_out(tmp_path: Path) -> None:
    here, gone = entity("here"), entity("gone")
    graph = Subgraph(
        (here,), (relation(here, "KNOWS", gone, ("c", "q")), relation(here, "IS", here, ("c", "q")))
    )
    plot = await plot_graph(graph, to_file=tmp_path / "graph.html")
    assert (plot.entities, plot.relations, plot.relations_left_out) == (1, 0, 2)


async def test_entities_stand_apart_even_where_all_are_neighbours(tmp_path: Path) -> None:
    crowd = [entity(f"one of many {i}") for i in range(40)]
    graph = Subgraph(
        tuple(crowd), tuple(relation(a, "KNOWS", b, ("c", "q")) for a, b in combinations(crowd, 2))
    )
    plot = await plot_graph(graph, to_file=tmp_path / "graph.html")
    for a, b in combinations(embedded(plot.path)["entities"], 2):
        assert abs(a["x"] - b["x"]) > 100 or abs(a["y"] - b["y"]) > 35, (a["name"], b["name"])


async def test_neighbours_stand_closer_than_strangers(tmp_path: Path) -> None:
    chain = [entity(f"link {i}") for i in range(12)]
    graph = Subgraph(
        tuple(chain),
        tuple(relation(a, "NEXT", b, ("c", "q")) for a, b in pairwise(chain)),
    )
    plot = await plot_graph(graph, to_file=tmp_path / "graph.html")
    at = {one["name"]: complex(one["x"], one["y"]) for one in embedded(plot.path)["entities"]}
    near = [abs(at[f"link {i}"] - at[f"link {i + 1}"]) for i in range(11)]
    assert max(near) < abs(at["link 0"] - at["link 11"]) / 3


async def test_several_graphs_can_be_drawn_at_once(tmp_path: Path) -> None:
    alone = await plot_graph(wheel(12), to_file=tmp_path / "alone.png")
    plots = await asyncio.gather(*(plot_graph(wheel(12), to_file=tmp_path / f"{i}.png") for i in range(4)))
    assert {plot.path.read_bytes() for plot in plots} == {alone.path.read_bytes()}


async def test_missing_folders_are_made_and_an_existing_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "new" / "folder" / "graph.HTML"
    await plot_graph(wheel(3), to_file=str(file))
    await plot_graph(curies(), to_file=file)
    assert len(embedded(file)["entities"]) == 3


@pytest.mark.parametrize("name", ["graph.jpg", "graph", "graph.png.txt"])
async def test_another_suffix_is_refused_with_those_that_work(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must end in \.png or \.html"):
        await plot_graph(curies(), to_file=tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize(("name", "limit"), [("g.png", 0), ("g.png", 301), ("g.html", -1), ("g.html", 601)])
async def test_a_limit_out_of_range_is_refused_with_the_range(tmp_path: Path, name: str, limit: int) -> None:
    with pytest.raises(ConfigurationError, match="takes 1 to"):
        await plot_graph(curies(), to_file=tmp_path / name, limit=limit)


async def test_a_place_that_cannot_be_written_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "graph.png").mkdir()
    with pytest.raises(ConfigurationError, match=r"Cannot write the graph to .*graph\.png"):
        await plot_graph(curies(), to_file=tmp_path / "graph.png")


async def test_the_page_runs_in_a_browser(tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("needs chromium or google-chrome on the path")
    plot = await plot_graph(curies(), to_file=tmp_path / "graph.html", title="<i>Curies</i>")
    run = await asyncio.to_thread(
        subprocess.run,
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
         "--virtual-time-budget=20000", "--dump-dom", f"{plot.path.as_uri()}#Marie%20Curie"],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    page = LexborHTMLParser(run.stdout.decode("utf-8"))
    assert page.css_first("#summary").text() == "3 entities, 3 relations"
    assert page.css_first("h1").text() == "<i>Curies</i>"
    assert page.css_first("#details h2").text() == "Marie Curie"
    assert "They announced it." in page.css_first("#details blockquote").text()
