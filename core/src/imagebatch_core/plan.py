"""The part of ``plan.json`` that the gateway reads while a batch runs."""

from __future__ import annotations

from bisect import bisect_left

from .model import Document


class PlannedBatch(Document):
    """The size of a planned batch, and where its shards begin.

    Entry k of ``first_rows`` is the 1-based row of the first image of shard k; older plans have
    none.
    """

    products: int
    images: int
    shards: int
    images_per_shard: int
    row_problems: int
    input_sha256: str
    first_rows: tuple[int, ...] = ()

    def images_of(self, shard: int) -> int:
        """Return how many images a shard has; 0 if there is no such shard."""
        return max(0, min(self.images_per_shard, self.images - shard * self.images_per_shard))

    def shard_of(self, row: int) -> int:
        """Return the first shard that may hold images of a row; ``row`` is 1-based.

        If a row is in ``first_rows`` of shard k, its first images may be in shard k - 1.
        """
        return max(0, bisect_left(self.first_rows, row) - 1)
