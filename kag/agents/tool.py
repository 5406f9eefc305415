"""Tool: a function that a language model may call, with a schema, limits, and errors that it can read."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, final

from kag.agents._arguments import Arguments, GivenArguments, docstring, hinted, written_function
from kag.agents._docstring import documentation
from kag.agents._threads import in_thread
from kag.data_models.data_model import DataModel
from kag.data_models.json_data_model import JsonDataModel, as_json_data_model
from kag.errors import KagError, SchemaError, ToolError
from kag.graph.recording import refuse_while_recording
from kag.http import redact, shorten
from kag.schema import Schema, copy_json
from kag.schema.values import Json, json_text

ErrorKind = Literal["", "invalid_arguments", "unknown_tool", "failed", "timeout", "repeated", "not_run"]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_TELLING = (
    KagError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
)
_ANY_OBJECT = Schema.of({"type": "object", "title": "ToolResult", "additionalProperties": True}, trusted=True)
_FIRST_WAIT, _LONGEST_WAIT = 0.05, 5.0
_log = logging.getLogger("kag.agents")


class ToolWarning(UserWarning):
    """A tool can be used, and would be used better by a model if it were described."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a function returns to show a model something else than its result.

    Args:
        result: The result, for programs.
        text: What a model is shown in its place.
        images: URLs of images that belong to it, or data URLs such as `data:image/png;base64,...`.
    """

    result: Any
    text: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a tool call.

    Args:
        value: The result as a JSON object; empty if it failed.
        text: What a model is shown: the result, or what went wrong.
        error: What kind of failure it was; empty if there was none.
        runs: How often the function was run.
        seconds: How long it took.
        images: URLs of images that belong to the result.
        cause: What was raised, where something was.
    """

    value: Json
    text: str
    error: ErrorKind = ""
    runs: int = 0
    seconds: float = 0.0
    images: tuple[str, ...] = ()
    cause: BaseException | None = field(default=None, repr=False, compare=False)


