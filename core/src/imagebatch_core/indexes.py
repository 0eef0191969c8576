"""Index documents: the byte offset of each thousandth row in a large object.

The runner writes them. With them the gateway reads any page of a batch without reading the rows
before it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from .model import Document
from .results import ErrorCode, ImageResult

#: Number of examples that are kept for each error code.
EXAMPLES: Final = 5

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
    its first image in the batch. Divided by ``images_per_shard``, that number is the image's shard.
    """

    every: int
    rows: int
    images: int
    shards: int
    images_per_shard: int
    offsets: list[int]
    first_images: list[int]


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


class FailureGroup(Document):
    """The number of images that failed with one error code, and the first of them as examples."""

    code: str
    retryable: bool
    count: int
    examples: list[FailureExample]


class FailureGroups:
    """Counts failures by error code, and keeps the first examples of each code."""

    def __init__(self) -> None:
        self._counts: Counter[ErrorCode] = Counter()
        self._examples: dict[ErrorCode, list[FailureExample]] = {}

    def add(self, result: ImageResult) -> None:
        """Count a result that has an error code."""
        code = result.error_code
        if code is None:
            return
        self._counts[code] += 1
        examples = self._examples.setdefault(code, [])
        if len(examples) < EXAMPLES:
            examples.append(FailureExample.of(result))

    def groups(self) -> list[FailureGroup]:
        """Return one group per error code, the most frequent code first."""
        return [
            FailureGroup(
                code=code, retryable=code.retryable, count=count, examples=self._examples[code]
            )
            for code, count in sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))
        ]


class ReportIndex(Document):
    """``report.index.json``: the byte offset of every ``every``-th row in both reports.

    Entry i of ``csv`` and ``jsonl`` is the offset of row ``i * every + 1``; in ``jsonl``, of its
    first image; ``jsonl_bytes`` is the size of that object. Entry i of ``failed`` is the number of
    images that failed in the rows from that row to before the next entry's, so that a reader of
    failures can skip blocks without any.
    """

    every: int
    rows: int
    images: int
    csv: list[int]
    jsonl: list[int]
    jsonl_bytes: int | None = None
    failed: list[int] | None = None
    failures: list[FailureGroup] | None = None
