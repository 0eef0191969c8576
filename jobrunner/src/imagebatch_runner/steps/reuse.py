"""Look up the earlier batch's output of a URL, for the step plan.

The index is on disk, because a batch may have ten million images: a file of consecutive records,
and an SQLite table from the hash of a URL to the offset of its record. Only SQLite's page cache is
in memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from imagebatch_core.job import RunnerJob
from imagebatch_core.results import WITH_OUTPUT, StoredOutput
from imagebatch_runner.codec.revision import CODEC
from imagebatch_runner.store.documents import Plan

from .batch import Batch, EarlierBatch
from .scratch import scratch_folder

_CACHE_KIB: Final = 16 * 1024
_ROWS_AT_ONCE: Final = 5000
_PARTS_AHEAD: Final = 16
#: The fields of a StoredOutput after its key; they have the same names in a result.
_RESULT_FIELDS: Final = StoredOutput._fields[1:]
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _hash(url: str) -> int:
    digest = blake2b(url.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


class EarlierOutputs:
    """The outputs that may be reused, by URL.

    ``refusal`` says why no output may be reused. ``found`` counts the look-ups that found an
    output.
    """

    def __init__(self, index: Index | None = None, refusal: str | None = None) -> None:
        self._index = index
        self.refusal = refusal
        self.found = 0

    def of(self, url: str) -> StoredOutput | None:
        earlier = self._index.find(url) if self._index is not None else None
        self.found += earlier is not None
        return earlier


@contextmanager
def earlier_outputs(batch: Batch) -> Iterator[EarlierOutputs]:
    """Open the outputs that ``batch`` may reuse; there are none without ``reuseFrom``."""
    if batch.earlier is None or batch.job.source.retry is not None:
        yield EarlierOutputs()
        return
    refusal = _refusal(batch.earlier, batch.job)
    if refusal is not None:
        yield EarlierOutputs(refusal=refusal)
        return
    with scratch_folder() as folder, Index(folder) as index:
        index.fill(_lines(batch.earlier))
        yield EarlierOutputs(index)


class Index:
    """An index of output records by URL.

    If there are several records for one URL, or for URLs of the same hash, the first one is used.
    ``hashed`` returns a URL's hash as a signed 64-bit number.
    """

    def __init__(self, folder: Path, *, hashed: Callable[[str], int] = _hash) -> None:
        self._hashed = hashed
        self._records = (folder / "records").open("w+b")
        self._table = sqlite3.connect(folder / "index")
        # The folder is temporary, so nothing in it has to survive a crash.
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{_CACHE_KIB}"):
            self._table.execute(f"PRAGMA {pragma}")
        self._table.execute("CREATE TABLE place (url INTEGER PRIMARY KEY, at INTEGER)")

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self._table.close()
        self._records.close()

    def fill(self, lines: Iterable[bytes]) -> None:
        """Add the results in ``lines`` that have an output."""
        places = self._stored(lines)
        while some := list(islice(places, _ROWS_AT_ONCE)):
            self._table.executemany("INSERT OR IGNORE INTO place VALUES (?, ?)", some)

    def find(self, url: str) -> StoredOutput | None:
        row = self._table.execute(
            "SELECT at FROM place WHERE url = ?", (self._hashed(url),)
        ).fetchone()
        if row is None:
            return None
        self._records.seek(row[0])
        stored, *fields = json.loads(self._records.readline())
        return StoredOutput(*fields) if stored == url else None

    def _stored(self, lines: Iterable[bytes]) -> Iterator[tuple[int, int]]:
        at = 0
        for line in lines:
            result = json.loads(line)
            if result["status"] not in WITH_OUTPUT:
                continue
            url = result["input_url"]
            fields = map(result.get, _RESULT_FIELDS)
            record = _encode((url, result["output_key"], *fields)).encode() + b"\n"
            self._records.write(record)
            yield self._hashed(url), at
            at += len(record)


def _refusal(earlier: EarlierBatch, job: RunnerJob) -> str | None:
    """Return why no output of the earlier batch may be reused; ``None`` if they may."""
    data = earlier.storage.get(earlier.keys.plan)
    if data is None:
        return "the earlier batch recorded nothing"
    try:
        plan = Plan.model_validate_json(data)
    except ValidationError:
        return "the earlier batch is of another release"
    if plan.codec != CODEC:
        return "the earlier batch was compressed by another codec"
    other = job.output.differences(plan.output)
    return f"the earlier batch has another {' and '.join(other)}" if other else None


def _lines(earlier: EarlierBatch) -> Iterator[bytes]:
    """Yield the lines of the earlier batch's results, from its report.

    They come from its parts if it was never collected.
    """
    try:
        with earlier.storage.reading(earlier.keys.report_jsonl) as stream:
            yield from stream
    except FileNotFoundError:
        yield from _parts(earlier)


def _parts(earlier: EarlierBatch) -> Iterator[bytes]:
    with ThreadPoolExecutor(_PARTS_AHEAD // 2) as pool:
        ahead: deque[Future[bytes | None]] = deque()
        for key in earlier.storage.keys(earlier.keys.results):
            ahead.append(pool.submit(earlier.storage.get, key))
            if len(ahead) >= _PARTS_AHEAD:
                yield from (ahead.popleft().result() or b"").splitlines()
        for part in ahead:
            yield from (part.result() or b"").splitlines()
