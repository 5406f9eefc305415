"""How a model is named, found and built, and what of it is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from fake_providers import FakeProvider

from kag.embedding_models import EmbeddingModel
from kag.errors import AuthenticationError, ConfigurationError
from kag.language_models import LanguageModel, Limits, Price, Retry, get
from kag.language_models._providers import PROVIDERS, endpoint, facts

ASK = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize("name", ["", "mistral", "/x", "openai/", "openai/ ", 5, None, "  /x"])
def test_a_name_without_provider_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="provider/name"):
        LanguageModel(name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"timeout": 0},
        {"timeout": "fast"},
        {"retry": -1},
        {"retry": "often"},
        {"max_cost": 0},
        {"transport": "pigeon"},
        {"fallback": 5},
        {"fallback": "nameless"},
    ],
    ids=str,
)
def test_an_argument_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"(?i){next(iter(wrong))}|provider/name|times|LanguageModel"
    ):
        LanguageModel("openai/x", **wrong)


def test_an_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="temprature"):
        LanguageModel("openai/x", temprature=1)  # type: ignore[call-arg]  # that is the test


def test_a_string_becomes_a_model_and_a_model_stays_one() -> None:
    lm = get("ollama/mistral")
    assert lm.model == "ollama/mistral"
    assert get(lm) is lm
    with pytest.raises(ConfigurationError, match="int"):
        get(5)  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_building_a_model_needs_no_key_and_no_network(provider: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in PROVIDERS[provider].keys:
        monkeypatch.delenv(variable, raising=False)
    assert LanguageModel(f"{provider}/name").cumulated_cost == 0.0


@pytest.mark.parametrize(
    "provider", ["openai", "groq", "openrouter", "mistral", "together_ai", "deepseek", "xai"]
)
async def test_a_missing_key_is_named_before_anything_is_sent(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (*PROVIDERS[provider].keys, *PROVIDERS[provider].bases):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(AuthenticationError, match=PROVIDERS[provider].keys[0]):
        await LanguageModel(f"{provider}/name")(ASK)


async def test_a_key_is_read_from_the_usual_variable_at_the_first_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with FakeProvider("groq") as fake:
        lm = LanguageModel("groq/llama", api_base=fake.url)
        monkeypatch.setenv("GROQ_API_KEY", fake.key)
        assert (await lm(ASK))["content"] == "Paris"


@pytest.mark.parametrize("tail", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_an_address_works_with_and_without_its_path(tail: str) -> None:
    async with FakeProvider("ollama") as fake:
        lm = LanguageModel("ollama/mistral", api_base=fake.url.removesuffix("/v1") + tail)
        assert (await lm(ASK))["content"] == "Paris"
        bare = fake.url.removeprefix("http://").removesuffix("/v1")
        assert (await LanguageModel("ollama/mistral", api_base=bare)(ASK))["content"] == "Paris"


@pytest.mark.parametrize("base", ["ftp://x", "http://", "://", "file:///etc/passwd", "http://[bad"])
async def test_an_address_that_is_none_is_refused(base: str) -> None:
    with pytest.raises(ConfigurationError, match="api_base"):
        await LanguageModel("openai/x", api_base=base, api_key="x")(ASK)


async def test_an_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigurationError, match="api_key=") as caught:
        LanguageModel("openai/x", api_base="http://me:hush@localhost/v1")
    assert "hush" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="api_key=") as caught:
        EmbeddingModel("openai/x", api_base="me:hush@localhost/v1")
    assert "hush" not in str(caught.value)


async def test_openais_key_in_the_environment_does_not_go_to_another_server_of_ones_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "the-real-one")
    assert endpoint("openai/x", "http://127.0.0.1:8000/v1", None, "direct").api_key == ""
    assert endpoint("openai/x", "http://127.0.0.1:8000/v1", "mine", "direct").api_key == "mine"
    assert endpoint("openai/x", "https://gateway.example.com/v1", None, "direct").api_key == "the-real-one"
    assert endpoint("openai/x", None, None, "direct").api_key == "the-real-one"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1234/v1", True),
        ("http://127.0.0.1:8000", True),
        ("http://192.168.1.5/v1", True),
        ("http://10.0.0.3", True),
        ("http://[::1]:8000/v1", True),
        ("http://vllm:8000/v1", True),
        ("http://models.local/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://8.8.8.8/v1", False),
        ("https://localhost.example.com/v1", False),
    ],
)
def test_only_own_machines_cost_nothing(url: str, local: bool) -> None:
    assert endpoint("openai/x", url, "k", "direct").local is local


def test_the_environment_may_name_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "0.0.0.0:11434")
    assert endpoint("ollama/x", None, None, "direct").api_base == "http://0.0.0.0:11434/v1"
    monkeypatch.setenv("OPENAI_BASE_URL", "http://gateway:9000/api")
    assert endpoint("openai/x", None, None, "direct").api_base == "http://gateway:9000/api"
    assert facts("openai/x", None).modes[0] == "json_schema"


def test_a_provider_chooses_its_transport() -> None:
    assert facts("anthropic/claude", None).transport == "litellm"
    assert facts("some_new_cloud/x", None).transport == "litellm"
    assert facts("some_new_cloud/x", "http://host/v1").transport == "direct"
    assert facts("together/x", None).api_base == facts("together_ai/x", None).api_base != ""


def test_a_configuration_gives_an_equal_model_without_its_key() -> None:
    lm = LanguageModel(
        "openrouter/meta-llama/llama-3.1-8b-instruct",
        api_base="https://openrouter.ai/api/v1",
        api_key="sk-or-0123456789",
        retry=Retry(2, wait=0.1),
        fallback=["ollama/mistral", LanguageModel("groq/x", temperature=0.2)],
        temperature=0.5,
        limits=Limits(8, requests_per_minute=60),
        provider={"only": ["DeepInfra"]},
        price=Price(0.1, 0.2),
        max_cost=5.0,
        extra_body={"transforms": []},
    )
    config = json.loads(json.dumps(lm.get_config()))
    assert "0123456789" not in json.dumps(config)
    twin = LanguageModel.from_config(config)
    assert twin.get_config() == lm.get_config()
    assert twin.fallback[1].options["temperature"] == 0.2


@pytest.mark.parametrize(
    "config", [{}, {"model": "openai/x", "temprature": 1}, {"model": "openai/x", "retry": {"often": 1}}]
)
def test_what_is_no_configuration_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="configuration"):
        LanguageModel.from_config(config)


def test_importing_and_building_loads_no_http_client_and_no_litellm() -> None:
    code = (
        "import sys; from kag.language_models import LanguageModel\n"
        "LanguageModel('anthropic/x', fallback='openai/y')\n"
        "heavy = ('aiohttp', 'litellm', 'jsonschema', 'pydantic', 'numpy', 'opentelemetry')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
