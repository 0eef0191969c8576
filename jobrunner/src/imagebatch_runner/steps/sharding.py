"""Split images into shards: shard k holds exactly the images [k·n, (k+1)·n) in input order.

Collect reads the rows again and so knows each image's shard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from math import ceil
from typing import Final

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.results import ShardItem

#: A batch of at most this many images is one shard, which the plan pod does whole: a second pod
#: takes longer to start than so few images take.
WHOLE: Final = 500
#: The fewest images for which a pod of its own pays.
_FEWEST: Final = 250
#: The most images of a shard. A pod that is lost loses no recorded image, but a shard is the unit
#: of progress in the status, and collect holds the results of one shard in memory.
_MOST: Final = 5000
#: Up to this many images for each pod at once, one wave of pods does all; each further wave costs
#: the start of its pods.
_ONE_WAVE: Final = 2000
#: The most waves, unless shards would be larger than :data:`_MOST`. Several waves end more evenly.
_WAVES: Final = 4


def chosen_size(images: int, parallelism: int) -> int:
    """Return the number of images in each shard for a batch that leaves the choice to plan.

    It makes as few shards as keep ``parallelism`` pods busy, in waves of equal shards.
    """
    if images <= WHOLE:
        return WHOLE
    # Several waves let pods that are done early take more; a single pod has nobody to wait for.
    waves = min(_WAVES, ceil(images / (_ONE_WAVE * parallelism))) if parallelism > 1 else 1
    shards = min(waves * parallelism, images // _FEWEST)
    if images > shards * _MOST:
        waves = ceil(images / (_MOST * parallelism))
        shards = waves * parallelism
    return ceil(images / shards)


def items_of(row: Row) -> Iterator[ShardItem]:
    """Yield the row's images, with their 1-based positions in its list."""
    for position, url in enumerate(row.urls, start=1):
        yield ShardItem(row.number, position, url)


def shards_of(lines: Iterable[bytes], images_per_shard: int) -> Iterator[bytes]:
    """Yield the content of each shard's file: ``images_per_shard`` lines; the last has the rest.

    ``lines`` are those of :meth:`.ShardItem.to_line`. One shard is in memory at a time.
    """
    remaining = iter(lines)
    while shard := b"".join(islice(remaining, images_per_shard)):
        yield shard


def from_lines(data: bytes) -> list[ShardItem]:
    return [ShardItem.from_line(line) for line in data.splitlines()]
