"""Split images into shards: shard k holds exactly the images [k·n, (k+1)·n) in input order.

Collect reads the rows again and so knows each image's shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.results import ShardItem


def items_of(row: Row) -> Iterator[ShardItem]:
    """Yield the row's images, with their 1-based positions in its list."""
    for position, url in enumerate(row.urls, start=1):
        yield ShardItem(row.number, position, url)


def shards_of(items: Iterable[ShardItem], images_per_shard: int) -> Iterator[list[ShardItem]]:
    """Yield shards of ``images_per_shard`` images; the last one has the rest.

    One shard is in memory at a time.
    """
    shard: list[ShardItem] = []
    for item in items:
        shard.append(item)
        if len(shard) == images_per_shard:
            yield shard
            shard = []
    if shard:
        yield shard


def to_lines(shard: list[ShardItem]) -> bytes:
    return "".join(item.to_line() for item in shard).encode()


def from_lines(data: bytes) -> list[ShardItem]:
    return [ShardItem.from_line(line) for line in data.splitlines()]
