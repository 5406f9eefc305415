"""What a tool takes: its arguments as a JSON schema, and the check of what a model gave."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from kag.agents._docstring import Documentation
from kag.errors import SchemaError, ToolError
from kag.http import shorten
from kag.schema import copy_json
from kag.schema.values import Json

if TYPE_CHECKING:
    from jsonschema.protocols import Validator
    from pydantic import BaseModel

_MOST_PROBLEMS = 5
_MOST_STEPS = 100_000  # keywords that are looked at to check arguments
_Kind = inspect.Parameter


class Arguments(Protocol):
    """The arguments that a tool takes."""

    @property
    def schema(self) -> Json:
        """JSON schema of an object: the arguments by name."""

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the function is called with.

        Raises:
            ToolError: The arguments do not fit; the message lists what is wrong.
        """


class HintedArguments:
    """Arguments as a function's type hints say.

    Args:
        name: The tool's name.
        model: A model with a field for each parameter.
    """

    def __init__(self, name: str, model: type[BaseModel]) -> None:
        self.name = name
        self.model = model

    @cached_property
    def schema(self) -> Json:
        """JSON schema of an object: the arguments by name."""
        from pydantic.json_schema import GenerateJsonSchema

        class Quiet(GenerateJsonSchema):
            ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012  as there

        schema = self.model.model_json_schema(schema_generator=Quiet)
        schema["properties"] = {
            name: {key: value for key, value in field.items() if key != "title"}
            for name, field in schema.get("properties", {}).items()
        }
        return schema

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the function is called with: values of the types that it declares."""
        from pydantic import ValidationError

        try:
            made = self.model.model_validate(dict(arguments))
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)[:_MOST_PROBLEMS]
            raise ToolError("; ".join(self._problem(one) for one in found)) from None
        names = {name: field.alias or name for name, field in type(made).model_fields.items()}
        return {names[name]: getattr(made, name) for name in names if name in made.model_fields_set}

    def _problem(self, found: Mapping[str, Any]) -> str:
        where = ".".join(map(str, found["loc"])) or "the arguments"
        if found["type"] == "missing":
            return f"{where} is missing"
        if found["type"] == "extra_forbidden":
            takes = ", ".join(self.schema["properties"]) or "none"
            return f"there is no argument {shorten(where, 60)!r} (it takes {takes})"
        return f"{shorten(where, 60)}: {found['msg']}, got {shorten(repr(found['input']), 80)}"


class GivenArguments:
    """Arguments as a JSON schema says that somebody else wrote.

    Args:
        name: The tool's name.
        schema: JSON schema of an object.

    Raises:
        ToolError: It is no such schema.
    """

    def __init__(self, name: str, schema: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError as InvalidSchemaError

        try:
            self.schema: Json = copy_json(dict(schema))
            Draft202012Validator.check_schema(self.schema)
        except (SchemaError, TypeError, ValueError) as error:
            raise ToolError(f"input_schema of the tool {name!r} is not JSON: {error}") from None
        except InvalidSchemaError as error:
            raise ToolError(
                f"input_schema of the tool {name!r} is not a JSON schema: {error.json_path}: "
                f"{shorten(error.message, 200)}"
            ) from None
        if self.schema.get("type", "object") != "object":
            raise ToolError(f"input_schema of the tool {name!r} must describe an object.")
        self.schema.setdefault("type", "object")
        self.schema.setdefault("properties", {})
        self._steps = 0

    @cached_property
    def _validator(self) -> Validator:
        from jsonschema import Draft202012Validator, validators
        from referencing import Registry

        nowhere: Registry[Any] = Registry()  # a schema may come from the network: nothing is fetched for it
        counted = {key: self._counted(check) for key, check in Draft202012Validator.VALIDATORS.items()}
        counting = validators.extend(Draft202012Validator, counted)  # type: ignore[no-untyped-call]  # theirs
        made: Validator = counting(self.schema, registry=nowhere)
        return made

    def _counted(self, check: Callable[..., Any]) -> Callable[..., Any]:
        """The check of a keyword, until there were too many: a short schema may ask for 2 ** 60 of them."""

        def counted(*arguments: Any) -> Any:
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise ToolError("its schema takes too long to check; give less, or less deep, arguments")
            return check(*arguments)

        return counted

    def checked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments, if they fit the schema."""
        from referencing.exceptions import Unresolvable

        given: dict[str, Any] = dict(arguments)
        self._steps = 0
        try:
            problems = [
                f"{error.json_path.removeprefix('$').removeprefix('.') or 'the arguments'}: "
                f"{shorten(error.message, 200)}"
                for _, error in zip(range(_MOST_PROBLEMS), self._validator.iter_errors(given), strict=False)
            ]
        except (Unresolvable, RecursionError) as error:
            raise ToolError(f"its schema cannot be used: {shorten(str(error), 200)}") from None
        if problems:
            raise ToolError("; ".join(problems))
        return given


