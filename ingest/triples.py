"""Facts that were extracted elsewhere, given beside a corpus: JSON lines of `[subject, relation, object]`.

The local extractor reads the passages all the same, because mentions are what graph retrieval walks on; the
given facts come on top, each supported by the words of its passage that hold both ends.
"""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ingest.extractors import local
from ingest.extractors._assembly import Assembly
from ingest.extractors.base import Extraction
from kag import text
from kag.errors import ReadError
from kag.knowledge_bases.records import Chunk, Document, normalise

Triple = tuple[str, str, str]

_FORM = 'expected {"id": "...", "triples": [["subject", "relation", "object"], ...]}'
_NO_TYPE = re.compile(r"[^\w]+")
_LONGEST = 300  # characters of a name or a relation
_LABEL = "Term"  # the weakest label: what the passages themselves call a name stays one


def read_triples(path: Path) -> dict[str, list[Triple]]:
    """Reads given facts by the id of their passage; the file may be gzipped.

    Args:
        path: Each line is an object with the `id` of a record of the corpus and its `triples`.

    Raises:
        ReadError: The file cannot be read, or a line is not in form; says which.
    """
    found: dict[str, list[Triple]] = {}
    for number, line in _lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ReadError(f"{path}, line {number} is not JSON: {error}; {_FORM}.") from None
        if not isinstance(row, Mapping) or not isinstance(row.get("triples"), list) or "id" not in row:
            raise ReadError(f"{path}, line {number} has no id with triples; {_FORM}.")
        found.setdefault(str(row["id"]), []).extend(t for raw in row["triples"] if (t := _triple(raw)))
    return found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open("rb") as plain, gzip.open(plain) if path.suffix == ".gz" else plain as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ReadError(f"{path} cannot be read: {error}.") from error


def _triple(raw: Any) -> Triple | None:
    """A triple as text; None where it has no three parts that can be named."""
    if not isinstance(raw, list) or len(raw) != 3:
        return None
    subject, relation, other = (" ".join(str(part).split())[:_LONGEST] for part in raw)
    return (subject, relation, other) if normalise(subject) and relation and normalise(other) else None


class GivenTriples:
    """The local extractor, and facts that were given beside the records of a corpus.

    Args:
        triples: Facts by the id of their record, which is the end of a document's URI after `#`.
    """

    name = "local and given triples"

    def __init__(self, triples: Mapping[str, Sequence[Triple]]) -> None:
        self.triples = triples
        self._local = local.Extractor()

    async def extract(self, document: Document, chunks: Sequence[Chunk]) -> Extraction:
        """Extracts what the chunks state, and adds what is given for the document.

        A fact whose ends no chunk names goes to the first one.
        """
        found = await self._local.extract(document, chunks)
        given = self.triples.get(document.uri.rpartition("#")[2], ())
        if not given or not chunks:
            return found
        assembly = Assembly(document.collection)
        _take(assembly, found, {chunk.id: chunk for chunk in chunks})
        for triple in given:
            _add(assembly, chunks, triple)
        return assembly.build(dropped_quotes=found.dropped_quotes, failed_chunks=found.failed_chunks)


def _take(assembly: Assembly, found: Extraction, chunks: Mapping[str, Chunk]) -> None:
    """Puts what was extracted into an assembly."""
    names = {e.id: e for e in found.entities}
    for entity in names.values():
        assembly.entity(entity.name, entity.label, aliases=entity.aliases, description=entity.description)
    for mention in found.mentions:
        key = normalise(names[mention.entity_id].name)
        assembly.mention(chunks[mention.chunk_id], key, mention.start, mention.end, mention.kind)
    for relation in found.relations:
        ends = (normalise(names[i].name) for i in (relation.subject_id, relation.object_id))
        subject, other = ends
        for support in relation.support:
            span = support.start, support.end
            assembly.relation(
                subject, relation.type, other, chunks[support.chunk_id], span, relation.description
            )


def _add(assembly: Assembly, chunks: Sequence[Chunk], triple: Triple) -> None:
    """Adds a fact, with the mentions of its ends."""
    subject, relation, other = triple
    chunk, spans = max(
        ((c, (text.find_quote(c.text, subject), text.find_quote(c.text, other))) for c in chunks),
        key=lambda pair: sum(span is not None for span in pair[1]),
    )
    keys = []
    for name, span in zip((subject, other), spans, strict=True):
        keys.append(assembly.entity(name, _LABEL))
        assembly.mention(chunk, keys[-1], *(span or (0, 0)))
    kind = _NO_TYPE.sub("_", relation).strip("_").upper() or "RELATED_TO"
    assembly.relation(keys[0], kind, keys[1], chunk, _stated(chunk, [s for s in spans if s]), relation)


def _stated(chunk: Chunk, spans: Sequence[text.Span]) -> text.Span:
    """The sentences from the first to the last of some places of a chunk; all of it where there is none."""
    if not spans:
        return 0, len(chunk.text)
    first, last = min(a for a, _ in spans), max(b for _, b in spans)
    around = [(a, b) for a, b in text.sentences(chunk.text) if a < last and first < b]
    return (around[0][0], around[-1][1]) if around else (first, last)
