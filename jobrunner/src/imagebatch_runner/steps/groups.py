"""Split images into groups of shards, and spread the hosts of a group over its shards.

With n images in a shard and g shards in a group, group j holds exactly the images
[j·g·n, (j+1)·g·n) in input order. Which of these each of its shards has depends on nothing but
their lines.

A catalogue is often sorted by supplier, so all images of a slow host would be in one shard or two,
and these would hold up the batch alone. Spread, each pod has its share of them from the beginning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, cycle, groupby, islice
from math import ceil
from typing import Final

#: The most images of a group of several shards. Collect has the results of a group in memory, and
#: a page of a running batch may need all parts of one.
_MOST_IMAGES: Final = 20_000
#: The most shards of a group. A page of a running batch lists the parts of each of them.
_MOST_SHARDS: Final = 64
#: The host of a URL, with its port, in a line of a shard's file. For s3:// it is the bucket.
_HOST: Final = re.compile(rb'[^"]*"(?:[a-zA-Z][a-zA-Z0-9+.-]*:)?/*([^/?#"]*)')


def shards_per_group(shards: int, images_per_shard: int) -> int:
    """Return the number of shards in each group, for a batch whose images have several hosts.

    The groups are as few as their bounds allow, and about equal.
    """
    most = max(1, min(_MOST_SHARDS, _MOST_IMAGES // images_per_shard))
    return ceil(shards / ceil(shards / most))


def host_of(line: bytes) -> bytes:
    """Return the host that a line of :meth:`.ShardItem.to_line` names, with its port.

    The result is compared only. It is quicker than parsing the URL, and may tell apart what fetch
    does not (``h`` and ``h:443``).
    """
    found = _HOST.match(line)
    return found[1].lower() if found else b""


def groups_of(
    lines: Iterable[bytes], images_per_shard: int, shards_per_group: int
) -> Iterator[list[bytes]]:
    """Yield for each group the contents of its shards' files.

    Each shard has ``images_per_shard`` lines, and the last of all has the rest. ``lines`` are those
    of :meth:`.ShardItem.to_line`. One group is in memory at a time.
    """
    remaining = iter(lines)
    while group := list(islice(remaining, images_per_shard * shards_per_group)):
        yield _dealt(group, images_per_shard)


def shards_of(
    lines: Iterable[bytes], images_per_shard: int, shards_per_group: int
) -> Iterator[bytes]:
    """Yield the content of each shard's file, like :func:`groups_of`."""
    return chain.from_iterable(groups_of(lines, images_per_shard, shards_per_group))


def _dealt(lines: Sequence[bytes], size: int) -> list[bytes]:
    """Return the lines of each shard of a group: ``size`` of them, in the last shard the rest.

    Each shard has its share of the images of each host: images of the host that follow each other,
    because the same URL often does, and a shard fetches it once. Within a shard, all images are in
    input order. If all have one host, each shard has images in a row.
    """
    if len(lines) <= size:
        return [b"".join(lines)]
    hosts = [host_of(line) for line in lines]
    if len(set(hosts)) == 1:
        return [b"".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    by_host = sorted(range(len(lines)), key=hosts.__getitem__)
    shards = [0] * len(lines)
    turns = _turns(len(lines), size)
    for _, images in groupby(by_host, key=hosts.__getitem__):
        of_host = list(images)
        for at, shard in zip(of_host, sorted(islice(turns, len(of_host))), strict=True):
            shards[at] = shard
    dealt: list[list[bytes]] = [[] for _ in range(ceil(len(lines) / size))]
    for line, shard in zip(lines, shards, strict=True):
        dealt[shard].append(line)
    return [b"".join(shard) for shard in dealt]


def _turns(images: int, size: int) -> Iterator[int]:
    """Yield the shard of each image of a group, by turns: ``size`` times each, the last the rest.

    The turns of a shorter last shard are spread evenly.
    """
    full, rest = divmod(images, size)
    others = cycle(range(full))
    for at in range(images):
        is_last = (at + 1) * rest // images > at * rest // images
        yield full if is_last else next(others)
