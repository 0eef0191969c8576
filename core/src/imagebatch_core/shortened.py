"""Cut a text for people to a size in bytes."""

from __future__ import annotations

import json
from typing import Final

#: A character has at most this many bytes in JSON: control characters are escaped.
_WIDEST: Final = 6


def shortened(text: str, limit: int) -> str:
    """Return the text; one that takes more than ``limit`` bytes in JSON is cut, and ends with …."""
    if len(text) * _WIDEST <= limit or _size(text) <= limit:
        return text
    left, kept = limit - len("…".encode()), 0
    for character in text:
        left -= _size(character)
        if left < 0:
            break
        kept += 1
    return text[:kept] + "…"


def _size(text: str) -> int:
    """Return the number of bytes of a text in JSON, without its quotes."""
    return len(json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")) - 2
