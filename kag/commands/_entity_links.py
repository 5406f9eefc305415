"""`kag entities duplicates | merge | split | link | unlink`: reviews how names became entities."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kag import console
from kag.commands._entity_names import form_named, listed, one_of, the_entity
from kag.errors import ConfigurationError, StoreNotFoundError
from kag.text import printable

if TYPE_CHECKING:
    from kag.knowledge_bases.base import Move
    from kag.knowledge_bases.knowledge_base import KnowledgeBase
    from kag.resolution.base import Decision, Form, Link, Verdict
    from kag.settings import Settings

Names = Annotated[list[str], typer.Argument(help="Names, aliases or ids, two or more.", show_default=False)]
One = Annotated[str, typer.Argument(help="Name, alias or id.", show_default=False)]
Other = Annotated[str, typer.Argument(help="Name, alias or id of the other one.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, in words; kept with the link.")]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (duplicates, merge, split, link, unlink):
        app.command()(command)


def duplicates(
    store: console.Store = None,
    collection: console.Collection = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Most pairs.")] = 20,
    as_json: console.AsJson = False,
) -> None:
    """List pairs that may be the same thing, best first, with the evidence."""
    flags = {"store": store, "collection": collection}

    async def work(base: KnowledgeBase, _: Settings) -> list[dict[str, Any]]:
        found = await base.store.decisions((base.collection,), outcome="review", limit=limit)
        return await _asked(base, found)

    pairs = console.with_store(flags, work)
    text = "\n\n".join(_question(pair, flags) for pair in pairs) or "Nothing waits for a review."
    console.emit({"pairs": pairs}, None if as_json else text)


def merge(
    names: Names,
    reason: Reason = "",
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Show several entities as one, now and when documents come again."""
    if len(names) < 2:
        raise ConfigurationError(f"merge needs two names or more; got {len(names)}: {', '.join(names)}.")
    flags = {"store": store, "collection": collection}

    async def work(base: KnowledgeBase, _: Settings) -> dict[str, Any]:
        first, *others = [await form_named(base, name) for name in names]
        return await _linked(base, [(first, other) for other in others], "same", reason, flags)

    _tell(console.with_store(flags, work, write=True), as_json=as_json)


