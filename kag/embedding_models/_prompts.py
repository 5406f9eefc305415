"""The words that some models want before a question or a passage; without them they rank worse."""

from __future__ import annotations

_SEARCH = "Represent this sentence for searching relevant passages: "
_TASK = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"

# A part of the model's name, then what goes before a question and before a passage; the first that fits
# counts. From the models' own cards.
_PROMPTS: tuple[tuple[str, str, str], ...] = (
    ("e5-mistral", _TASK, ""),
    ("multilingual-e5", "query: ", "passage: "),
    ("/e5-", "query: ", "passage: "),
    ("bge-small-en", _SEARCH, ""),
    ("bge-base-en", _SEARCH, ""),
    ("bge-large-en", _SEARCH, ""),
    ("arctic-embed", _SEARCH, ""),
    ("mxbai-embed-large", _SEARCH, ""),
    ("nomic-embed-text", "search_query: ", "search_document: "),
    ("qwen3-embedding", _TASK, ""),
    ("embeddinggemma", "task: search result | query: ", "title: none | text: "),
)


def prompts(name: str) -> tuple[str, str]:
    """Returns what a model wants before a question and before a passage; mostly nothing."""
    lowered = f"/{name.lower()}"
    return next(((query, passage) for part, query, passage in _PROMPTS if part in lowered), ("", ""))
