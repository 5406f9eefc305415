"""Which names mean the same thing: precision and recall on real mentions, without a language model.

    python -m benchmarks.resolution [--data FOLDER] [--wrong | --missed] [--sample N]

Reads `redocred_dev.jsonl.gz` from the folder (default `../shared/bench/public/extraction`); takes seconds.

Within a document: pairs of gold mentions whose surface forms differ; a pair is right when the gold puts both
into one cluster. The first half of the documents was used for tuning, the second was not. `typed` gives the
gold's types as labels, `untyped` calls everything `Name` as the local extractor does. The gold misses many
links, so what it counts as wrong was read with its text, doubts counting as wrong; the verdicts stand in
`resolution_checked.json` by a digest of title, type and names. Both precisions are printed; a joined pair
that nobody has read counts as wrong.

Across documents: the entities of all documents in one collection, and what is merged there, by type;
`--sample N` prints merges to be read. The table of variants changes real names by stated rules; no setting
was chosen by it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any

from benchmarks.extraction import DATA, detokenised, lines
from kag.knowledge_bases.records import entity_id
from kag.resolution.base import Decision, Form
from kag.resolution.clustering import cluster
from kag.resolution.matching import candidates, compare, keys
from kag.resolution.within import Named, resolve_within
from kag.text import fold, normalise

CHECKED = Path(__file__).with_name("resolution_checked.json")
VALUES = ("TIME", "NUM")
Surface = tuple[str, str]  # name and type


@dataclass
class Gold:
    """A document: its text, and where each surface form stands, with the number of its cluster."""

    title: str
    text: str
    forms: dict[Surface, list[tuple[tuple[int, int], int]]] = field(default_factory=dict)

    def pairs(self) -> Iterator[tuple[Surface, Surface, int, int]]:
        """Pairs of forms whose names differ, with how many pairs of mentions are one thing and are not."""
        for one, other in combinations(self.forms, 2):
            if one[0] != other[0]:
                left, right = self.forms[one], self.forms[other]
                same = sum(a[1] == b[1] for a in left for b in right)
                yield one, other, same, len(left) * len(right) - same


def read(record: dict[str, Any]) -> Gold:
    text, offsets = detokenised(record["sents"])
    gold = Gold(record["title"], text)
    for number, mentions in enumerate(record["vertexSet"]):
        for mention in mentions:
            first, last = mention["pos"]
            places = offsets[mention["sent_id"]]
            if first < last <= len(places):
                span = places[first][0], places[last - 1][1]
                gold.forms.setdefault((mention["name"], mention["type"]), []).append((span, number))
    return gold


def resolved(gold: Gold, typed: bool) -> dict[Surface, str]:
    """The leading form's key for each form."""
    named = [
        Named(
            str(number),
            name,
            label if typed or label in VALUES else "Name",
            tuple(sorted(span for span, _ in gold.forms[name, label])),
        )
        for number, (name, label) in enumerate(gold.forms)
    ]
    leading = resolve_within(named, gold.text, topic=gold.title)
    return {form: leading[str(number)] for number, form in enumerate(gold.forms)}


