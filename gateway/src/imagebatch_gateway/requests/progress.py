"""Counts the recorded images of a running batch.

The operator counts finished shards only. The parts that the runner writes have a result for each
image. A part never changes, so each is read once, and a shard is counted again only if it has new
parts.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final
from weakref import WeakValueDictionary

from cachetools import LRUCache

from imagebatch_core.indexes import EXAMPLES, FailureExample, FailureGroup
from imagebatch_core.keys import BatchKeys
from imagebatch_core.results import ErrorCode, ImageStatus
from imagebatch_gateway.backends.errors import (
    GatewayError,
    ResultMissing,
    ResultUnreadable,
    StoreUnavailable,
)
from imagebatch_gateway.backends.objects import Objects

from .packing import Packed, Packing

#: Most parts that are counted. For a batch with more, the operator's counts are shown.
PARTS_LIMIT: Final = 20_000
#: Most new parts that are read for one response. The next response reads more.
READS_LIMIT: Final = 400
READS_AT_ONCE: Final = 16
#: Seconds for which a count is reused.
FRESH_SECONDS: Final = 2.0
#: Parts whose packed results are cached: at most 50 images of 8 bytes each.
PARTS_CACHED: Final = 20_000
BATCHES_CACHED: Final = 200

_log: Final = logging.getLogger(__name__)
#: How an image ended: its error code if it has one, otherwise its status.
_PACKING: Final = Packing[str]([*ImageStatus, *ErrorCode])
_CODES: Final = frozenset(ErrorCode)
_Examples = dict[str, list[FailureExample]]


@dataclass(frozen=True, slots=True)
class Planned:
    """Figures of ``plan.json``. They are known here before the operator has them in the status."""

    products: int
    images: int
    row_problem_count: int
    input_sha256: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Images recorded so far. An image is counted once, even if several pods recorded it.

    ``planned`` is ``None`` until the input is planned. ``failures`` groups the failed images by
    code, the most frequent first. ``stale`` says that the store does not respond now: these are the
    figures of the last successful count.
    """

    planned: Planned | None = None
    counts: Counter[ImageStatus] = field(default_factory=Counter)
    failures: tuple[FailureGroup, ...] = ()
    stale: bool = False

    @property
    def done(self) -> int:
        return self.counts.total()


@dataclass(slots=True)
class _Seen:
    """Cached state of one batch, counted at time ``at``.

    ``shards`` maps a shard's prefix to its parts and their counts.
    """

    at: float
    progress: Progress | None
    planned: Planned | None
    shards: dict[str, tuple[tuple[str, ...], Counter[str]]]
    examples: _Examples


class ProgressReader:
    """Counts the images of running batches and caches the counts. ``clock`` returns monotonic
    seconds."""

    def __init__(self, objects: Objects, clock: Callable[[], float]) -> None:
        self._objects = objects
        self._clock = clock
        self._parts: LRUCache[str, Packed] = LRUCache(PARTS_CACHED)
        self._batches: LRUCache[str, _Seen] = LRUCache(BATCHES_CACHED)
        # A lock is removed when nobody holds it or waits for it.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def read(self, keys: BatchKeys) -> Progress | None:
        """Return the progress of a batch; ``None`` if it has too many parts or they are
        unreadable."""
        lock = self._locks.setdefault(keys.root, asyncio.Lock())
        async with lock:
            seen = self._batches.get(keys.root)
            if seen is None or self._clock() - seen.at >= FRESH_SECONDS:
                seen = self._batches[keys.root] = await self._count(keys, seen)
            return seen.progress

    async def _count(self, keys: BatchKeys, before: _Seen | None) -> _Seen:
        shards = before.shards if before else {}
        planned = before.planned if before else None
        examples: _Examples = before.examples if before else {}
        try:
            planned = planned or await self._read_plan(keys)
            parts = await self._objects.list_keys(keys.results, limit=PARTS_LIMIT)
            if parts is None:
                return _Seen(self._clock(), None, planned, {}, {})
            by_shard = {
                shard: tuple(group)
                for shard, group in groupby(parts, key=lambda part: part.rpartition("/")[0])
            }
            changed = {s: p for s, p in by_shard.items() if s not in shards or shards[s][0] != p}
            await self._fetch([part for group in changed.values() for part in group], examples)
        except GatewayError as error:
            if before is None or (before.progress is not None and not before.progress.stale):
                _log.warning(
                    "the progress of a batch cannot be counted: %s",
                    error,
                    extra={"batch": keys.root},
                )
            last = None
            if isinstance(error, StoreUnavailable):
                counted = (before and before.progress) or Progress(planned)
                last = replace(counted, stale=True)
            return _Seen(self._clock(), last, planned, shards, examples)
        for shard, group in changed.items():
            known = tuple(part for part in group if part in self._parts)
            shards[shard] = (known, _PACKING.count(self._parts[part] for part in known))
        total: Counter[str] = sum((count for _, count in shards.values()), Counter())
        progress = Progress(planned, _statuses(total), _groups(total, examples))
        return _Seen(self._clock(), progress, planned, shards, examples)

    async def _read_plan(self, keys: BatchKeys) -> Planned | None:
        try:
            content = await self._objects.read(keys.plan)
        except ResultMissing:
            return None
        with _readable(keys.plan):
            plan = json.loads(content)
            return Planned(
                plan["products"], plan["images"], plan["rowProblems"], plan["inputSha256"]
            )

    async def _fetch(self, parts: Sequence[str], examples: _Examples) -> None:
        missing = [part for part in parts if part not in self._parts][:READS_LIMIT]
        gate = asyncio.Semaphore(READS_AT_ONCE)

        async def fetch(part: str) -> None:
            async with gate:
                content = await self._objects.read(part)
            with _readable(part):
                self._parts[part] = _PACKING.pack(content)
                _add_examples(content, examples)

        await asyncio.gather(*(fetch(part) for part in missing))


def _statuses(outcomes: Mapping[str, int]) -> Counter[ImageStatus]:
    counts: Counter[ImageStatus] = Counter()
    for outcome, count in outcomes.items():
        counts[ImageStatus.FAILED if outcome in _CODES else ImageStatus(outcome)] += count
    return counts


def _groups(outcomes: Mapping[str, int], examples: _Examples) -> tuple[FailureGroup, ...]:
    found = [(ErrorCode(one), n) for one, n in outcomes.items() if one in _CODES]
    return tuple(
        FailureGroup(
            code=code, retryable=code.retryable, count=count, examples=examples.get(code, [])
        )
        for code, count in sorted(found, key=lambda one: (-one[1], one[0]))
    )


def _add_examples(part: bytes, examples: _Examples) -> None:
    for line in part.splitlines():
        if b'"error_code":null' in line:
            continue
        result = json.loads(line)
        code = result.get("error_code")
        known = examples.setdefault(code, []) if code else []
        places = {(one.row, one.position) for one in known}
        if code and len(known) < EXAMPLES and (result["row"], result["position"]) not in places:
            message = result.get("error_message")
            known.append(
                FailureExample(
                    row=result["row"],
                    position=result["position"],
                    input_url=result["input_url"],
                    message=message,
                )
            )


@contextmanager
def _readable(key: str) -> Iterator[None]:
    """Translate parse errors into ResultUnreadable: a newer runner may have written the object."""
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ResultUnreadable(key) from error
