"""An image's bytes, kept in the pieces in which they arrived and joined only when needed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

#: Enough for the header of most images and the metadata before it.
_HEAD: Final = 64 << 10


class Content:
    """The bytes of an image; it may be empty.

    They stay in pieces because joining a megabyte takes as long as receiving it: the kernel has to
    clear the pages of each new copy.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """Keep ``pieces`` without a copy: the caller must not change them any more."""
        self.pieces: Sequence[bytes] = pieces
        self.size: Final = sum(map(len, pieces))

    @cached_property
    def head(self) -> bytes:
        """The first pieces, joined: 64 KiB or more, or all bytes if there are fewer."""
        taken, size = 0, 0
        while taken < len(self.pieces) and size < _HEAD:
            size += len(self.pieces[taken])
            taken += 1
        return b"".join(self.pieces[:taken])

    def whole(self) -> bytes:
        """Return all bytes; they stay joined from then on."""
        if len(self.pieces) != 1:
            self.pieces = (b"".join(self.pieces),)
        return self.pieces[0]


NOTHING: Final = Content(())
