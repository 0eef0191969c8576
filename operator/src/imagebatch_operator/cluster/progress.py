"""Compares the events of each watch with full lists, to notice a watch that went silent.

A watch is silent when a list has an object that is newer than all its events, and no event at all
comes while one looks again and again. A watch that is only late, as under load, is not silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: A watch: the plural of its kind, and its namespace, or ``None`` for all namespaces.
Watch = tuple[str, str | None]


@dataclass(slots=True)
class _Received:
    """``newest`` is the highest resource version among the events of a watch."""

    events: int = 0
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Behind:
    """A watch without an event for what a list has; ``events`` is how many had come by then."""

    watch: Watch
    events: int


class WatchProgress:
    """Counts the events of each watch."""

    def __init__(self, namespaces: tuple[str, ...]) -> None:
        self._namespaced = bool(namespaces)
        self._received: defaultdict[Watch, _Received] = defaultdict(_Received)

    def record(self, kind: str, body: Mapping[str, Any]) -> None:
        """Count an event about this object."""
        namespace = body["metadata"]["namespace"] if self._namespaced else None
        received = self._received[kind, namespace]
        received.events += 1
        version = int(body["metadata"].get("resourceVersion") or 0)
        received.newest = max(received.newest, version)

    def behind(self, listed: Mapping[Watch, int]) -> list[Behind]:
        """The watches whose events are older than ``listed``, the highest version in each list."""
        return [
            Behind(watch, self._received[watch].events)
            for watch, newest in listed.items()
            if self._received[watch].newest < newest
        ]

    def silent(self, noticed: list[Behind]) -> list[Behind]:
        """Those without any event since they were noticed."""
        return [one for one in noticed if self._received[one.watch].events == one.events]
