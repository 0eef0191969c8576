"""Reads the rows of a batch's input from ``rows.jsonl``, page by page, with its index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cachetools import LRUCache
from pydantic import ValidationError

from imagebatch_core.indexes import ListedRow, RowsIndex
from imagebatch_core.keys import BatchKeys
from imagebatch_gateway import metrics
from imagebatch_gateway.backends.errors import ResultUnreadable
from imagebatch_gateway.backends.objects import Objects

from .lines import read_lines

#: A page gets no further row once it has more images or more bytes than this.
IMAGES_LIMIT: Final = 10_000
BYTES_LIMIT: Final = 4 * 1024 * 1024
#: Number of cached indexes. The index of a million rows takes about 100 kB.
INDEXES_CACHED: Final = 50


@dataclass(frozen=True, slots=True)
class NumberedRow:
    """A row of the input. ``number`` is 1-based.

    ``first_image`` is the 0-based number of its first image, counted over the whole batch.
    """

    number: int
    first_image: int
    row: ListedRow


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows in input order. ``next_row`` is the row after the last of them, ``None`` at the end."""

    rows: Sequence[NumberedRow] = ()
    next_row: int | None = None


class Rows:
    """Reads pages of rows, and caches the indexes."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._indexes: LRUCache[str, RowsIndex] = LRUCache(INDEXES_CACHED)

    async def index(self, keys: BatchKeys) -> RowsIndex:
        """Return the index of the rows. Raises ResultMissing until the batch is planned."""
        found = self._indexes.get(keys.root)
        metrics.looked_up("row_indexes", hit=found is not None)
        if found is None:
            try:
                found = RowsIndex.model_validate_json(await self._objects.read(keys.rows_index))
            except ValidationError as error:
                raise ResultUnreadable(keys.rows_index) from error
            self._indexes[keys.root] = found
        return found

    async def page(self, keys: BatchKeys, first: int, limit: int) -> RowPage:
        """Return at most ``limit`` rows from the 1-based row ``first`` on.

        Raises:
            ResultMissing: the batch is not planned, or its rows are no longer in the store.
            ResultUnreadable, StoreUnavailable
        """
        index = await self.index(keys)
        if first > index.rows:
            return RowPage()
        block = (first - 1) // index.every
        number = block * index.every
        image = index.first_images[block]
        page: list[NumberedRow] = []
        images = size = 0
        # The rows of a page and the one after it are in the blocks before this one.
        end = (first - 1 + limit) // index.every + 1
        until = index.offsets[end] if end < len(index.offsets) else None
        async for lines in read_lines(self._objects, keys.rows, index.offsets[block], until):
            for line in lines:
                number += 1
                row = _row(keys, line)
                if number >= first:
                    full = len(page) == limit or images > IMAGES_LIMIT or size > BYTES_LIMIT
                    if full:
                        return RowPage(page, number)
                    page.append(NumberedRow(number, image, row))
                    images += len(row.urls)
                    size += len(line)
                image += len(row.urls)
        return RowPage(page)


def _row(keys: BatchKeys, line: bytes) -> ListedRow:
    try:
        return ListedRow.from_line(line)
    except (ValueError, TypeError) as error:
        raise ResultUnreadable(keys.rows) from error
