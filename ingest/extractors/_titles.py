"""Names from structure: a document's title and the headings above a chunk, in which its chunks meet."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from ingest.extractors import _lexicon as lexicon
from ingest.extractors._names import without_article
from ingest.extractors._profile import Profile
from kag.knowledge_bases.records import normalise
from kag.text import words

_BRACKETED = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*$")
_NUMBERING = re.compile(
    r"^\s*(?:(?:chapter|part|section|appendix|step|lesson)\s+)?(?:\d+(?:\.\d+)+[.:)]?|(?:\d+|[IVXLC]+|[A-Z])[.:)]|\d{1,2}(?=\s[A-Z]))\s+",
    re.I,
)
_NUMBERED = re.compile(
    r"(?:chapter|part|section|appendix|figure|table|page|slide|sheet|step|day|week|unit|lesson|lecture|volume|episode|season"
    r"|version|item|question|exercise|example|note)?\s*[\divxlcm.:-]*",
    re.I,
)
_FILE_NAME = re.compile(r"\S*_\S*|\S+\.[a-z]\w{1,4}|[a-z0-9]+(?:[-.][a-z0-9]+)+")
_SITE = re.compile(r"\s+[|–—·»-]\s+[^|–—·»]{2,40}$")  # the site's name after a page's title
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_GENERIC_TOGETHER = lexicon.GENERIC_TITLES - lexicon.TOPICAL
_LONGEST = 140


@dataclass(frozen=True, slots=True)
class Title:
    """A title or heading as an entity.

    Args:
        name: The form that is shown.
        label: `Name` or `Term`.
        aliases: Other forms.
    """

    name: str
    label: str
    aliases: tuple[str, ...] = ()


def document_titles(title: str, uri: str, profile: Profile) -> list[Title]:
    """The entities that a document's title stands for, the fullest first; never empty.

    `Ed Wood (film)` gives itself and `Ed Wood`; `Woodson, Arkansas` has the alias `Woodson`. A title that
    names nothing (`README`, `Chapter 1`) is made specific by the document's folder, so that documents do not
    meet in it.
    """
    full = " ".join(title.split())[:_LONGEST].strip()
    bare = _bare(_SITE.sub("", full))
    if is_generic(bare) or _FILE_NAME.fullmatch(bare) or (bare.islower() and f"{bare}." in uri):
        return [_specific(full, uri)]
    titles = [_titled(bare, profile)]
    if bare != full and len(full) < _LONGEST:
        titles.insert(0, Title(full, titles[0].label))
    return titles


def heading_titles(headings: tuple[str, ...], profile: Profile) -> list[Title]:
    """The entities that headings stand for; headings that name nothing are left out.

    Headings are often in Title Case, so one is a `Name` only if the prose writes all its words with capitals.
    """
    bare = (_bare(_NUMBERING.sub("", " ".join(heading.replace("`", "").split()))) for heading in headings)
    titles = [_titled(name, profile) for name in bare if len(name) <= _LONGEST and not is_generic(name)]
    return [title if _surely_name(title.name, profile) else replace(title, label="Term") for title in titles]


def is_generic(title: str) -> bool:
    """Whether a title names nothing by itself: `Introduction`, `Chapter 1`, `See also`, `1994`."""
    found = words(title)
    if sum(map(len, found)) < 2 or _NUMBERED.fullmatch(title.strip()):
        return True
    generic = lexicon.GENERIC_TITLES if len(found) == 1 else _GENERIC_TOGETHER
    return all(word in generic or word in lexicon.MONTHS or word.isdigit() for word in found)


def _bare(title: str) -> str:
    """A title without markup, trailing brackets and end marks."""
    bare = _BRACKETED.sub("", title.strip(" \t*_#`")).rstrip(" :.–-").strip(' "“”')
    return bare or title


def _titled(name: str, profile: Profile) -> Title:
    aliases = []
    label = _label(name, profile)
    without = without_article(name)
    if without != name:
        aliases.append(name)
        name = without
    place, comma, _ = name.partition(", ")
    if comma and not is_generic(place) and len(place.split()) <= 4 and place[0].isupper():
        aliases.append(place)
    return Title(name, label, tuple(aliases))


def _surely_name(name: str, profile: Profile) -> bool:
    return all(
        profile.surely_name(word) for word in _WORD.findall(name) if word.lower() not in lexicon.FUNCTION
    )


def _label(name: str, profile: Profile) -> str:
    """`Name` for what is written like a name and not otherwise used in lower case, else `Term`."""
    heavy = [
        word
        for word in _WORD.findall(name)
        if word.lower() not in lexicon.FUNCTION and word not in lexicon.PARTICLES
    ]
    if not heavy or not all(word[0].isupper() or not word[0].islower() for word in heavy):
        marked = bool(heavy) and len(heavy) == 1 and any(c.isupper() for c in heavy[0])
        return "Name" if marked else "Term"
    low = sum(profile.usually_low(word) for word in heavy)
    return "Term" if 2 * low > len(heavy) or (len(heavy) == 1 and low) else "Name"


def _specific(title: str, uri: str) -> Title:
    """A title that names nothing, made one by the last folder and the file of its URI."""
    place = "/".join([part for part in re.split(r"[/\\?]+", uri) if part and not part.endswith(":")][-2:])
    if not place or normalise(title) in normalise(place):
        return Title(place or title or "Untitled", "Term", (title,) if title and place else ())
    return Title(f"{title} ({place})", "Term")
