"""The prompt of a generator: a system message from a template, the inputs as JSON or as a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kag.data_models.chat import ChatRole
from kag.errors import ProgramError
from kag.schema.values import Json, json_text

if TYPE_CHECKING:
    from jinja2 import Template

DEFAULT_TEMPLATE = """\
{% if instructions %}<instructions>
{{ instructions }}
</instructions>
{% endif %}{% if inputs_schema %}<input_schema>
{{ inputs_schema }}
</input_schema>
{% endif %}{% if outputs_schema %}<output_schema>
{{ outputs_schema }}
</output_schema>
{% endif %}{% if examples %}<examples>
{% for example in examples %}<example>
Input: {{ example.inputs }}
Output: {{ example.outputs }}
</example>
{% endfor %}</examples>
{% endif %}"""
"""What the system message looks like; each block only if there is something in it. Values are JSON text."""

_ROLES = frozenset(role.value for role in ChatRole)


@lru_cache(maxsize=256)
def compiled(template: str) -> Template:
    """A Jinja template, compiled once; it runs sandboxed, since it may come from a saved program.

    Raises:
        ProgramError: It is not a Jinja template.
    """
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=False)
    try:
        return environment.from_string(template)
    except TemplateSyntaxError as error:
        raise ProgramError(f"prompt_template is not a Jinja template: line {error.lineno}: {error}") from None


def system_text(
    template: str,
    *,
    instructions: str,
    examples: Sequence[Mapping[str, Any]],
    inputs_schema: Json | None,
    outputs_schema: Json | None,
    variables: Mapping[str, Any],
) -> str:
    """Renders the system message.

    Raises:
        ProgramError: The template uses a variable that is not given.
    """
    from jinja2 import TemplateError

    shown = [
        {key: json_text(example.get(key) or {}) for key in ("inputs", "outputs")} for example in examples
    ]
    try:
        text: str = compiled(template).render(
            {
                **variables,
                "instructions": instructions,
                "examples": shown,
                "inputs_schema": json_text(inputs_schema) if inputs_schema else "",
                "outputs_schema": json_text(outputs_schema) if outputs_schema else "",
            }
        )
    except TemplateError as error:
        raise ProgramError(f"prompt_template cannot be rendered: {error}") from None
    return text.strip()


def input_messages(data: Json) -> list[Json]:
    """The inputs as messages: a conversation in `messages` as it is, the rest as JSON before and after."""
    if not is_conversation(data.get("messages")):
        return [{"role": "user", "content": json_text(data)}]
    names = list(data)
    place = names.index("messages")
    before = {name: data[name] for name in names[:place]}
    after = {name: data[name] for name in names[place + 1 :]}
    return [*_user(before), *data["messages"], *_user(after)]


def is_conversation(value: object) -> bool:
    """Whether a value is a non-empty list of chat messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(m, dict) and m.get("role") in _ROLES for m in value)
    )


def _user(fields: Json) -> list[Json]:
    return [{"role": "user", "content": json_text(fields)}] if fields else []
