"""Split the text of one cell into the addresses of images.

- A comma, semicolon, ``|`` or white space before a scheme (``https://``, ``s3://`` or any other)
  separates two entries. A line break always does.
- A part without a scheme after a comma belongs to the address before it: image services put commas
  into paths and queries (``…/w_300,h_300/a.jpg``).
- But if the address before it ends in an image extension, that address is complete. The part
  (``n/a``, ``discontinued``) is then an entry of its own that is no address.
- A list that does not begin with a scheme is split at each comma: it holds file names, or words.
- Empty parts are dropped. A separator anywhere else is part of its address, which is not changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from imagebatch_core.formats import BY_EXTENSION

#: Schemes of the addresses that are fetched.
FETCHED: Final = ("https://", "http://", "s3://")
_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]{0,30}://"
#: Matches one separator. A pattern for a run of separators would be slow: after a failure it is
#: tried again at each character of the run.
_BOUNDARY: Final = re.compile(rf"[\r\n]|[\s,;|](?={_SCHEME})")
#: The text between two commas.
_PART: Final = re.compile(r"[^,]+")
_HAS_SCHEME: Final = re.compile(rf"{_SCHEME}|data:")
#: Characters that are cut off both ends of an entry: separators, and all that ``\s`` matches.
_EDGES: Final = (
    ",;| \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
#: Unsupported formats are included: an address that ends in their extension is complete too.
_IMAGE_EXTENSION: Final = re.compile(
    rf"\.(?:{'|'.join(BY_EXTENSION)}|svgz?|hei[cf]|jxl|jp2|ico|psd|raw|dng|eps)\Z", re.IGNORECASE
)
_LONGEST_EXTENSION: Final = 5
#: The most characters of an entry that a problem quotes.
_SHOWN: Final = 80


class Entry(NamedTuple):
    """One entry of a list, and the offset in the cell's text where it starts."""

    text: str
    start: int


def split_plain(text: str, separator: str) -> list[str] | None:
    """Split a plain list, in which each part is one address; return ``None`` for other lists.

    The result is that of :func:`split_list`, in a fraction of the time.
    """
    parts = text.split(separator)
    # As many schemes as parts. The loop checks that each part begins with one: none is elsewhere.
    if text.count("://") != len(parts) or "\r" in text:
        return None
    if "\n" in text if separator == "," else _has_comma_or_break(text, separator):
        return None
    addresses = []
    for part in parts:
        address = part
        if not address.startswith(FETCHED) or address[-1] in _EDGES:
            address = part.strip(_EDGES)
            if not address.startswith(FETCHED):
                return None
        addresses.append(address)
    return addresses


def _has_comma_or_break(text: str, separator: str) -> bool:
    return "," in text or (separator != "\n" and "\n" in text)


def split_list(text: str) -> Iterator[Entry]:
    """Yield the entries of a list in order; one at a time, because a row may have a million."""
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        if boundary.start() > start:
            yield from _entries(text[start : boundary.start()], start)
        start = boundary.end()
    yield from _entries(text[start:], start)


def is_address(entry: str, *, files: bool) -> bool:
    """Return whether an entry can be an image URL or, with ``files``, the name of a file."""
    lower = entry[:_SHOWN].lower()
    if lower.startswith(FETCHED):
        return True
    return files and (lower.startswith("file://") or not re.match(_SCHEME, entry))


def absolute(entry: str, base: str) -> str:
    """Return an entry without a scheme as an address below ``base``, another entry unchanged.

    Exports write paths below their media folder, with or without a slash first, so the path of the
    base stays. ``//host/path`` takes only the scheme of the base.
    """
    if _HAS_SCHEME.match(entry):
        return entry
    if entry.startswith("//"):
        return f"{base.partition(':')[0]}:{entry}"
    return f"{base.rstrip('/')}/{entry.lstrip('/')}"


def no_address(entry: str) -> str:
    """Return a sentence for people that says why an entry is not an image URL."""
    shown = entry if len(entry) <= _SHOWN else entry[:_SHOWN] + "…"
    return f"{shown!r} is no address of an image: it must begin with https://, http:// or s3://"


def _entries(text: str, start: int) -> Iterator[Entry]:
    """Yield the entries of a text without boundaries, which begins at offset ``start``."""
    end = 0
    lead = len(text) - len(text.lstrip(_EDGES))
    if _HAS_SCHEME.match(text, lead):
        end = _end_of_address(text, lead)
        yield Entry(text[lead:end].rstrip(_EDGES), start + lead)
    for part in _PART.finditer(text, end):
        stripped = part[0].strip(_EDGES)
        if stripped:
            yield Entry(stripped, start + part.start() + part[0].index(stripped))


def _end_of_address(text: str, start: int) -> int:
    """Return the end of the address that begins at an offset."""
    end, depth = start, 0
    for part in _PART.finditer(text, start):
        stripped = part[0].rstrip(_EDGES)
        if not stripped:
            continue
        end = part.end()
        # A URL within brackets: …/filters:watermark(https://shop.example/logo.png,10,10)/a.jpg
        depth += part[0].count("(") - part[0].count(")")
        if depth <= 0 and _IMAGE_EXTENSION.search(stripped[-_LONGEST_EXTENSION:]):
            break
    return end
