"""How well an extractor reads: entity F1 on Re-DocRED, coverage of the EDC triples, and its CPU time.

    python -m benchmarks.extraction [--data FOLDER] [--documents N] [--model MODEL [--api-base URL]]

Reads `redocred_dev.jsonl.gz` and `edc_*_a.jsonl.gz` from the folder (default
`../shared/bench/public/extraction`) and takes under a minute. Mentions are compared by their exact spans; an
entity (a cluster of mentions) counts as found when one of its mentions is. Numbers (`NUM`) are not asked
for. A triple is covered when an extracted relation joins its subject and object.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ingest.extractors.base import Extraction, Extractor
from ingest.extractors.llm import Extractor as ModelExtractor
from ingest.extractors.local import Extractor as LocalExtractor
from kag.knowledge_bases.records import Chunk, Document, chunk_id, document_id, normalise
from kag.language_models.language_model import LanguageModel

DATA = Path(__file__).resolve().parents[2] / "shared" / "bench" / "public" / "extraction"
NO_SPACE_BEFORE = frozenset(".,;:!?)]}%'’”") | {"'s", "n't", "’s"}
NO_SPACE_AFTER = frozenset("([{“$£€")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the data sets")
    parser.add_argument("--documents", type=int, default=500, help="at most so many of each set")
    parser.add_argument("--model", help="score the extractor that asks this language model")
    parser.add_argument("--api-base", help="where that model is served")
    options = parser.parse_args()
    if not (options.data / "redocred_dev.jsonl.gz").exists():
        sys.exit(f"There is no redocred_dev.jsonl.gz in {options.data}; give the folder with --data.")
    asyncio.run(run(make_extractor(options), options.data, options.documents))


def make_extractor(options: argparse.Namespace) -> Extractor:
    if not options.model:
        return LocalExtractor()
    return ModelExtractor(LanguageModel(options.model, api_base=options.api_base, temperature=0.0))


async def run(extractor: Extractor, data: Path, most: int) -> None:
    print(f"extractor: {extractor.name}")
    await redocred(extractor, list(lines(data / "redocred_dev.jsonl.gz"))[:most])
    paths = await asyncio.to_thread(lambda: sorted(data.glob("edc_*_a.jsonl.gz")))
    print(f"\n{'triples':<12}{'texts':>6}{'gold':>7}{'ends found':>12}{'joined':>8}{'typed':>7}")
    for path in paths:
        await edc(
            extractor, path.name.removeprefix("edc_").removesuffix("_a.jsonl.gz"), list(lines(path))[:most]
        )


def lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def one_chunk(title: str, text: str, uri: str) -> tuple[Document, list[Chunk]]:
    id_ = document_id("bench", uri)
    document = Document(id_, "bench", uri, title, "text/plain", "", text, "")
    return document, [Chunk(chunk_id(id_, text), id_, "bench", 0, text, 0, len(text))]


async def redocred(extractor: Extractor, records: Sequence[dict[str, Any]]) -> None:
    right = found = wanted = entities = entities_found = names = 0
    missed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    spent = characters = 0.0
    for record in records:
        text, gold = gold_mentions(record)
        document, chunks = one_chunk(record["title"], text, record["title"])
        before = time.process_time()
        extraction = await extractor.extract(document, chunks)
        spent += time.process_time() - before
        characters += len(text)
        spans, outer = predicted(extraction)
        every = {span for cluster in gold for span, _ in cluster}
        right += len(outer & every)
        found += len(outer)
        wanted += len(every)
        names += len(extraction.entities)
        for cluster in gold:
            entities += 1
            kind = cluster[0][1]
            total[kind] += 1
            hit = any(span in spans for span, _ in cluster)
            entities_found += hit
            missed[kind] += not hit
    precision, recall = right / max(found, 1), right / max(wanted, 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print(f"Re-DocRED, {len(records)} documents: mention P {precision:.3f}  R {recall:.3f}  F1 {f1:.3f}")
    print(f"  entities with a mention found {entities_found / max(entities, 1):.3f};", end=" ")
    print("  ".join(f"{kind} {1 - missed[kind] / n:.2f}" for kind, n in total.most_common()))
    print(
        f"  entities each {names / len(records):.1f}; CPU {1e3 * spent / len(records):.2f} ms a document",
        end=" ",
    )
    print(f"({1.2e6 * spent / characters:.2f} ms for 1,200 characters)")


def gold_mentions(record: dict[str, Any]) -> tuple[str, list[list[tuple[tuple[int, int], str]]]]:
    """The text of a record, and its entities as lists of (span, type)."""
    text, offsets = detokenised(record["sents"])
    clusters = []
    for cluster in record["vertexSet"]:
        spans = []
        for mention in cluster:
            first, last = mention["pos"]
            places = offsets[mention["sent_id"]]
            if mention["type"] != "NUM" and first < last <= len(places):
                spans.append(((places[first][0], places[last - 1][1]), mention["type"]))
        if spans:
            clusters.append(spans)
    return text, clusters


def detokenised(sentences: Sequence[Sequence[str]]) -> tuple[str, list[list[tuple[int, int]]]]:
    """Tokens as running text, and each sentence's tokens as spans of it."""
    text, offsets = "", []
    for sentence in sentences:
        places = []
        open_quote = False
        for token in sentence:
            glue = (
                token in NO_SPACE_BEFORE
                or (token == '"' and open_quote)
                or (text and text[-1] in NO_SPACE_AFTER)
            )
            glue = glue or (text.endswith('"') and open_quote)
            if text and not glue:
                text += " "
            open_quote ^= token == '"'
            places.append((len(text), len(text) + len(token)))
            text += token
        offsets.append(places)
    return text, offsets


def predicted(extraction: Extraction) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """All mentions' spans, and those that no other covers; terms are not asked for."""
    labels = {entity.id: entity.label for entity in extraction.entities}
    spans = {
        (mention.start, mention.end)
        for mention in extraction.mentions
        if mention.kind == "mention" and labels[mention.entity_id] != "Term"
    }
    outer = {s for s in spans if not any(o != s and o[0] <= s[0] and s[1] <= o[1] for o in spans)}
    return spans, outer


async def edc(extractor: Extractor, name: str, records: Sequence[dict[str, Any]]) -> None:
    gold = ends = joined = typed = 0
    for index, record in enumerate(records):
        document, chunks = one_chunk(f"text{index}.txt", record["text"], str(index))
        extraction = await extractor.extract(document, chunks)
        forms = {
            entity.id: {normalise(form) for form in (entity.name, *entity.aliases)}
            for entity in extraction.entities
        }
        there = {form for entity in forms.values() for form in entity}
        for subject, _, object_ in ast.literal_eval(record["triples"]):
            left, right = (normalise(end.replace("_", " ").strip('"')) for end in (subject, object_))
            between = [
                relation
                for relation in extraction.relations
                if {left, right} <= forms[relation.subject_id] | forms[relation.object_id]
            ]
            gold += 1
            ends += {left, right} <= there
            joined += bool(between)
            typed += any(relation.type != "CO_OCCURS_WITH" for relation in between)
    print(
        f"{name:<12}{len(records):>6}{gold:>7}{ends / gold:>12.3f}{joined / gold:>8.3f}{typed / gold:>7.3f}"
    )


if __name__ == "__main__":
    main()
