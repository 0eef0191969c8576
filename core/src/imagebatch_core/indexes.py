"""Documents that lead into large objects: where each thousandth row begins.

The runner writes them; the gateway reads a page of a batch by them, wherever it lies.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple, Self

from .model import Document
from .results import ErrorCode, ImageResult

#: Examples that are kept of each error code.
EXAMPLES: Final = 5

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ListedRow(NamedTuple):
    """One row of the input: a line of ``rows.jsonl``, cells as they were."""

    serial: str
    product: str
    urls: Sequence[str]

    def to_line(self) -> str:
        return _encode(self) + "\n"

    @classmethod
    def from_line(cls, line: str | bytes) -> Self:
        return cls(*json.loads(line)[:3])


class RowsIndex(Document):
    """``rows.index.json``: entry i is of row ``i * every + 1``.

    ``offsets`` are its bytes in ``rows.jsonl``, ``first_images`` the number of its first image,
    counted from 0. With ``images_per_shard`` this tells the shards that hold a row.
    """

    every: int
    rows: int
    images: int
    shards: int
    images_per_shard: int
    offsets: list[int]
    first_images: list[int]


class FailureExample(Document):
    """One image that failed with a code."""

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
    """The images that failed with one code: how many, and the first of them."""

    code: str
    retryable: bool
    count: int
    examples: list[FailureExample]


class FailureGroups:
    """Counts failures by their code, and keeps the first examples of each."""

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
        """The most frequent first."""
        return [
            FailureGroup(
                code=code, retryable=code.retryable, count=count, examples=self._examples[code]
            )
            for code, count in sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))
        ]


class ReportIndex(Document):
    """``report.index.json``: the byte offset of every ``every``-th row in both reports.

    Entry i of ``csv`` and ``jsonl`` is the offset of row ``i * every + 1``; in ``jsonl``, of its
    first image; ``jsonl_bytes`` is the size of that object. Entry i of ``failed`` counts the images
    that failed from that row up to the next entry's, so that who looks for failures reads only
    where there are some.
    """

    every: int
    rows: int
    images: int
    csv: list[int]
    jsonl: list[int]
    jsonl_bytes: int | None = None
    failed: list[int] | None = None
    failures: list[FailureGroup] | None = None
