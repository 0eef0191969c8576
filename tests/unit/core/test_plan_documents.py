"""The shards of a planned batch, as a reader of its plan finds them."""

from __future__ import annotations

import pytest

from imagebatch_core.indexes import RowsIndex
from imagebatch_core.plan import PlannedBatch


def planned(
    images: int, per_shard: int, first_rows: tuple[int, ...], per_group: int = 1
) -> PlannedBatch:
    return PlannedBatch(
        products=images,
        images=images,
        shards=len(first_rows),
        images_per_shard=per_shard,
        shards_per_group=per_group,
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
    assert planned(30, 10, (1, 4, 8)).first_shard_of(row) == shard


def test_a_row_over_several_shards_begins_in_the_first_of_them() -> None:
    assert planned(40, 10, (1, 2, 2, 2)).first_shard_of(2) == 0
    assert planned(40, 10, (1, 2, 2, 2)).first_shard_of(3) == 3
    assert planned(40, 10, ()).first_shard_of(7) == 0


@pytest.mark.parametrize(
    ("row", "shard"), [(1, 0), (7, 0), (8, 0), (9, 2), (15, 2), (16, 2), (17, 4)]
)
def test_a_row_is_looked_for_in_all_shards_of_a_group(row: int, shard: int) -> None:
    # Groups begin with images of the rows 1, 8 and 16, which need not be in their first shards.
    assert planned(50, 10, (2, 1, 8, 9, 16), per_group=2).first_shard_of(row) == shard


def test_images_are_in_the_shards_of_their_group() -> None:
    index = RowsIndex(
        every=1000,
        rows=50,
        images=50,
        shards=5,
        images_per_shard=10,
        shards_per_group=2,
        offsets=[0],
        first_images=[0],
    )
    assert list(index.groups(0, 0)) == [range(2)]
    assert list(index.groups(19, 20)) == [range(2), range(2, 4)]
    assert list(index.groups(39, 49)) == [range(2, 4), range(4, 5)]


def test_documents_of_an_older_release_have_groups_of_one_shard() -> None:
    plan = planned(25, 10, (1, 4, 8)).model_dump_json(by_alias=True, exclude={"shards_per_group"})
    assert "shardsPerGroup" not in plan
    assert PlannedBatch.model_validate_json(plan) == planned(25, 10, (1, 4, 8))
    index = RowsIndex.model_validate_json(
        '{"every": 1000, "rows": 25, "images": 25, "shards": 3, "imagesPerShard": 10,'
        ' "offsets": [0], "firstImages": [0]}'
    )
    assert list(index.groups(9, 24)) == [range(1), range(1, 2), range(2, 3)]
