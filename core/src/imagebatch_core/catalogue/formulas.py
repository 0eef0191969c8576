"""Cells that a spreadsheet would run as a formula, and how the report makes them harmless.

OWASP ASVS 5.0, 1.2.10, but for numbers and telephone numbers: ``-12.5`` and ``+49 30 1234567`` are
data that people expect back, and at worst a spreadsheet calculates a number from them.
"""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = ("+", "-", "＋", "－")
_FORMULA_START: Final = ("=", "@", "＝", "＠", "\t", "\r", "\n", "\0", *_SIGNS)
#: A sign alone, or before a number: -12.5, +1e6, -1 234,50 €, -5%.
_NUMBER: Final = re.compile(
    r"[+＋－-](?: ?[€$£¥]? ?(?:[0-9][0-9., '’\xa0\u202f]*|[.,][0-9]+)"
    r"(?:[eE][+-]?[0-9]+)? ?[%€$£¥]?)?"
)
#: +49 (0)30 123-45/67. Fewer than five digits are a sum rather than a telephone number.
_TELEPHONE: Final = re.compile(r"[+＋] ?\(?(?:[0-9][ ()./\xa0-]*){5,}")


def neutralise_cell(text: str) -> str:
    """The cell, behind an apostrophe when a spreadsheet would run it as a formula."""
    if not text.startswith(_FORMULA_START):
        return text
    if text.startswith(_SIGNS) and (_NUMBER.fullmatch(text) or _TELEPHONE.fullmatch(text)):
        return text
    return "'" + text
