"""Pure functions over plain text: its sentences, its words, and where a quotation stands in it.

Everything gives spans `(start, end)` into the text as it is, so that what is found can be shown and checked.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import SequenceMatcher

Span = tuple[int, int]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Abbreviations after which a sentence goes on; lower-case, without the final full stop.
_ABBREVIATIONS = _set(
    "mr mrs ms dr prof st mt ft rev hon gen col lt sgt capt cmdr maj brig gov sen rep pres supt vs cf eg ie "
    "viz al no nos vol vols pp fig figs eq eqs sec ch ed eds trans approx ca circa dept univ assn bros "
    "messrs mme mlle jan feb mar apr jun jul aug sep sept oct nov dec e.g i.e b d r c fl op ibid resp ave "
    "blvd rd"
)
# Abbreviations that may also end a sentence: they do, where the next word is one that begins sentences.
_EITHER = _set("inc ltd co corp jr sr etc bc ad am pm a.m p.m u.s u.k u.n d.c ph.d m.d b.a m.a esq llc")
_BEGINNERS = _set(
    "the a an he she it they we i you his her its their our this that these those there in on at by for from "
    "with after before during when while since as if although however but and so then also later both many "
    "some most all one other another such what who how why where here no not"
)
_STOP = re.compile(
    r"(?P<stop>[.!?…]+[\"'”’»)\]]*)(?=\s|$)"
    r"|(?P<wide>[。！？]+[”」』]*)"
    r"|(?P<gap>\n[ \t\r]*\n\s*)"
    r"|(?P<line>\n(?=[ \t]*(?:[-*+•#>|]|\d{1,3}[.)])[ \t|#>]))"
    r"|(?P<short>\n(?=[ \t]*[^\s\W]))"
)
_LAST_WORD = re.compile(r"[^\s(\[\"“‘']+$")
_SHORT_LINE = 45  # a line that ends earlier than this, before a capital, was ended on purpose
_WORD = re.compile(r"[^\W_]+")
_NAME_WORD = re.compile(r"[^\W_]+(?:[+#]+(?!\w))?")
_APOSTROPHE = re.compile(r"['’](s\b)?")
# Scripts whose words are not set apart by spaces, or not by them alone: Thai, Lao, Myanmar, Khmer, kana, Han,
# Hangul; as the inside of a character class.
UNSPACED_RANGES = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{UNSPACED_RANGES}]+")
_LIKE = {"'": "‘’‚‛′`´", '"': "“”„‟″«»", "-": "‐‑‒–—―−"}
_QUOTES = str.maketrans({variant: plain for plain, variants in _LIKE.items() for variant in variants})
_ELLIPSIS = re.compile(r"\s*(?:\[?\.{3}\]?|\[?…\]?)\s*")
_LONGEST_QUOTE = 4000
_NEARLY_WORDS = (4, 120)  # shorter quotes must stand as they are; longer ones cost too much to align
_LEAST_SHARE = 0.8  # of a quote's words that must stand in the text, in order, for a fuzzy find


def sentences(text: str) -> list[Span]:
    """Splits a text into sentences; headings, list items, table rows and lines ended early stand alone.

    Abbreviations, initials and decimal points do not end a sentence. Knows . ! ? … and 。！？.

    Args:
        text: Plain text or Markdown.

    Returns:
        Spans in order, without surrounding white space; text between them is white space only.

    Example:
        >>> [text[a:b] for a, b in sentences("Dr. Smith came. He left.")]
        ['Dr. Smith came.', 'He left.']
    """
    found: list[Span] = []
    start = 0
    for match in _STOP.finditer(text):
        if match.lastgroup == "stop" and not _ends(text, start, match):
            continue
        if match.lastgroup == "short" and not _ended_early(text, match.start()):
            continue
        end = match.end() if match.lastgroup in ("stop", "wide") else match.start()
        _add(found, text, start, end)
        start = match.end()
    _add(found, text, start, len(text))
    return found


def _add(found: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    left = start + len(piece) - len(piece.lstrip())
    right = start + len(piece.rstrip())
    if left < right:
        found.append((left, right))


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether the full stop at a match ends the sentence that began at `start`."""
    follower = _next_word(text, match.end())
    if follower and follower[0].islower():
        return False
    mark = match.group()
    if mark[0] != "." or len(mark) > 1:
        return True
    last = _LAST_WORD.search(text, max(start, match.start() - 24), match.start())
    word = last.group().lower() if last else ""
    if word in _ABBREVIATIONS:
        return False
    if word in _EITHER or (len(word) == 1 and word.isalpha()):
        return not follower or follower.lower() in _BEGINNERS
    return not (word.isdigit() and text[start : match.start()].strip() == word)  # `3.` numbers a list item


def _next_word(text: str, position: int) -> str:
    match = _WORD.search(text, position, position + 40)
    return match.group() if match else ""


def _ended_early(text: str, newline: int) -> bool:
    line = text[text.rfind("\n", 0, newline) + 1 : newline].strip()
    following = text[newline + 1 : newline + 40].lstrip()
    return len(line) < _SHORT_LINE and bool(line) and not following[:1].islower() and line[-1] not in ",;-–("


