"""What every retriever keeps to as a module of a program; a new one is found by discover and held to it."""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from store_documents import STORES, everything

import kag
from kag import discover
from kag.data_models.json_data_model import JsonDataModel
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import KagError, ProgramError, SearchError
from kag.knowledge_bases.base import Store
from kag.knowledge_bases.records import Document
from kag.module import Module
from kag.registry import register_kag_serializable
from kag.retrievers._retriever import Retriever, TextRetriever
from kag.testing import City, Country, FakeEmbeddingModel, IsCapitalOf, sample_graph

QUESTION = "Is Paris the capital of France?"
ANSWERS = {
    "thinking": "Paris is known.",
    "entity_label": "City",
    "similarity_search": "Paris",
    "subject_label": "City",
    "subject_similarity_search": "Paris",
    "relation_label": "IsCapitalOf",
    "object_label": "Country",
    "object_similarity_search": "?",
}
STATEMENTS = {
    "sql": "SELECT id, name FROM entities WHERE lower(name) IN ('paris', 'rome') ORDER BY name",
    "cypher": (
        "MATCH (e:Entity) WHERE e.collection IN $collections AND toLower(e.name) IN ['paris', 'rome'] "
        "RETURN e.id AS id, e.name AS name ORDER BY name"
    ),
}
HOSTILE = ['"', "AND OR NOT", "a*", "(((", "'; DROP TABLE chunk; --", "\x00x", "💥", "{{ x }}", "a" * 5000]


class Query(kag.DataModel):
    query: str


@register_kag_serializable(package="retrievers")
class Writer:
    """A language model that writes the same queries whatever it is asked, and can be saved."""

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.model = "test/writer"
        self.answers = {**ANSWERS, **(answers or {})}
        self.calls: list[Any] = []

    async def __call__(
        self, messages: Sequence[Any], schema: Mapping[str, Any] | None = None, **options: Any
    ) -> Any:
        self.calls.append(messages)
        assert schema is not None
        if "statement" in schema["properties"]:
            return {"statement": STATEMENTS["sql" if '"query_language":"sql"' in str(messages) else "cypher"]}
        return {name: self.answers[name] for name in schema["properties"]}

    def get_config(self) -> dict[str, Any]:
        return {"answers": self.answers}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Writer:
        return cls(**config)


def found() -> Iterator[type[Retriever]]:
    for name in discover.names("kag.retrievers"):
        module = discover.load("kag.retrievers", name)
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == module.__name__ and issubclass(each, Retriever):
                yield each


RETRIEVERS = sorted(set(found()), key=lambda each: each.__name__)
SEARCHING = [kind for kind in RETRIEVERS if not hasattr(kind, "languages")]  # with scores
OF_WORDS = [kind for kind in RETRIEVERS if issubclass(kind, TextRetriever)]


def make(kind: type[Retriever], base: kag.KnowledgeBase, **more: Any) -> Retriever:
    known = {"knowledge_base": base}
    if "language_model" in inspect.signature(kind.__init__).parameters:
        known["language_model"] = more.pop("language_model", None) or Writer()
    return kind(**{**known, **more})


@pytest.fixture(autouse=True)
def only_in_its_language(request: pytest.FixtureRequest) -> None:
    """Leaves out retrievers on stores whose language they do not write."""
    if "kind" in request.fixturenames and "empty" in request.fixturenames:
        kind, base = request.getfixturevalue("kind"), request.getfixturevalue("empty")
        if base.store.query_language not in getattr(kind, "languages", {base.store.query_language}):
            pytest.skip(f"{kind.__name__} does not write {base.store.query_language}")


def knowledge_base(uri: str, collection: str = "default") -> kag.KnowledgeBase:
    return kag.KnowledgeBase(
        uri=uri,
        entity_models=[City, Country],
        relation_models=[IsCapitalOf],
        embedding_model=FakeEmbeddingModel(),
        collection=collection,
    )


@pytest.fixture(params=STORES)
async def empty(
    request: pytest.FixtureRequest, make_store: Callable[[str, Path], Store], tmp_path: Path
) -> AsyncIterator[kag.KnowledgeBase]:
    async with knowledge_base(make_store(request.param, tmp_path).uri) as base:
        await clear(base.store)
        yield base
        await clear(base.store)


async def clear(store: Store) -> None:
    for collection in (await store.statistics()).collections:
        await store.delete_collection(collection)


