"""Escape report cells that a spreadsheet would run as a formula (OWASP ASVS 5.0, 1.2.10).

Numbers and telephone numbers are exceptions: people expect ``-12.5`` and ``+49 30 1234567`` back
unchanged, and at worst a spreadsheet calculates a number from them.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = ("+", "-", "＋", "－")
_FORMULA_START: Final = ("=", "@", "＝", "＠", "\t", "\r", "\n", "\0", *_SIGNS)
#: A cell that begins with none of these characters stays as it is.
FIRST_CHARACTERS: Final = frozenset(_FORMULA_START)
#: A sign alone or in front of a number: -12.5, +1e6, -1 234,50 €, -5%.
_NUMBER: Final = re.compile(
    r"[+＋－-](?: ?[€$£¥]? ?(?:[0-9][0-9., '’\xa0\u202f]*|[.,][0-9]+)"
    r"(?:[eE][+-]?[0-9]+)? ?[%€$£¥]?)?"
)
#: +49 (0)30 123-45/67. With fewer than five digits it is more likely a sum.
_TELEPHONE: Final = re.compile(r"[+＋] ?\(?(?:[0-9][ ()./\xa0-]*){5,}")


def neutralise_cell(text: str) -> str:
    """Return the cell, with an apostrophe in front if a spreadsheet would run it as a formula."""
    if not text.startswith(_FORMULA_START):
        return text
    if text.startswith(_SIGNS) and (_NUMBER.fullmatch(text) or _TELEPHONE.fullmatch(text)):
        return text
    return "'" + text
