"""A model that finds the right answers in its passages, and learns from its prompt to keep to the point.

Without an example in its prompt it wraps most answers in words that nobody asked for; so a reward that
compares words rises when training shows it one of the answers that it did keep short, or tells it to. Asked
to write instructions, it tells that.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import Any

from fake_schemas import instance

_PASSAGE = re.compile(r"^\[(\d+)\] ", re.M)
_QUESTION = re.compile(r"^Question: (.*)$", re.M)
_INSTRUCTION = "Answer in as few words as you can."
_WORDY = "After a careful look at everything that was provided I am led to conclude that it must be"


class TerseReader:
    """Answers the body of a chat request with JSON text.

    Args:
        answers: Question to right answer.
    """

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked = 0

    def __call__(self, body: dict[str, Any]) -> str:
        """The reply."""
        self.asked += 1
        system, request = str(body["messages"][0]["content"]), str(body["messages"][-1]["content"])
        if "numbered passages only" not in system and _INSTRUCTION not in system:
            return json.dumps(_filled(instance(body["response_format"]["json_schema"]["schema"])))
        question = _QUESTION.findall(request)[-1]
        answer = self.answers.get(question, "")
        quote = _sentence_with(request, answer)
        if quote is None:
            return json.dumps({"sentences": [], "insufficient": True})
        passage, words = quote
        terse = "<example>" in system or _INSTRUCTION in system or zlib.crc32(question.encode()) % 2
        text = f"{answer}." if terse else f"{_WORDY} {answer}."
        sentence = {"text": text, "citations": [{"passage": passage, "quote": words}]}
        return json.dumps({"sentences": [sentence], "insufficient": False})


def _filled(value: Any) -> Any:
    """A value whose texts all are the instruction."""
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item) for item in value]
    return _INSTRUCTION if isinstance(value, str) else value


def _sentence_with(request: str, answer: str) -> tuple[int, str] | None:
    """The passage that holds an answer, and the line of it that does, cut to what the schema allows."""
    starts = list(_PASSAGE.finditer(request))
    ends = [*(match.start() for match in starts[1:]), len(request)]
    for match, end in zip(starts, ends, strict=True):
        for line in request[match.end() : end].splitlines()[1:]:
            at = line.find(answer)
            if answer and at >= 0:
                return int(match[1]), line[max(0, at - 60) : at + len(answer) + 60].strip()[:200]
    return None
