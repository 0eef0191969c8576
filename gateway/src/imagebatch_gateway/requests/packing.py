"""Recorded results in little memory: one number of 8 bytes for each image."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Iterable
from typing import Final, Generic, TypeAlias, TypeVar

StatusT = TypeVar("StatusT", bound=str)

#: The results of one part, each as row, position in the row and status.
Packed: TypeAlias = "array[int]"

#: Enough for a million images in a row. The rest of the 64 bits is the row's number.
_POSITION_BITS: Final = 20


class Packing(Generic[StatusT]):
    """Packs results and counts packed ones. ``statuses`` are the words that tell how one ended: its
    error code if it has one, else its status.
    """

    def __init__(self, statuses: Iterable[StatusT]) -> None:
        self._statuses = tuple(statuses)
        self._number = {str(status): number for number, status in enumerate(self._statuses)}
        self._status_bits = (len(self._statuses) - 1).bit_length()

    def pack(self, part: bytes) -> Packed:
        """The results in a part, which holds one JSON document a line."""
        packed = array("Q")
        for line in part.splitlines():
            result = json.loads(line)
            place = result["row"] << _POSITION_BITS | result["position"]
            outcome = result.get("error_code") or result["status"]
            packed.append(place << self._status_bits | self._number[outcome])
        return packed

    def count(self, parts: Iterable[Packed]) -> Counter[StatusT]:
        """How many images have which status. As in collect, the first part wins for each image."""
        bits, mask = self._status_bits, (1 << self._status_bits) - 1
        first: dict[int, int] = {}
        for part in parts:
            for packed in part:
                first.setdefault(packed >> bits, packed & mask)
        numbers = Counter(first.values())
        return Counter({self._statuses[number]: count for number, count in numbers.items()})