@dataclass
class Score:
    """Counts of pairs."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    slips: int = 0  # of `wrong`: the same thing, as read by hand

    def add(self, joined: bool, same: int, different: int, slip: bool) -> None:
        """Counts the mention pairs of two forms; `slip` says that the gold wrongly splits them."""
        self.right += same * joined
        self.wrong += different * joined
        self.missed += same * (not joined)
        self.slips += different * (joined and slip)

    def line(self) -> str:
        """Precision and recall by the gold, the same as checked by hand, and the counts."""
        found, wanted = self.right + self.wrong, self.right + self.missed
        precision, recall = self.right / max(found, 1), self.right / max(wanted, 1)
        checked = (self.right + self.slips) / max(found, 1)
        whole = (self.right + self.slips) / max(wanted + self.slips, 1)
        return f"{precision:>7.3f}{recall:>8.3f}{checked:>10.3f}{whole:>8.3f}{found:>8}{wanted:>8}"


def digest(title: str, one: Surface, other: Surface) -> str:
    names = sorted((one[0], other[0]))
    return hashlib.blake2b("\0".join((title, one[1], *names)).encode(), digest_size=6).hexdigest()


def within(documents: Sequence[Gold], options: argparse.Namespace) -> None:
    checked = json.loads(CHECKED.read_text()) if CHECKED.exists() else {}
    middle = len(documents) // 2
    halves = {"tuned": documents[:middle], "held out": documents[middle:]}
    print(f"{'Within a document':<36}{'by the gold':>15}{'checked by hand':>18}{'pairs':>9}")
    print(f"{'':<36}{'P':>7}{'R':>8}{'P':>10}{'R':>8}{'joined':>8}{'gold':>8}")
    for mode in ("typed", "untyped"):
        for half, golds in halves.items():
            scores: defaultdict[str, Score] = defaultdict(Score)
            for gold in golds:
                score(gold, mode == "typed", checked, scores, options)
            for name in ("mention pairs", "after normalise()", "pairs of forms"):
                print(f"{mode:<9}{half:<9}{name:<18}{scores[name].line()}")
            if mode == "typed":
                for name in ("PER", "ORG", "LOC", "MISC", "TIME", "NUM"):
                    print(f"{'':<18}{name:<18}{scores[name].line()}")


def score(
    gold: Gold,
    typed: bool,
    checked: dict[str, bool],
    scores: dict[str, Score],
    options: argparse.Namespace,
) -> None:
    leading = resolved(gold, typed)
    for one, other, same, different in gold.pairs():
        joined = leading[one] == leading[other]
        slip = checked.get(digest(gold.title, one, other), False)
        names = ["mention pairs", one[1]]
        if normalise(one[0]) != normalise(other[0]):
            names.append("after normalise()")
        for name in names:
            scores[name].add(joined, same, different, slip)
        scores["pairs of forms"].add(joined, bool(same), not same, slip)
        if (options.wrong and joined and not same) or (options.missed and not joined and same and typed):
            verdict = checked.get(digest(gold.title, one, other), "unread")
            print(f"  {gold.title} | {one} | {other} | {verdict} | {digest(gold.title, one, other)}")


def homonyms(documents: Sequence[Gold]) -> None:
    """Equal names in one document: how the gold and the resolution tell them apart."""
    typed = apart = same_type = split = equal = 0
    for gold in documents:
        leading = resolved(gold, typed=True)
        for one, other in combinations(gold.forms, 2):
            if one[0] == other[0]:
                typed += 1
                apart += leading[one] != leading[other]
            elif one[1] == other[1] and normalise(one[0]) == normalise(other[0]):
                equal += 1
                split += not {n for _, n in gold.forms[one]} & {n for _, n in gold.forms[other]}
        same_type += sum(len({number for _, number in places}) > 1 for places in gold.forms.values())
    print(f"\nHomonyms in a document: {typed} equal names of two types, {apart} kept apart;", end=" ")
    print(f"{same_type} names of one type for several things (a form is one thing: a link has to split them)")
    print(f"The gold's own slips: of {equal} pairs equal after normalise() and of one type it splits {split}")


def collection(documents: Sequence[Gold]) -> dict[str, Form]:
    """All documents' entities as one collection's forms: what stands in one document are neighbours."""
    names: defaultdict[str, Counter[str]] = defaultdict(Counter)
    aliases: defaultdict[str, set[str]] = defaultdict(set)
    near: defaultdict[str, set[str]] = defaultdict(set)
    labels: dict[str, str] = {}
    for gold in documents:
        leading = resolved(gold, typed=True)
        forms = list(gold.forms)
        here = {form: forms[int(leading[form])] for form in forms if form[1] not in VALUES}
        ids = {head: entity_id("bench", head[1], head[0]) for head in set(here.values())}
        for form, head in here.items():
            id_ = ids[head]
            labels[id_] = head[1]
            names[id_][head[0]] += 1
            aliases[id_].add(form[0])
            near[id_].update(set(ids.values()) - {id_})
    return {
        id_: Form(
            id_,
            "bench",
            labels[id_],
            min(counts, key=lambda name: (-counts[name], name)),
            tuple(sorted(aliases[id_] - set(counts))),
            neighbours=frozenset(near[id_]),
            degree=sum(counts.values()),
        )
        for id_, counts in names.items()
    }


def across(documents: Sequence[Gold], sample: int) -> None:
    forms = collection(documents)
    started = time.process_time()
    for form in forms.values():
        keys(form)
    keyed = time.process_time() - started
    pairs = sorted(candidates(forms.values()))
    started = time.process_time()
    decisions = [compare(forms[one], forms[other]) for one, other in pairs]
    compared = time.process_time() - started
    started = time.process_time()
    clusters = cluster(forms.values(), decisions)
    clustered = time.process_time() - started
    joined = [d for d in decisions if clusters.leading[d.first] == clusters.leading[d.second]]
    print(f"\nAcross {len(documents)} documents: {len(forms)} forms, {len(pairs)} candidate pairs;", end=" ")
    print(f"{len(joined)} merged, {len(clusters.review)} to review")
    print(
        f"  CPU: keys {1e6 * keyed / len(forms):.1f} us a form, compare {1e6 * compared / len(pairs):.1f} us "
        f"a pair, cluster {1e6 * clustered / len(forms):.1f} us a form"
    )
    for title, found in (("merged", joined), ("review", clusters.review)):
        kinds = Counter((forms[d.first].label, str(d.evidence["rule"])) for d in found)
        for (label, rule), count in kinds.most_common():
            print(f"  {title:<8}{label:<6}{rule:<45}{count:>5}")
    for decision in random.Random(0).sample(joined, min(sample, len(joined))):
        print(f"  {shown(decision, forms)}")


def shown(decision: Decision, forms: dict[str, Form]) -> str:
    one, other = forms[decision.first], forms[decision.second]
    return (
        f"{one.label} {one.name!r} = {other.label} {other.name!r} ({decision.score:.2f}, {decision.evidence})"
    )


def variants(name: str, label: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Documented changes of a real name: which, the variant, and the aliases that the original then has."""
    words = name.split()
    plain = all(word.isalpha() for word in words)
    yield "capitals", name.upper(), ()
    yield "article", f"The {name}", ()
    if fold(name) != name.lower():
        yield "no accents", "".join(fold(c) if c.islower() else fold(c).upper() for c in name), ()
    if len(name) >= 9 and plain:
        place = len(name) // 2
        yield "a letter left out", name[:place] + name[place + 1 :], ()
        yield "two letters swapped", name[:place] + name[place + 1] + name[place] + name[place + 2 :], ()
    if label == "PER" and len(words) == 2 and plain:
        yield "title", f"Dr. {name}", ()
        yield "surname first", f"{words[1]}, {words[0]}", ()
        yield "initial", f"{words[0][0]}. {words[1]}", ()
        yield "middle initial", f"{words[0]} Q. {words[1]}", ()
        yield "surname alone", words[1], ()
        yield "another given name", f"{words[0][0]}zabor {words[1]}", ()
    if label == "ORG" and len(words) > 1:
        yield "legal form", f"{name}, Inc.", ()
        short = "".join(word[0] for word in words if word[0].isupper())
        if len(short) >= 3:
            yield "acronym, known alias", short, (short,)
            yield "acronym, not known", short, ()
    if label == "LOC" and plain:
        yield "what it lies in", f"{name}, Ohio", ()
        yield "opposite side", f"North {name}", ()


