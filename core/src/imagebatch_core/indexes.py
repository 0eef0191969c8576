"""Index documents: the byte offset of each thousandth row in a large object.

The runner writes them. With them the gateway reads any page of a batch without reading the rows
before it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge
from typing import Final, NamedTuple, Self

from .model import Document
from .results import ErrorCode, ImageResult

#: Number of examples that are kept for each error code.
EXAMPLES: Final = 5
#: Most ranges of lines that the index of a report has of one error code, and the bytes between two
#: failures that are read rather than asked for apart.
MOST_RANGES: Final = 2000
RANGE_GAP: Final = 64 * 1024

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ListedRow(NamedTuple):
    """One row of the input with its cells unchanged: a line of ``rows.jsonl``."""

    serial: str
    product: str
    urls: Sequence[str]

    def to_line(self) -> str:
        return _encode(self) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        return cls(*json.loads(line)[:3])


class RowsIndex(Document):
    """``rows.index.json``: entry i of each list is about row ``i * every + 1``.

    ``offsets`` has the row's byte offset in ``rows.jsonl``, ``first_images`` the 0-based number of
    its first image in the batch. :meth:`groups` says which shards hold the images.
    """

    every: int
    rows: int
    images: int
    shards: int
    images_per_shard: int
    shards_per_group: int = 1
    offsets: list[int]
    first_images: list[int]

    def groups(self, first: int, last: int) -> Iterator[range]:
        """Yield the groups of shards that hold the images ``first`` to ``last``, counted from 0.

        Each image is in one shard of its group (:class:`.PlannedBatch`).
        """
        size = self.shards_per_group
        images = size * self.images_per_shard
        for group in range(first // images, last // images + 1):
            yield range(group * size, min((group + 1) * size, self.shards))


class FailureExample(Document):
    """An example of a failure: one image that failed with an error code."""

    row: int
    position: int
    input_url: str
    message: str | None = None

    @classmethod
    def of(cls, result: ImageResult) -> Self:
        return cls(
            row=result.row,
            position=result.position,
            input_url=result.input_url,
            message=result.error_message,
        )


class FailedLines(NamedTuple):
    """A range of bytes of ``report.jsonl`` with failures of one code.

    It begins with the line of a failure in the 1-based ``row`` and ends with one. Lines of other
    images may be in between.
    """

    row: int
    start: int
    end: int


class FailedRanges:
    """Collects the ranges of the lines with failures of one code, in input order.

    Lines that are at most ``gap`` bytes apart share a range. If there are more than ``most``
    ranges, the gap doubles until they are half as many.
    """

    def __init__(self, *, most: int = MOST_RANGES, gap: int = RANGE_GAP) -> None:
        self._most = most
        self._gap = gap
        self._ranges: list[FailedLines] = []

    def add(self, row: int, start: int, end: int) -> None:
        self._append(FailedLines(row, start, end))
        if len(self._ranges) <= self._most:
            return
        while len(self._ranges) > self._most // 2:
            self._gap = max(1, 2 * self._gap)
            ranges, self._ranges = self._ranges, []
            for one in ranges:
                self._append(one)

    @property
    def ranges(self) -> list[FailedLines]:
        return self._ranges

    def _append(self, one: FailedLines) -> None:
        if self._ranges and one.start - self._ranges[-1].end <= self._gap:
            self._ranges[-1] = self._ranges[-1]._replace(end=max(one.end, self._ranges[-1].end))
        else:
            self._ranges.append(one)


class FailureGroup(Document):
    """The images that failed with one code: how many, and the first of them.

    In the index of a report, ``ranges`` are where their lines are.
    """

    code: str
    retryable: bool
    count: int
    examples: list[FailureExample]
    ranges: list[FailedLines] | None = None


class FailureGroups:
    """Counts failures by error code, and keeps the first examples of each code."""

    def __init__(self) -> None:
        self._counts: Counter[ErrorCode] = Counter()
        self._examples: dict[ErrorCode, list[FailureExample]] = {}
        self._ranges: dict[ErrorCode, FailedRanges] = {}

    def add(self, result: ImageResult) -> None:
        """Count a result that has an error code."""
        code = result.error_code
        if code is None:
            return
        self._counts[code] += 1
        examples = self._examples.setdefault(code, [])
        if len(examples) < EXAMPLES:
            examples.append(FailureExample.of(result))

    def add_line(self, result: ImageResult, start: int, end: int) -> None:
        """Count a result that has an error code; its line is at these bytes of the report."""
        code = result.error_code
        if code is not None:
            self.add(result)
            self._ranges.setdefault(code, FailedRanges()).add(result.row, start, end)

    def groups(self) -> list[FailureGroup]:
        """Return one group per error code, the most frequent code first."""
        return [
            FailureGroup(
                code=code,
                retryable=code.retryable,
                count=count,
                examples=self._examples[code],
                ranges=self._ranges[code].ranges if code in self._ranges else None,
            )
            for code, count in sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))
        ]


class ReportIndex(Document):
    """``report.index.json``: the byte offset of every ``every``-th row in both reports.

    Entry i of ``csv`` and ``jsonl`` is the offset of row ``i * every + 1``; in ``jsonl``, of its
    first image; ``jsonl_bytes`` is the size of that object. ``failures`` tells of each error code
    where its lines are, so that a page of failures is a few range reads.
    """

    every: int
    rows: int
    images: int
    csv: list[int]
    jsonl: list[int]
    jsonl_bytes: int | None = None
    failures: list[FailureGroup] | None = None

    def failed_lines(self, code: str | None = None) -> list[FailedLines] | None:
        """Return where the failures of a code are, or those of all codes, in input order.

        The result is ``None`` if an older release wrote the index, without ranges.
        """
        if self.failures is None or any(group.ranges is None for group in self.failures):
            return None
        found = FailedRanges(most=sys.maxsize)
        wanted = (group for group in self.failures if code in (None, group.code))
        for one in merge(*(group.ranges or () for group in wanted), key=lambda one: one.start):
            found.add(*one)
        return found.ranges