def hinted(name: str, function: Callable[..., Any], told: Documentation) -> tuple[HintedArguments, list[str]]:
    """Reads a function's parameters; also gives the names of those that are not described.

    Args:
        name: The tool's name.
        function: The function, or an object that can be called.
        told: What its docstring says.

    Raises:
        ToolError: A parameter has no type hint, or one that has no JSON schema; the message names it.
    """
    from pydantic import ConfigDict, create_model
    from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

    fields: dict[str, Any] = {}
    undescribed: list[str] = []
    for number, parameter in enumerate(_parameters(name, function)):
        if not _described(parameter.annotation) and parameter.name not in told.parameters:
            undescribed.append(parameter.name)
        fields[f"p{number}"] = _field(parameter, told)
    try:
        model = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        made = HintedArguments(name, model)
        made.schema  # noqa: B018  refused now rather than at the first call
    except (PydanticSchemaGenerationError, PydanticUserError, TypeError) as error:
        raise ToolError(
            f"The type hints of the tool {name!r} cannot be turned into a JSON schema: "
            f"{shorten(str(error), 300)}"
        ) from error
    return made, undescribed


def written_function(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function that somebody wrote: that of a partial or a method, or the `__call__` of an object."""
    while isinstance(function, functools.partial):
        function = function.func
    if inspect.ismethod(function):
        return function.__func__
    return function if inspect.isroutine(function) else type(function).__call__


def docstring(function: Callable[..., Any]) -> str | None:
    """What is written about a function; of an object, at its `__call__` or else its class."""
    written = written_function(function)
    whole = type(function).__doc__ if written is type(function).__call__ else None
    return written.__doc__ or whole


def _parameters(name: str, function: Callable[..., Any]) -> list[_Kind]:
    try:
        unread = list(inspect.signature(function).parameters.values())
        hints = {one.name: one.annotation for one in unread}
        names = getattr(written_function(function), "__globals__", {})
        holder = type("Hints", (), {"__annotations__": hints})  # without the result's, which nobody needs
        read = inspect.get_annotations(holder, globals=names, eval_str=True)
        parameters = [one.replace(annotation=read[one.name]) for one in unread]
    except (TypeError, ValueError, NameError, AttributeError, SyntaxError) as error:
        raise ToolError(
            f"The parameters of the tool {name!r} cannot be read: {error}. Pass input_schema=, or a function "
            "whose hints are known where it is defined."
        ) from error
    for parameter in parameters:
        if parameter.kind not in (_Kind.POSITIONAL_OR_KEYWORD, _Kind.KEYWORD_ONLY):
            raise ToolError(
                f"The parameter {str(parameter)!r} of the tool {name!r} cannot be passed by name; a tool "
                "names each of its parameters."
            )
        if parameter.annotation is _Kind.empty:
            raise ToolError(
                f"The parameter {parameter.name!r} of the tool {name!r} has no type hint; write one, such as "
                f"`{parameter.name}: str`."
            )
    return parameters


def _field(parameter: _Kind, told: Documentation) -> tuple[Any, Any]:
    """A parameter as a field; its alias lets it have any name, also one that models keep for themselves."""
    from pydantic import Field

    default = ... if parameter.default is _Kind.empty else parameter.default
    about = told.parameters.get(parameter.name)
    if about is None and not _described(parameter.annotation):
        about = parameter.name
    if about is None:  # an `Annotated` hint describes it
        return parameter.annotation, Field(default, alias=parameter.name)
    return parameter.annotation, Field(default, alias=parameter.name, description=about)


def _described(annotation: Any) -> bool:
    """Whether an `Annotated` hint brings a description of its own."""
    return any(getattr(part, "description", None) for part in getattr(annotation, "__metadata__", ()))
