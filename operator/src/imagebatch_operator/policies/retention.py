"""Decide how long ended batches are kept, by the chart's default TTL and limit on their number.

A batch stays while another one waits to use it. Default TTL and limit do not apply to batches that
Argo CD or Flux manages: these create again what is deleted, and it would run again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from imagebatch_core.reasons import Phase
from imagebatch_core.resource import ImageBatch

from .turns import Key

#: Labels and annotations that Argo CD and Flux put on what they create from Git.
GITOPS_MARKS: Final = (
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
)


@dataclass(frozen=True, slots=True)
class Retention:
    """What is known about keeping one ended batch, besides its own spec.

    ``ttl`` is the default of ``ttlSecondsAfterFinished``. ``surplus``: its namespace has as many
    newer ended batches as are kept. ``awaited``: another batch names it by ``reuseFrom`` or
    ``retryOf`` and has not recorded it yet, so that neither applies, nor its own TTL.
    """

    ttl: int | None = None
    surplus: bool = False
    awaited: bool = False


KEPT: Final = Retention()
_FINISHED: Final = frozenset(str(phase) for phase in Phase if phase.finished)


def from_git(batch: ImageBatch) -> bool:
    """Whether Argo CD or Flux manages the batch."""
    return any(mark in batch.labels or mark in batch.annotations for mark in GITOPS_MARKS)


def awaits(body: Mapping[str, Any]) -> str | None:
    """Return the name of the earlier batch that a batch, in the API server's JSON, waits to use.

    ``None`` if it names none, has ended, or its status has recorded the earlier batch: then it
    needs the resource of that batch no longer.
    """
    spec, status = body.get("spec") or {}, body.get("status") or {}
    earlier = (spec.get("source") or {}).get("retryOf") or spec.get("reuseFrom")
    if not earlier or status.get("reuse") or status.get("phase") in _FINISHED:
        return None
    name: str = earlier["name"]
    return name


class AwaitedBatches:
    """The batches that others wait to use, by ``reuseFrom`` or ``source.retryOf``."""

    def __init__(self) -> None:
        self._earlier: dict[Key, Key] = {}
        self._waiting: dict[Key, set[Key]] = {}
        self._released: set[Key] = set()

    def put(self, body: Mapping[str, Any] | None, key: Key) -> None:
        """Record a batch, given as the API server's JSON; ``None`` if it is gone."""
        name = awaits(body) if body is not None else None
        earlier = (key[0], name) if name is not None else None
        old = self._earlier.pop(key, None)
        if earlier is not None:
            self._earlier[key] = earlier
        if old == earlier:
            return
        if old is not None:
            self._waiting[old].discard(key)
            if not self._waiting[old]:
                del self._waiting[old]
                self._released.add(old)
        if earlier is not None:
            self._waiting.setdefault(earlier, set()).add(key)

    def is_awaited(self, key: Key) -> bool:
        return key in self._waiting

    def due(self) -> list[Key]:
        """Return the batches for which nobody waits any more since the last call."""
        found = list(self._released)
        self._released.clear()
        return found


class EndedBatches:
    """The ended batches of each namespace by the time of their end."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._ends: dict[Key, str] = {}
        self._by_namespace: dict[str, list[tuple[str, str]]] = {}
        self._changed: set[str] = set()

    def put(self, body: Mapping[str, Any] | None, key: Key) -> None:
        """Record a batch, given as the API server's JSON; ``None`` if it is gone."""
        end = ((body or {}).get("status") or {}).get("completionTime")
        old = self._ends.pop(key, None)
        if end is not None:
            self._ends[key] = end
        if old == end:
            return
        namespace, name = key
        ends = self._by_namespace.setdefault(namespace, [])
        if old is not None:
            del ends[bisect_left(ends, (old, name))]
        if end is not None:
            insort(ends, (end, name))
        self._changed.add(namespace)

    def is_surplus(self, key: Key) -> bool:
        """Return whether the batch exceeds the number of ended batches to keep in its namespace."""
        namespace, name = key
        end = self._ends.get(key)
        if end is None:
            return False
        ends = self._by_namespace[namespace]
        return len(ends) - bisect_left(ends, (end, name)) > self._keep

    def due(self) -> list[Key]:
        """Return the batches that became surplus in a namespace that changed since the last call.

        A surplus batch is returned again with each change, as long as it is there.
        """
        found = [
            (namespace, name)
            for namespace in self._changed
            for _, name in self._by_namespace[namespace][: -self._keep]
        ]
        self._changed.clear()
        return found
