from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from imagebatch_core.results import ImageStatus
from imagebatch_gateway.requests.packing import Packing

FIFTH = "postponed"


def part(*results: tuple[int, int, str]) -> bytes:
    lines = [json.dumps({"row": r, "position": p, "status": status}) for r, p, status in results]
    return "\n".join(lines).encode()


@pytest.mark.parametrize("statuses", [[*ImageStatus], [*ImageStatus, FIFTH], list("abcdefghi")])
def test_each_status_is_counted_as_itself_however_many_there_are(statuses: Sequence[str]) -> None:
    packing = Packing(statuses)
    packed = packing.pack(part(*((1, n, status) for n, status in enumerate(statuses, start=1))))
    assert packing.count([packed]) == dict.fromkeys(statuses, 1)


@pytest.mark.parametrize("row", [1, 2, 40_000_000])
@pytest.mark.parametrize("position", [1, 2, 2**20 - 1])
def test_a_fifth_status_turns_no_image_into_another_one(row: int, position: int) -> None:
    packing = Packing([*ImageStatus, FIFTH])
    others = [(row, position + 1), (row + 1, position)] if position < 2**20 - 1 else []
    once = packing.pack(part((row, position, FIFTH)))
    again = packing.pack(part((row, position, "succeeded"), *((*o, "succeeded") for o in others)))
    assert packing.count([once, again])[FIFTH] == 1
    assert packing.count([once, again]).total() == 1 + len(others)


def test_unknown_status_is_an_error_and_not_another_status() -> None:
    with pytest.raises(KeyError):
        Packing(ImageStatus).pack(part((1, 1, FIFTH)))
