"""Our tools as the SDK wants them: schemas in, results and errors out. The only file that knows both sides.

A failure that we foresaw (`KagError`) reaches the client's model in its own words; of any other it learns
nothing but that there was one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool as SdkTool
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import BaseModel, PrivateAttr, ValidationError

from kag.errors import KagError
from mcp_server.scope import Scope
from mcp_server.tools.base import Tool
from mcp_server.untrusted import line

ScopeOf = Callable[[Context[Any, Any]], Scope]
_MOST_PROBLEMS = 5


class ServedTool(SdkTool):
    """One of our tools behind the SDK's door."""

    _served: Tool[Any, Any] = PrivateAttr()
    _scope_of: ScopeOf = PrivateAttr()

    @classmethod
    def of(cls, name: str, tool: Tool[Any, Any], scope_of: ScopeOf) -> Self:
        """Wraps a tool.

        Args:
            name: The name that clients call it by.
            tool: The tool.
            scope_of: Tells what a call may see, from the SDK's context of that call.
        """
        hints = ToolAnnotations(
            read_only_hint=not tool.writes,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=tool.open_world,
        )
        made = cls.from_function(
            _never_called,
            name=name,
            title=tool.title,
            description=tool.description,
            annotations=hints,
            structured_output=False,
        )
        if not isinstance(made, cls):
            raise TypeError(f"the SDK made a {type(made).__name__}, expected a {cls.__name__}")
        made.parameters = compact_schema(tool.arguments)
        made.fn_metadata.output_schema = compact_schema(tool.answer, bare=True)
        made._served, made._scope_of = tool, scope_of
        return made

    async def run(
        self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False
    ) -> CallToolResult:
        """Runs the tool.

        Raises:
            ToolError: It cannot do what was asked; the message is for the client's model.
        """
        try:
            asked = self._served.arguments.model_validate(arguments)
        except ValidationError as error:
            raise ToolError(explained(self.name, self._served.arguments, error)) from error
        scope = self._scope_of(context)
        try:
            answer = await self._served.call(scope, asked)
            text = TextContent(type="text", text=answer.render(scope.fence))
            return CallToolResult(content=[text], structured_content=answer.data())
        except KagError as error:
            raise ToolError(str(error)) from error
        except Exception as error:  # the outermost edge: what it says stays on this side
            raise UnexpectedToolError(
                f"{self.name} failed unexpectedly; the server's log says more."
            ) from error


async def _never_called() -> None:
    """Stands where the SDK wants a function; `ServedTool.run` does the work."""


def explained(tool: str, arguments: type[BaseModel], error: ValidationError) -> str:
    """Says in one line what is wrong with some arguments."""
    problems = []
    for found in error.errors(include_url=False)[:_MOST_PROBLEMS]:
        where = ".".join(map(str, found["loc"])) or "arguments"
        if found["type"] == "extra_forbidden":
            problems.append(
                f"there is no argument {line(where, 60)!r}; it takes {', '.join(arguments.model_fields)}"
            )
        elif found["type"] == "missing":
            problems.append(f"{where} is missing")
        else:
            problems.append(f"{line(where, 60)}: {found['msg']}, got {line(repr(found['input']), 80)}")
    return f"{tool}: {'; '.join(problems)}."


def compact_schema(model: type[BaseModel], *, bare: bool = False) -> dict[str, Any]:
    """Makes a JSON schema without what only costs tokens: titles, docstrings, null for what is left out.

    Args:
        model: The model.
        bare: Leave out descriptions and defaults too; the schema of an answer is for programs.
    """
    dropped = {"title", "description", "default"} if bare else {"title"}
    schema: dict[str, Any] = _compact(model.model_json_schema(), dropped)
    return schema


def _compact(node: Any, dropped: set[str]) -> Any:
    if isinstance(node, list):
        return [_compact(part, dropped) for part in node]
    if not isinstance(node, dict):
        return node
    node = {k: v for k, v in node.items() if k not in dropped and (k, v) != ("default", None)}
    if node.get("type") == "object":
        node.pop("description", None)
    compact = {}
    for key, value in node.items():
        named = key in ("properties", "$defs")  # whose keys are names, not keywords
        compact[key] = (
            {n: _compact(v, dropped) for n, v in value.items()} if named else _compact(value, dropped)
        )
    return _without_null(compact)


def _without_null(node: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in node.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) != 1:
        return node
    return {**options[0], **{key: value for key, value in node.items() if key != "anyOf"}}
