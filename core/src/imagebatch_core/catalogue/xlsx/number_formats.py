"""Turn a cell's number into text as a number, date, time or percentage, by the cell's format."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from .xml import whole_number

#: Built-in formats (ECMA-376, 18.8.30); 27 to 36 and 50 to 58 are dates in East Asian languages.
_BUILT_IN: Final = {
    1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 9: "0%", 10: "0.00%",
    **dict.fromkeys([*range(14, 18), *range(27, 32), *range(34, 37)], "yyyy-mm-dd"),
    **dict.fromkeys([*range(50, 55), 57, 58], "yyyy-mm-dd"),
    **dict.fromkeys([*range(18, 22), 32, 33, 45, 47, 55, 56], "hh:mm:ss"),
    22: "yyyy-mm-dd hh:mm", 46: "[h]:mm:ss",
}  # fmt: skip
#: Parts of a format code that are not format letters: quoted and escaped text, padding, conditions,
#: colours.
_LITERAL: Final = re.compile(r'"[^"]*"?|\\.|_.|\*.|\[(?![hms]+\])[^\]]*\]?', re.IGNORECASE)
_ELAPSED: Final = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_ZEROS: Final = re.compile(r"0+")
_DECIMALS: Final = re.compile(r"[0#?]\.(0+)")
#: Day 0 of Excel's dates from 1 March 1900 on: one day early, because Excel counts a 29 February
#: 1900 that did not exist.
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - cells know no time zone
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001
_LAST_DAY: Final = 2_958_466  # the first one of the year 10000
#: Significant digits that spreadsheets keep; further digits are noise of binary floating point.
_DIGITS: Final = 15
_LARGEST_PLAIN: Final = 1e21
#: Limits on number formats and cell styles, above those of Excel.
_FORMATS_LIMIT: Final = 10_000
_STYLES_LIMIT: Final = 100_000


@dataclass(frozen=True, slots=True)
class NumberFormat:
    """How a number of a cell is shown: as a date, a time, a duration, a percentage or a number.

    ``date`` and ``time`` may both be set. ``elapsed`` is a duration in hours, which may exceed 24.
    ``decimals`` is the number of digits that are always shown after the point, ``width`` the number
    of digits to which leading zeros are added.
    """

    date: bool = False
    time: bool = False
    elapsed: bool = False
    percent: bool = False
    decimals: int = 0
    width: int = 0

    @classmethod
    def parse(cls, code: str) -> Self:
        """Parse a format code such as ``yyyy-mm-dd`` or ``0.00%``: its first section only."""
        plain = _LITERAL.sub("", code).split(";")[0].lower()
        if plain == "general":
            return cls()
        if _ELAPSED.search(plain):
            return cls(elapsed=True)
        time = "h" in plain or "s" in plain
        date = "d" in plain or "y" in plain or ("m" in plain and not time)
        if date or time:
            return cls(date=date, time=time)
        shown = _DECIMALS.search(plain)
        return cls(
            percent="%" in plain,
            decimals=len(shown[1]) if shown else 0,
            width=len(plain) if _ZEROS.fullmatch(plain) else 0,
        )


GENERAL: Final = NumberFormat()


class CellFormats:
    """The number formats of cells by their styles, from ``styles.xml``."""

    def __init__(self, *, from_1904: bool = False) -> None:
        self._by_style: list[NumberFormat] = []
        self._epoch = _EPOCH_1904 if from_1904 else _EPOCH

    def read(self, elements: Iterable[tuple[str, dict[str, str]]]) -> None:
        """Read the styles of ``styles.xml``, given as its elements."""
        codes = dict(_BUILT_IN)
        parsed: dict[int, NumberFormat] = {}
        of_cells = False
        for name, attributes in elements:
            if name == "numFmt":
                if len(codes) < _FORMATS_LIMIT:
                    code = attributes.get("formatCode", "")
                    codes[whole_number(attributes.get("numFmtId"), 0)] = code
            elif name == "cellXfs":
                of_cells = True
            elif name in ("cellStyles", "dxfs"):
                of_cells = False
            elif name == "xf" and of_cells and len(self._by_style) < _STYLES_LIMIT:
                kind = whole_number(attributes.get("numFmtId"), 0)
                if kind not in parsed:
                    parsed[kind] = NumberFormat.parse(codes[kind]) if kind in codes else GENERAL
                self._by_style.append(parsed[kind])

    def text(self, number: str, style: int) -> str:
        """Turn a number of the sheet's XML into the text that people read."""
        found = self._by_style[style] if 0 <= style < len(self._by_style) else GENERAL
        if found is GENERAL and number.isascii() and number.isdigit():
            return number
        try:
            value = float(number)
        except ValueError:
            return number
        if found.elapsed:
            return _elapsed(value)
        if found.date or found.time:
            moment = self._moment(value)
            if moment is not None:
                return _shown(moment, found)
        if found.percent:
            return _plain(value * 100, found.decimals) + "%"
        return _plain(value, found.decimals).zfill(found.width)

    def _moment(self, days: float) -> datetime | None:
        if not 0 <= days < _LAST_DAY:
            return None
        if self._epoch is _EPOCH and 1 <= days < 60:
            days += 1  # before Excel's 29 February 1900, which did not exist
        return self._epoch + timedelta(seconds=round(days * 86400))


def _shown(moment: datetime, found: NumberFormat) -> str:
    if not found.time:
        return moment.date().isoformat()
    if not found.date:
        return moment.time().isoformat()
    return moment.isoformat(sep=" ")


def _elapsed(days: float) -> str:
    seconds = round(abs(days) * 86400)
    sign = "-" if days < 0 and seconds else ""
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _plain(value: float, decimals: int) -> str:
    """Return a number with 15 significant digits, as 12.3, 1 for 1.0, and 1E-07."""
    if not decimals and value.is_integer() and abs(value) < _LARGEST_PLAIN:
        return str(int(value))
    text = f"{value:.{_DIGITS}g}"
    if "e" in text or "n" in text:  # also inf and nan
        return text.upper()
    whole, _, fraction = text.partition(".")
    return f"{whole}.{fraction.ljust(decimals, '0')}" if fraction or decimals else whole