def link(
    first: One,
    second: Other,
    different: Annotated[
        bool, typer.Option("--different/--same", help="They are two things, not one.")
    ] = False,
    reason: Reason = "",
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Say that two names mean the same thing, or two different things; it outlives the documents."""
    flags = {"store": store, "collection": collection}

    async def work(base: KnowledgeBase, _: Settings) -> dict[str, Any]:
        pair = (await form_named(base, first), await form_named(base, second))
        return await _linked(base, [pair], "different" if different else "same", reason, flags)

    _tell(console.with_store(flags, work, write=True), as_json=as_json)


def unlink(
    first: One,
    second: Other,
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Take back what was said of two names; the graph is then as if it had never been said."""
    flags = {"store": store, "collection": collection}

    async def work(base: KnowledgeBase, _: Settings) -> dict[str, Any]:
        pair = (await form_named(base, first), await form_named(base, second))
        before = [k for k in await base.store.links(pair) if {k.first, k.second} == set(pair)]
        moves = await base.store.remove_links([pair])
        return {**await _after(base, moves, pair), "undo": [_relink(k, flags) for k in before]}

    _tell(console.with_store(flags, work, write=True), as_json=as_json)


def split(
    name: One,
    forms: Annotated[
        list[str] | None, typer.Argument(help="Forms to take out, by name or id.", show_default=False)
    ] = None,
    documents: Annotated[
        list[str] | None,
        typer.Option("--document", "-d", help="Documents that mean another thing by the same name."),
    ] = None,
    reason: Reason = "",
    store: console.Store = None,
    collection: console.Collection = None,
    as_json: console.AsJson = False,
) -> None:
    """Take an entity apart: some of its names, or what some documents mean by its name."""
    flags = {"store": store, "collection": collection}
    if bool(forms) == bool(documents) and forms:
        raise ConfigurationError("split takes either forms or --document, not both at once.")

    async def work(base: KnowledgeBase, _: Settings) -> dict[str, Any]:
        entity = await the_entity(base, name)
        known = (await base.store.forms([entity.id]))[entity.id]
        if documents:
            return await _split_by(base, known, documents, reason, flags)
        taken = {one_of(known, form) for form in forms or ()}
        left = [form.id for form in known if form.id not in taken]
        if not taken or not left:
            raise ConfigurationError(f"split needs some, not all, of the forms of {name!r}: {listed(known)}.")
        return await _linked(base, list(product(sorted(taken), left)), "different", reason, flags)

    _tell(console.with_store(flags, work, write=True), as_json=as_json)


async def _split_by(
    base: KnowledgeBase, forms: Sequence[Form], documents: Sequence[str], reason: str, flags: dict[str, Any]
) -> dict[str, Any]:
    """Splits off what some documents mean by the names that they use."""
    from kag.knowledge_bases.records import split_id
    from kag.resolution.base import Link

    ids = []
    for document in documents:
        found = await base.store.find_documents((base.collection,), document)
        if len(found) != 1:
            listed = ", ".join(d.uri for d in found) or "none"
            raise StoreNotFoundError(f"{document!r} must name one document; it names: {listed}.")
        ids.append(found[0].id)
    said = (await base.store.statements([forms[0].id]))[forms[0].id]
    used = sorted({s.form_id for s in said if s.document_id in ids})
    if not used:
        raise StoreNotFoundError(f"None of these documents speaks of {forms[0].name!r}.")
    links = []
    for form in used:
        taken = {k.second for k in await base.store.links([form])}
        number = next(n for n in range(2, len(taken) + 3) if split_id(form, n) not in taken)
        links.append(Link(form, split_id(form, number), "different", "user", reason, tuple(ids)))
    moves = await base.store.set_links(links)
    pairs = [(k.first, k.second) for k in links]
    return {
        **await _after(base, moves, [end for pair in pairs for end in pair]),
        "undo": [_command("unlink", flags, *pair) for pair in pairs],
    }


async def _linked(
    base: KnowledgeBase,
    pairs: Sequence[tuple[str, str]],
    verdict: Verdict,
    reason: str,
    flags: dict[str, Any],
) -> dict[str, Any]:
    """Sets links between pairs of forms, and tells what that did."""
    from kag.resolution.base import Link

    ends = [end for pair in pairs for end in pair]
    before = [k for k in await base.store.links(ends) if k.source == "user"]
    moves = await base.store.set_links([Link(*pair, verdict, "user", reason) for pair in pairs])
    undo = []
    for pair in pairs:
        earlier = [k for k in before if {k.first, k.second} == set(pair)]
        undo.append(_relink(earlier[0], flags) if earlier else _command("unlink", flags, *pair))
    return {**await _after(base, moves, ends), "undo": undo}


async def _after(base: KnowledgeBase, moves: Sequence[Move], ids: Sequence[str]) -> dict[str, Any]:
    """What moved, and the entities that the ends are part of now."""
    from kag.knowledge_bases.records import Entity

    records = await base.store.get(list(dict.fromkeys(ids)))
    entities = {r.id: r for r in records.values() if isinstance(r, Entity)}
    forms = await base.store.forms(sorted(entities))
    shown = [
        {
            "id": e.id,
            "name": e.name,
            "label": e.label,
            "aliases": e.aliases,
            "degree": e.degree,
            "forms": [{"id": form.id, "name": form.name, "label": form.label} for form in forms[e.id]],
        }
        for e in entities.values()
    ]
    return {"moves": list(moves), "entities": shown}


async def _asked(base: KnowledgeBase, found: Sequence[Decision]) -> list[dict[str, Any]]:
    from kag.knowledge_bases.records import Entity

    records = await base.store.get([i for d in found for i in (d.first, d.second)])
    forms = await base.store.forms(sorted({r.id for r in records.values()}))
    known = {form.id: form for several in forms.values() for form in several}

    def end(i: str) -> dict[str, Any]:
        shown = records[i]
        whole = shown.name if isinstance(shown, Entity) else ""
        return {
            "id": i,
            "name": known[i].name,
            "label": known[i].label,
            "degree": known[i].degree,
            "shown_as": whole,
        }

    return [
        {"score": d.score, "evidence": dict(d.evidence), "first": end(d.first), "second": end(d.second)}
        for d in found
        if d.first in known and d.second in known
    ]


def _command(name: str, flags: dict[str, Any], *arguments: str) -> str:
    given = [part for flag in ("store", "collection") if flags[flag] for part in (f"--{flag}", flags[flag])]
    return shlex.join(["kag", "entities", name, *arguments, *given])


def _relink(link: Link, flags: dict[str, Any]) -> str:
    """The command that sets a link again."""
    options = ["--different"] if link.verdict == "different" else []
    options += ["--reason", link.reason] if link.reason else []
    if link.document_ids:
        documents = [part for i in link.document_ids for part in ("--document", i)]
        return _command("split", flags, link.first, *documents)
    return _command("link", flags, link.first, link.second, *options)


def _question(pair: dict[str, Any], flags: dict[str, Any]) -> str:
    lines = [f"{pair['score']:.2f}  {_end(pair['first'])}", f"      {_end(pair['second'])}"]
    said = "; ".join(f"{key.replace('_', ' ')}: {value}" for key, value in pair["evidence"].items())
    lines.append(f"      {said}")
    ids = (pair["first"]["id"], pair["second"]["id"])
    lines.append(f"      the same:  {_command('link', flags, *ids)}")
    lines.append(f"      different: {_command('link', flags, *ids, '--different')}")
    return "\n".join(map(printable, lines))


def _end(end: dict[str, Any]) -> str:
    other = f", shown as {end['shown_as']}" if end["shown_as"] != end["name"] else ""
    return f"{end['name']} [{end['label']}] {end['id']}, in {end['degree']} passages{other}"


def _tell(done: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        console.emit(done)
        return
    lines = []
    for entity in done["entities"]:
        aliases = f" (also {', '.join(entity['aliases'])})" if entity["aliases"] else ""
        head = f"{entity['name']}{aliases} [{entity['label']}] {entity['id']}"
        lines.append(printable(f"{head}, in {entity['degree']} passages"))
    moved = len(done["moves"])
    lines.append(f"{moved} form{'s' * (moved != 1)} moved." if moved else "Nothing moved; the link is kept.")
    lines += [f"Undo: {command}" for command in done["undo"]]
    console.emit(done, "\n".join(lines))
