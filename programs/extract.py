"""Extracts a knowledge graph from a passage; trained on passages whose entities and relations are known.

`kag ingest --extractor llm` asks in the same way; `ingest.extractors.llm.Extractor(module=...)` takes the
module that was trained here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Unpack

from pydantic import Field

from kag.data_models.data_model import DataModel
from kag.knowledge_bases.knowledge_base import KnowledgeBase
from kag.modules._options import GeneratorOptions
from kag.modules.extract import Extract
from kag.modules.input import Input
from kag.program import Program
from kag.registry import register_kag_serializable
from kag.text import normalise
from kag.training.rewards.base import Judgement, Reward


class Passage(DataModel):
    """Words to extract from."""

    title: str = Field(default="", description="Where the passage stands")
    text: str = Field(description="The passage")


@register_kag_serializable("programs")
class GraphF1(Reward):
    """How well the entities and relations that were found agree with the right ones: the mean of two F1.

    Entities agree in name and, where the right answer gives one, in label; relations in subject, type and
    object. Where the right answer has none of a kind, that kind does not count, unless both have none.

    Args:
        name: What logs call it.
    """

    needs_target: ClassVar[bool] = True

    def __init__(self, name: str | None = None) -> None:
        super().__init__(name)

    async def call(self, y_true: Any, y_pred: Any) -> Judgement:  # type: ignore[override]  # no further values
        """Compares."""
        labelled = any(one.get("label") for one in y_true.data.get("entities") or ())
        keys: dict[str, tuple[str, ...]] = {"entities": ("name", "label") if labelled else ("name",)}
        keys["relations"] = ("subject", "type", "object")
        scores, told = [], []
        for kind, fields in keys.items():
            right, found = (_facts(one.data.get(kind) or (), fields) for one in (y_true, y_pred))
            if right or (kind == "entities" and not y_true.data.get("relations")):
                scores.append(_f1(right, found))
                told += _missed(kind, right, found)
        return Judgement(sum(scores) / len(scores) if scores else 1.0, " ".join(told))


async def extract(
    knowledge_base: KnowledgeBase | None,
    language_model: Any,
    *,
    entity_labels: Sequence[str] = (),
    relation_types: Sequence[str] = (),
    **options: Unpack[GeneratorOptions],
) -> Program:
    """Makes the program: from a `Passage` to `entities`, `relations` and `dropped`.

    Args:
        knowledge_base: Its declared labels and types are the only ones, where it has some.
        language_model: A `LanguageModel`, or its name.
        entity_labels: The only labels, in the place of those.
        relation_types: The only types, likewise.
        **options: Further options of the generator.

    Example:
        >>> program = await extract(None, "ollama/mistral")
        >>> program.compile(reward=GraphF1(), optimizer=kag.optimizers.RandomFewShot())
        >>> history = await program.fit(passages, graphs)
    """
    ontology = knowledge_base.ontology if knowledge_base is not None else None
    labels = list(entity_labels or (ontology.entities if ontology else ()))
    types = list(relation_types or (ontology.relations if ontology else ()))
    inputs = Input(data_model=Passage)
    outputs = await Extract(
        language_model, entity_labels=labels, relation_types=types, name="extract", **options
    )(inputs)
    return Program(
        inputs=inputs,
        outputs=outputs,
        name="extract_program",
        description="Extracts typed entities and relations from a passage, each with its quote.",
    )


def _facts(items: Iterable[dict[str, Any]], fields: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(normalise(str(item.get(field, ""))) for field in fields) for item in items}


def _f1(right: set[tuple[str, ...]], found: set[tuple[str, ...]]) -> float:
    return 2 * len(right & found) / (len(right) + len(found)) if right or found else 1.0


def _missed(kind: str, right: set[tuple[str, ...]], found: set[tuple[str, ...]]) -> list[str]:
    """What is missing and what is too much, in words."""
    told = []
    for what, some in (("Missing", right - found), ("Not wanted", found - right)):
        if some:
            listed = "; ".join(", ".join(one) for one in sorted(some)[:5])
            told.append(f"{what} {kind}: {listed}.")
    return told