@final
class Tool:
    """A function that a language model may call.

    The function's type hints become the JSON schema of its arguments, its docstring (in the style of Google,
    NumPy or Sphinx) their descriptions. It is run once for a call, unless it is idempotent and has retries.

    Args:
        func: An async function; or a plain one, which is run in a thread.
        name: What the model calls it; by default the function's name.
        description: What it does, for the model; by default from the docstring.
        idempotent: Whether running it twice does no more than running it once.
        retries: How often it is run again after a failure; only for idempotent tools.
        timeout: Seconds after which a call is given up; None to wait for ever.
        max_result_characters: What a result may have; a longer one is cut, and says so.
        input_schema: JSON schema of an object, in place of the hints, for functions without any.

    Raises:
        ToolError: A parameter has no type hint, or an argument cannot be used; the message names it.

    Example:
        >>> async def add(a: int, b: int) -> int:
        ...     '''Adds two numbers.
        ...
        ...     Args:
        ...         a: One number.
        ...         b: Another.
        ...     '''
        ...     return a + b
        >>> result = await Tool(add)(a=2, b=3)
        >>> result.get_json()
        {'result': 5}
    """

    def __init__(
        self,
        func: Callable[..., Any],
        *,
        name: str | None = None,
        description: str | None = None,
        idempotent: bool = False,
        retries: int = 0,
        timeout: float | None = 60.0,
        max_result_characters: int = 20_000,
        input_schema: Mapping[str, Any] | None = None,
    ) -> None:
        if not callable(func) or isinstance(func, type) or type(func) is Tool:
            raise ToolError(f"A tool is made of a function; got {shorten(repr(func), 80)}.")
        self.func = func
        self.name = _name(func, name)
        self.idempotent = idempotent
        self.retries = _retries(self.name, retries, idempotent=idempotent)
        self.timeout = _above_zero(self.name, "timeout", timeout) if timeout is not None else None
        self.max_result_characters = int(
            _above_zero(self.name, "max_result_characters", max_result_characters)
        )
        self._given_schema = input_schema
        told = documentation(docstring(func))
        self._arguments: Arguments
        undescribed: list[str] = []
        if input_schema is not None:
            self._arguments = GivenArguments(self.name, input_schema)
        else:
            self._arguments, undescribed = hinted(self.name, func, told)
        self.description = description or told.about or self.name.replace("_", " ")
        self._warn(undescribed, described=bool(description or told.about))

    @property
    def input_schema(self) -> Json:
        """JSON schema of an object: the arguments by name."""
        return self._arguments.schema

    def definition(self) -> Json:
        """The tool as a language model is told of it: `name`, `description`, `parameters`."""
        return {"name": self.name, "description": self.description, "parameters": self.input_schema}

    async def __call__(self, /, **arguments: Any) -> JsonDataModel:
        """Runs the tool; a result that is not an object is under `result`.

        Raises:
            ToolError: The arguments do not fit, the function failed, or it took too long.
        """
        outcome = await self.run(arguments)
        if outcome.error:
            raise ToolError(f"Tool {self.name!r}: {outcome.text}") from outcome.cause
        return JsonDataModel.trusted(_ANY_OBJECT, outcome.value)

    async def run(self, arguments: Mapping[str, Any]) -> Outcome:
        """Runs the tool for a model: what goes wrong is told in the outcome, nothing is raised for it."""
        refuse_while_recording(f"The tool {self.name!r}", ToolError)
        try:
            given = self._arguments.checked(arguments)
        except ToolError as error:
            schema = shorten(json_text(self.input_schema), 1500)
            text = f"invalid_arguments: {error}. Nothing was run. The arguments' schema: {schema}"
            return Outcome({}, text, "invalid_arguments", cause=error)
        begun, runs = time.perf_counter(), 0
        while True:
            runs += 1
            outcome = await self._once(given)
            if not outcome.error or runs > self.retries:
                break
            await asyncio.sleep(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (runs - 1)))
        seconds = time.perf_counter() - begun
        return Outcome(
            outcome.value, outcome.text, outcome.error, runs, seconds, outcome.images, outcome.cause
        )

    async def _once(self, given: dict[str, Any]) -> Outcome:
        deadline = asyncio.timeout(self.timeout)
        try:
            async with deadline:
                result = await self._result(given)
            return self._fitting(result)
        except TimeoutError as error:
            if not deadline.expired():
                return self._failure(error)
            text = f"timeout: no result after {self.timeout:g} s; it may or may not have been done."
            return Outcome({}, text, "timeout", cause=error)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # the function is somebody else's: the model is told its failure
            if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
                raise
            return self._failure(error)

    async def _result(self, given: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(written_function(self.func)):
            return await self.func(**given)
        result = await in_thread(self.func, given)
        return await result if inspect.isawaitable(result) else result

    def _failure(self, error: BaseException) -> Outcome:
        """A failure in one line; what errors of unknown kinds say may hold secrets, and stays in the log."""
        kind = type(error).__name__
        _log.info("The tool %s failed: %s", self.name, kind)
        _log.debug("The failure of the tool %s", self.name, exc_info=error)
        said = shorten(redact(_words(error)), 500) if isinstance(error, _TELLING) else ""
        told = said if isinstance(error, ToolError) else f"{kind}: {said}".rstrip(": ")
        return Outcome({}, f"failed: {told}", "failed", cause=error)

    def _fitting(self, result: Any) -> Outcome:
        """A result as JSON, and as text no longer than allowed."""
        if isinstance(result, Shown):
            return Outcome(_json(result.result), self._cut(result.text), images=result.images)
        value = _json(result)
        text = result if isinstance(result, str) else json_text(value)
        if len(text) > self.max_result_characters:
            value = {
                "result": text[: self.max_result_characters],
                "truncated": True,
                "characters": len(text),
            }
        return Outcome(value, self._cut(text))

    def _cut(self, text: str) -> str:
        most = self.max_result_characters
        return text if len(text) <= most else f"{text[:most]}… [cut: {most} of {len(text)} characters]"

    def _warn(self, undescribed: list[str], *, described: bool) -> None:
        missing = [] if described else ["no docstring and no description="]
        if undescribed:
            missing.append(f"no description of {', '.join(undescribed)} in its docstring")
        if missing:
            warnings.warn(
                f"The tool {self.name!r} has {' and '.join(missing)}; names are shown in their place.",
                ToolWarning,
                stacklevel=3,
            )

    def get_config(self) -> Json:
        """What `from_config` needs; the function is saved by its registered name."""
        return {
            "func": self.func,
            "name": self.name,
            "description": self.description,
            "idempotent": self.idempotent,
            "retries": self.retries,
            "timeout": self.timeout,
            "max_result_characters": self.max_result_characters,
            "input_schema": self._given_schema,
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Tool:
        """A tool like the one that gave this configuration."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ToolWarning)  # its author has been told
            return cls(**config)

    def __repr__(self) -> str:
        return f"<Tool {self.name}>"


def _is_being_cancelled() -> bool:
    """Whether somebody cancels this task, rather than something inside the tool having been cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def _words(error: BaseException) -> str:
    """What an error says; nothing if it cannot even say that."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001  its class is somebody else's
        return ""


def _name(func: Callable[..., Any], name: str | None) -> str:
    found = name if name is not None else getattr(func, "__name__", None)
    if isinstance(found, str) and _NAME.fullmatch(found):
        return found
    raise ToolError(
        f"A tool's name has up to 64 letters, digits, _ and -, and begins with a letter or _; got {found!r}. "
        "Pass name=."
    )


def _retries(name: str, retries: int, *, idempotent: bool) -> int:
    if not isinstance(retries, int) or isinstance(retries, bool) or retries < 0:
        raise ToolError(f"retries of the tool {name!r} must be a whole number from 0 up; got {retries!r}.")
    if retries and not idempotent:
        raise ToolError(
            f"The tool {name!r} has retries={retries} and is not idempotent: a failed run may have had its "
            "effect. Pass idempotent=True if running it twice does no more than running it once."
        )
    return retries


def _above_zero(name: str, argument: str, value: float) -> float:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
    if not usable:
        raise ToolError(f"{argument} of the tool {name!r} must be a number above 0; got {value!r}.")
    return value


def _json(result: Any) -> Json:
    """A result as a JSON object.

    Raises:
        ToolError: It is not JSON, and cannot be made so.
    """
    if isinstance(result, DataModel | JsonDataModel):
        return as_json_data_model(result).data
    try:
        value = copy_json(result)
    except SchemaError:
        value = _jsonable(result)
    return value if isinstance(value, dict) else {"result": value}


def _jsonable(result: Any) -> Any:
    """A result whose parts are dates, dataclasses, sets and such."""
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    try:
        return copy_json(to_jsonable_python(result))
    except (PydanticSerializationError, SchemaError, ValueError) as error:
        raise ToolError(f"the result is not JSON: {shorten(str(error), 200)}") from error
