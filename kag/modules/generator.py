"""Generator: asks a language model to turn inputs into an output of a schema, or into a chat message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from kag.data_models.chat import ChatMessage
from kag.data_models.data_model import schema_of
from kag.data_models.json_data_model import JsonDataModel, as_json_data_model
from kag.data_models.operations import describe
from kag.data_models.symbolic import SymbolicDataModel
from kag.data_models.trainable import Instructions
from kag.data_models.variable import Variable
from kag.errors import DataModelError, ProgramError, SchemaError, StructuredOutputError
from kag.graph.arguments import checked_type
from kag.language_models import LanguageModel, get
from kag.module import Module
from kag.modules._prompt import DEFAULT_TEMPLATE, compiled, input_messages, system_text
from kag.schema import Schema, concat, copy_json
from kag.schema.values import Json

Example = tuple[Any, Any] | Mapping[str, Any]


class Generator(Module):
    """One call to a language model.

    The system message holds the instructions and examples, which training changes; the user message holds the
    inputs as JSON. If the inputs have a conversation in `messages`, it follows the system message as it is
    (also if it brings a system message of its own), and the other properties stand as JSON before and after
    it.

    Args:
        data_model: The output's data model class; without it (and without `schema`) the output is a
            `ChatMessage`.
        schema: In place of it: a JSON schema.
        language_model: A `LanguageModel`, or its name such as `openai/gpt-4o-mini`.
        prompt_template: Jinja template of the system message; gets `instructions`, `examples` (each with
            `inputs` and `outputs` as JSON text), `inputs_schema`, `outputs_schema` and the
            `prompt_variables`. It runs sandboxed.
        prompt_variables: Further variables of the template.
        examples: Shown to the model: pairs `(inputs, outputs)` of data models or dicts.
        instructions: What to do. A list of strings is joined with line breaks. By default, the keys that the
            answer needs.
        seed_instructions: Instructions that training starts from, beside `instructions`.
        temperature: Sampling temperature from 0 up; None as the language model is set.
        max_tokens: Most tokens of an answer; None as the language model is set.
        top_p: Share of probability that is sampled from; None as the language model is set.
        top_k: Number of tokens that are sampled from; None as the language model is set.
        reasoning_effort: `minimal` to `xhigh`, `none` or `disable`; None as the language model is set.
        use_inputs_schema: Show the inputs' schema in the prompt.
        use_outputs_schema: Show the output's schema in the prompt.
        return_inputs: Give the inputs' properties before the output's.
        streaming: Give a stream of text; ignored if there is a schema.
        tools: Tools the model may call (`name`, `description`, `parameters`); only without a schema.
        name: Unique within a program.
        description: What it is for, in words.
        trainable: False freezes instructions and examples.

    Raises:
        ProgramError: An argument cannot be used.

    Example: >>> answer = await Generator(data_model=Answer, language_model=lm)(Query(query="What is the
        capital of France?")) >>> answer.get("answer") 'Paris'
    """

    default_template: ClassVar[str] = DEFAULT_TEMPLATE
    """The template where none is given."""

    def __init__(
        self,
        data_model: Any = None,
        language_model: Any = None,
        *,
        schema: Mapping[str, Any] | None = None,
        prompt_template: str | None = None,
        prompt_variables: Mapping[str, Any] | None = None,
        examples: Sequence[Example] | None = None,
        instructions: str | Sequence[str] | None = None,
        seed_instructions: Sequence[str] | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        top_p: float | None = None,
        top_k: int | None = None,
        reasoning_effort: str | None = None,
        use_inputs_schema: bool = False,
        use_outputs_schema: bool = False,
        return_inputs: bool = False,
        streaming: bool = False,
        tools: Sequence[Mapping[str, Any]] | None = None,
        name: str | None = None,
        description: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name, description, trainable)
        if language_model is None:
            raise ProgramError(
                f"{self!r} needs language_model=<a LanguageModel or a name such as 'openai/gpt-4o-mini'>."
            )
        self.language_model = get(language_model)
        self.schema = _schema(self, data_model, schema)
        self._take_prompt(prompt_template, prompt_variables)
        if tools and self.schema is not None:
            raise ProgramError(f"{self!r} takes tools or a schema, not both.")
        flags = {
            "use_inputs_schema": use_inputs_schema,
            "use_outputs_schema": use_outputs_schema,
            "return_inputs": return_inputs,
            "streaming": streaming,
        }
        for flag, value in flags.items():
            checked_type(self, flag, value, bool)
        if streaming and return_inputs and self.schema is None:
            raise ProgramError(f"{self!r} cannot return its inputs with a stream; leave return_inputs out.")
        settings = {
            "temperature": _number(self, "temperature", temperature),
            "max_tokens": _count(self, "max_tokens", max_tokens),
            "top_p": _number(self, "top_p", top_p, most=1),
            "top_k": _count(self, "top_k", top_k),
            "reasoning_effort": reasoning_effort
            and checked_type(self, "reasoning_effort", reasoning_effort, str),
            "tools": list(tools) if tools else None,
        }
        self.options: Json = {key: value for key, value in settings.items() if value is not None}
        self.use_inputs_schema = use_inputs_schema
        self.use_outputs_schema = use_outputs_schema
        self.return_inputs = return_inputs
        self.streaming = streaming and self.schema is None
        self.state = _state(self, instructions, seed_instructions, examples)
        self._rendered: tuple[Json, Schema | None, str] | None = None

    @property
    def output_schema(self) -> Schema:
        """The schema of what the model gives: the declared one, or a chat message's."""
        return self.schema if self.schema is not None else schema_of(ChatMessage)

    async def call(self, inputs: Any, training: bool = False) -> JsonDataModel | AsyncIterator[Any]:
        """Asks the model.

        Raises:
            LanguageModelError: There is no answer, or none that fits the schema.
        """
        if not isinstance(inputs, JsonDataModel):
            raise ProgramError(
                f"{self!r} got {describe(inputs)}; expected one data model, such as Query(query=...)."
            )
        messages = self.messages(inputs)
        if self.schema is not None:
            value = self._fitting(self.schema, await self.structured(messages, self.schema, inputs.data))
            outputs = JsonDataModel.trusted(self.schema, value)
        else:
            message = await self.language_model(messages, streaming=self.streaming, **self.options)
            if self.streaming:
                stream: AsyncIterator[Any] = message
                return stream
            outputs = self._message(message)
        if training:
            self.state.record(inputs.data, outputs.data)
        if not self.return_inputs:
            return outputs
        joined = concat(inputs.schema, outputs.schema)
        return JsonDataModel.trusted(joined.schema, joined.value(inputs.data, outputs.data))

    async def compute_output_spec(self, inputs: Any, training: bool = False) -> SymbolicDataModel:
        """A symbol with the output's schema, after the inputs' if they are returned."""
        if not isinstance(inputs, SymbolicDataModel):
            raise ProgramError(
                f"{self!r} got {describe(inputs)}; expected one data model, such as Input(data_model=Query)."
            )
        if not self.return_inputs:
            return SymbolicDataModel(schema=self.output_schema)
        given = inputs.known_schema
        return SymbolicDataModel(schema=None if given is None else concat(given, self.output_schema).schema)

    def messages(self, inputs: JsonDataModel) -> list[Json]:
        """The messages that the model is sent for some inputs."""
        text = self._system_text(inputs.schema if self.use_inputs_schema else None)
        return [*([{"role": "system", "content": text}] if text else []), *input_messages(inputs.data)]

    async def structured(self, messages: list[Json], schema: Schema, data: Json) -> Any:
        """The model's answer to messages about some inputs, in the form of a schema; for subclasses."""
        return await self.language_model(messages, schema=schema.json, **self.options)

    def shown(self, example: Json) -> Json:
        """An example as the prompt shows it: as it is, unless a subclass leaves out what need not be seen."""
        return example

    def _take_prompt(self, template: str | None, variables: Mapping[str, Any] | None) -> None:
        if template is not None:
            compiled(checked_type(self, "prompt_template", template, str))
        self.prompt_template = template or self.default_template
        self.prompt_variables = dict(
            () if variables is None else checked_type(self, "prompt_variables", variables, Mapping)
        )

    def _fitting(self, schema: Schema, value: Any) -> Json:
        """The model's answer; checked, unless it comes from our own model, which has done so."""
        if isinstance(self.language_model, LanguageModel):
            checked: Json = value
            return checked
        try:
            checked = copy_json(value)
            schema.check(checked)
        except SchemaError as error:
            raise self._unfit(f"answered with what does not fit: {error}") from None
        return checked

    def _message(self, message: Any) -> JsonDataModel:
        """A model's message as a chat message; what chat messages do not have is left out."""
        if not isinstance(message, Mapping):
            raise self._unfit(f"gave {describe(message)}; expected a dict with role and content")
        known = schema_of(ChatMessage).properties
        fields = {key: value for key, value in message.items() if key in known and value is not None}
        try:
            return ChatMessage.model_validate(fields).to_json_data_model()
        except ValueError as error:
            raise self._unfit(f"gave no chat message: {error}") from None

    def _unfit(self, reason: str) -> StructuredOutputError:
        model = str(getattr(self.language_model, "model", ""))
        return StructuredOutputError(f"{self!r}: the language model {reason}.", model=model)

    def _system_text(self, inputs_schema: Schema | None) -> str:
        """The system message, rendered anew when the state or the inputs' schema has changed."""
        state = self.state.data
        known = self._rendered
        if known is not None and known[0] is state and known[1] is inputs_schema:
            return known[2]
        shows_outputs = self.use_outputs_schema and self.schema is not None
        text = system_text(
            self.prompt_template,
            instructions=state["instructions"],
            examples=[self.shown(example) for example in state["examples"]],
            inputs_schema=inputs_schema.json if inputs_schema is not None else None,
            outputs_schema=self.output_schema.json if shows_outputs else None,
            variables=self.prompt_variables,
        )
        self._rendered = (state, inputs_schema, text)
        return text


def default_instructions(schema: Schema | None) -> str:
    """What a generator is told if its author says nothing."""
    if schema is None:
        return ""
    keys = ", ".join(f'"{key}"' for key in schema.properties)
    return f"Answer with a JSON object that has the following keys: {keys}."


def joined_instructions(module: Module, instructions: object) -> str | None:
    """Instructions as one text: a list is joined with line breaks, None stays None.

    Raises:
        ProgramError: They are neither text nor a list of texts.
    """
    if instructions is None or isinstance(instructions, str):
        return instructions
    if isinstance(instructions, list | tuple) and all(isinstance(line, str) for line in instructions):
        return "\n".join(instructions)
    raise ProgramError(
        f"instructions of {module!r} must be a string or a list of strings; "
        f"got {type(instructions).__name__}."
    )


def _schema(module: Module, data_model: Any, schema: Mapping[str, Any] | None) -> Schema | None:
    try:
        symbol = SymbolicDataModel(data_model, schema)
    except SchemaError as error:
        raise type(error)(f"{module!r}: {error}") from None
    if data_model is not None and symbol.is_open:
        raise DataModelError(
            f"{module!r}: data_model must have a schema that is known now; got an open symbol."
        )
    return symbol.known_schema


def _state(
    module: Generator,
    instructions: str | Sequence[str] | None,
    seeds: Sequence[str] | None,
    examples: Sequence[Example] | None,
) -> Variable:
    text = joined_instructions(module, instructions)
    if seeds is not None and (isinstance(seeds, str) or not all(isinstance(seed, str) for seed in seeds)):
        raise ProgramError(f"seed_instructions of {module!r} must be a list of strings; got {seeds!r}.")
    value = Instructions(
        instructions=default_instructions(module.schema) if text is None else text,
        examples=[_example(module, example) for example in examples or ()],
        seed_candidates=[{"instructions": seed} for seed in seeds or ()],
    )
    about = "Instructions and examples of a prompt"
    return Variable(value, name="state", description=module.description or about)


def _example(module: Module, example: Any) -> Any:
    if isinstance(example, Mapping) and {"inputs", "outputs"} <= example.keys():
        inputs, outputs = example["inputs"], example["outputs"]
    elif isinstance(example, list | tuple) and len(example) == 2:
        inputs, outputs = example
    else:
        raise ProgramError(
            f"An example of {module!r} must be a pair (inputs, outputs) of data models or dicts; "
            f"got {describe(example)}."
        )
    try:
        return {"inputs": _json(inputs), "outputs": _json(outputs)}
    except SchemaError as error:
        raise type(error)(f"An example of {module!r}: {error}") from None


def _json(value: Any) -> Json:
    return (
        dict(copy_json(dict(value))) if isinstance(value, Mapping) else as_json_data_model(value).get_json()
    )


def _number(module: Module, option: str, value: Any, most: float = float("inf")) -> Any:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (number and 0 <= value <= most):
        expected = "from 0 up" if most == float("inf") else f"from 0 to {most}"
        raise ProgramError(f"{option} of {module!r} must be a number {expected}, or None; got {value!r}.")
    return value


def _count(module: Module, option: str, value: Any) -> Any:
    if value is not None and checked_type(module, option, value, int) < 1:
        raise ProgramError(f"{option} of {module!r} must be at least 1, or None; got {value!r}.")
    return value
