"""The sample of a batch: some images, spread evenly over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from imagebatch_core.results import ShardItem


def evenly(images: int, most: int) -> tuple[int, ...]:
    """Return the numbers, from 0 on, of at most ``most`` of so many images, evenly spread."""
    count = min(images, most)
    return tuple((2 * k + 1) * images // (2 * count) for k in range(count))


def in_shard(
    sample: Iterable[tuple[int, int]], items: Sequence[ShardItem]
) -> frozenset[tuple[int, int]]:
    """Return row and position of the images of a sample that a shard holds.

    ``sample`` has those of the whole sample, and ``items`` are all images of the shard.
    """
    return frozenset(sample).intersection((item.row, item.position) for item in items)
