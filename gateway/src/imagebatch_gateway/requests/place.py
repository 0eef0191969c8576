"""The place where a page of rows or images begins, and its cursor.

A cursor from a page of a running batch stays valid after the batch has ended.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self

from imagebatch_gateway.backends.errors import CursorRefused

_CURSOR: Final = re.compile(r"([1-9][0-9]{0,11})-([1-9][0-9]{0,8})(?:-([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the input: a page begins with the first image at or after it.

    ``row`` and ``position`` are 1-based. ``shard`` is the first shard of the group from which to
    read on, if the page was read from parts.
    """

    row: int = 1
    position: int = 1
    shard: int | None = None

    @classmethod
    def from_cursor(cls, cursor: str | None) -> Self:
        """Parse a cursor; ``None`` is the beginning. Raises CursorRefused."""
        if cursor is None:
            return cls()
        match = _CURSOR.fullmatch(cursor)
        if match is None:
            raise CursorRefused("the cursor is not one of this API")
        row, position, shard = match.groups()
        return cls(int(row), int(position), None if shard is None else int(shard))

    def cursor(self) -> str:
        shard = "" if self.shard is None else f"-{self.shard}"
        return f"{self.row}-{self.position}{shard}"

    @property
    def image(self) -> tuple[int, int]:
        return self.row, self.position
