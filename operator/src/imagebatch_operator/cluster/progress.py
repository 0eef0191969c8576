"""What the watches have told, against what a list shows: the one signal for a silent watch.

A watch is silent when a list shows an object that is newer than anything that it told, and it tells
nothing at all while one looks again and again. One that tells late, under load, is not silent.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: A watch: the plural of its kind, and its namespace, ``None`` for all.
Watch = tuple[str, str | None]


@dataclass(slots=True)
class Told:
    """``newest`` is the highest version of an object among the events."""

    events: int = 0
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Behind:
    """A watch that has not told ``newest``; ``events`` it had told when that was noticed."""

    watch: Watch
    newest: int
    events: int


class WatchProgress:
    """Counts the events of each watch."""

    def __init__(self, namespaces: tuple[str, ...]) -> None:
        self._namespaced = bool(namespaces)
        self._told: defaultdict[Watch, Told] = defaultdict(Told)

    def tell(self, kind: str, body: Mapping[str, Any]) -> None:
        """An event came."""
        namespace = body["metadata"]["namespace"] if self._namespaced else None
        told = self._told[kind, namespace]
        told.events += 1
        told.newest = max(told.newest, int(body["metadata"].get("resourceVersion") or 0))

    def behind(self, listed: Mapping[Watch, int]) -> list[Behind]:
        """The watches that have not told what was listed; ``listed`` has the highest versions."""
        return [
            Behind(watch, newest, self._told[watch].events)
            for watch, newest in listed.items()
            if self._told[watch].newest < newest
        ]

    def silent(self, noticed: list[Behind]) -> list[Behind]:
        """Those that have told nothing since they were noticed to be behind."""
        return [one for one in noticed if self._told[one.watch].events == one.events]
