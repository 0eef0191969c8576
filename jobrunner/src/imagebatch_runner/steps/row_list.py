"""Write ``rows.jsonl`` and its index, with which the gateway reads pages of a batch's products.

The input itself may have any encoding and cannot be read from the middle, and shards contain
nothing of rows without images. A local run has no gateway and writes neither file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from imagebatch_core.catalogue.rows import Row
from imagebatch_core.indexes import ListedRow, RowsIndex
from imagebatch_core.keys import INDEX_EVERY


class RowList:
    """Writes one line for each row, and counts rows and images for the index.

    Without a ``file`` it does nothing.
    """

    def __init__(self, file: IO[bytes] | None) -> None:
        self._file = file
        self._rows = 0
        self._images = 0
        self._bytes = 0
        self._offsets: list[int] = []
        self._first_images: list[int] = []

    def add(self, row: Row) -> None:
        if self._file is None:
            return
        if self._rows % INDEX_EVERY == 0:
            self._offsets.append(self._bytes)
            self._first_images.append(self._images)
        self._rows += 1
        self._images += len(row.urls)
        line = ListedRow(row.serial, row.product, row.urls).to_line().encode()
        self._bytes += len(line)
        self._file.write(line)

    def index(self, shards: int, images_per_shard: int, shards_per_group: int) -> RowsIndex:
        return RowsIndex(
            every=INDEX_EVERY,
            rows=self._rows,
            images=self._images,
            shards=shards,
            images_per_shard=images_per_shard,
            shards_per_group=shards_per_group,
            offsets=self._offsets,
            first_images=self._first_images,
        )


@contextmanager
def row_list(path: Path | None) -> Iterator[RowList]:
    """Open a row list that is written to ``path``; it is complete after the block.

    With a ``path`` of ``None`` nothing is written.
    """
    if path is None:
        yield RowList(None)
        return
    with path.open("wb") as file:
        yield RowList(file)