@pytest.fixture
async def base(empty: kag.KnowledgeBase) -> kag.KnowledgeBase:
    await kag.UpdateKnowledge(knowledge_base=empty)(sample_graph())
    return empty


def results(found: JsonDataModel) -> list[dict[str, Any]]:
    items = found.get("result")
    assert isinstance(items, list)
    return items


def test_there_are_retrievers() -> None:
    names = {kind.__name__ for kind in RETRIEVERS}
    assert {"EntityRetriever", "TripletRetriever", "KnowledgeRetriever", "QueryRetriever"} <= names
    assert {"PassageRetriever", "GraphRetriever", "PathRetriever", "NeighborhoodRetriever"} <= names
    assert "CypherRetriever" in names


@pytest.mark.parametrize("kind", RETRIEVERS)
def test_it_is_documented_and_exported(kind: type[Retriever]) -> None:
    doc = inspect.getdoc(kind) or ""
    for name in inspect.signature(kind.__init__).parameters:
        assert name == "self" or f"{name}:" in doc, f"{kind.__name__} does not say what {name} is"
    assert getattr(kag, kind.__name__) is kind


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_what_it_promises_on_symbols_it_keeps_on_values(
    kind: type[Retriever], base: kag.KnowledgeBase
) -> None:
    inputs = kag.Input(data_model=Query)
    promised = await make(kind, base)(inputs)
    assert isinstance(promised, SymbolicDataModel)
    assert promised.known_schema is not None
    value = await kag.Program(inputs=inputs, outputs=promised)(Query(query=QUESTION))
    assert results(value)
    assert value.schema.same(promised.known_schema)
    promised.known_schema.check(value.data)
    assert next(iter(value.keys())) == "query"
    assert list(value.keys())[-1] == "result"


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_inputs_and_query_are_left_out_if_not_wanted(
    kind: type[Retriever], base: kag.KnowledgeBase
) -> None:
    alone = make(kind, base, return_inputs=False, return_query=False)
    inputs = kag.Input(data_model=Query)
    assert (await alone(inputs)).keys() == ["result"]
    assert list((await alone(Query(query=QUESTION))).keys()) == ["result"]
    with_query = await make(kind, base, return_inputs=False)(Query(query=QUESTION))
    assert "query" not in with_query.keys()  # noqa: SIM118  the data model's own method
    assert len(with_query.keys()) > 1


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_a_saved_program_finds_the_same(
    kind: type[Retriever], base: kag.KnowledgeBase, tmp_path: Path
) -> None:
    inputs = kag.Input(data_model=Query)
    program = kag.Program(inputs=inputs, outputs=await make(kind, base, k=2)(inputs), name="search")
    expected = await program(Query(query=QUESTION))
    program.save(tmp_path / "p.json")
    twin = kag.Program.load(tmp_path / "p.json")
    again = await twin(Query(query=QUESTION))
    await twin.modules[0].knowledge_base.close()
    assert results(again) == results(expected) != []
    assert list(again.keys()) == list(expected.keys())


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_k_bounds_the_results_and_keeps_the_best(
    kind: type[Retriever], base: kag.KnowledgeBase
) -> None:
    many = results(await make(kind, base, k=10)(Query(query=QUESTION)))
    one = results(await make(kind, base, k=1)(Query(query=QUESTION)))
    assert one == many[:1]
    assert len(one) == 1


