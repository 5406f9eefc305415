"""The real small language model that other tests use: it is there, and it obeys a schema."""

from __future__ import annotations

import json

from real_models import LanguageModelServer

SCHEMA = {
    "type": "object",
    "properties": {
        "entities": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string", "maxLength": 30},
                    "label": {"enum": ["Person", "Place", "Thing"]},
                },
                "required": ["name", "label"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["entities"],
    "additionalProperties": False,
}


def test_the_real_language_model_answers_in_the_shape_of_a_schema(
    language_model_server: LanguageModelServer,
) -> None:
    answer = language_model_server.post(
        "/chat/completions",
        {
            "model": "local",
            "temperature": 0,
            "max_tokens": 200,
            "messages": [{"role": "user", "content": "List the entities: Marie Curie worked in Paris."}],
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "graph", "strict": True, "schema": SCHEMA},
            },
        },
    )
    assert answer["choices"][0]["finish_reason"] == "stop"
    found = json.loads(answer["choices"][0]["message"]["content"])["entities"]
    assert len(found) <= 3
    assert all(set(item) == {"name", "label"} and len(item["name"]) <= 30 for item in found)
