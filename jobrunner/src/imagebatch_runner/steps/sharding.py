"""The images of rows and shard files, and how many images a shard has.

:mod:`.groups` says which images each shard has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil
from typing import Final

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.results import ShardItem

#: A batch of at most this many images is one shard, which the plan pod also compresses: starting a
#: second pod takes longer than compressing so few images.
WHOLE: Final = 500
#: The fewest images for which starting a pod is worth its time.
_FEWEST: Final = 250
#: The most images of a shard. A larger shard would make progress in the status coarser, and collect
#: would need more memory, because it holds the results of one shard.
_MOST: Final = 5000


def chosen_size(images: int, parallelism: int) -> int:
    """Return the number of images in each shard for a batch that leaves the choice to plan.

    It makes as few shards as keep ``parallelism`` pods busy: equal shards, in as few waves as
    shards of at most 5,000 images allow. Each change of pods costs about three seconds in which
    pods start, and more waves would not end more evenly, because pods help each other.
    """
    if images <= WHOLE:
        return WHOLE
    waves = ceil(images / (_MOST * parallelism))
    shards = min(waves * parallelism, images // _FEWEST)
    return ceil(images / shards)


def items_of(row: Row) -> Iterator[ShardItem]:
    """Yield the row's images, with their 1-based positions in its list."""
    for position, url in enumerate(row.urls, start=1):
        yield ShardItem(row.number, position, url)


def by_url(items: Iterable[ShardItem]) -> dict[str, list[ShardItem]]:
    """Return the images by their URL: each is fetched once, whatever the number of its places."""
    groups: dict[str, list[ShardItem]] = {}
    for item in items:
        groups.setdefault(item.url, []).append(item)
    return groups


def from_lines(data: bytes) -> list[ShardItem]:
    return [ShardItem.from_line(line) for line in data.splitlines()]
