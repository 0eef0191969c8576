"""Cells that a spreadsheet would run as a formula, and how the report makes them harmless."""

from __future__ import annotations

from typing import Final

#: Cells that begin so are run as formulas by spreadsheets (OWASP ASVS 5.0, 1.2.10).
_FORMULA_START: Final = ("=", "+", "-", "@", "\t", "\r", "\0")


def neutralise_cell(text: str) -> str:
    """Prefix ``'`` to a cell that a spreadsheet would run as a formula."""
    return "'" + text if text.startswith(_FORMULA_START) else text
