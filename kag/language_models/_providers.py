"""A small table of facts about providers: where they are, where their keys are, what their servers take."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlsplit

from kag.errors import AuthenticationError, ConfigurationError
from kag.http import base_url, is_local
from kag.language_models.base import Endpoint

Mode = Literal["strict", "bounded", "json_schema", "llama", "tool", "json_object", "prompt"]

_OPENAI: tuple[Mode, ...] = ("strict", "json_schema", "tool", "json_object", "prompt")
_BOUNDED: tuple[Mode, ...] = ("bounded", "json_schema", "tool", "json_object", "prompt")
_SCHEMA: tuple[Mode, ...] = ("json_schema", "llama", "json_object", "tool", "prompt")
_TOOL: tuple[Mode, ...] = ("tool", "json_schema", "json_object", "prompt")
_OBJECT: tuple[Mode, ...] = ("json_object", "prompt")


@dataclass(frozen=True, slots=True)
class Provider:
    """What is known about a provider.

    Args:
        transport: The file of this package that reaches it.
        api_base: URL of its OpenAI-compatible API, where it has one.
        keys: Environment variables that may hold its key, in order.
        bases: Environment variables that may hold another URL, in order.
        modes: Forms of structured output that it takes, best first.
        dialect: True where it knows OpenAI's role `developer`.
        renames: Fields that have another name there.
        stream_usage: Whether a stream's token counts must, and can, be asked for.
        fields: Fields that every structured request to it carries.
    """

    transport: str = "direct"
    api_base: str = ""
    keys: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = _SCHEMA
    dialect: bool = False
    renames: dict[str, str] = field(default_factory=dict)
    stream_usage: bool = True
    fields: dict[str, object] = field(default_factory=dict)

    def key(self) -> str:
        """Returns the key that the environment has, or an empty string."""
        return _from_environment(self.keys)


def _local(port: int, *bases: str, keys: tuple[str, ...] = ()) -> Provider:
    return Provider(api_base=f"http://localhost:{port}/v1", bases=bases, keys=keys)


_VLLM = _local(8000, "HOSTED_VLLM_API_BASE", "VLLM_API_BASE", keys=("HOSTED_VLLM_API_KEY", "VLLM_API_KEY"))
_LLAMA = _local(8080, "LLAMA_CPP_API_BASE", keys=("LLAMA_CPP_API_KEY", "LLAMA_API_KEY"))
_ANTHROPIC = Provider("litellm", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), modes=_TOOL)
_GEMINI = Provider(
    "litellm",
    "https://generativelanguage.googleapis.com/v1beta/openai",
    ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    modes=("json_schema", "tool", "json_object", "prompt"),
)

PROVIDERS: dict[str, Provider] = {
    "openai": Provider(
        api_base="https://api.openai.com/v1",
        keys=("OPENAI_API_KEY",),
        bases=("OPENAI_BASE_URL", "OPENAI_API_BASE"),
        modes=_OPENAI,
        dialect=True,
        renames={"max_tokens": "max_completion_tokens"},
    ),
    "groq": Provider(
        api_base="https://api.groq.com/openai/v1",
        keys=("GROQ_API_KEY",),
        modes=("json_schema", "json_object", "tool", "prompt"),
    ),
    "openrouter": Provider(
        api_base="https://openrouter.ai/api/v1",
        keys=("OPENROUTER_API_KEY",),
        modes=_OPENAI,
        fields={"provider": {"require_parameters": True}},
    ),
    "mistral": Provider(
        api_base="https://api.mistral.ai/v1",
        keys=("MISTRAL_API_KEY",),
        modes=("json_schema", "tool", "json_object", "prompt"),
        renames={"seed": "random_seed"},
        stream_usage=False,
    ),
    "together_ai": Provider(
        api_base="https://api.together.xyz/v1",
        keys=("TOGETHER_API_KEY", "TOGETHERAI_API_KEY", "TOGETHER_AI_API_KEY"),
    ),
    "deepseek": Provider(
        api_base="https://api.deepseek.com/v1",
        keys=("DEEPSEEK_API_KEY",),
        modes=("json_object", "tool", "prompt"),
    ),
    "xai": Provider(
        api_base="https://api.x.ai/v1",
        keys=("XAI_API_KEY",),
        modes=("json_schema", "tool", "json_object", "prompt"),
    ),
    "ollama": _local(11434, "OLLAMA_API_BASE", "OLLAMA_HOST", keys=("OLLAMA_API_KEY",)),
    "lm_studio": _local(1234, "LM_STUDIO_API_BASE", keys=("LM_STUDIO_API_KEY",)),
    "hosted_vllm": _VLLM,
    "vllm": _VLLM,
    "sglang": _local(30000, keys=("SGLANG_API_KEY",)),
    "llama_cpp": _LLAMA,
    "llama.cpp": _LLAMA,
    "llamafile": _LLAMA,
    "anthropic": _ANTHROPIC,
    "gemini": _GEMINI,
    "azure": Provider(
        "litellm", keys=("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"), bases=("AZURE_API_BASE",), modes=_OPENAI
    ),
    "bedrock": Provider("litellm", modes=_TOOL),
}
ALIASES = {"together": "together_ai", "ollama_chat": "ollama", "lmstudio": "lm_studio", "google": "gemini"}
_ANY_SERVER = Provider(modes=_SCHEMA)
_ANY_LITELLM = Provider("litellm", modes=("json_schema", "tool", "json_object", "prompt"))


def split(model: str) -> tuple[str, str]:
    """Splits `provider/name`; the name may hold further slashes.

    Raises:
        ConfigurationError: It is not of that form.
    """
    provider, slash, name = model.partition("/") if isinstance(model, str) else ("", "", "")
    if not (provider.strip() and slash and name.strip()):
        raise ConfigurationError(
            "A language model is named 'provider/name', such as 'ollama/mistral' or 'openai/gpt-4o-mini'; "
            f"got {model!r}."
        )
    return ALIASES.get(provider, provider), name


def facts(model: str, api_base: str | None) -> Provider:
    """Returns what is known about the provider of a model.

    A server at an address of the user's own is taken for OpenAI-compatible when its provider is unknown,
    and is asked for structured output in the form that local servers share. One that stands in for OpenAI
    gets bounds such as `maxLength` too, which most servers can hold and OpenAI itself refuses.
    """
    provider, name = split(model)
    known = PROVIDERS.get(provider, _ANY_SERVER if api_base else _ANY_LITELLM)
    if provider == "groq" and name.startswith(("compound", "groq/compound")):
        return replace(known, modes=_OBJECT)
    base = api_base or _from_environment(known.bases)
    if base and known.dialect and not _is_openai(url := base_url(base)):
        return replace(known, modes=_SCHEMA if is_local(url) else _BOUNDED, dialect=False, renames={})
    return known


def _is_openai(url: str) -> bool:
    return f".{urlsplit(url).hostname}".endswith(".openai.com")


def endpoint(model: str, api_base: str | None, api_key: str | None, transport: str) -> Endpoint:
    """Finds out where a model is and with which key; reads the provider's usual environment variables.

    Raises:
        AuthenticationError: A hosted provider has no key.
        ConfigurationError: The direct transport has no URL to go to.
    """
    provider, name = split(model)
    known = facts(model, api_base)
    base = api_base or _from_environment(known.bases)
    if known.transport == "direct" or transport == "direct":
        if not (base := base or known.api_base):
            raise ConfigurationError(
                f"{model}: the provider {provider!r} is not known; say where it is with api_base=."
            )
        base = base_url(base, endpoint="/chat/completions")
    if "@" in urlsplit(base).netloc:
        raise ConfigurationError(f"{model}: api_base holds a user or password; pass the secret as api_key=.")
    local = is_local(base) if base else False
    # OpenAI's key is not for whatever listens at an address of the user's own network
    elsewhere = bool(api_base) and local and _is_openai(known.api_base)
    key = api_key or ("" if elsewhere else known.key())
    if transport == "direct" and not (key or local or api_base):
        raise AuthenticationError(
            f"{model}: no key; set {' or '.join(known.keys) or 'api_key='} or pass api_key=.",
            provider=provider,
            model=model,
        )
    return Endpoint(provider, model, name, base, key, local)


def _from_environment(variables: tuple[str, ...]) -> str:
    return next((value for name in variables if (value := os.environ.get(name, "").strip())), "")
