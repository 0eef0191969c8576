"""The images of rows and shard files, and how many images a shard has.

:mod:`.groups` says which images each shard has.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.results import ShardItem


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
