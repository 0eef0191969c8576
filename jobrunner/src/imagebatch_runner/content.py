"""An image's bytes as the network gave them: pieces, which are joined only for who needs that."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Final

#: Enough for the header of most images, what metadata stands before it included.
_HEAD: Final = 64 << 10


class Content:
    """Of an image, or of an answer with no content. Joining a megabyte takes as long as receiving
    it: the kernel clears the pages of each new copy."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """``pieces`` belong to this object from now on."""
        self.pieces: Sequence[bytes] = pieces
        self.size: Final = sum(map(len, pieces))

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB or more, or all where it has less."""
        taken, size = 0, 0
        while taken < len(self.pieces) and size < _HEAD:
            size += len(self.pieces[taken])
            taken += 1
        return b"".join(self.pieces[:taken])

    def whole(self) -> bytes:
        """All of it; from then on it is one piece."""
        if len(self.pieces) != 1:
            self.pieces = (b"".join(self.pieces),)
        return self.pieces[0]


NOTHING: Final = Content(())
