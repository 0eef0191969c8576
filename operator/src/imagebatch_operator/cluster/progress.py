"""Compares the events of each watch with full lists, to notice a watch that went silent.

A watch counts as silent when a list has an object that is newer than all events of the watch, and
no event at all arrives during several checks after that. A watch that is only late, for instance
under load, is not silent.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

#: A watch: the plural of its kind, and its namespace, or ``None`` for all namespaces.
Watch = tuple[str, str | None]


@dataclass(slots=True)
class _Received:
    """The number of events of a watch, the highest resource version among them, and when the last
    one came, or the watch was first asked about."""

    events: int = 0
    newest: int = 0
    last: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Behind:
    """A watch that has not reported an object of a list. ``events`` is its number of events at that
    time."""

    watch: Watch
    events: int


class WatchProgress:
    """Counts the events of each watch.

    ``namespaced`` has the kinds that are watched in one namespace after the other; a watch of any
    other kind covers the cluster.
    """

    def __init__(self, namespaced: Collection[str]) -> None:
        self._namespaced = frozenset(namespaced)
        self._received: defaultdict[Watch, _Received] = defaultdict(_Received)

    def record(self, kind: str, body: Mapping[str, Any]) -> None:
        """Count an event about this object."""
        namespace = body["metadata"]["namespace"] if kind in self._namespaced else None
        received = self._received[kind, namespace]
        received.events += 1
        received.last = time.monotonic()
        version = int(body["metadata"].get("resourceVersion") or 0)
        received.newest = max(received.newest, version)

    def ages(self) -> dict[tuple[str, str], float]:
        """Return the seconds since the last event of each watch, by kind and namespace; the
        namespace is "" for a watch of the cluster."""
        now = time.monotonic()
        return {
            (kind, namespace or ""): now - received.last
            for (kind, namespace), received in self._received.items()
        }

    def behind(self, listed: Mapping[Watch, int]) -> list[Behind]:
        """Return the watches whose newest event is older than the newest object of the list.

        ``listed`` has the highest resource version in the list of each watch.
        """
        return [
            Behind(watch, self._received[watch].events)
            for watch, newest in listed.items()
            if self._received[watch].newest < newest
        ]

    def silent(self, noticed: list[Behind]) -> list[Behind]:
        """Return those of ``noticed`` that have received no event since :meth:`behind` returned
        them."""
        return [one for one in noticed if self._received[one.watch].events == one.events]