@pytest.mark.parametrize("kind", SEARCHING)
async def test_scores_are_similarities_best_first_and_bounded_by_the_threshold(
    kind: type[Retriever], base: kag.KnowledgeBase
) -> None:
    everything = results(await make(kind, base, threshold=0.0, k=50)(Query(query="Paris and France, Rome")))
    scores = [item["score"] for item in everything]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    middle = scores[len(scores) // 2]
    close = results(await make(kind, base, threshold=middle, k=50)(Query(query="Paris and France, Rome")))
    assert all(item["score"] >= middle - 1e-6 for item in close)


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_every_result_says_where_it_stands(kind: type[Retriever], base: kag.KnowledgeBase) -> None:
    for item in results(await make(kind, base)(Query(query=QUESTION))):
        assert item["provenance"]
        for source in item["provenance"]:
            records = await base.store.get([source["document_id"], source["chunk_id"]])
            document = records[source["document_id"]]
            assert isinstance(document, Document)
            assert (source["title"], source["uri"]) == (document.title, document.uri)
            start, end = source["span"]
            words = document.text[start:end]
            assert words
            assert words in records[source["chunk_id"]].text
            assert source.get("quote", words) == words


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_an_empty_store_has_no_results(kind: type[Retriever], empty: kag.KnowledgeBase) -> None:
    assert results(await make(kind, empty)(Query(query=QUESTION))) == []


@pytest.mark.parametrize("kind", RETRIEVERS)
@pytest.mark.parametrize("text", HOSTILE)
async def test_no_words_change_or_break_anything(
    kind: type[Retriever], base: kag.KnowledgeBase, text: str
) -> None:
    before = await everything(base.store)
    words = {name: text for name in ANSWERS if name.endswith("_search")}
    module = make(kind, base, **({"language_model": Writer(words)} if kind not in OF_WORDS else {}))
    await module(Query(query=text))
    assert await everything(base.store) == before


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_results_stay_within_the_collection(kind: type[Retriever], base: kag.KnowledgeBase) -> None:
    secret = City(name="Paris"), Country(name="Texas")
    async with knowledge_base(base.uri, "other") as other:
        await kag.UpdateKnowledge(knowledge_base=other)(IsCapitalOf(subj=secret[0], obj=secret[1]))
        if hasattr(kind, "languages") and base.store.query_language == "cypher":
            with pytest.raises(SearchError, match="other collections"):  # nothing can hold Cypher to one
                await make(kind, other)(Query(query=QUESTION))
            return
        there = results(await make(kind, other)(Query(query="Is Paris the capital of Texas?")))
    here = results(await make(kind, base)(Query(query="Is Paris the capital of Texas or France?")))
    assert here
    assert "Texas" not in json.dumps(here)
    assert there
    assert "France" not in json.dumps(there)


@pytest.mark.parametrize("kind", OF_WORDS)
@pytest.mark.parametrize("text", ["", " \n"])
async def test_nothing_to_search_for_is_refused(
    kind: type[Retriever], base: kag.KnowledgeBase, text: str
) -> None:
    with pytest.raises(SearchError, match="empty"):
        await make(kind, base)(Query(query=text))


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_a_branch_that_was_not_taken_is_not_searched(
    kind: type[Retriever], base: kag.KnowledgeBase
) -> None:
    assert await make(kind, base)(None) is None


@pytest.mark.parametrize("kind", RETRIEVERS)
@pytest.mark.parametrize("bad", ["text", 5])
async def test_inputs_of_a_wrong_kind_are_refused(
    kind: type[Retriever], base: kag.KnowledgeBase, bad: Any
) -> None:
    with pytest.raises(KagError, match=r".") as caught:
        await make(kind, base, name="mine")(bad)
    assert "mine" in str(caught.value) or any("mine" in note for note in caught.value.__notes__)


@pytest.mark.parametrize("kind", RETRIEVERS)
@pytest.mark.parametrize("wrong", [{"k": 0}, {"k": 1.5}, {"k": 1000}, {"return_inputs": 1}, {"name": "a/b"}])
def test_arguments_that_make_no_sense_are_refused(
    kind: type[Retriever], wrong: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ProgramError):
        make(kind, knowledge_base(str(tmp_path)), **wrong)


@pytest.mark.parametrize("kind", RETRIEVERS)
def test_a_knowledge_base_is_needed_and_unknown_arguments_are_refused(
    kind: type[Retriever], tmp_path: Path
) -> None:
    with pytest.raises(ProgramError, match="knowledge_base"):
        make(kind, "not one")  # type: ignore[arg-type]
    with pytest.raises((TypeError, KagError)):
        make(kind, knowledge_base(str(tmp_path)), no_such_argument=1)


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_it_is_trained_only_where_a_model_writes(
    kind: type[Retriever], base: kag.KnowledgeBase
) -> None:
    retriever = make(kind, base)
    written = kind not in OF_WORDS
    assert bool(retriever.trainable_variables) == written
    with kag.Trial() as trial:
        await retriever(Query(query=QUESTION), training=True)
    assert bool(trial.predictions) == written
    assert make(kind, base, trainable=False).trainable_variables == []


@pytest.mark.parametrize("kind", RETRIEVERS)
async def test_recording_reads_nothing(kind: type[Retriever], tmp_path: Path) -> None:
    nowhere = kag.KnowledgeBase(uri=tmp_path / "none", entity_models=[City], relation_models=[IsCapitalOf])
    retriever: Module = make(kind, nowhere)
    await retriever(kag.Input(data_model=Query))
    assert not (tmp_path / "none").exists()
