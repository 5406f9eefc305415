"""Turns what a provider says when it fails into the narrowest error class, without its secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kag.errors import (
    AuthenticationError,
    ContentFilteredError,
    ContextLengthError,
    LanguageModelError,
    ModelTimeoutError,
    ProviderError,
    RateLimitError,
    StructuredOutputError,
)
from kag.http import redact, retry_after, shorten
from kag.language_models._strict import BOUNDS
from kag.language_models.base import Endpoint

_TOO_LONG = re.compile(
    r"context.{0,12}(length|window|size)|maximum.{0,20}tokens|(prompt|input) is too long|too many tokens"
    r"|exceeds? the (model'?s )?(limit|maximum)|input token count",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content.?(filter|policy|management)|filtered|flagged|moderation|safety (system|reasons)", re.IGNORECASE
)
_FORM = re.compile(
    r"response_?format|json_?schema|json_?object|\bschema\b|structured output|tool_choice|\btools?\b"
    r"|function.?call|grammar|requested parameters|output_format|m(ax|in)(Length|Items)\b"
    r"|unsupported keyword",
    re.IGNORECASE,
)
_ONE_SCHEMA = re.compile(
    r"invalid schema|invalid json ?schema|schema.{0,40}(invalid|unsupported|not supported)", re.IGNORECASE
)
_TOO_RICH = re.compile(
    r"grammar|repetition|features? (that (is|are) )?(not|un) ?supported|unsupported (keyword|feature)",
    re.IGNORECASE,
)
_NOT_CONNECTED = ("ClientConnectorError", "ConnectionTimeoutError", "ConnectTimeout", "ConnectError")
_SAYS_NO_TO_A_FORM = (400, 415, 422, 500, 501)
_NOBODY_TAKES_IT = "requested parameters"  # OpenRouter's 404; another 404 is about the model or the address
_CLEAR = {word for word in BOUNDS if not word.islower()}  # no words of plain English, such as `format`
_USED_UP = ("insufficient_quota", "billing_hard_limit_reached")
_FORM_BREAKS_IT = re.compile(r"response_?format|json_?schema", re.IGNORECASE)


class RefusedFieldError(ProviderError):
    """The server does not take a field of the request; another form of it may do.

    `field` names what it refused, where it says so; `one_schema` tells that it is this schema rather than
    the form; `said` is the complaint.
    """

    field: str = ""
    one_schema: bool = False
    said: str = ""

    def refused_bounds(self, bounds: frozenset[str]) -> tuple[frozenset[str], bool]:
        """Returns which of a schema's bounds it complains about, and whether no schema may have them.

        Args:
            bounds: Keywords of the schema that was sent.
        """
        named = frozenset(
            word
            for word in bounds
            if re.search(rf"\b{word}\b" if word in _CLEAR else rf"['\"`]{word}['\"`]", self.said)
        )
        if named:
            return named, True
        return (bounds, False) if _TOO_RICH.search(self.said) else (frozenset(), False)


class QuotaError(RateLimitError):
    """The account's money or quota is used up: waiting does not help."""


class UnreachableError(ProviderError):
    """A connection that could not be made, or that broke.

    `unsent` tells that no request can have arrived; `refused`, that nothing listens at the address.
    """

    unsent: bool = False
    refused: bool = False


class InvalidAnswerError(StructuredOutputError):
    """An answer that does not fit its schema; the model may be asked again, with the `reason`."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """The parts of a provider's error body that matter."""

    text: str
    code: str = ""
    field: str = ""
    answer: str = ""
    status: int | None = None


def failure(
    endpoint: Endpoint, status: int, body: bytes | str, headers: Mapping[str, str]
) -> LanguageModelError:
    """Returns the error for an HTTP answer that is not a success.

    Args:
        endpoint: Who failed.
        status: HTTP status.
        body: What the server sent.
        headers: Its headers; `retry-after` and request identifiers are read.
    """
    complaint = complaint_of(body)
    error = classify(endpoint, complaint.status or status, complaint)
    error.retry_after = retry_after(headers)
    error.request_id = headers.get("x-request-id") or headers.get("request-id")
    return error


