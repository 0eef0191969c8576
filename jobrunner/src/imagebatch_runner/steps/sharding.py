"""Which image belongs to which shard: shard k holds exactly images [k·n, (k+1)·n).

Images are counted in input order. Collect reads the rows again and so knows each image's shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.results import ShardItem


def items_of(row: Row) -> Iterator[ShardItem]:
    """The row's images, by 1-based position in its list."""
    for position, url in enumerate(row.urls, start=1):
        yield ShardItem(row.number, position, url)


def shards_of(items: Iterable[ShardItem], images_per_shard: int) -> Iterator[list[ShardItem]]:
    """Shards of this many images, the last one of the rest. One is in memory at a time."""
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
