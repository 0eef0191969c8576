"""The step ``collect``: join the recorded results with the rows of the input into the reports.

Memory holds the results of one group of shards at a time, and of some shards that are read ahead.
``summary.json`` is written last and never changed, so collecting again gives the same summary.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import BinaryIO, Final, cast

from imagebatch_core.catalogue.rows import open_rows
from imagebatch_core.errors import ImageBatchError
from imagebatch_core.hashed import HashedReader
from imagebatch_core.job import Totals
from imagebatch_core.results import ErrorCode, ImageResult, ShardItem
from imagebatch_runner.failures import NothingPlanned
from imagebatch_runner.store.documents import Plan, Summary, to_json
from imagebatch_runner.store.growing import growing_files

from . import sharding
from .batch import Batch
from .counts import ResultCounts
from .parts import Place, wait_for_parts
from .plan import read_plan
from .record import record_end
from .report import ReportWriter, Sink
from .result_lines import Reported
from .scratch import scratch_folder

#: Most results that are read ahead of the shard that is being written, unless a group has more.
_RESULTS_AHEAD: Final = 20_000
#: Most shards that are read at once.
_READERS: Final = 4


def collect(batch: Batch) -> Summary:
    """Store the reports, unless an earlier pod did, and return the batch's summary.

    Raises:
        NothingPlanned: the batch ended early, before it was planned.
        ImageBatchError: the batch was not planned, or its stored input was changed since.
        ConfigurationRefused, ScratchFull: the reports cannot be written to the scratch folder.
    """
    found = read_summary(batch)
    if found is not None:
        return found
    plan = read_plan(batch)
    if plan is None and batch.job.not_processed is not None:
        raise NothingPlanned("nothing was planned")
    if plan is None:
        raise ImageBatchError("there is no plan.json; was the batch planned?")
    # Only while it waits, collect has the time to upload what it has written. A process that is
    # killed meanwhile leaves an unfinished upload, which the sweeper aborts.
    ahead = batch.job.wait
    with scratch_folder() as folder, growing_files(batch.storage, ahead=ahead) as files:
        # The reports go to files, too, because a broken upload is repeated from its first byte.
        csv_path, raw_path = folder / "report.csv", folder / "report.raw.csv"

        def fork() -> Sink:
            shutil.copyfile(csv_path, raw_path)
            return files.open(batch.keys.report_raw_csv, raw_path)

        csv_file = files.open(batch.keys.report_csv, csv_path)
        jsonl_file = files.open(batch.keys.report_jsonl, folder / "report.jsonl")
        report = ReportWriter(csv_file, jsonl_file, plan.extra_columns, fork)
        totals = _write(batch, plan, report)
        report.close()
        files.finish()
    batch.storage.put(batch.keys.report_index, to_json(report.index()))
    summary = Summary(
        products=plan.products,
        images=plan.images,
        shards=len(plan.shards_to_run),
        row_problems=plan.row_problems,
        input_sha256=plan.input_sha256,
        totals=totals,
        report_key=batch.keys.report_csv,
        report_sha256=report.csv_sha256,
        collected_at=datetime.now(UTC),
    )
    record_end(batch, plan, summary)
    batch.storage.put(batch.keys.summary, to_json(summary))
    return summary


def read_summary(batch: Batch) -> Summary | None:
    """Return the summary in the store; ``None`` if there is none."""
    data = batch.storage.get(batch.keys.summary)
    return None if data is None else Summary.model_validate_json(data)


def _write(batch: Batch, plan: Plan, report: ReportWriter) -> Totals:
    counts = ResultCounts()
    with batch.storage.reading(batch.keys.input) as stream, _shards(batch, plan) as results:
        hashed = HashedReader(stream)
        for row in open_rows(cast(BinaryIO, hashed), chosen=plan.choice):
            of_row = [results.of(item) for item in sharding.items_of(row)]
            for result in of_row:
                counts.add(result)
            report.row(row, of_row)
        if hashed.sha256 != plan.input_sha256:
            raise _another_input()
    return counts.totals()


def _another_input() -> ImageBatchError:
    return ImageBatchError("input.csv is not the one that was planned: it was changed since")


class _ShardResults:
    """The results of all shards in input order. Each is read once, and dropped when it was used."""

    def __init__(
        self, batch: Batch, plan: Plan, pool: ThreadPoolExecutor, given_up: threading.Event
    ) -> None:
        self._batch = batch
        self._pool = pool
        self._plan = plan
        self._given_up = given_up
        self._ahead: deque[Future[dict[Place, Reported]]] = deque()
        self._next = iter(range(plan.shards))
        self._count = 0
        self._current: dict[Place, Reported] = {}
        # So many shards are in memory. Larger shards are not read ahead.
        group = plan.shards_per_group
        ahead = min(group + _READERS, 1 + _RESULTS_AHEAD // plan.images_per_shard)
        for _ in range(max(group, ahead) - 1):
            self._read_ahead()

    def of(self, item: ShardItem) -> Reported:
        """Return the result of ``item``, which must be the next image in input order.

        If none is recorded it is ``not_processed`` in a batch that ended early, otherwise
        ``shard_failed``.
        """
        shard, of_shard = divmod(self._count, self._plan.images_per_shard)
        if of_shard == 0:
            self._read_ahead()
            if shard % self._plan.shards_per_group == 0:
                self._next_group()
        self._count += 1
        found = self._current.pop((item.row, item.position), None)
        if found is not None:
            return found
        why = self._batch.job.not_processed
        if why is not None:
            return ImageResult.failure(item, ErrorCode.NOT_PROCESSED, why)
        return ImageResult.failure(
            item, ErrorCode.SHARD_FAILED, "its shard ended before this image was done"
        )

    def _next_group(self) -> None:
        if not self._ahead:
            raise _another_input()  # the input has more images than were planned
        self._current = {}
        for _ in range(min(self._plan.shards_per_group, len(self._ahead))):
            self._current |= self._ahead.popleft().result()

    def _read_ahead(self) -> None:
        shard = next(self._next, None)
        if shard is not None:
            self._ahead.append(self._pool.submit(self._read, shard))

    def _read(self, shard: int) -> dict[Place, Reported]:
        batch, images = self._batch, self._plan.images_of(shard)
        return wait_for_parts(batch.storage, batch.keys, shard, images, self._given_up)


@contextmanager
def _shards(batch: Batch, plan: Plan) -> Iterator[_ShardResults]:
    given_up = threading.Event()
    if not batch.job.wait:
        given_up.set()  # what there is counts
    # The shards of a group end together. So that few parts are left to read then, a collect that
    # waits reads all of them meanwhile.
    readers = max(_READERS, plan.shards_per_group) if batch.job.wait else _READERS
    with ThreadPoolExecutor(readers) as pool:
        try:
            yield _ShardResults(batch, plan, pool, given_up)
        finally:
            given_up.set()  # after an error, the pool's end must not wait for the last images
