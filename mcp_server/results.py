"""What answers are made of: passages, entities and facts, as models that know their text form and their cost.

Tools and resources share these, so the same thing always looks the same. Every string from a document is
cleaned when a model is made, and bounded, so that no title or name can eat a result's whole budget.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict

from kag.knowledge_bases.records import Document, Entity, Record, Relation
from kag.retrievers.base import Hit, Step
from mcp_server.budget import tokens, within
from mcp_server.untrusted import Fence, clean, line

_NAME, _SOURCE, _QUOTE, _LINK_QUOTE, _DESCRIPTION = 30, 60, 100, 50, 120  # most tokens
_ALIASES = 5


class Model(BaseModel):
    """A part of an answer, or a whole one: data, its text form, and what either costs."""

    model_config = ConfigDict(frozen=True)

    def data(self) -> dict[str, Any]:
        """The model as JSON data, without what is not there."""
        return self.model_dump(mode="json", exclude_none=True)

    def render(self, fence: Fence) -> str:
        """The text form; untrusted words stand on one line of a fenced list, or have a fence of their own."""
        raise NotImplementedError

    def cost(self, text: str) -> int:
        """Tokens: those of the JSON form or of the text form, whichever are more."""
        return max(tokens(json.dumps(self.data(), ensure_ascii=False)), tokens(text)) + 1

    def smaller(self) -> Self:
        """A version that costs less, for a budget that it would break; itself when there is none."""
        return self


class PathStep(BaseModel):
    """One station of the way from the question to a passage.

    Args:
        kind: `passage` or `entity`.
        id: Its id.
        name: The passage's title, or the entity's name.
        edge: How it was reached from the station before.
        quote: Words of a passage that tie it to the entity.
    """

    kind: str
    id: str
    name: str
    edge: str
    quote: str | None = None

    @classmethod
    def of(cls, step: Step) -> Self:
        """Makes the answer's form of a step."""
        quote = within(line(step.quote), _LINK_QUOTE) if step.quote else None
        return cls(
            kind=step.kind,
            id=step.id,
            name=within(line(step.name), _NAME),
            edge=line(step.edge, 40),
            quote=quote,
        )


