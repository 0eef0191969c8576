"""Write and read the parts of a shard, in which results are recorded.

Parts are progress, checkpoint and result in one. A part is written once, under a key with its
writer's name, and never changed. A pod that continues a shard reads all parts and skips the images
that they record. Two pods may work on one shard for a moment, so all readers use an image's first
result in key order.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, TypeVar

from imagebatch_core.keys import BatchKeys
from imagebatch_core.object_names import parse_part_key
from imagebatch_core.results import ImageResult
from imagebatch_runner.fetch.claims import Claim
from imagebatch_runner.store.storage import Storage

from .batch import Batch
from .result_lines import Reported, results_in
from .whole_shard import OwnResults, read_whole_shard

#: Seconds between two looks at a shard that is not done.
_SHORTEST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0

R = TypeVar("R", ImageResult, Reported)

#: Most results of a part that is written after the images are done.
_MOST: Final = 1000

Place = tuple[int, int]
"""Row and position, both 1-based."""


def read_parts(storage: Storage, keys: BatchKeys, shard: int) -> dict[Place, ImageResult]:
    """Return the recorded results of a shard by place.

    If a place has several results, the first in key order is used.
    """
    found: dict[Place, ImageResult] = {}
    _add_parts(storage, storage.keys(keys.shard_results(shard)), found, {}, _parsed)
    return found


def wait_for_parts(
    storage: Storage, keys: BatchKeys, shard: int, images: int, given_up: threading.Event
) -> dict[Place, Reported]:
    """Return the results of a shard by place, as the reports need them, once all its ``images``
    are recorded.

    Once ``given_up`` is set, return what there is.
    """
    whole = read_whole_shard(storage, keys, shard, images)
    if whole is not None:
        return whole
    found: dict[Place, Reported] = {}
    origin: dict[Place, str] = {}
    read: set[str] = set()
    pace = Pace(images)
    while True:
        new = [key for key in storage.keys(keys.shard_results(shard)) if key not in read]
        read.update(new)
        _add_parts(storage, new, found, origin, results_in)
        wait = pace.until_next_look(len(found), time.monotonic())
        if len(found) >= images or given_up.wait(wait):
            return found


class Pace:
    """How fast the results of a shard arrive, and so when to look for them again."""

    def __init__(self, images: int) -> None:
        self._images = images
        self._first: tuple[float, int] | None = None
        self._last = (0.0, -1)

    def until_next_look(self, found: int, now: float) -> float:
        """Return the seconds until the next look, after one that found so many results in all.

        It is a quarter of the time that the shard will take at its average pace since the first
        look: many looks cost requests, and only the last one matters. If no results come, it grows
        with the time since the last one came.
        """
        if self._first is None:
            self._first = now, found
        if found > self._last[1]:
            self._last = now, found
        began, before = self._first
        since, _ = self._last
        come = found - before
        expected = (self._images - found) * (now - began) / come if come else 0.0
        return min(_LONGEST_WAIT, max(expected / 4, _SHORTEST_WAIT + (now - since) / 10))


def _add_parts(
    storage: Storage,
    part_keys: Iterable[str],
    found: dict[Place, R],
    origin: dict[Place, str],
    parse: Callable[[bytes], Iterable[R]],
) -> None:
    """Add the results of these parts to ``found``, and their keys to ``origin``.

    Of several results for a place, that of the first key counts, whenever it is read.
    """
    for key in part_keys:
        for result in parse(storage.get(key) or b""):
            place = result.row, result.position
            if place not in found or key < origin[place]:
                found[place], origin[place] = result, key


def read_part(storage: Storage, key: str) -> list[ImageResult]:
    """Return the results of one part in the order in which they were recorded."""
    return _parsed(storage.get(key) or b"")


def _parsed(part: bytes) -> list[ImageResult]:
    return [ImageResult.from_line(line) for line in part.splitlines()]


def next_number(part_keys: Iterable[str], writer: str) -> int:
    """Return the first part number that this writer has not used.

    It is 0 unless the writer's process was restarted.
    """
    found = filter(None, map(parse_part_key, part_keys))
    return max((part.number + 1 for part in found if part.writer == writer), default=0)


class PartWriter:
    """Records results in parts, as soon as ``images / 2`` results wait and every ``seconds``.

    It is half of ``images``, because images that are being fetched hold claims as well
    (:mod:`imagebatch_runner.fetch.claims`). One part is written at a time. Results that arrive
    meanwhile go into the next part.
    """

    def __init__(
        self,
        storage: Storage,
        key: Callable[[int, tuple[int, int]], str],
        *,
        first: int,
        images: int,
        seconds: float,
        on_recorded: Callable[[Sequence[ImageResult]], None] = lambda _part: None,
        own: OwnResults | None = None,
    ) -> None:
        """Write the part with number n to ``key(n, rows)``, beginning with number ``first``.

        ``rows`` are the first and the last row of its results.

        ``on_recorded`` is called with the results of each part that was written; ``own`` keeps the
        part.
        """
        self._storage = storage
        self._key = key
        self._enough = max(1, images // 2)
        self._seconds = seconds
        self._on_recorded = on_recorded
        self._own = own
        self._pending: list[ImageResult] = []
        self._claims: list[Claim] = []
        self._number = first
        self._wake = asyncio.Event()
        self._closed = False
        self.recorded = 0

    def add(self, result: ImageResult) -> None:
        """Queue a result for the next part. Its output must be stored already."""
        self._pending.append(result)
        self._wake_for(self._pending)

    async def record(self, results: Sequence[ImageResult]) -> None:
        """Record results at once; only after :meth:`run` has ended."""
        for at in range(0, len(results), _MOST):
            self._pending += results[at : at + _MOST]
            await self._write()

    def release_when_recorded(self, claim: Claim) -> None:
        """Release the claim once the results that were added so far are recorded."""
        self._claims.append(claim)
        self._wake_for(self._claims)

    async def run(self) -> None:
        """Write parts when they are due, until :meth:`close`; then write the last one."""
        while not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._wake.wait()
            self._wake.clear()
            await self._write()
        await self._write()

    def close(self) -> None:
        """End :meth:`run`: no further result follows."""
        self._closed = True
        self._wake.set()

    def _wake_for(self, waiting: Sized) -> None:
        if len(waiting) >= self._enough:
            self._wake.set()

    async def _write(self) -> None:
        claims, self._claims = self._claims, []
        part, self._pending = self._pending, []
        if part:
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            lines = (replace(result, recorded_at=now).to_line() for result in part)
            body = "".join(lines).encode()
            number, self._number = self._number, self._number + 1
            rows = [result.row for result in part]
            await self._storage.put_async(self._key(number, (min(rows), max(rows))), body)
            self.recorded += len(part)
            self._on_recorded(part)
            if self._own is not None:
                self._own.add(body, len(part))
        for claim in claims:
            claim.give_back()


def part_writer(
    batch: Batch,
    shard: int,
    writer: str,
    part_keys: Iterable[str],
    on_recorded: Callable[[Sequence[ImageResult]], None],
    *,
    own: OwnResults | None = None,
) -> PartWriter:
    """Return a writer of a shard's parts; ``writer`` names this process in their keys.

    ``part_keys`` are those of the parts that are there. The other arguments are those of
    :class:`PartWriter`.
    """
    return PartWriter(
        batch.storage,
        lambda number, rows: batch.keys.part(shard, writer, number, rows),
        first=next_number(part_keys, writer),
        images=batch.settings.part_images,
        seconds=batch.settings.part_seconds,
        on_recorded=on_recorded,
        own=own,
    )
