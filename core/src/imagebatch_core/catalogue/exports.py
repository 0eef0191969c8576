"""What is known of the exports of shops, and how columns are named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Export:
    """The header of a known export; names as :func:`plain_name` writes them.

    A table with all of ``marks`` is such an export. ``image_urls`` are read in this order, where
    there are any. A row without a product name takes that of the row before it if both have the
    same text in the column ``group``.
    """

    name: str
    marks: frozenset[str]
    image_urls: tuple[str, ...]
    product_name: str
    serial_number: str | None = None
    group: str | None = None


#: Sources: Shopify's and WooCommerce's product CSV, Adobe Commerce's product export, and the
#: product data specification of Google Merchant Center.
EXPORTS: Final = (
    Export("Shopify", frozenset({"handle", "imagesrc"}), ("imagesrc",), "title", group="handle"),
    Export("WooCommerce", frozenset({"id", "type", "sku", "images"}), ("images",), "name", "id"),
    Export(
        "Adobe Commerce",
        frozenset({"sku", "baseimage"}),
        ("baseimage", "additionalimages"),
        "name",
        "sku",
    ),
    Export(
        "Google Merchant",
        frozenset({"id", "imagelink"}),
        ("imagelink", "additionalimagelink"),
        "title",
        "id",
    ),
)


def plain_name(name: str) -> str:
    """Return a column's name without case, spaces and punctuation."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def column_of_letter(text: str) -> int | None:
    """Return the 0-based column of a spreadsheet's letters, as 27 for ``AB``; ``None`` for other
    text."""
    if not re.fullmatch(r"[A-Za-z]{1,3}", text):
        return None
    number = 0
    for letter in text.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
