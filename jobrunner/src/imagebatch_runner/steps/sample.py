"""The sample of a batch: some images, spread evenly over it."""

from __future__ import annotations

from collections.abc import Sequence

from imagebatch_core.results import ShardItem


def evenly(images: int, most: int) -> tuple[int, ...]:
    """Return the numbers, from 0 on, of at most ``most`` of so many images, evenly spread."""
    count = min(images, most)
    return tuple((2 * k + 1) * images // (2 * count) for k in range(count))


def in_shard(
    sample: Sequence[int], shard: int, images_per_shard: int, items: Sequence[ShardItem]
) -> frozenset[tuple[int, int]]:
    """Return row and position of the images of a sample that a shard holds.

    ``items`` are all images of the shard.
    """
    first = shard * images_per_shard
    return frozenset(
        (items[number - first].row, items[number - first].position)
        for number in sample
        if first <= number < first + len(items)
    )
