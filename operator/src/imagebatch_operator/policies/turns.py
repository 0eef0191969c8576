"""Whose turn it is, under the limits on the number of batches that run at once.

The next batch is the one with the highest priority; of equal ones that of the namespace which has
the fewest running, then the oldest. A batch that runs keeps its turn unless more run than the
limits allow, as after a limit was lowered: then those that began last give theirs back.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

#: Namespace and name of a batch.
Key = tuple[str, str]

#: Positions are counted anew no more often than that: each count goes through all that wait.
_COUNT_EVERY: Final = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits on running batches in the release and in a namespace; ``None`` means no limit."""

    release: int | None = None
    namespace: int | None = None

    def __bool__(self) -> bool:
        return self.release is not None or self.namespace is not None

    def allow(self, total: int, in_namespace: int) -> bool:
        """Return whether these numbers of running batches are within the limits."""
        return (self.release is None or total <= self.release) and (
            self.namespace is None or in_namespace <= self.namespace
        )

    def __str__(self) -> str:
        parts = (
            f"{self.release} batches run at once (limits.runningBatches)" if self.release else "",
            f"{self.namespace} in one namespace (limits.runningBatchesPerNamespace)"
            if self.namespace
            else "",
        )
        return "no more than " + ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch that runs or waits. ``created`` and ``since``, the time at which it began, are RFC
    3339."""

    key: Key
    running: bool
    priority: int = 0
    created: str = ""
    since: str = ""

    @property
    def rank(self) -> tuple[int, str, str]:
        """Order of those that wait in one namespace."""
        return -self.priority, self.created, self.key[1]


class Turns:
    """The batches that run and those that wait. Every change costs little, however many wait."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._entries: dict[Key, Entry] = {}
        self._running: Counter[str] = Counter()
        #: By namespace: those that wait, in their order.
        self._waiting: dict[str, list[tuple[tuple[int, str, str], Key]]] = {}
        self._changed = False
        self._positions: dict[Key, int] = {}
        self._counted: datetime | None = None

    def put(self, key: Key, entry: Entry | None) -> None:
        """Record that a batch runs or waits; ``None`` if it does neither."""
        old = self._entries.pop(key, None)
        if entry is not None:
            self._entries[key] = entry
        if old == entry:
            return
        self._changed = True
        namespace = key[0]
        if old is not None and old.running:
            self._running[namespace] -= 1
            if not self._running[namespace]:
                del self._running[namespace]
        elif old is not None:
            line = self._waiting[namespace]
            del line[bisect_left(line, (old.rank, key))]
            if not line:
                del self._waiting[namespace]
        if entry is not None and entry.running:
            self._running[namespace] += 1
        elif entry is not None:
            insort(self._waiting.setdefault(namespace, []), (entry.rank, key))

    def runs(self, key: Key) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.running

    def has_turn(self, key: Key) -> bool:
        """Return whether a batch may run now: it runs already, or is among the next to begin."""
        entry = self._entries[key]
        if entry.running:
            return key not in self._surplus()
        return key in self._next()

    def position(self, key: Key, now: datetime) -> int:
        """Return the place of a waiting batch in the queue, from 1.

        It may be some seconds old. Above 100 it is rounded up to two digits, so that it changes
        seldom while many wait.
        """
        if self._counted is None or not timedelta() <= now - self._counted < _COUNT_EVERY:
            self._counted = now
            self._positions = {found: place for place, found in enumerate(self._order(), 1)}
        place = self._positions.get(key)
        if place is None:  # it came since
            rank = self._entries[key].rank
            before = (bisect_left(line, (rank, key)) for line in self._waiting.values())
            place = 1 + sum(before)
        return place if place <= 100 else _rounded_up(place)

    def due(self) -> list[Key]:
        """Return the batches whose turn changed: those that may begin, and those that must stop.

        Empty if nothing was recorded since the last call.
        """
        if not self._changed:
            return []
        self._changed = False
        return [*self._next(), *self._surplus()]

    def _next(self) -> set[Key]:
        """Return those that may begin now."""
        total = self._running.total()
        if not self._waiting or not self.limits.allow(total + 1, 0):
            return set()
        found: set[Key] = set()
        for key in self._order(within_limits=True):
            if not self.limits.allow(total + len(found) + 1, 0):
                break
            found.add(key)
        return found

    def _surplus(self) -> set[Key]:
        """Return those that run although the limits do not allow it."""
        fullest = max(self._running.values(), default=0)
        if self.limits.allow(self._running.total(), fullest):
            return set()
        running = [entry for entry in self._entries.values() if entry.running]
        running.sort(key=lambda entry: (-entry.priority, entry.since, entry.created, entry.key))
        surplus: set[Key] = set()
        kept: Counter[str] = Counter()
        for entry in running:
            namespace = entry.key[0]
            if self.limits.allow(kept.total() + 1, kept[namespace] + 1):
                kept[namespace] += 1
            else:
                surplus.add(entry.key)
        return surplus

    def _order(self, *, within_limits: bool = False) -> Iterator[Key]:
        """Yield those that wait in the order of their turns, as if none of the others ended.

        Each turn counts as a further running batch of its namespace. ``within_limits`` leaves out
        namespaces that have as many as they may.
        """
        heads: list[tuple[int, int, str, str, int]] = []

        def put_head(namespace: str, place: int, running: int) -> None:
            line = self._waiting[namespace]
            if place == len(line) or (within_limits and not self.limits.allow(0, running + 1)):
                return
            priority, created, _ = line[place][0]
            heapq.heappush(heads, (priority, running, created, namespace, place))

        for namespace in self._waiting:
            put_head(namespace, 0, self._running[namespace])
        while heads:
            _, running, _, namespace, place = heapq.heappop(heads)
            yield self._waiting[namespace][place][1]
            put_head(namespace, place + 1, running + 1)


def _rounded_up(number: int) -> int:
    step = int("1" + "0" * (len(str(number)) - 2))
    return -(-number // step) * step
