"""How many images plan puts into a shard when the batch does not say."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.shard_size import shard_size
from imagebatch_operator.policies.shards import SHARDS_PER_JOB, chunk_size


@pytest.mark.parametrize(
    ("images", "parallelism", "size", "shards"),
    [
        (1, 4, 500, 1),
        (500, 4, 500, 1),  # one pod does all, and no other has to start
        (501, 4, 251, 2),
        (1000, 4, 250, 4),
        (5000, 4, 1250, 4),
        (20_000, 4, 5000, 4),  # one wave
        (20_001, 4, 2501, 8),  # two waves
        (50_000, 4, 4167, 12),
        (200_000, 4, 5000, 40),
        (1_000_000, 4, 5000, 200),
        (3000, 1, 3000, 1),
        (5001, 1, 2501, 2),
        (12_000, 1, 4000, 3),
        (10_000, 1000, 250, 40),  # no more pods than pay
    ],
)
def test_shards_are_as_few_as_keep_the_pods_busy(
    images: int, parallelism: int, size: int, shards: int
) -> None:
    chosen = shard_size(images, None, parallelism, 100, NO_CEILINGS)
    assert (chosen, ceil(images / chosen)) == (size, shards)


@pytest.mark.parametrize("parallelism", [1, 3, 4, 64, 1000])
def test_bounds_hold_for_any_number_of_images(parallelism: int) -> None:
    for images in [*range(1, 3000, 7), *range(3000, 20_000_000, 999_983)]:
        size = shard_size(images, None, parallelism, 100, NO_CEILINGS)
        assert 250 <= size <= 5000
        shards = ceil(images / size)
        assert shards == 1 or shards <= ceil(images / 250)
        if shards > parallelism:  # full waves, but for rounding
            assert ceil(shards / parallelism) * parallelism - shards < parallelism


@given(st.integers(1, 10**8), st.integers(1, 1000))
def test_a_batch_of_any_size_keeps_each_of_its_jobs_within_the_limit_of_indexes(
    images: int, parallelism: int
) -> None:
    shards = ceil(images / shard_size(images, None, parallelism, 100, NO_CEILINGS))
    sizes = [chunk_size(shards, chunk) for chunk in range(ceil(shards / SHARDS_PER_JOB))]
    assert all(0 < size <= 10_000 for size in sizes)
    assert sum(sizes) == shards
    assert len(sizes) <= 1 + images // 45_000_000  # of 5,000 images a shard, in whole waves


@pytest.mark.parametrize(
    ("images", "parallelism", "helped", "size", "shards"),
    [
        (20_000, 4, False, 1667, 12),  # with maxFailedPercent: three waves
        (50_000, 4, False, 3125, 16),
        (8000, 4, False, 2000, 4),
        (200_000, 4, False, 5000, 40),
        (3000, 1, False, 3000, 1),
        (400_000, 100, True, 2000, 200),  # too many pods to help each other
        (400_000, 64, True, 3125, 128),
        (300_000, 64, True, 4688, 64),
    ],
)
def test_where_pods_do_not_help_each_other_several_waves_make_the_end_even(
    images: int, parallelism: int, helped: bool, size: int, shards: int
) -> None:
    chosen = shard_size(images, None, parallelism, 100 if helped else 10, NO_CEILINGS)
    assert (chosen, ceil(images / chosen)) == (size, shards)


def test_a_size_that_is_asked_for_is_taken_and_a_chosen_one_is_within_the_ceilings() -> None:
    most = Ceilings.model_validate({"imagesPerShard": {"to": 1000}})
    assert shard_size(20_000, 7, 4, 100, most) == 7
    assert shard_size(20_000, None, 4, 100, most) == 1000