class Passage(Model):
    """A passage of a document, with where it stands and how it was found.

    Args:
        id: Its id.
        uri: Its reference, to cite.
        document_id: The document's id.
        title: The document's title.
        source: File or URL that the document was read from.
        page: Its page, where the format has pages.
        span: First character in the document's text, and one past the last.
        score: Higher is better; comparable within one search.
        text: Its words; without characters that control a display or show nothing.
        path: The stations between the question and it; empty where its own words were enough.
        shortened: True where `text` is only its beginning.
    """

    id: str
    uri: str
    document_id: str
    title: str
    source: str
    page: int | None = None
    span: list[int]
    score: float
    text: str
    path: tuple[PathStep, ...] = ()
    shortened: bool | None = None

    @classmethod
    def of(cls, hit: Hit) -> Self:
        """Makes the answer's form of a hit."""
        chunk = hit.chunk
        return cls(
            id=chunk.id,
            uri=f"kag://chunks/{chunk.id}",
            document_id=chunk.document_id,
            title=within(line(hit.title), _NAME),
            source=within(line(hit.uri, 1000), _SOURCE, end=True),
            page=chunk.page,
            span=[chunk.start, chunk.end],
            score=round(hit.score, 4),
            text=clean(chunk.text),
            path=tuple(PathStep.of(step) for step in hit.path if step.id not in ("", chunk.id)),
        )

    def render(self, fence: Fence) -> str:
        """The passage's reference, then its title, path and words inside the fence."""
        page = f", page {self.page}" if self.page is not None else ""
        head = f"{self.uri} (score {self.score}{page}, characters {self.span[0]}-{self.span[1]})"
        way = " → ".join(step.name for step in self.path)
        lines = [f"{self.title} | {self.source}", *([f"found by: {way} → here"] if way else []), self.text]
        return f"{head}\n{fence(chr(10).join(lines))}"

    def smaller(self) -> Self:
        """Without the path; then with half of the words."""
        if self.path:
            return self.model_copy(update={"path": ()})
        cut = self.text[: len(self.text) // 2].rstrip("… ")
        return self.model_copy(update={"text": f"{cut}…", "shortened": True})


class EntityItem(Model):
    """An entity of the graph.

    Args:
        id: Its id.
        uri: Its reference.
        name: The form that most documents use.
        label: Its type.
        aliases: Some of its other forms.
        degree: How many passages mention it.
        description: What the sources say of it.
        distance: How many steps it is from where a walk began.
    """

    id: str
    uri: str
    name: str
    label: str
    aliases: tuple[str, ...] = ()
    degree: int
    description: str | None = None
    distance: int | None = None

    @classmethod
    def of(cls, entity: Entity, distance: int | None = None) -> Self:
        """Makes the answer's form of an entity."""
        description = within(line(entity.description, 1000), _DESCRIPTION) if entity.description else None
        return cls(
            id=entity.id,
            uri=f"kag://entities/{entity.id}",
            name=within(line(entity.name), _NAME),
            label=within(line(entity.label), _NAME),
            aliases=tuple(within(line(alias), _NAME) for alias in entity.aliases[:_ALIASES]),
            degree=entity.degree,
            description=description,
            distance=distance,
        )

    def render(self, fence: Fence) -> str:
        """One line."""
        also = f" (also {'; '.join(self.aliases)})" if self.aliases else ""
        about = f": {self.description}" if self.description else ""
        steps = f", {self.distance} away" if self.distance else ""
        return f"{self.id} {self.name}{also} [{self.label}], in {self.degree} passages{steps}{about}"

    def smaller(self) -> Self:
        """Without aliases and description."""
        return self.model_copy(update={"aliases": (), "description": None})


class Fact(Model):
    """A relation between two entities, with words that state it.

    Args:
        id: Its id.
        subject_id: Id of the entity that it starts from.
        subject: That entity's name.
        type: What it says of the two.
        object_id: Id of the entity that it leads to.
        object: That entity's name.
        quote: Words that state it.
        chunk_uri: The passage that they stand in.
        supports: How many passages state it; 10 means ten or more.
    """

    id: str
    subject_id: str
    subject: str
    type: str
    object_id: str
    object: str
    quote: str
    chunk_uri: str
    supports: int

    @classmethod
    def of(
        cls, relation: Relation, known: Mapping[str, Record], preferred: frozenset[str] = frozenset()
    ) -> Self:
        """Makes the answer's form of a relation.

        Args:
            relation: The relation, with its support.
            known: Records by id, the two entities among them.
            preferred: Ids of passages whose quote is shown rather than another's.
        """
        support = next((s for s in relation.support if s.chunk_id in preferred), relation.support[0])
        return cls(
            id=relation.id,
            subject_id=relation.subject_id,
            subject=_name(known.get(relation.subject_id)),
            type=within(line(relation.type), _NAME),
            object_id=relation.object_id,
            object=_name(known.get(relation.object_id)),
            quote=within(line(support.quote, 1000), _QUOTE),
            chunk_uri=f"kag://chunks/{support.chunk_id}",
            supports=len({s.chunk_id for s in relation.support}),
        )

    def render(self, fence: Fence) -> str:
        """One line."""
        return f"{self.subject} —{self.type}→ {self.object}: “{self.quote}” ({self.chunk_uri})"

    def smaller(self) -> Self:
        """With half of the quote."""
        return self.model_copy(update={"quote": f"{self.quote[: len(self.quote) // 2].rstrip('… ')}…"})


def _name(record: Record | None) -> str:
    if isinstance(record, Entity):
        return within(line(record.name), _NAME)
    return within(line(record.title), _NAME) if isinstance(record, Document) else "?"


class Answer(Model):
    """A tool's whole answer.

    Args:
        truncated: Whether something was left out, or cut, to fit the token budget.
    """

    truncated: bool = False

    def framed(self, fence: Fence, blocks: list[str], *, empty: str) -> str:
        """Puts the blocks of a text form together, with what must be said before and after them."""
        lines = [fence.notice, *blocks] if blocks else [empty]
        return "\n".join([*lines, *(["Cut to fit max_tokens."] if self.truncated else [])])


class Page(Answer):
    """One page of a list.

    Args:
        next_cursor: Gives the next page; not there on the last.
    """

    next_cursor: str | None = None

    def framed(self, fence: Fence, blocks: list[str], *, empty: str) -> str:
        """Adds how to get the next page."""
        text = super().framed(fence, blocks, empty=empty)
        if self.next_cursor is None:
            return text
        return f"{text}\nThere is more: repeat the call with cursor={self.next_cursor}"
