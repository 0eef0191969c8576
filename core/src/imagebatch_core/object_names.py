"""The names of parts and kept sources, and what they say."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class PartKey(NamedTuple):
    """The parts of the key of a recorded part.

    All its results are of rows from ``first_row`` to ``last_row``, 1-based. These are ``None`` in
    parts of older runners.
    """

    writer: str
    number: int
    first_row: int | None = None
    last_row: int | None = None


_PART: Final = re.compile(
    r"(?P<writer>[^/.]+)-(?P<number>[0-9]{6,})(?:\.(?P<first>[0-9]+)-(?P<last>[0-9]+))?\.jsonl"
)


def parse_part_key(key: str) -> PartKey | None:
    """Parse the key of a part; ``None`` if it is no part's key."""
    match = _PART.fullmatch(key.rpartition("/")[2])
    if match is None:
        return None
    first, last = (None if row is None else int(row) for row in match.group("first", "last"))
    return PartKey(match["writer"], int(match["number"]), first, last)


_SOURCE: Final = re.compile(
    r"[0-9]{1,12}-[0-9]{1,9}-(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{1,5})"
)


class SourceName(NamedTuple):
    """The SHA-256 and the extension in the last part of a kept source's key."""

    sha256: str
    extension: str


def parse_source_name(name: str) -> SourceName | None:
    """Parse the last part of a kept source's key; ``None`` if it is none."""
    match = _SOURCE.fullmatch(name)
    return SourceName(match["sha256"], match["extension"]) if match else None
