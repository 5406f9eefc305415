"""Finds dates and years in English text, with one normal form: `1966-07-16`, `1966-07`, `1966`, `1960s`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from ingest.extractors._lexicon import MONTHS

_MONTH = "|".join(sorted((month.capitalize() for month in MONTHS), key=len, reverse=True))
_DAY = r"(?:0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?:1\d{3}|20\d{2})"
_DATE = re.compile(
    rf"(?=[\dA-SE])(?:"  # a quick look first: most places begin no date
    rf"\b(?P<m1>{_MONTH})\.?\s{{1,2}}(?P<d1>{_DAY})(?:st|nd|rd|th)?,?\s{{1,2}}(?P<y1>{_YEAR})\b"
    rf"|\b(?P<d2>{_DAY})(?:st|nd|rd|th)?(?:\sof)?\s{{1,2}}(?P<m2>{_MONTH})\.?,?\s{{1,2}}(?P<y2>{_YEAR})\b"
    rf"|(?<![\d/-])(?P<y3>{_YEAR})[-/](?P<m3>0[1-9]|1[0-2])[-/](?P<d3>0[1-9]|[12]\d|3[01])(?![\d/-])"
    rf"|\b(?P<m4>{_MONTH})\.?,?(?:\sof)?\s{{1,2}}(?P<y4>{_YEAR})\b"
    rf"|(?<![\w$€£#.,:/+-])(?P<y5>{_YEAR})(?P<s5>s|’s|'s)?(?![\w%°:/+]|[.,]\d|-\d(?!\d{{1,3}}\b)|-[a-z])"
    rf"|(?<=\d{{4}}[-–/])(?P<y6>{_YEAR})\b"
    rf"|\b(?P<m7>{_MONTH})\.?\s(?P<d7>{_DAY})(?:st|nd|rd|th)?\b(?!,?\s\d)"
    rf"|\b(?P<d8>{_DAY})(?:st|nd|rd|th)?\s(?P<m8>{_MONTH})\b(?!,?\s\d))"
)
_NO_YEAR_BEFORE = re.compile(
    r"(?:\bpages?|\bpp?\.|\bno\.|\bover|\babout|\bline|\bport|\bRFC|\bISO|\bmore than)\s$", re.I
)
_UNITS = re.compile(
    r"\s?(?:km|m|mm|cm|kg|g|mi|ft|feet|met(?:re|er)s?|miles|people|inhabitants|bytes|kb|mb|gb|bits|pages|times|rows|"
    r"seconds|acres|hectares|employees|students|members|copies|votes|points|goals|words|characters|items)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class DateFound:
    """A date in a text: its span, its normal form, and its year.

    A day without a year (`July 4`) has an empty `name`: it is no date, but no name of anything else either.
    """

    start: int
    end: int
    name: str
    year: str


def find_dates(text: str) -> list[DateFound]:
    """Finds dates, months with their year, decades and years from 1000 to 2099, in order, without overlap.

    A number of four digits is a year unless it measures something (`1500 km`) or is part of a longer number.
    """
    return [found for match in _DATE.finditer(text) if (found := _found(text, match))]


def _found(text: str, match: re.Match[str]) -> DateFound | None:
    groups = match.groupdict()
    year, month, day = (_first(groups, letter) for letter in "ymd")
    if not year:
        return DateFound(*match.span(), "", "") if month else None
    if not month:
        return _year(text, match, year, bool(groups["s5"]))
    number = MONTHS.get(month.lower(), 0) or int(month)
    if not day:
        return DateFound(*match.span(), f"{year}-{number:02}", year)
    try:
        name = date(int(year), number, int(day)).isoformat()
    except ValueError:
        return None
    return DateFound(*match.span(), name, year)


def _first(groups: dict[str, str | None], letter: str) -> str:
    return next((value for name, value in groups.items() if name[0] == letter and value), "")


def _year(text: str, match: re.Match[str], year: str, decade: bool) -> DateFound | None:
    if decade and year.endswith("0"):
        return DateFound(*match.span(), f"{year}s", "")
    if _UNITS.match(text, match.end()) or _NO_YEAR_BEFORE.search(
        text, max(0, match.start() - 12), match.start()
    ):
        return None
    return DateFound(
        match.start("y5") if decade else match.start(), match.end("y5") if decade else match.end(), year, year
    )
