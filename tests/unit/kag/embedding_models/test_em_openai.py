"""Servers of the OpenAI embeddings API: what goes over the wire, and what comes of every kind of failure."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import numpy as np
import pytest
from fake_embeddings import FakeEmbeddings, Fault, vector

from kag.embedding_models import EmbeddingModel
from kag.errors import ConfigurationError, EmbeddingModelError


def model_of(fake: FakeEmbeddings, name: str = "openai/tiny", **extra: Any) -> EmbeddingModel:
    return EmbeddingModel(name, api_base=fake.url, **{"api_key": fake.key, **extra})


def unit(text: str, size: int = 16) -> Any:
    row = np.array(vector(text, size), dtype=np.float32)
    return pytest.approx(row / np.linalg.norm(row), abs=1e-6)


@pytest.mark.parametrize("server", [{}, {"numbers_only": True}, {"silent_numbers": True}])
async def test_vectors_come_as_base64_or_as_numbers_whatever_the_server_does(server: dict[str, Any]) -> None:
    with FakeEmbeddings(**server) as fake:
        rows = await model_of(fake).embed(["a", "b"])
    assert rows[0] == unit("a")
    assert rows[1] == unit("b")


async def test_a_server_that_refuses_base64_is_asked_for_it_once() -> None:
    with FakeEmbeddings(numbers_only=True) as fake:
        model = model_of(fake)
        await model.embed(["a"])
        await model.embed(["b"])
        forms = [request.get("encoding_format") for request in fake.requests]
    assert forms == ["base64", None, None]


async def test_routing_dimensions_and_further_fields_reach_the_server() -> None:
    routing = {"only": ["DeepInfra"], "allow_fallbacks": False}
    with FakeEmbeddings() as fake:
        model = model_of(fake, "openrouter/qwen/q", provider=routing, dimensions=8, extra_body={"user": "me"})
        rows = await model.embed(["a"])
        sent = fake.requests[-1]
    assert sent["provider"] == routing
    assert (sent["model"], sent["dimensions"], sent["user"]) == ("qwen/q", 8, "me")
    assert rows.shape == (1, 8)
    assert model.name == "openrouter/qwen/q"


@pytest.mark.parametrize("form", ["{url}", "{url}/", "{url}/embeddings", "{host}", "{bare}"])
async def test_an_address_is_taken_with_or_without_its_path(form: str) -> None:
    with FakeEmbeddings() as fake:
        host = fake.url.removesuffix("/v1")
        base = form.format(url=fake.url, host=host, bare=host.removeprefix("http://"))
        model = EmbeddingModel("bge-m3", api_base=base, api_key=fake.key)
        assert (await model.embed(["a"])).shape == (1, 16)
        assert fake.requests[0]["model"] == "bge-m3"


async def test_the_usual_variables_hold_the_key_and_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeEmbeddings() as fake:
        monkeypatch.setenv("OLLAMA_HOST", fake.url.removeprefix("http://").removesuffix("/v1"))
        monkeypatch.setenv("OLLAMA_API_KEY", fake.key)
        assert (await EmbeddingModel("ollama/nomic-embed-text").embed(["a"])).shape == (1, 16)


async def test_the_key_for_openai_is_not_sent_to_a_server_of_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FakeEmbeddings() as fake:
        monkeypatch.setenv("OPENAI_API_KEY", fake.key)
        with pytest.raises(EmbeddingModelError):  # the fake asks for a key, and none came
            await EmbeddingModel("openai/bge-m3", api_base=fake.url, retry=0).embed(["a"])
        assert (await EmbeddingModel("openai/bge-m3", api_base=fake.url, api_key=fake.key).embed(["a"])).size


async def test_a_hosted_model_without_a_key_says_which_variable_holds_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(EmbeddingModelError, match="OPENAI_API_KEY"):
        await EmbeddingModel("openai/text-embedding-3-small").load()


async def test_an_address_that_is_none_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="http"):
        await EmbeddingModel("openai/x", api_base="ftp://somewhere").load()


async def test_a_server_without_a_model_name_is_an_error() -> None:
    with pytest.raises(EmbeddingModelError, match="openai/NAME"):
        await EmbeddingModel(api_base="http://127.0.0.1:9/v1").load()


async def test_words_that_a_model_wants_go_before_questions_and_passages() -> None:
    with FakeEmbeddings() as fake:
        model = model_of(fake, "ollama/nomic-embed-text")
        question = await model.embed_query("who?")
        await model.embed(["Ada."])
        own = model_of(fake, "ollama/nomic-embed-text", query_prompt="", passage_prompt="p: ")
        await own.embed_query("who?")
        await own.embed(["Ada."])
        assert fake.texts == ["search_query: who?", "search_document: Ada.", "who?", "p: Ada."]
    assert question == unit("search_query: who?")


async def test_batches_hold_what_was_asked_for_and_no_more_are_under_way() -> None:
    with FakeEmbeddings() as fake:
        fake.gate = threading.Barrier(3)  # each request is answered when three are there
        model = model_of(fake, batch_size=2, max_concurrency=3)
        rows = await model.embed([f"text {n}" for n in range(18)])
        assert [len(request["input"]) for request in fake.requests] == [2] * 9
        assert fake.most_under_way == 3
    assert all(rows[n] == unit(f"text {n}") for n in range(18))


async def test_a_batch_that_is_too_large_for_the_server_is_halved() -> None:
    with FakeEmbeddings(most=5) as fake:
        texts = [f"text {n}" for n in range(17)]
        rows = await model_of(fake).embed(texts)
    assert all(row == unit(text) for row, text in zip(rows, texts, strict=True))


async def test_a_text_that_is_too_long_by_itself_is_an_error_that_says_so() -> None:
    with FakeEmbeddings() as fake:
        fault = Fault(
            400, json.dumps({"error": {"message": "This model's maximum context length is 8192 tokens"}})
        )
        fake.faults.extend([fault, fault])
        with pytest.raises(EmbeddingModelError, match="maximum context length"):
            await model_of(fake).embed(["long"])


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_failure_that_may_pass_is_tried_again(status: int) -> None:
    with FakeEmbeddings() as fake:
        fake.faults.extend([Fault(status, headers={"Retry-After": "0"})] * 3)
        assert (await model_of(fake).embed(["a"]))[0] == unit("a")
        assert len(fake.requests) == 4


async def test_a_failure_that_does_not_pass_tells_how_often_it_was_tried() -> None:
    with FakeEmbeddings() as fake:
        fake.faults.extend([Fault(503, "overloaded", {"Retry-After": "0"})] * 3)
        with pytest.raises(EmbeddingModelError, match=r"openai/tiny.*503: overloaded.*attempts: 3"):
            await model_of(fake, retry=2).embed(["a"])


async def test_a_server_that_wants_an_hour_is_not_waited_for() -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(429, headers={"Retry-After": "3600"}))
        with pytest.raises(EmbeddingModelError, match="429"):
            await model_of(fake).embed(["a"])


@pytest.mark.parametrize(("status", "advice"), [(403, "key"), (404, "name"), (410, "options")])
async def test_a_refusal_is_not_tried_again_and_says_what_to_do(status: int, advice: str) -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(status))
        with pytest.raises(EmbeddingModelError, match=f"{status}: injected.*{advice}"):
            await model_of(fake).embed(["a"])
        assert len(fake.requests) == 1


async def test_a_wrong_key_is_not_repeated_in_the_error() -> None:
    with FakeEmbeddings() as fake, pytest.raises(EmbeddingModelError, match="401") as caught:
        await model_of(fake, api_key="my-wrong-key-1234").embed(["a"])
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        "<html>hello</html>",
        "[]",
        '{"data": 3}',
        '{"data": [{"embedding": "***"}]}',
        '{"data": [{"embedding": [1, "x"]}]}',
        '{"object": "list"}',
    ],
)
async def test_an_answer_of_another_form_is_shown_and_questioned(body: str) -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(200, body))
        with pytest.raises(EmbeddingModelError, match="OpenAI-compatible"):
            await model_of(fake).embed(["a"])


@pytest.mark.parametrize("body", ['{"data": []}', '{"data": [{"embedding": [1]}, {"embedding": [2]}]}'])
async def test_too_few_or_too_many_vectors_are_an_error(body: str) -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(200, body))
        with pytest.raises(EmbeddingModelError, match="sent 1 texts and got"):
            await model_of(fake).embed(["a"])


async def test_vectors_of_another_length_than_before_are_an_error() -> None:
    with FakeEmbeddings() as fake:
        model = model_of(fake)
        await model.load()
        fake.dimensions = 8
        with pytest.raises(EmbeddingModelError, match="8 dimensions, expected 16"):
            await model.embed(["a"])


async def test_a_server_that_is_not_there_is_an_error_with_its_address() -> None:
    with FakeEmbeddings() as fake:
        url = fake.url
    with pytest.raises(EmbeddingModelError, match=f"{url}/embeddings cannot be reached"):
        await EmbeddingModel("openai/x", api_base=url, retry=0).embed(["a"])


async def test_a_connection_that_breaks_is_tried_again() -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(0))
        assert (await model_of(fake).embed(["a"]))[0] == unit("a")


async def test_a_server_that_does_not_answer_in_time_is_an_error() -> None:
    with FakeEmbeddings() as fake:
        fake.gate = threading.Barrier(2)  # a second request never comes
        with pytest.raises(EmbeddingModelError, match=r"did not answer within 0\.2 s; raise timeout="):
            await model_of(fake, timeout=0.2, retry=0).embed(["a"])
        fake.gate.abort()


async def test_the_first_batch_that_fails_ends_the_others() -> None:
    with FakeEmbeddings() as fake:
        fake.faults.append(Fault(404))
        with pytest.raises(EmbeddingModelError, match="404"):
            await model_of(fake, batch_size=1, max_concurrency=1).embed([str(n) for n in range(50)])
        assert len(fake.requests) < 50
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
