"""What an answer costs, and that it never costs more than it may."""

import importlib.util
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kag.knowledge_bases.records import Chunk, Entity, Relation, Support
from kag.retrievers.base import Hit, Step
from mcp_server.budget import LEAST, Budget, tokens, within
from mcp_server.results import EntityItem, Fact, Model, Passage
from mcp_server.untrusted import Fence

PROSE = (
    "Marie Curie discovered polonium and radium with Pierre Curie in 1898, and named the first after Poland. "
)
SAMPLES = {
    "prose": PROSE * 10,
    "french": "Née à Varsovie, Marie Skłodowska-Curie a découvert le polonium et le radium. " * 5,
    "russian": "Мария Кюри родилась в Варшаве и открыла полоний и радий. " * 5,
    "chinese": "居里夫人发现了镭和钋两种元素。" * 10,
    "korean": "마리 퀴리는 폴란드 출신의 물리학자이자 화학자이다. " * 5,
    "hindi": "मैरी क्यूरी का जन्म वारसॉ में हुआ था और उन्होंने रेडियम की खोज की। " * 5,
    "emoji": "😀🧪🔬✨" * 20,
    "code": '    if (x != null && y[0] >= 3) { return foo->bar(baz, "qux"); }\n' * 10,
    "ids": '{"id": "chk_0f1e2d3c4b5a69788796a5b4", "uri": "kag://chunks/chk_0f1e2d3c4b5a69788796a5b4"}, '
    * 10,
    "a key": "c2VjcmV0LWtleS1tYXRlcmlhbC10aGF0LWlzLWxvbmctYW5kLXJhbmRvbQ" * 8,
    "letters without sense": "qzxvkjwpfmgthbnrdlc" * 40,
}


@pytest.fixture(scope="module")
def real_tokenizer() -> Any:
    """A tokenizer that a model really uses, from the files that come with litellm."""
    tiktoken = pytest.importorskip("tiktoken")
    found = importlib.util.find_spec("litellm")
    if found is None or not found.submodule_search_locations:
        pytest.skip("litellm, whose package holds the tokenizer's file, is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "TIKTOKEN_CACHE_DIR",
            str(Path(found.submodule_search_locations[0]) / "litellm_core_utils/tokenizers"),
        )
        return tiktoken.get_encoding("cl100k_base")


@pytest.mark.parametrize("name", SAMPLES)
def test_the_estimate_is_never_below_a_real_tokenizer(name: str, real_tokenizer: Any) -> None:
    text = SAMPLES[name]
    assert tokens(text) >= len(real_tokenizer.encode(text))


def test_the_estimate_of_prose_is_not_far_above_a_real_tokenizer(real_tokenizer: Any) -> None:
    text = SAMPLES["prose"]
    assert tokens(text) <= 1.5 * len(real_tokenizer.encode(text))


@given(st.text(max_size=2000), st.integers(10, 200), st.booleans())
def test_a_text_cut_to_some_tokens_costs_no_more(text: str, most: int, end: bool) -> None:
    cut = within(text, most, end=end)
    assert tokens(cut) <= most
    assert cut == text or len(cut) < len(text)


def test_a_text_can_be_cut_at_either_end() -> None:
    text = " ".join(f"word{n}" for n in range(100))
    assert within(text, 20).startswith("word0 ")
    assert within(text, 20, end=True).endswith(" word99")


nasty = st.text(st.characters(codec="utf-8"), max_size=1500) | st.sampled_from(sorted(SAMPLES.values()))
short = st.text(st.characters(codec="utf-8"), max_size=300)


@st.composite
def items(draw: st.DrawFn) -> Model:
    """An item made from hostile or huge strings."""
    chunk = Chunk("chk_" + "f" * 24, "doc_" + "e" * 24, "default", 0, draw(nasty), 10, 20, page=3)
    entity = Entity("ent_" + "d" * 24, "default", draw(short), draw(nasty), (draw(short),) * 9, draw(nasty))
    step = Step("entity", entity.id, draw(short), draw(short), draw(nasty))
    relation = Relation(
        "rel_" + "c" * 24,
        "default",
        draw(short),
        entity.id,
        entity.id,
        support=(Support(chunk.id, draw(nasty), 0, 0),),
    )
    return draw(
        st.sampled_from(
            [
                Passage.of(Hit(chunk, draw(short), draw(nasty), 0.5, (step, step))),
                EntityItem.of(entity, 2),
                Fact.of(relation, {entity.id: entity}),
            ]
        )
    )


@given(st.lists(items(), min_size=1, max_size=4), st.integers(LEAST, 3 * LEAST))
def test_items_never_cost_more_than_the_budget_and_the_first_always_fits(
    found: list[Model], limit: int
) -> None:
    fence = Fence()
    budget = Budget(limit, fence)
    left = budget.left
    taken = budget.take(found, first=True)
    cost = sum(item.cost(item.render(fence)) for item in taken)
    assert taken
    assert cost <= left
    assert budget.left == left - cost
    assert budget.cut == (list(taken) != found)


def test_a_passage_that_does_not_fit_loses_its_path_first_and_then_words() -> None:
    chunk = Chunk("chk_1", "doc_1", "default", 0, PROSE * 40, 0, len(PROSE) * 40)
    step = Step("entity", "ent_1", "Marie Curie", "mentions", PROSE)
    passage = Passage.of(Hit(chunk, "Title", "file.md", 1.0, (step,)))
    (taken,) = Budget(LEAST, Fence()).take([passage], first=True)
    assert taken.path == ()
    assert taken.shortened
    assert taken.text.startswith(PROSE)
    assert taken.text.endswith("…")


def test_what_does_not_fit_is_left_for_the_next_page_not_shortened() -> None:
    alphabet = [
        EntityItem(id=c, uri=c, name=c * 40, label="Term", degree=1, description=PROSE)
        for c in string.ascii_letters
    ]
    budget = Budget(LEAST, Fence())
    taken = budget.take(alphabet, first=True)
    assert list(taken) == alphabet[: len(taken)]
    assert len(taken) < len(alphabet)
    assert budget.cut
