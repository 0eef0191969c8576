"""Plan the retry of an earlier batch's failed images.

The rows and the size of shards and groups are those of the earlier batch, so a group of shards
holds the same images there and here. Results that stay are recorded as a part of their shard in
this batch, and name the outputs of the earlier one. So compress skips them, readers count them, and
collect reports all rows. Only shards with an image to retry are run.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.results import ImageResult, ShardItem
from imagebatch_core.source import RetryOnly
from imagebatch_runner.failures import NothingToRetry, SourceMissing
from imagebatch_runner.store.documents import Plan, Retried, to_json

from . import groups, sharding
from .batch import Batch, EarlierBatch
from .parts import Place, read_parts
from .progress import ProgressCounts

log = logging.getLogger(__name__)

#: Writer of the parts that hold the results of the earlier batch, in place of a pod's uid.
CARRIED: Final = "earlier"
#: Most shards whose results are stored at once.
_UPLOADS: Final = 8

#: Returns the recorded results of a group of shards by place: those before or at the place of the
#: last image of the group. Groups are asked for in order.
ResultsOf = Callable[[range, Place], Mapping[Place, ImageResult]]


def is_retry(batch: Batch) -> bool:
    return batch.job.source.retry is not None


def inheriting(batch: Batch) -> tuple[Batch, int]:
    """Return the batch with the options, columns and size of a shard that the earlier batch has,
    and the number of shards in a group.

    Raises:
        SourceMissing: nothing is left of the earlier batch.
    """
    plan = _plan_of(_earlier(batch))
    return _with_options_of(batch, plan), plan.shards_per_group


def planned(batch: Batch) -> tuple[Batch, Plan]:
    """Return a planned retry with the options that it inherited, and its plan.

    Raises:
        SourceMissing: it is not planned.
    """
    plan = _plan_of(EarlierBatch(batch.job.uid, batch.storage, batch.keys))
    return _with_options_of(batch, plan), plan


def carry_over(batch: Batch, plan: Plan, items: Path) -> Plan:
    """Record the results that stay, and return the plan with the shards to run.

    ``items`` is a file with the lines of all images in input order. A retry that is planned again
    records the same results under the same keys.

    Raises:
        NothingToRetry: no image failed in the way that the batch asks for.
    """
    only, earlier = batch.job.source.retry, _earlier(batch)
    shards: list[int] = []
    images = 0
    uploads: deque[Future[None]] = deque()
    with (
        items.open("rb") as lines,
        _earlier_results(earlier) as results_of,
        ThreadPoolExecutor(_UPLOADS) as pool,
    ):
        shard = 0
        for group in groups.groups_of(lines, plan.images_per_shard, plan.shards_per_group):
            of_shards = [sharding.from_lines(data) for data in group]
            last = max(_place(items[-1]) for items in of_shards)
            results = results_of(range(shard, shard + len(group)), last)
            for of_shard in of_shards:
                found = _matching(of_shard, results)
                stay = [result for result in found if not _is_retried(result, only)]
                if len(stay) < len(of_shard):
                    shards.append(shard)
                    images += len(of_shard) - len(stay)
                if stay:
                    uploads.append(pool.submit(_record, batch, shard, stay))
                while len(uploads) > _UPLOADS:
                    uploads.popleft().result()
                shard += 1
        for upload in uploads:
            upload.result()
    if not images:
        failed = "retryable failure" if only is RetryOnly.RETRYABLE else "failed image"
        raise NothingToRetry(f"the batch of spec.source.retryOf has no {failed}")
    log.info("%d images in %d of %d shards are retried", images, len(shards), plan.shards)
    retried = Retried(batch=earlier.name, images=images, shards=tuple(shards))
    return plan.model_copy(update={"retry": retried})


def _earlier(batch: Batch) -> EarlierBatch:
    if batch.earlier is None:
        raise ConfigurationRefused("the job names no batch to retry")
    return batch.earlier


def _plan_of(batch: EarlierBatch) -> Plan:
    data = batch.storage.get(batch.keys.plan)
    if data is None:
        raise SourceMissing(f"there is no plan of a batch at {batch.keys.root!r} in the bucket")
    return Plan.model_validate_json(data)


def _with_options_of(batch: Batch, plan: Plan) -> Batch:
    table = {"columns": plan.columns, "base_url": plan.base_url}
    own = {
        "output": plan.output,
        "images_per_shard": plan.images_per_shard,
        "source": batch.job.source.model_copy(update=table),
    }
    return replace(batch, job=batch.job.model_copy(update=own))


def _is_retried(result: ImageResult, only: RetryOnly | None) -> bool:
    failed = not result.status.has_output
    return failed and (only is not RetryOnly.RETRYABLE or result.retryable)


def _record(batch: Batch, shard: int, results: list[ImageResult]) -> None:
    """Store the results as a part of the shard, and count them in its progress."""
    lines = "".join(result.to_line() for result in results)
    batch.storage.put(batch.keys.part(shard, CARRIED, 0), lines.encode())
    counts = ProgressCounts()
    counts.add(results)
    batch.storage.put(batch.keys.pod_progress(shard, CARRIED), to_json(counts.document()))


@contextmanager
def _earlier_results(earlier: EarlierBatch) -> Iterator[ResultsOf]:
    """Open the results of the earlier batch: its report, or its parts if it was not collected."""
    with ExitStack() as opened:
        try:
            lines = opened.enter_context(earlier.storage.reading(earlier.keys.report_jsonl))
        except FileNotFoundError:
            yield lambda shards, _last: _recorded(earlier, shards)
            return
        report = _Report(lines)
        yield lambda _shards, last: report.results_until(last)


def _recorded(batch: EarlierBatch, shards: range) -> dict[Place, ImageResult]:
    found: dict[Place, ImageResult] = {}
    for shard in shards:
        found |= read_parts(batch.storage, batch.keys, shard)
    return found


class _Report:
    """Reads ``report.jsonl``, whose lines are in input order, in steps."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._results = map(ImageResult.from_line, lines)
        self._next = next(self._results, None)

    def results_until(self, last: Place) -> dict[Place, ImageResult]:
        """Return the results that were not read yet, up to this place."""
        found: dict[Place, ImageResult] = {}
        while self._next is not None and _place(self._next) <= last:
            found[_place(self._next)] = self._next
            self._next = next(self._results, None)
        return found


def _place(image: ShardItem | ImageResult) -> Place:
    return image.row, image.position


def _matching(items: list[ShardItem], results: Mapping[Place, ImageResult]) -> list[ImageResult]:
    """Return the results of these images; one of another URL at the same place is none of them."""
    found = ((item, results.get(_place(item))) for item in items)
    return [result for item, result in found if result and result.input_url == item.url]