def derived(documents: Sequence[Gold]) -> None:
    """What `compare` says of variants, without any context."""
    named = sorted({(name, label) for gold in documents for name, label in gold.forms if label not in VALUES})
    table: defaultdict[str, Counter[str]] = defaultdict(Counter)
    met: Counter[str] = Counter()
    for name, label in named:
        for rule, variant, aliases in variants(name, label):
            if normalise(variant) == normalise(name):
                table[rule]["equal"] += 1
                continue
            one, other = Form("a", "c", label, name, aliases), Form("b", "c", label, variant)
            table[rule][compare(one, other).outcome] += 1
            met[rule] += bool(keys(one) & keys(other))
    heads = "".join(f"{head:>8}" for head in ("names", "equal", "merge", "review", "apart"))
    print(f"\n{'Derived variants':<24}{heads}{'share a key':>13}")
    for rule, counts in table.items():
        total = counts.total()
        shares = (f"{counts[outcome] / total:>8.2f}" for outcome in ("equal", "merge", "review", "apart"))
        print(f"{rule:<24}{total:>8}{''.join(shares)}{(met[rule] + counts['equal']) / total:>13.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with the data set")
    parser.add_argument("--wrong", action="store_true", help="print what the gold counts as wrong")
    parser.add_argument("--missed", action="store_true", help="print what is not found")
    parser.add_argument("--sample", type=int, default=0, help="print so many merges across documents")
    options = parser.parse_args()
    path = options.data / "redocred_dev.jsonl.gz"
    if not path.exists():
        sys.exit(f"There is no redocred_dev.jsonl.gz in {options.data}; give the folder with --data.")
    documents = [read(record) for record in lines(path)]
    within(documents, options)
    homonyms(documents)
    across(documents, options.sample)
    derived(documents)


if __name__ == "__main__":
    main()
