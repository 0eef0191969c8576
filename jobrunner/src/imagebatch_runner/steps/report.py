"""Write ``report.csv``, ``report.jsonl`` and the index as streams: no row stays in memory.

The output CSV repeats the input's rows in their order. The N-th output URL of a row belongs to its
N-th input URL. A failed image leaves its place empty, and the last column says why it failed.

A cell that a spreadsheet would run as a formula gets an apostrophe in front. A reader of the report
cannot undo this, because the user's own cells may begin with an apostrophe, too. So if any cell is
changed, there is a second CSV, ``report.raw.csv``, with all cells unchanged. If no cell is changed,
``report.csv`` serves as both.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from hashlib import sha256
from types import SimpleNamespace
from typing import Final, Protocol

from imagebatch_core.catalogue.formulas import FIRST_CHARACTERS, neutralise_cell
from imagebatch_core.catalogue.header import ERROR_COLUMN, HEADER, OUTPUT_COLUMN
from imagebatch_core.catalogue.rows import Row
from imagebatch_core.indexes import FailureGroups, ReportIndex
from imagebatch_core.keys import INDEX_EVERY
from imagebatch_core.results import ImageResult

from .result_lines import Reported, line_of

#: Bytes that are buffered before they are written.
_BUFFER: Final = 256 * 1024


class Sink(Protocol):
    """The destination of a report's bytes, which are only safe after it is closed."""

    def write(self, buffer: bytes, /) -> int: ...

    def close(self) -> None: ...


#: Returns a sink that already holds a copy of what was written to the CSV's sink.
Fork = Callable[[], Sink]


class _Stream:
    """A buffer that joins small writes into large ones. ``offset`` counts the bytes so far."""

    def __init__(self, sink: Sink, *, hashed: bool) -> None:
        self._sink = sink
        self._pending = bytearray()
        self._digest = sha256() if hashed else None
        self.offset = 0

    def write(self, data: bytes) -> None:
        self._pending += data
        self.offset += len(data)
        if len(self._pending) >= _BUFFER:
            self.flush()

    def close(self) -> None:
        self.flush()
        self._sink.close()

    @property
    def sha256(self) -> str:
        assert self._digest is not None  # noqa: S101 - only the hashed stream is asked
        return self._digest.hexdigest()

    def flush(self) -> None:
        """Write all buffered bytes to the sink."""
        data = bytes(self._pending)
        self._pending.clear()
        if self._digest is not None:
            self._digest.update(data)
        self._sink.write(data)


class ReportWriter:
    """Writes the reports row by row. They are complete after :meth:`close`.

    ``fork`` is called once, when a cell gets an apostrophe for the first time, and returns the sink
    of the CSV with unchanged cells.
    """

    def __init__(
        self, csv_sink: Sink, jsonl_sink: Sink, extra_columns: Sequence[str], fork: Fork
    ) -> None:
        self._csv = _Stream(csv_sink, hashed=True)
        self._raw: _Stream | None = None
        self._fork = fork
        self._jsonl = _Stream(jsonl_sink, hashed=False)
        # `writerow` returns what `write` returns: here the line.
        self._cells = csv.writer(SimpleNamespace(write=str), lineterminator="\r\n")
        self._rows = 0
        self._images = 0
        self._csv_offsets: list[int] = []
        self._jsonl_offsets: list[int] = []
        self._failures = FailureGroups()
        self._line([*HEADER, OUTPUT_COLUMN, *extra_columns, ERROR_COLUMN])

    def row(self, row: Row, results: Sequence[Reported]) -> None:
        """Write a row; ``results`` has one result for each of its URLs, in the same order."""
        if self._rows % INDEX_EVERY == 0:
            self._csv_offsets.append(self._csv.offset)
            self._jsonl_offsets.append(self._jsonl.offset)
        self._rows += 1
        self._images += len(results)
        outputs = ",".join([result.output_url or "" for result in results])
        self._line(
            [
                row.serial,
                row.product,
                row.listed,
                outputs,
                *row.extra,
                _errors(row, results),
            ]
        )
        for result in results:
            line = line_of(result)
            if isinstance(result, ImageResult):
                start = self._jsonl.offset
                self._failures.add_line(result, start, start + len(line))
            self._jsonl.write(line)

    def close(self) -> None:
        self._csv.close()
        self._jsonl.close()
        if self._raw is not None:
            self._raw.close()

    @property
    def csv_sha256(self) -> str:
        """Hash of ``report.csv``, valid after :meth:`close`."""
        return self._csv.sha256

    def index(self) -> ReportIndex:
        return ReportIndex(
            every=INDEX_EVERY,
            rows=self._rows,
            images=self._images,
            csv=self._csv_offsets,
            jsonl=self._jsonl_offsets,
            jsonl_bytes=self._jsonl.offset,
            failures=self._failures.groups(),
        )

    def _line(self, cells: list[str]) -> None:
        safe = cells
        if not FIRST_CHARACTERS.isdisjoint([cell[:1] for cell in cells]):
            safe = [neutralise_cell(cell) for cell in cells]
        line = self._encoded(safe)
        if safe != cells and self._raw is None:
            self._csv.flush()
            self._raw = _Stream(self._fork(), hashed=False)
        self._csv.write(line)
        if self._raw is not None:
            self._raw.write(line if safe == cells else self._encoded(cells))

    def _encoded(self, cells: list[str]) -> bytes:
        line: str = self._cells.writerow(cells)
        return line.encode()


def _errors(row: Row, results: Sequence[Reported]) -> str:
    """Return the row's error cell, like ``2: http_status 404 Not Found; 3: timeout …``.

    The numbers are the images' positions. A row without images has its own problems instead. Text
    that is not a URL counts as a failed image.
    """
    parts = [] if row.notice is None else [f"notice: {row.notice}"]
    if not results:
        parts += [problem.problem for problem in row.problems]
    parts += [
        f"{result.position}: {result.error_code.value} {result.error_message or ''}".rstrip()
        for result in results
        if isinstance(result, ImageResult) and result.error_code is not None
    ]
    return "; ".join(parts)
