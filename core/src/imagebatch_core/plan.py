"""The part of ``plan.json`` that the gateway reads while a batch runs."""

from __future__ import annotations

from bisect import bisect_left

from .model import Document


class PlannedBatch(Document):
    """The size of a planned batch, and where its shards begin.

    ``shards_per_group`` shards in a row are a group. With g of them, group j holds the images
    [j·g·n, (j+1)·g·n) in input order, where n is ``images_per_shard``. Which of its shards holds an
    image is not said: readers look into all of them. Shard k has the size that it has without
    groups. Older plans have groups of one shard.

    Entry k of ``first_rows`` is the 1-based row of the first image of shard k; older plans have
    none.
    """

    products: int
    images: int
    shards: int
    images_per_shard: int
    shards_per_group: int = 1
    row_problems: int
    input_sha256: str
    first_rows: tuple[int, ...] = ()

    def images_of(self, shard: int) -> int:
        """Return how many images a shard has; 0 if there is no such shard."""
        return max(0, min(self.images_per_shard, self.images - shard * self.images_per_shard))

    def first_shard_of(self, row: int) -> int:
        """Return the first shard of the first group that may hold images of a row.

        ``row`` is 1-based. If a group begins with images of the row, the row's first images may be
        in the group before.
        """
        size = self.shards_per_group
        groups = range(0, len(self.first_rows), size)
        begun = bisect_left(groups, row, key=lambda k: min(self.first_rows[k : k + size]))
        return max(0, begun - 1) * size
