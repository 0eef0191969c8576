"""The shards of a planned batch, as a reader of its plan finds them."""

from __future__ import annotations

import pytest

from imagebatch_core.plan import PlannedBatch


def planned(images: int, per_shard: int, first_rows: tuple[int, ...]) -> PlannedBatch:
    return PlannedBatch(
        products=images,
        images=images,
        shards=len(first_rows),
        images_per_shard=per_shard,
        row_problems=0,
        input_sha256="c5f0",
        first_rows=first_rows,
    )


def test_the_last_shard_has_the_rest_of_the_images() -> None:
    plan = planned(25, 10, (1, 4, 8))
    assert [plan.images_of(shard) for shard in range(4)] == [10, 10, 5, 0]


@pytest.mark.parametrize(
    ("row", "shard"), [(1, 0), (3, 0), (4, 0), (5, 1), (7, 1), (8, 1), (9, 2), (100, 2)]
)
def test_a_row_is_looked_for_from_the_first_shard_that_may_hold_it(row: int, shard: int) -> None:
    # Row 4 may have begun in shard 0, and row 8 in shard 1.
    assert planned(30, 10, (1, 4, 8)).shard_of(row) == shard


def test_a_row_over_several_shards_begins_in_the_first_of_them() -> None:
    assert planned(40, 10, (1, 2, 2, 2)).shard_of(2) == 0
    assert planned(40, 10, (1, 2, 2, 2)).shard_of(3) == 3
    assert planned(40, 10, ()).shard_of(7) == 0