def fold(text: str) -> str:
    """Folds case and accents away, so that `Médiaș` and `MEDIAS` are equal; the length may change."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def normalise(name: str) -> str:
    """Folds a name to the key under which equal names meet: no accents, case, punctuation or extra space.

    `C`, `C++` and `C#` stay apart. A name without letters or digits is kept as it is, lower-cased.
    """
    plain = _APOSTROPHE.sub("", fold(name))
    return " ".join(_NAME_WORD.findall(plain)) or name.strip().casefold()


def words(text: str) -> list[str]:
    """Lists the folded words of a text (letters and digits), in order, without possessive `'s`."""
    return _WORD.findall(re.sub(r"['’]s?\b", "", fold(text)))


def unspaced(text: str) -> list[str]:
    """Lists the runs of scripts without spaces between words, in order.

    Example:
        >>> unspaced("Tokyo is 東京 in 日本")
        ['東京', '日本']
    """
    return [] if text.isascii() else _UNSPACED.findall(text)


def printable(text: str) -> str:
    """Escapes control and direction marks, which would break a line or steer a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def find_quote(text: str, quote: str) -> Span | None:
    """Finds where a quotation stands in a text: exactly, else but for case, spaces and marks, else nearly.

    A near find needs four fifths of the quote's words, in order and close together, with all its names and
    numbers. Use it to check what a language model claims to have read.

    Args:
        text: The text that is quoted.
        quote: The words to find; an ellipsis in it may stand for up to 200 characters.

    Returns:
        A non-empty span of the text at word boundaries, or None where the words do not stand there.

    Example:
        >>> find_quote("Curie was  born in Warsaw.", "born in warsaw")
        (11, 25)
    """
    quote = quote.strip()[:_LONGEST_QUOTE].strip()
    if not _WORD.search(quote):
        return None
    return _exactly(text, quote) or _folded(text, quote) or _elided(text, quote) or _nearly(text, quote)


def _exactly(text: str, quote: str) -> Span | None:
    start = text.find(quote)
    while start >= 0:
        if _whole_words(text, start, start + len(quote)):
            return start, start + len(quote)
        start = text.find(quote, start + 1)
    return None


def _whole_words(text: str, start: int, end: int) -> bool:
    inside_left = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    inside_right = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not inside_left and not inside_right


def _folded(text: str, quote: str) -> Span | None:
    plain, places = _plain(text)
    wanted, _ = _plain(quote)
    found = _exactly(plain, wanted.strip(" .,;:\"'")) if wanted else None
    return (places[found[0]], places[found[1] - 1] + 1) if found and found[0] < found[1] else None


def _plain(text: str) -> tuple[str, list[int]]:
    """Folds case, quotation marks, dashes, emphasis and white space; says where each character came from."""
    characters: list[str] = []
    places: list[int] = []
    blank = True
    for place, character in enumerate(text.translate(_QUOTES)):
        if character.isspace() or character in "*_":
            if not blank:
                characters.append(" ")
                places.append(place)
            blank = True
            continue
        for folded in fold(character):
            characters.append(folded)
            places.append(place)
        blank = False
    return "".join(characters), places


def _elided(text: str, quote: str) -> Span | None:
    pieces = [piece for piece in _ELLIPSIS.split(quote) if _WORD.search(piece)]
    if len(pieces) < 2:
        return None
    start = end = -1
    for piece in pieces:
        window = text[end if end >= 0 else 0 :][: None if end < 0 else 200 + len(piece)]
        found = _exactly(window, piece) or _folded(window, piece)
        if found is None:
            return None
        offset = max(end, 0)
        start = found[0] if start < 0 else start
        end = offset + found[1]
    return start, end


def _nearly(text: str, quote: str) -> Span | None:
    wanted = words(quote)
    if not _NEARLY_WORDS[0] <= len(wanted) <= _NEARLY_WORDS[1]:
        return None
    firm = {fold(word) for word in _WORD.findall(quote)[1:] if not word.islower()}  # names, numbers
    spans = [match.span() for match in _WORD.finditer(text)]
    there = [fold(text[start:end]) for start, end in spans]
    for low in _windows(there, wanted):
        window = there[low : low + 2 * len(wanted)]
        blocks = SequenceMatcher(None, window, wanted, autojunk=False).get_matching_blocks()[:-1]
        matched = [word for block in blocks for word in window[block.a : block.a + block.size]]
        if len(matched) < _LEAST_SHARE * len(wanted) or not firm <= set(matched):
            continue
        first, last = blocks[0].a, blocks[-1].a + blocks[-1].size - 1
        if last - first + 1 <= 1.5 * len(wanted):
            return spans[low + first][0], spans[low + last][1]
    return None


def _windows(there: list[str], wanted: list[str]) -> list[int]:
    """Where in the text a near find may begin: the places with most of the wanted words, best first."""
    need = set(wanted)
    hits = [word in need for word in there]
    width = len(wanted)
    score = sum(hits[:width])
    scores = [(score, 0)]
    for low in range(1, max(1, len(there) - width + 1)):
        score += hits[low + width - 1] - hits[low - 1]
        scores.append((score, low))
    best = sorted(scores, key=lambda pair: (-pair[0], pair[1]))[:4]
    return [max(0, low - width // 4) for score, low in best if score >= _LEAST_SHARE * 0.8 * width]
