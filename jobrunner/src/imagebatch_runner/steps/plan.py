"""The step ``plan``: check the store, copy the input, split it into shards, in constant memory.

``plan.json`` is written last and never changed, so planning again gives the same plan.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from math import ceil
from typing import Final
from uuid import uuid4

from imagebatch_core.catalogue.rows import RowProblem, RowReader, open_rows
from imagebatch_core.ceilings import NO_CEILINGS, Ceilings
from imagebatch_core.errors import InputRefused, StorageRefused
from imagebatch_core.owner import Owner
from imagebatch_core.results import ShardItem
from imagebatch_core.shard_size import shard_size
from imagebatch_core.source_columns import table_choice
from imagebatch_core.urls import check_url
from imagebatch_runner.codec.revision import CODEC
from imagebatch_runner.failures import SourcesUnreachable
from imagebatch_runner.fetch.local_files import LocalFiles
from imagebatch_runner.fetch.s3_urls import S3Object, is_s3
from imagebatch_runner.store.documents import Plan, Reuse, to_json

from . import groups, retry, sharding, source
from .batch import Batch
from .record import record_plan, record_unreachable
from .reuse import EarlierOutputs, earlier_outputs
from .row_list import RowList, row_list
from .sample import evenly

log = logging.getLogger(__name__)

#: Most shard files that are uploaded at once, and their total bytes: a shard may have 100,000
#: images.
_UPLOADS: Final = 8
_UPLOAD_BYTES: Final = 8 << 20
#: Most problems of rows that are logged one by one.
_LOGGED: Final = 20
#: Images of the sample that ``look`` gets.
_SAMPLED: Final = 24
#: Seconds between two looks whether the batch is planned: more, the longer plan takes.
_FIRST_LOOK: Final = 0.1
_LONGEST_LOOK: Final = 2.0
#: Looks at a sample of a batch's images, by their URLs, and returns the plan with what it found.
Look = Callable[[Batch, Plan, Sequence[str]], Plan]
#: Seconds that the check of the store waits for a response. There is no work to lose yet, and a
#: store that never responds may be a wrong address: users learn of it only when the pod ends. The
#: Job then retries.
PROBE_PATIENCE: Final = 60.0


def plan(batch: Batch, look: Look | None = None) -> Plan:
    """Plan the batch like :func:`plan_once`, and return its plan."""
    made, _ = plan_once(batch, look)
    return made


def plan_once(batch: Batch, look: Look | None = None) -> tuple[Plan, bool]:
    """Plan the batch, unless an earlier pod did; return its plan, and whether it was made now.

    ``look`` is called with a sample of the images before the plan is stored.

    Raises:
        SourcesUnreachable: ``look`` found that no host of the sample answers.
        StorageRefused: the store cannot be written, read or listed.
        StorageUnavailable, SourceUnavailable: the store or source does not respond at present.
        InputRefused: the input is not a CSV of products, or names no usable image URL; or there is
            nothing to retry.
        LimitExceeded: it has more images than the release allows.
    """
    probe(batch)
    found = read_plan(batch)
    if found is not None:
        return found, False
    owner = to_json(Owner.of(batch.job))
    if not batch.is_local:
        # Before anything else: if this pod is killed, the sweeper knows whose the rest is.
        batch.storage.put(batch.keys.owner, owner)
    shards_per_group: int | None = None
    if retry.is_retry(batch):
        batch, shards_per_group = retry.inheriting(batch)
    with source.copied_input(batch) as copied:
        if batch.is_local:
            batch.storage.put(batch.keys.owner, owner)
        with earlier_outputs(batch) as earlier:
            made, sampled = _split(batch, copied, earlier, shards_per_group)
    if look is not None and not retry.is_retry(batch):
        try:
            made = look(batch, made, sampled)
        except SourcesUnreachable as error:
            record_unreachable(batch, made, str(error))
            raise
    record_plan(batch, made)
    batch.storage.put(batch.keys.plan, to_json(made))
    return made, True


def read_plan(batch: Batch) -> Plan | None:
    """Return the plan in the store; ``None`` if there is none."""
    data = batch.storage.get(batch.keys.plan)
    return None if data is None else Plan.model_validate_json(data)


def wait_for_plan(batch: Batch) -> Plan:
    """Return the plan once it is stored. It may take as long as plan takes, and never come.

    Raises:
        StorageRefused, StorageUnavailable: the store cannot be read.
    """
    began = time.monotonic()
    while (found := read_plan(batch)) is None:
        waited = time.monotonic() - began
        time.sleep(min(_FIRST_LOOK + waited / 10, _LONGEST_LOOK))
    return found


def probe(batch: Batch) -> None:
    """Check that the store can be written, read and listed, before any work depends on it.

    Raises:
        StorageRefused: writing, reading or listing is refused, or has no effect.
        StorageUnavailable: the store does not respond.
    """
    token = uuid4().hex
    storage = batch.storage.within(PROBE_PATIENCE)
    key, content = batch.keys.probe(token), token.encode()
    storage.put(key, content)
    if storage.get(key) is None:
        raise StorageRefused(f"the object store does not give back {key!r} after writing it")
    if not storage.lists_any(batch.keys.root):
        raise StorageRefused(f"the object store does not list {key!r} after writing it")
    storage.delete(key)


def _split(
    batch: Batch, copied: source.CopiedInput, earlier: EarlierOutputs, shards_per_group: int | None
) -> tuple[Plan, list[str]]:
    """Store the shard files, and return the plan and the URLs of a sample of the images.

    With a ``shards_per_group`` of ``None`` it is chosen here.
    """
    ceilings = batch.job.ceilings or NO_CEILINGS
    with copied.path.open("rb") as stream:
        table = batch.job.source
        choice = table_choice(table.columns, table.base_url)
        rows = open_rows(stream, files=batch.files is not None, chosen=choice)
        listed = None if batch.is_local else copied.path.with_name("rows.jsonl")
        # How many images there are, and so the size of a shard, is known only after the last row.
        items = copied.path.with_name("items.jsonl")
        with row_list(listed) as row_lines, items.open("wb") as file:
            counted = _CountedImages(rows, batch.files, earlier, row_lines, ceilings)
            hosts: set[bytes] = set()
            file.writelines(_lines(counted, hosts))
    asked = batch.job.images_per_shard
    per_shard = shard_size(
        counted.images, asked, batch.job.parallelism, batch.job.max_failed_percent, ceilings
    )
    counted.log_problems()
    for notice in (*copied.notices, *rows.notices):
        log.info("input: %s", notice)
    if not counted.usable:
        raise InputRefused("no row has a usable image URL (http, https or s3)")
    if shards_per_group is None:
        several = len(hosts) > 1 and not batch.is_local
        shards = ceil(counted.images / per_shard)
        shards_per_group = groups.shards_per_group(shards, per_shard) if several else 1
    with items.open("rb") as lines:
        first_rows = _upload(batch, groups.shards_of(lines, per_shard, shards_per_group))
    if listed is not None:
        batch.storage.put_file(batch.keys.rows, listed)
        index = row_lines.index(len(first_rows), per_shard, shards_per_group)
        batch.storage.put(batch.keys.rows_index, to_json(index))
    kept = set(() if batch.is_local else evenly(counted.images, batch.settings.kept_sources))
    looked_at = set(evenly(counted.images, _SAMPLED))
    with items.open("rb") as lines:
        sample = {
            number: ShardItem.from_line(line)
            for number, line in enumerate(lines)
            if number in kept or number in looked_at
        }
    made = Plan(
        products=counted.rows,
        images=counted.images,
        shards=len(first_rows),
        images_per_shard=per_shard,
        shards_per_group=shards_per_group,
        first_rows=tuple(first_rows),
        sampled=tuple((sample[number].row, sample[number].position) for number in sorted(kept)),
        row_problems=counted.problems,
        input_sha256=source.sha256_of(copied.path),
        extra_columns=tuple(rows.columns.extra),
        columns=table.columns,
        base_url=table.base_url,
        output=batch.job.output,
        codec=CODEC,
        notices=(*copied.notices, *rows.notices),
        reuse=None if retry.is_retry(batch) else _reuse(batch, earlier),
    )
    if retry.is_retry(batch):
        return retry.carry_over(batch, made, items), []
    return made, [sample[number].url for number in sorted(looked_at)]


def _lines(items: Iterable[ShardItem], hosts: set[bytes]) -> Iterator[bytes]:
    """Yield the line of each image, and add its host to ``hosts`` until these are two."""
    for item in items:
        line = item.to_line().encode()
        if len(hosts) < 2:
            hosts.add(groups.host_of(line))
        yield line


def _reuse(batch: Batch, earlier: EarlierOutputs) -> Reuse | None:
    if batch.earlier is None:
        return None
    return Reuse(batch=batch.earlier.name, images=earlier.found, refusal=earlier.refusal)


def _upload(batch: Batch, shards: Iterable[bytes]) -> list[int]:
    """Store the shard files, several at once, and return the row of each one's first image."""
    pending: deque[tuple[Future[None], int]] = deque()
    first_rows: list[int] = []
    waiting = 0
    with ThreadPoolExecutor(_UPLOADS) as pool:
        for number, lines in enumerate(shards):
            first_rows.append(ShardItem.from_line(lines[: lines.index(b"\n")]).row)
            upload = pool.submit(batch.storage.put, batch.keys.shard(number), lines)
            pending.append((upload, len(lines)))
            waiting += len(lines)
            while len(pending) > _UPLOADS or (pending and waiting > _UPLOAD_BYTES):
                upload, size = pending.popleft()
                upload.result()
                waiting -= size
        for upload, _size in pending:
            upload.result()
    return first_rows


