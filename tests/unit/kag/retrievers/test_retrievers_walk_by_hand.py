"""The walk on a graph of three passages and two entities, beside masses that were computed by hand.

    Seed -- Alpha -- Middle -- Beta -- Far

Each entity is in two passages, so all of a passage's entities count alike. A step goes on with 0.85, else
back to the seed; an entity gives half to each of its passages, Middle half to each of its entities.
"""

from dataclasses import replace
from pathlib import Path

import pytest
from store_documents import document

import kag
from kag.retrievers._neighbourhood import Neighbourhood, Weights
from kag.retrievers.base import Search
from kag.retrievers.graph import GraphRetriever

SEED = document("seed.md", "Someone wrote long letters to [Alpha].")
MIDDLE = document("middle.md", "The house of [Alpha] belongs to [Beta].")
FAR = document("far.md", "In this town died [Beta].")
PLAIN = Weights(seeds=1, sentence=0.0, steps=4, first_stage=0.0, flatten=1.0, coverage=0.0, link=0.0)

# Mass after steps 1 to 4, with what each entity holds in between:
#   1  Seed .15                                  Alpha .85
#   2  Seed .15 + .85(.425) = .51125             Middle .85(.425) = .36125          Alpha .1275
#   3  Seed .15 + .85(.06375) = .2041875         Middle .0541875
#      Alpha .85(.51125 + .180625) = .58809375   Beta .85(.180625) = .15353125
#   4  Seed .15 + .85(.294046875)   Middle .85(.294046875 + .076765625)   Far .85(.076765625)
BY_HAND = {"Seed": 0.39993984375, "Middle": 0.315190625, "Far": 0.06525078125}


@pytest.fixture
async def base(tmp_path: Path) -> kag.KnowledgeBase:
    base = kag.KnowledgeBase(uri=tmp_path / "store", resolution="off")
    for change in (SEED, MIDDLE, FAR):
        chunks = tuple(replace(chunk, embedding=None) for chunk in change.chunks)
        await base.store.upsert(replace(change, chunks=chunks))
    return base


async def test_the_walk_gives_the_masses_computed_by_hand(base: kag.KnowledgeBase) -> None:
    graph = Neighbourhood(3, PLAIN, seeds={SEED.chunks[0].id: 1.0}, asked={}, fit=lambda _: 0.0)
    await graph.grow(base.store)
    await base.close()
    ids = {"Seed": SEED.chunks[0].id, "Middle": MIDDLE.chunks[0].id, "Far": FAR.chunks[0].id}
    assert {name: graph.passages[i] for name, i in ids.items()} == pytest.approx(BY_HAND)


async def test_a_search_ranks_by_these_masses_and_shows_the_way(base: kag.KnowledgeBase) -> None:
    found = await GraphRetriever(base, PLAIN).search(Search("who wrote long letters", k=3))
    await base.close()
    low, high = BY_HAND["Far"], BY_HAND["Seed"]
    scaled = {name: (mass - low) / (high - low) for name, mass in BY_HAND.items()}
    assert [hit.uri for hit in found.hits] == ["seed.md", "middle.md", "far.md"]
    assert [hit.score for hit in found.hits] == pytest.approx(list(scaled.values()))
    way = [(step.kind, step.name) for step in found.hits[2].path]
    assert way == [
        ("query", "who wrote long letters"),
        ("passage", "seed.md"),
        ("entity", "Alpha"),
        ("passage", "middle.md"),
        ("passage", "middle.md"),
        ("entity", "Beta"),
        ("passage", "far.md"),
    ]
