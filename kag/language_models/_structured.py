"""Structured output: how a JSON schema is asked for in each form that servers know; how answers are checked.

A schema is prepared once, whatever the number of calls. OpenAI's strict form wants every field required and
nothing beside a reference, so optional fields become nullable on the wire, and null becomes absent on the
way back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import orjson

from kag.errors import SchemaError
from kag.http import shorten
from kag.language_models._errors import InvalidAnswerError
from kag.language_models._fits import Check, compiled
from kag.language_models._providers import Mode
from kag.language_models._repair import candidates
from kag.language_models._strict import (
    BOUNDS,
    UNKNOWN,
    bounds_in,
    drop_nulls,
    expressible,
    is_open_pattern,
    strict,
    without,
)
from kag.language_models.base import Endpoint, Json, Reply

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_NAME = re.compile(r"[^a-zA-Z0-9_-]+")
_RAW = 2000
MACHINE_READ = frozenset({"strict", "bounded", "json_schema", "llama", "tool"})  # the server reads the schema


@dataclass(frozen=True, slots=True)
class Form:
    """How a schema is asked for in one mode.

    Args:
        mode: Which.
        fields: Fields of the request's body.
        instruction: What the prompt must say, where the mode needs it.
    """

    mode: Mode
    fields: Json
    instruction: str = ""


@dataclass(frozen=True, eq=False)
class AnswerSchema:
    """A JSON schema that answers are asked for and checked with.

    Args:
        text: The schema as JSON.
    """

    text: bytes
    _forms: dict[Mode, Form | None] = field(default_factory=dict, repr=False)
    _lighter: dict[frozenset[str], AnswerSchema] = field(default_factory=dict, repr=False)

    @cached_property
    def value(self) -> Json:
        """The schema itself."""
        value: Json = orjson.loads(self.text)
        return value

    @cached_property
    def name(self) -> str:
        """A name for it that every provider accepts."""
        return _NAME.sub("_", str(self.value.get("title") or ""))[:60].strip("_") or "structured_output"

    @cached_property
    def _surely_fits(self) -> Check | None:
        return compiled(self.value)

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator
        from referencing import Registry

        nowhere: Registry[Any] = Registry()  # references lead into the schema itself; nothing is fetched
        return Draft202012Validator(self.value, registry=nowhere)

    @cached_property
    def bounds(self) -> frozenset[str]:
        """Its keywords that bound values beyond their types, such as `maxLength`."""
        return bounds_in(self.value)

    def form(self, mode: Mode, refused: frozenset[str] = frozenset()) -> Form | None:
        """Returns how to ask for it in a mode, or None where the mode cannot express it.

        Args:
            mode: Which.
            refused: Keywords that the server does not take; a prompt may still hold them.
        """
        if mode in MACHINE_READ and (refused := refused & self.bounds):
            return self._without(refused).form(mode)
        if mode not in self._forms:
            self._forms[mode] = _BUILDERS[mode](self)
        return self._forms[mode]

    def _without(self, keywords: frozenset[str]) -> AnswerSchema:
        if keywords not in self._lighter:
            self._lighter[keywords] = AnswerSchema(
                orjson.dumps(without(self.value, lambda key, _: key in keywords))
            )
        return self._lighter[keywords]

    def problem(self, value: Any) -> str:
        """Returns what is wrong with a value, or an empty string."""
        if self._surely_fits and self._surely_fits(value):
            return ""
        from jsonschema.exceptions import best_match

        error = best_match(self._validator.iter_errors(value))
        return f"{shorten(error.message, 300)} (at {error.json_path})" if error else ""

    def fitted(self, value: Any) -> tuple[Any, str]:
        """Returns a value that fits, and an empty string; or the value and what is wrong with it."""
        problem = self.problem(value)
        if not problem:
            return value, ""
        trimmed = drop_nulls(value, self.value, self.value)
        if not self.problem(trimmed):
            return trimmed, ""
        if (
            isinstance(value, dict)
            and len(value) == 1
            and not value.keys() & self.value.get("properties", {}).keys()
        ):
            (inner,) = value.values()  # wrapped in one more object, such as {"answer": {...}}
            if not self.problem(inner):
                return inner, ""
        if isinstance(value, str):  # JSON within a JSON string
            for inner in candidates(value):
                if isinstance(inner, dict | list) and not self.problem(inner):
                    return inner, ""
        return value, problem

    def read(self, reply: Reply, endpoint: Endpoint) -> Any:
        """Returns the value that an answer holds.

        Raises:
            InvalidAnswerError: It holds none that fits the schema; the message says why.
        """
        text = _text(reply)
        reason = "it holds no JSON"
        try:
            for number, candidate in enumerate(candidates(text, close=reply.finish_reason != "length")):
                value, problem = self.fitted(candidate)
                if not problem:
                    return value
                if number == 0:
                    reason = problem
        except RecursionError:
            reason = "it is nested too deeply"
        error = InvalidAnswerError(
            f"{endpoint.model}: the answer does not fit the schema {self.name!r}: {reason}. "
            f"Answer: {shorten(text, 200)!r}",
            provider=endpoint.provider,
            model=endpoint.model,
            request_id=reply.request_id,
        )
        error.raw = text if len(text) <= _RAW else f"{text[: _RAW // 2]} ... {text[-_RAW // 2 :]}"
        error.reason = reason
        raise error


@lru_cache(maxsize=1024)
def _prepared(text: bytes) -> AnswerSchema:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError as InvalidSchemaError

    schema = AnswerSchema(text)
    try:
        Draft202012Validator.check_schema(schema.value)
    except InvalidSchemaError as error:
        raise SchemaError(f"Not a JSON schema: {error.json_path}: {shorten(error.message, 300)}") from None
    if lost := _lost_references(schema.value, schema.value):
        raise SchemaError(f"A schema refers to what is not in it: {lost}; put it under its $defs.")
    return schema


def prepare(schema: Mapping[str, Any]) -> AnswerSchema:
    """Returns a schema made ready; the same schema is made ready once.

    Raises:
        SchemaError: It is not a JSON schema, or refers to something outside itself.
    """
    try:
        text = orjson.dumps(schema)
    except TypeError as error:
        raise SchemaError(f"A schema must be a JSON object; got {type(schema).__name__}: {error}.") from error
    if not text.startswith(b"{"):
        raise SchemaError(f"A schema must be a JSON object; got {type(schema).__name__}.")
    return _prepared(text)


def _lost_references(node: Any, root: Json) -> str:
    """Returns the first reference that leads nowhere, or an empty string."""
    children: Iterable[Any] = node if isinstance(node, list) else ()
    if isinstance(node, dict):
        reference = node.get("$ref")
        if isinstance(reference, str) and not _leads(reference, root):
            return reference
        children = node.values()
    return next((lost for child in children if (lost := _lost_references(child, root))), "")


def _leads(reference: str, root: Json) -> bool:
    node: Any = root
    for key in reference.removeprefix("#").split("/")[1:]:
        node = node.get(unquote(key)) if isinstance(node, dict) else None
    return reference.startswith("#") and node is not None


def _text(reply: Reply) -> str:
    for call in reply.tool_calls:
        arguments = (call.get("function") or {}).get("arguments")
        return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
    return reply.content


def _strict(schema: AnswerSchema, mode: Mode = "strict", unknown: frozenset[str] = UNKNOWN) -> Form | None:
    if not expressible(schema.value):
        return None
    body = {"name": schema.name, "strict": True, "schema": strict(schema.value, unknown)}
    return Form(mode, {"response_format": {"type": "json_schema", "json_schema": body}})


def _bounded(schema: AnswerSchema) -> Form | None:
    return _strict(schema, "bounded", UNKNOWN - BOUNDS)


def _json_schema(schema: AnswerSchema) -> Form:
    body = {"name": schema.name, "schema": _for_grammars(schema)}
    return Form("json_schema", {"response_format": {"type": "json_schema", "json_schema": body}})


def _llama(schema: AnswerSchema) -> Form:
    return Form("llama", {"response_format": {"type": "json_object", "schema": _for_grammars(schema)}})


def _for_grammars(schema: AnswerSchema) -> Json:
    return dict(without(schema.value, is_open_pattern)) if "pattern" in schema.bounds else schema.value


def _tool(schema: AnswerSchema) -> Form | None:
    if schema.value.get("type") != "object":
        return None
    about = schema.value.get("description") or "Gives the answer."
    function = {"name": "structured_output", "description": about, "parameters": schema.value}
    choice = {"type": "function", "function": {"name": "structured_output"}}
    return Form("tool", {"tools": [{"type": "function", "function": function}], "tool_choice": choice})


def _json_object(schema: AnswerSchema) -> Form | None:
    if schema.value.get("type", "object") != "object":
        return None
    return Form("json_object", {"response_format": {"type": "json_object"}}, _instruction(schema))


def _prompt(schema: AnswerSchema) -> Form:
    return Form("prompt", {}, _instruction(schema))


def _instruction(schema: AnswerSchema) -> str:
    return (
        "Answer with one JSON value and nothing else: no code fence, no comment. "
        f"It must be valid for this JSON schema:\n{schema.text.decode()}"
    )


_BUILDERS = {
    "strict": _strict,
    "bounded": _bounded,
    "json_schema": _json_schema,
    "llama": _llama,
    "tool": _tool,
    "json_object": _json_object,
    "prompt": _prompt,
}