class _CountedImages:
    """An iterable of the images of all rows; iterating counts rows, images and problems."""

    def __init__(
        self,
        rows: RowReader,
        files: LocalFiles | None,
        earlier: EarlierOutputs,
        row_lines: RowList,
        ceilings: Ceilings,
    ) -> None:
        self._ceilings = ceilings
        self._reader = rows
        self._files = files
        self._earlier = earlier
        self._row_lines = row_lines
        self.rows = 0
        self.images = 0
        self.problems = 0
        self.usable = False
        self._first_problems: list[RowProblem] = []

    def __iter__(self) -> Iterator[ShardItem]:
        for row in self._reader:
            self.rows += 1
            self._row_lines.add(row)
            if row.problems:
                self.problems += row.problem_count
                self._first_problems += row.problems[: _LOGGED - len(self._first_problems)]
            for item in sharding.items_of(row):
                self.images += 1
                self._ceilings.check_images(self.images)
                # One usable URL is enough; the others fail alone when they are fetched.
                self.usable = self.usable or self._is_usable(item.url)
                found = self._earlier.of(item.url)
                yield ShardItem(item.row, item.position, item.url, found)

    def log_problems(self) -> None:
        """Log the first problems of the rows."""
        for one in self._first_problems:
            log.info("input line %d, column %d: %s", one.line, one.column, one.problem)
        if self.problems > len(self._first_problems):
            log.info("%d more problems of rows", self.problems - len(self._first_problems))

    def _is_usable(self, url: str) -> bool:
        if self._files is not None and self._files.names(url):
            return True
        try:
            if is_s3(url):
                S3Object.parse(url)
            else:
                check_url(url)
        except ValueError:
            return False
        return True
