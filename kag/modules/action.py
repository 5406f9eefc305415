"""Action: has a model fill in a tool's arguments, and runs the tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Unpack, runtime_checkable

from kag.data_models.common import GenericAction
from kag.data_models.data_model import DataModel, schema_of
from kag.data_models.json_data_model import JsonDataModel, as_json_data_model
from kag.data_models.symbolic import SymbolicDataModel
from kag.errors import ProgramError, SchemaError, ToolError
from kag.module import Module
from kag.modules._options import GeneratorOptions
from kag.modules.generator import Generator
from kag.schema import copy_json
from kag.schema.values import Json


@runtime_checkable
class CallableTool(Protocol):
    """What an action needs of a tool.

    Attributes:
        name: Its name.
        description: What it does, in words.
        input_schema: JSON schema of an object: its arguments by name.
    """

    name: str
    description: str
    input_schema: Mapping[str, Any]

    async def __call__(self, **arguments: Any) -> Any:
        """Runs the tool; gives JSON or a data model."""


class Action(Module):
    """One call to a language model that fills in a tool's arguments, then one call of the tool.

    Gives `action` with the `inputs` and `outputs` of the tool; a result that is not an object is put under
    `result`. A tool that fails makes the action fail.

    Args:
        tool: Anything with `name`, `description`, `input_schema` and an async call by argument names.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        return_inputs: Give the inputs' properties before the action.
        name: Unique within a program.
        description: What it is for, in words; the tool's description by default.
        trainable: False freezes instructions and examples.
        **options: Further options, as for `Generator`: `instructions`, `examples`, `temperature`, ...

    Raises:
        ProgramError: An argument cannot be used.
    """

    def __init__(
        self,
        tool: CallableTool,
        language_model: Any = None,
        *,
        return_inputs: bool = False,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
        **options: Unpack[GeneratorOptions],
    ) -> None:
        super().__init__(name, description, trainable)
        if not isinstance(tool, CallableTool):
            raise ProgramError(
                f"tool of {self!r} must have name, description, input_schema and an async call; "
                f"got {type(tool).__name__}."
            )
        self.tool = tool
        self.return_inputs = return_inputs
        self.schema = schema_of(GenericAction)
        if options.get("instructions") is None:
            options["instructions"] = f"Give the arguments for the tool {tool.name!r}: {tool.description}"
        self.generator = Generator(
            schema=tool.input_schema,
            language_model=language_model,
            name="generator",
            description=description or tool.description,
            **options,
        )

    async def call(self, inputs: Any, training: bool = False) -> Any:
        """What the tool was given and what it gave.

        Raises:
            LanguageModelError: There are no arguments, or none that fit.
            ToolError: The tool gave something that is not JSON.
        """
        arguments: JsonDataModel = await self.generator(inputs)
        given = arguments.get_json()
        outputs = self._outputs(await self.tool(**given))
        action = {"action": {"inputs": arguments.data, "outputs": outputs}}
        result = JsonDataModel.trusted(self.schema, action)
        return inputs + result if self.return_inputs else result

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with the action, after the inputs' properties if they are returned."""
        await self.generator.compute_output_spec(inputs)  # refuses what is not one data model
        plain = SymbolicDataModel(schema=self.schema, record_history=False)
        if not self.return_inputs:
            return plain
        joined = (
            SymbolicDataModel(schema=inputs.known_schema, record_history=False, exact=inputs.is_exact) + plain
        )
        return joined if isinstance(joined, SymbolicDataModel) else plain

    def _outputs(self, result: Any) -> Json:
        if isinstance(result, DataModel | JsonDataModel):
            return as_json_data_model(result).data
        try:
            outputs = copy_json(result)
        except SchemaError as error:
            raise ToolError(f"Tool {self.tool.name!r} gave a result that cannot be used: {error}") from error
        return outputs if isinstance(outputs, dict) else {"result": outputs}