def classify(endpoint: Endpoint, status: int, complaint: Complaint) -> LanguageModelError:
    """Returns the error for a status and a complaint."""
    said = f"{complaint.code} {complaint.text}"
    who: dict[str, Any] = {"provider": endpoint.provider, "model": endpoint.model, "status": status}
    text = shorten(redact(complaint.text, endpoint.api_key)) or "no reason given"
    if complaint.answer:
        error: LanguageModelError = InvalidAnswerError(f"{endpoint.model} broke the schema: {text}", **who)
        error.raw = complaint.answer  # type: ignore[attr-defined]  # InvalidAnswerError has it
        return error
    if status != 429 and _FILTERED.search(said):
        return ContentFilteredError(
            f"{endpoint.model}: the provider withheld the answer ({status}): {text}", **who
        )
    if status in (401, 403):
        return AuthenticationError(
            f"{endpoint.model}: the provider did not accept the key ({status}): {text}. "
            "Check api_key= or the provider's key variable, and that the key may use this model.",
            **who,
        )
    if status == 429:
        kind = QuotaError if any(code in said for code in _USED_UP) else RateLimitError
        return kind(f"{endpoint.model}: too many requests or tokens (429): {text}", **who)
    if status == 408:
        return ModelTimeoutError(f"{endpoint.model}: the provider gave up waiting (408): {text}", **who)
    if status == 413 or _TOO_LONG.search(said):
        return ContextLengthError(
            f"{endpoint.model}: the prompt is too long ({status}): {text}. Shorten it.", **who
        )
    return _refused(endpoint, status, complaint, text, who)


def _refused(
    endpoint: Endpoint, status: int, complaint: Complaint, text: str, who: Mapping[str, Any]
) -> LanguageModelError:
    about_form = status in _SAYS_NO_TO_A_FORM or (status == 404 and _NOBODY_TAKES_IT in complaint.text)
    unsupported = complaint.field and "unsupported" in f"{complaint.code} {complaint.text}".lower()
    form = _FORM if status < 500 else _FORM_BREAKS_IT  # some servers break on a form that they do not know
    if about_form and (unsupported or form.search(complaint.text) or _FORM.search(complaint.field)):
        refusal = RefusedFieldError(
            f"{endpoint.model}: the server does not take the request's form ({status}): {text}", **who
        )
        refusal.field = complaint.field
        refusal.said = complaint.text
        refusal.one_schema = bool(_ONE_SCHEMA.search(complaint.text))
        return refusal
    what = "failed" if status >= 500 else "refused the request"
    return ProviderError(f"{endpoint.model}: the provider {what} ({status}): {text}", **who)


def unreachable(endpoint: Endpoint, cause: BaseException) -> UnreachableError:
    """Returns the error for a connection that cannot be made or that broke."""
    reason = shorten(redact(str(cause) or type(cause).__name__, endpoint.api_key))
    where = endpoint.api_base or endpoint.provider
    error = UnreachableError(
        f"{endpoint.model}: no answer from {where}: {reason}. Is the server up and api_base= right?",
        provider=endpoint.provider,
        model=endpoint.model,
    )
    chain = list(_chain(cause))
    error.refused = any(isinstance(one, ConnectionRefusedError) for one in chain)
    names = {kind.__name__ for one in chain for kind in type(one).__mro__}
    error.unsent = error.refused or not names.isdisjoint(_NOT_CONNECTED)
    return error


def _chain(cause: BaseException | None) -> Iterator[BaseException]:
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def timed_out(endpoint: Endpoint, seconds: float) -> ModelTimeoutError:
    """Returns the error for an answer that did not come in time."""
    return ModelTimeoutError(
        f"{endpoint.model}: no answer within {seconds:g} s; raise timeout= or ask for a shorter answer.",
        provider=endpoint.provider,
        model=endpoint.model,
    )


def retriable(error: LanguageModelError) -> bool:
    """Tells whether the same request may succeed later: 429, 5xx and broken connections."""
    if isinstance(error, RateLimitError):
        return not isinstance(error, QuotaError)
    if isinstance(error, ProviderError):
        return error.status is None or error.status >= 500 or error.status == 200
    return False


def complaint_of(body: bytes | str) -> Complaint:
    """Reads an error body of any provider; text that is not JSON is taken as it is."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Complaint(body if isinstance(body, str) else body.decode("utf-8", "replace"))
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return Complaint(str(value))
    error = value.get("error", value)
    if not isinstance(error, dict):
        return Complaint(str(error))
    text = error.get("message") or error.get("detail") or error.get("type") or ""
    upstream = error.get("metadata")
    if isinstance(upstream, dict) and upstream.get("raw"):  # OpenRouter hands on what its back-end said
        text = f"{text}: {upstream['raw']}"
    code = error.get("code")
    return Complaint(
        text=text if isinstance(text, str) else orjson.dumps(text).decode(),
        code=f"{code or ''} {error.get('type') or ''} {error.get('status') or ''}",
        field=str(error.get("param") or ""),
        answer=str(error.get("failed_generation") or ""),
        status=code if isinstance(code, int) and 400 <= code < 600 else None,
    )
