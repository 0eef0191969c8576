"""Stores recorded results compactly: one number of 8 bytes per image."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Final, Generic, TypeAlias, TypeVar

StatusT = TypeVar("StatusT", bound=str)

#: The results of one part. Each number holds row, position in the row, and status.
Packed: TypeAlias = "array[int]"

#: Bits for the position: enough for a million images in one row. The row takes the remaining bits.
_POSITION_BITS: Final = 20


class Packing(Generic[StatusT]):
    """Packs results and counts packed results.

    ``statuses`` are all words for how an image can end: error codes for failed images, and
    statuses.
    """

    def __init__(self, statuses: Iterable[StatusT]) -> None:
        self._statuses = tuple(statuses)
        self._number = {str(status): number for number, status in enumerate(self._statuses)}
        self._status_bits = (len(self._statuses) - 1).bit_length()

    def pack(self, part: bytes) -> Packed:
        """Return the packed results of a part, which has one JSON document per line."""
        packed = array("Q")
        for line in part.splitlines():
            result = json.loads(line)
            place = result["row"] << _POSITION_BITS | result["position"]
            outcome = result.get("error_code") or result["status"]
            packed.append(place << self._status_bits | self._number[outcome])
        return packed

    def count(self, parts: Iterable[Packed]) -> Counter[StatusT]:
        """Count images by status. As in collect, an image's first result counts, in the order of
        the parts."""
        bits, mask = self._status_bits, (1 << self._status_bits) - 1
        first: dict[int, int] = {}
        for part in parts:
            for packed in part:
                first.setdefault(packed >> bits, packed & mask)
        numbers = Counter(first.values())
        return Counter({self._statuses[number]: count for number, count in numbers.items()})
