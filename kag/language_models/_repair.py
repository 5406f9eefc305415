"""Finds the JSON value in what a model wrote: in fences, amid thinking and talk, or without an end."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from kag.language_models._partial import PartialJson

_THINKING = re.compile(r"<(think|thinking|reasoning|thought)>(.*?)</\1>", re.DOTALL | re.IGNORECASE)
_THINKING_END = re.compile(r"^(.*?)</(?:think|thinking|reasoning|thought)>", re.DOTALL | re.IGNORECASE)
_TAG = r"<(?:think|thinking|reasoning|thought)>"
_UNFINISHED = re.compile(rf"\s*{_TAG}", re.IGNORECASE)  # an answer that ends before its thinking does
_UNFINISHED_JSON = re.compile(rf"[^{{\[]*{_TAG}", re.IGNORECASE)
_FENCE = re.compile(r"```(?:json|JSON|python|)[ \t]*\n?(.*?)```", re.DOTALL)
_TRAILING_COMMA = re.compile(r",(\s*[}\]])")
_TRIES = 20
_LONGEST = 2_000_000


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_lenient = json.JSONDecoder(strict=False, parse_constant=_refuse)


def split_thinking(text: str) -> tuple[str, str]:
    """Splits a text into its thinking and the rest; the opening tag may have been in the prompt."""
    blocks = [match[2].strip() for match in _THINKING.finditer(text)]
    rest = _THINKING.sub("", text)
    if unopened := _THINKING_END.match(rest):
        blocks.append(unopened[1].strip())
        rest = rest[unopened.end() :]
    if _UNFINISHED.match(rest):
        blocks.append(rest.strip())
        rest = ""
    return ("\n\n".join(blocks), rest.strip()) if blocks else ("", text)


def candidates(text: str, *, close: bool = True) -> Iterator[Any]:
    """Yields the JSON values that a text may mean, the likeliest first.

    Args:
        text: What the model wrote.
        close: Whether an answer that lacks only its last brackets may be closed.
    """
    try:
        yield orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    else:
        return
    rest = split_thinking(text)[1][:_LONGEST]
    if _UNFINISHED_JSON.match(rest):
        return
    for fenced in _FENCE.findall(rest):
        yield from _values_in(fenced)
    yield from _values_in(rest)
    if close:
        partial = PartialJson()
        partial.feed(rest.rstrip().removesuffix("```"))
        whole = partial.complete or not partial.lacks_only_brackets()
        if not whole and (value := partial.value()) is not None:
            yield value


def _values_in(text: str) -> Iterator[Any]:
    """Yields the objects and arrays that stand in a text; at most `_TRIES` beginnings are looked at."""
    position = 0
    for _ in range(_TRIES):
        begin = min(
            (at for at in (text.find("{", position), text.find("[", position)) if at >= 0), default=-1
        )
        if begin < 0:
            return
        try:
            value, position = _lenient.raw_decode(text, begin)
        except (ValueError, RecursionError):
            position = begin + 1
            if (value := _literal(text[begin:])) is None:
                continue
            position = len(text)
        yield value


def _literal(text: str) -> Any:
    """Reads nearly-JSON: trailing commas, or a Python literal; None when it is neither."""
    end = max(text.rfind("}"), text.rfind("]")) + 1
    text = text[:end]
    try:
        return _lenient.decode(_TRAILING_COMMA.sub(r"\1", text))
    except (ValueError, RecursionError):
        pass
    try:
        return orjson.loads(orjson.dumps(ast.literal_eval(text)))  # without sets, bytes and the like
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
